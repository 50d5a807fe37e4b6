"""List the notebooks and the versions in the archive, and find those that a person names.

ITEM is an item id, the unique beginning of one, or a unique title. VERSION is `ITEM@latest`, `ITEM@-2` (two before the
latest), `ITEM@2026-11-22` (the newest at the end of this day), `ITEM@2026-11-22T06:00` or `ITEM@KEY`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import partial
from itertools import groupby, islice
from typing import Literal, TypedDict

from notebook_archive.archive import Archive, ArchiveReader, CopyId, LedgerEntry, RunId, keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.archive.listing import group_by_notebook
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.archive.reader import DescribedVersion
from notebook_archive.bulk_restore.newest import DatedVersion, find_newest, parse_created
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveDamaged, NotAnId
from notebook_archive.executions.earlier_runs import RUN_DAYS, find_last_run
from notebook_archive.models import ITEM_ID, ItemId, ResourceKey, parse_text
from notebook_archive_cli.documents import read_lines
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.session import THREADS, Session
from notebook_archive_cli.terminal.output import format_count, replace_unprintable

type VersionKind = Literal["snapshot", "copy", "altered"]

VERSION_FORMS = (
    "A version is ITEM@latest, ITEM@-2 (two before the latest), ITEM@2026-11-22 (the newest at the end of that day), "
    "ITEM@2026-11-22T06:00 (the newest at that time) or ITEM@KEY, with the beginning of a KEY that `versions` prints."
)
# The beginning of an item id must have this many digits, so that a short title is not taken for one.
_ID_BEGINNING = re.compile("[0-9a-f]{4,31}")
# A beginning with fewer digits may also be the title of another notebook.
_LONG_BEGINNING = 8
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.{1,30}")
_BEFORE_LATEST = re.compile("-([0-9]{1,6})")
# Nearly always, the last run over all notebooks ended within these days. Otherwise, RUN_DAYS are searched.
_RECENT_DAYS = 2
_MAX_KEYS_IN_ONE_RESPONSE = 1000
MAX_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """A version that the archive has. `resource_key` is its name in reports, and `key` its key in the bucket."""

    item_id: ItemId
    resource_key: str
    key: str


class CatalogNotebook(TypedDict):
    """A notebook as `list` shows it.

    `state` is that in the report of the last run over all notebooks, which ended at `stateAt`. It is `deleted` if the
    portal does not have the notebook any more, and `unknown` if that run did not have it. `bytes` is the size of
    all versions. `archivedAt` is the time at which the newest one was archived, or empty.
    """

    itemId: str
    title: str
    owner: str
    state: str
    stateAt: str
    versions: int
    bytes: int
    archivedAt: str


class CatalogVersion(TypedDict):
    """A version as `versions` shows it.

    `name` is that of a snapshot. `level` is the highest level of proof in the ledger, and `provedAt` the last time that
    all bytes were right. `findings` are the ids of the open findings. Texts are empty if they are not known.
    """

    itemId: str
    resourceKey: str
    key: str
    name: str
    kind: VersionKind
    contentAt: str
    archivedAt: str
    bytes: int
    sha256: str
    runtime: str
    runId: str
    level: int
    provedAt: str
    findings: list[str]


# ---------------------------------------------------------------------- notebooks


def list_notebooks(session: Session) -> list[CatalogNotebook]:
    """Return the notebooks that the archive or the last run over all notebooks has, in the order of their titles.

    Titles and owners are those in the plan of that run. `item.json` is read for the other notebooks, which are mostly
    those that were deleted.
    """
    known = _read_last_run(session.archive)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="list") as pool:
        found = {each.item_id: each for part in _list_archive(session.archive, pool) for each in part}
        unnamed = [each for item_id, each in found.items() if item_id not in known or not known[item_id].title]
        described = pool.map(partial(_describe_notebook, reader=session.reader), unnamed)
        for each, (title, owner) in zip(unnamed, described, strict=True):
            before = known.get(each.item_id, _KnownNotebook(title, owner))
            known[each.item_id] = replace(before, title=title, owner=owner)
    listed = [_make_notebook(item_id, each, found.get(item_id)) for item_id, each in known.items()]
    return sorted(listed, key=lambda each: (each["title"].casefold(), each["itemId"]))


def filter_notebooks(notebooks: Iterable[CatalogNotebook], owner: str, title: str, state: str) -> list[CatalogNotebook]:
    """Return the notebooks of an owner, with a text in the title, and in a state. An empty text allows every value."""
    return [
        each
        for each in notebooks
        if (not owner or each["owner"].casefold() == owner.casefold())
        and title.casefold() in each["title"].casefold()
        and (not state or each["state"] == state)
    ]


def describe_unknown_owner(notebooks: Iterable[CatalogNotebook], owner: str) -> str:
    """Return a sentence if no notebook has this owner, with names that are spelled like it. Otherwise return ""."""
    owners = {each["owner"] for each in notebooks if each["owner"]}
    if not owner or owner.casefold() in map(str.casefold, owners):
        return ""
    return f"No notebook in the archive has the owner {owner!r}.{_suggest(_find_similar(owner, owners))}"


@dataclass(frozen=True, slots=True)
class _KnownNotebook:
    title: str
    owner: str
    state: str = "unknown"
    state_at: str = ""


@dataclass(frozen=True, slots=True)
class _ListedNotebook:
    """What the keys of a notebook say. `newest` is the version that was archived last, or None."""

    item_id: str
    versions: int
    size: int
    newest: ListedObject | None
    is_deleted: bool


def _read_last_run(archive: Archive) -> dict[str, _KnownNotebook]:
    """Return the notebooks of the last run over all notebooks, by their ids."""
    today = datetime.now(UTC).date()
    report = find_last_run(archive, today, _RECENT_DAYS) or find_last_run(archive, today, RUN_DAYS)
    if report is None:
        return {}
    exceptions: Iterable[Mapping[str, str]] | None = report.get("notProtected")  # reports of version 1 do not have it
    states = {each["itemId"]: each["state"] for each in exceptions or ()}
    default = "unknown" if exceptions is None else "protected"
    plans = [each for each in archive.list_documents(RunId(report["runId"]).key("plan")) if each.size]
    if not plans:
        return {}
    last = max(plans, key=lambda listed: (listed.written, listed.key))
    ended = str(report.get("endedAt", ""))
    return {
        each["itemId"]: _KnownNotebook(each["title"], each["owner"], states.get(each["itemId"], default), ended)
        for line in read_lines(archive, last.key, "notebooks")
        for each in line["notebooks"]
    }


def _list_archive(archive: Archive, pool: ThreadPoolExecutor) -> Iterable[list[_ListedNotebook]]:
    """Return the notebooks in parts. More keys than one response has are listed by prefixes, side by side."""
    first = list(islice(archive.list_documents(keys.NOTEBOOKS), _MAX_KEYS_IN_ONE_RESPONSE + 1))
    if len(first) <= _MAX_KEYS_IN_ONE_RESPONSE:
        return [_summarize_notebooks(first)]
    return pool.map(lambda prefix: _summarize_notebooks(archive.list_documents(prefix)), keys.NOTEBOOK_PREFIXES)


def _summarize_notebooks(objects: Iterable[ListedObject]) -> list[_ListedNotebook]:
    parsed = ((each, keys.parse(each.key)) for each in objects)
    ours = ((each, found[0]) for each, found in parsed if found)
    return [
        _summarize_keys(item_id, [each for each, _ in group]) for item_id, group in groupby(ours, lambda pair: pair[1])
    ]


def _summarize_keys(item_id: ItemId, objects: Sequence[ListedObject]) -> _ListedNotebook:
    versions = [each for each in objects if keys.parse_version(each.key)]
    newest = max(versions, key=lambda each: each.written, default=None)
    [notebook] = group_by_notebook(objects)
    return _ListedNotebook(item_id, len(versions), sum(each.size for each in versions), newest, notebook.is_deleted)


def _describe_notebook(notebook: _ListedNotebook, reader: ArchiveReader) -> tuple[str, str]:
    """Return the title and the owner in item.json, or else in the metadata of a version."""
    try:
        item = reader.read_properties(ItemId(notebook.item_id))
    except ArchiveDamaged:
        item = {}
    title, owner = parse_text(item.get("title")), parse_text(item.get("owner"))
    if (title and owner) or notebook.newest is None:
        return title, owner
    described = reader.describe_version(notebook.newest.key)
    metadata = decode_metadata(described.metadata) if described else {}
    return title or metadata.get("title", ""), owner or metadata.get("owner", "")


def _make_notebook(item_id: str, known: _KnownNotebook, listed: _ListedNotebook | None) -> CatalogNotebook:
    return {
        "itemId": item_id,
        "title": known.title,
        "owner": known.owner,
        "state": "deleted" if listed and listed.is_deleted else known.state,
        "stateAt": known.state_at,
        "versions": listed.versions if listed else 0,
        "bytes": listed.size if listed else 0,
        "archivedAt": _format_written(listed.newest) if listed and listed.newest else "",
    }


# ---------------------------------------------------------------------- versions


def list_versions(session: Session, item_id: ItemId) -> list[CatalogVersion]:
    """Return the versions of a notebook, the one with the newest content first.

    Raises CommandError if the archive has nothing of the notebook. One HEAD request is sent for each version.
    """
    entries = session.ledger.read_shard(item_id[:2]).entries
    return [_make_version(*each, entries) for each in _read_versions(session, item_id)]


def _read_versions(session: Session, item_id: ItemId) -> list[tuple[DatedVersion, DescribedVersion]]:
    """Return the versions and what S3 says of each, the one with the newest content first."""
    listed = [each for each in _list_objects(session, item_id) if keys.parse_version(each.key)]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="head") as pool:
        heads = pool.map(lambda each: session.reader.describe_version(each.key), listed)
        read = [(_date_version(each, head), head) for each, head in zip(listed, heads, strict=True) if head]
    return sorted(read, key=lambda pair: pair[0], reverse=True)


def _date_version(listed: ListedObject, described: DescribedVersion) -> DatedVersion:
    _, name = keys.parse_version(listed.key) or (None, None)
    written = int(listed.written.timestamp() * 1000)
    at = name.modified if isinstance(name, CopyId) else parse_created(decode_metadata(described.metadata))
    return DatedVersion(at or written, written, listed.key)


def _make_version(
    dated: DatedVersion, described: DescribedVersion, entries: Mapping[str, LedgerEntry]
) -> CatalogVersion:
    item_id, resource_key = keys.describe_version(dated.key) or ("", "")
    metadata, entry = decode_metadata(described.metadata), entries.get(dated.key, LedgerEntry(dated.key))
    runtime = " ".join(filter(None, (metadata.get("runtime", ""), metadata.get("runtime-version", ""))))
    return {
        "itemId": item_id,
        "resourceKey": resource_key,
        "key": dated.key,
        "name": metadata.get("snapshot-name", ""),
        "kind": _classify(dated.key),
        "contentAt": format_moment(dated.at),
        "archivedAt": format_moment(dated.written),
        "bytes": described.size,
        "sha256": metadata.get("sha256", ""),
        "runtime": runtime,
        "runId": metadata.get("run-id", ""),
        "level": entry.level,
        "provedAt": format_moment(entry.proved_at),
        "findings": list(entry.findings),
    }


def _classify(key: str) -> VersionKind:
    _, name = keys.parse_version(key) or (None, None)
    if isinstance(name, CopyId):
        return "copy"
    return "snapshot" if isinstance(name, ResourceKey) else "altered"


def _list_objects(session: Session, item_id: ItemId) -> list[ListedObject]:
    """Return the objects of a notebook. Raises CommandError if there are none."""
    objects = list(session.archive.list_documents(keys.notebook_prefix(item_id)))
    if not objects:
        raise CommandError(
            "item-not-found",
            f"The archive has nothing of notebook {item_id}.",
            remedy="Check the id. The next command lists the notebooks in the archive.",
            command=session.options.command("list"),
            status=ExitStatus.NOT_FOUND,
        )
    return objects


def _format_written(listed: ListedObject) -> str:
    return format_moment(int(listed.written.timestamp() * 1000))


# ---------------------------------------------------------------------- ITEM


def resolve_item(session: Session, text: str) -> ItemId:
    """Return the notebook that an id, the unique beginning of an id, or a unique title names.

    A whole id is returned without a request. Titles are compared without regard to case if none is equal. Raises
    CommandError with the reason `ambiguous-item` or `item-not-found`.
    """
    text = text.strip()
    if not text:
        raise CommandError(
            "item-not-found",
            "The name of the notebook is empty.",
            remedy="Give an item id, its first digits (at least 4), or a title. The next command lists the notebooks.",
            command=session.options.command("list"),
            status=ExitStatus.USAGE,
        )
    lowered = text.lower()
    if ITEM_ID.fullmatch(lowered):
        return ItemId(lowered)
    if _ID_BEGINNING.fullmatch(lowered):
        found = {
            parsed[0] for key in session.archive.list_keys(keys.NOTEBOOKS + lowered) if (parsed := keys.parse(key))
        }
        if len(lowered) < _LONG_BEGINNING:
            # A year may be a title, and also the beginning of the id of another notebook.
            found |= _find_titled(session.archive, lowered) if found else set()
        if len(found) == 1:
            return found.pop()
        if found:
            candidates = [each for each in list_notebooks(session) if each["itemId"] in found]
            message = f"{len(found)} notebooks have the title {text!r}, or an id that begins with it"
            raise _make_ambiguous(session, message, candidates)
    return _resolve_title(session, text)


def _find_titled(archive: Archive, title: str) -> set[ItemId]:
    """Return the ids of the notebooks with a title in the last run over all notebooks. Case does not matter."""
    known = _read_last_run(archive)
    return {ItemId(item_id) for item_id, each in known.items() if each.title.casefold() == title.casefold()}


def _resolve_title(session: Session, title: str) -> ItemId:
    notebooks = list_notebooks(session)
    equal = [each for each in notebooks if each["title"] == title]
    alike = equal or [each for each in notebooks if each["title"].casefold() == title.casefold()]
    if len(alike) == 1:
        return ItemId(alike[0]["itemId"])
    if alike:
        raise _make_ambiguous(session, f"{len(alike)} notebooks have the title {title!r}", alike)
    similar = _find_similar(title, {each["title"] for each in notebooks if each["title"]})
    place = "the second place" if session.options.is_second_place else "the archive"
    raise CommandError(
        "item-not-found",
        f"No notebook in {place} has the title {title!r}, or an id that begins with it.{_suggest(similar)}",
        remedy="Give an item id, its first digits (at least 4), or a title. The next command lists the notebooks.",
        command=session.options.command("list"),
        status=ExitStatus.NOT_FOUND,
    )


def _make_ambiguous(session: Session, message: str, candidates: Sequence[CatalogNotebook]) -> CommandError:
    # Mostly, the notebook is meant that ArcGIS still has.
    candidates = sorted(candidates, key=lambda each: each["state"] == "deleted")
    lines = [
        f"{each['itemId']}  {replace_unprintable(each['owner'])}  {replace_unprintable(each['title'])} "
        f"({each['state']}, {format_count(each['versions'], 'version')})"
        for each in candidates[:MAX_CANDIDATES]
    ]
    left = len(candidates) - len(lines)
    more = [f"and {left:,} more"] if left else []
    return CommandError(
        "ambiguous-item",
        "\n  ".join((f"{message}:", *lines, *more)),
        remedy="Give one of these ids. The next command lists the versions of the first.",
        command=session.options.command("versions", candidates[0]["itemId"]),
        status=ExitStatus.USAGE,
    )


# ---------------------------------------------------------------------- VERSION


def resolve_version(session: Session, text: str, *, utc: bool = False) -> ArchivedVersion:
    """Return the version that a text such as `ITEM@latest` names.

    Days and times are those of the local time zone, or of UTC with `utc`. Raises CommandError with the reason
    `not-a-version`, `version-missing` or `ambiguous-version`, or what `resolve_item` raises.
    """
    item_text, at, name = text.rpartition("@")
    if not at and text.strip():
        raise CommandError(
            "not-a-version",
            f"{text!r} does not say which version. {VERSION_FORMS}",
            remedy="The next command chooses the latest version.",
            command=session.options.changed_command(text, f"{text}@latest"),
            status=ExitStatus.USAGE,
        )
    if not item_text.strip() or not name:
        raise _make_form_error(session, text, text.strip(" @"))
    back, is_day = _BEFORE_LATEST.fullmatch(name), _DAY.fullmatch(name) or _TIME.fullmatch(name)
    before = _read_moment(session, text, name, utc=utc) if is_day else 0
    item_id = resolve_item(session, item_text)
    if back:
        return _find_before_latest(session, item_id, int(back[1]))
    if name == "latest" or is_day:
        return _find_newest(session, item_id, before)
    return _find_by_key(session, item_id, name)


def resolve_version_to_read(session: Session, text: str, *, utc: bool) -> ArchivedVersion:
    """Return the version that a text names. A notebook alone stands for its latest version.

    Raises what `resolve_version` raises.
    """
    if "@" in text:
        return resolve_version(session, text, utc=utc)
    return _find_newest(session, resolve_item(session, text), 0)


def find_object(session: Session, text: str) -> ArchivedVersion:
    """Return the version that `ITEM@KEY` names with its whole key, also if the archive hides or does not have it.

    So an older S3 version of it can be read. Raises CommandError with the reason `not-a-version`, or what
    `resolve_item` raises.
    """
    item_text, _, name = text.rpartition("@")
    try:
        return _make_archived(keys.version_key(resolve_item(session, item_text), name))
    except NotAnId:
        raise _make_form_error(session, text, item_text) from None


def resolve_versions_to_compare(
    session: Session, before: str, after: str, *, utc: bool
) -> tuple[ArchivedVersion, ArchivedVersion]:
    """Return the two versions that these texts name.

    If `after` is empty, it is the latest version of the notebook. `before` may then name the notebook alone, and means
    the version before the latest. Raises what `resolve_version` raises.
    """
    if after:
        return resolve_version(session, before, utc=utc), resolve_version(session, after, utc=utc)
    if "@" in before:
        version = resolve_version(session, before, utc=utc)
        return version, _find_newest(session, version.item_id, 0)
    item_id = resolve_item(session, before)
    return _find_before_latest(session, item_id, 1), _find_before_latest(session, item_id, 0)


def find_end_of_day(day: date, *, utc: bool) -> int:
    """Return the last millisecond of a day in epoch milliseconds.

    If clocks change at midnight, the day ends at the first moment that is not part of it.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC if utc else None)
    return int(midnight.timestamp() * 1000) - 1


def _read_moment(session: Session, text: str, name: str, *, utc: bool) -> int:
    """Return the end of a day, or a time, in epoch milliseconds."""
    try:
        if _DAY.fullmatch(name):
            return find_end_of_day(date.fromisoformat(name), utc=utc)
        moment = datetime.fromisoformat(name)
        return int((moment.replace(tzinfo=UTC) if utc and moment.tzinfo is None else moment).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise _make_form_error(session, text, text.rpartition("@")[0]) from None


def _find_newest(session: Session, item_id: ItemId, before: int) -> ArchivedVersion:
    found = find_newest(_list_objects(session, item_id), before, session.reader)
    if found:
        return _make_archived(found.key)
    when = f" with content from {format_moment(before)} or earlier" if before else ""
    raise _make_missing(session, item_id, f"The archive has no version of notebook {item_id}{when}.")


def _find_before_latest(session: Session, item_id: ItemId, back: int) -> ArchivedVersion:
    versions = _read_versions(session, item_id)
    if back < len(versions):
        return _make_archived(versions[back][0].key)
    message = f"Notebook {item_id} has {len(versions)} archived version{'' if len(versions) == 1 else 's'}, so there is"
    raise _make_missing(session, item_id, f"{message} none that is {back} before the latest.")


def _find_by_key(session: Session, item_id: ItemId, name: str) -> ArchivedVersion:
    names = [_make_archived(each.key) for each in _list_objects(session, item_id) if keys.parse_version(each.key)]
    equal = [each for each in names if each.resource_key == name]
    beginnings = (name, f"snapshot-{name}", f"current/{name}")
    found = equal or [each for each in names if each.resource_key.startswith(beginnings)]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "\n  ".join(each.resource_key for each in found[:MAX_CANDIDATES])
        raise CommandError(
            "ambiguous-version",
            f"{len(found)} versions of notebook {item_id} have keys that begin with {name!r}:\n  {candidates}",
            remedy="Give more of the key. The next command shows when each version was made.",
            command=session.options.command("versions", item_id),
            status=ExitStatus.USAGE,
        )
    suggestion = _suggest(_find_similar(name, {each.resource_key for each in names}))
    raise _make_missing(session, item_id, f"The archive has no version {name!r} of notebook {item_id}.{suggestion}")


def _make_archived(key: str) -> ArchivedVersion:
    item_id, resource_key = keys.describe_version(key) or ("", "")
    return ArchivedVersion(ItemId(item_id), resource_key, key)


def _make_missing(session: Session, item_id: ItemId, message: str) -> CommandError:
    return CommandError(
        "version-missing",
        message,
        remedy=f"The next command lists the versions. {VERSION_FORMS}",
        command=session.options.command("versions", item_id),
        status=ExitStatus.NOT_FOUND,
    )


def _make_form_error(session: Session, text: str, item_text: str) -> CommandError:
    words = ("versions", item_text) if item_text else ("list",)
    return CommandError(
        "not-a-version",
        f"{text!r} does not name a version.",
        remedy=VERSION_FORMS,
        command=session.options.command(*words),
        status=ExitStatus.USAGE,
    )


# ---------------------------------------------------------------------- suggestions


def _find_similar(text: str, names: Iterable[str]) -> list[str]:
    """Return up to three names that contain the text or are spelled like it."""
    folded: dict[str, str] = {name.casefold(): name for name in names}
    containing = sorted(name for name in folded if text.casefold() in name)
    spelled = get_close_matches(text.casefold(), folded, 3)
    return [folded[name] for name in dict.fromkeys((*spelled, *containing))][:3]


def _suggest(names: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""
