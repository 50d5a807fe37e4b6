"""Write the lists of notebooks and versions as text."""

from collections.abc import Iterator, Sequence

from notebook_archive.models import format_size
from notebook_archive_cli.options import Options
from notebook_archive_cli.reading.catalog import CatalogNotebook, CatalogVersion
from notebook_archive_cli.terminal.formatting import GAP, Column, format_table
from notebook_archive_cli.terminal.output import format_count
from notebook_archive_cli.terminal.units import format_time

# The levels of proof of `docs/verify.md` in a word.
_PROOFS = {0: "", 1: "listed", 2: "read", 3: "read", 4: "restored", 5: "restored"}
# Notebooks in these states may be protected by a version that was archived later.
_INCOMPLETE = ("stale", "unprotected", "empty")
# Number of digits of a key that are shown at least, if there is no room for the whole key.
_MIN_DIGITS = 8
_PREFIXES = ("snapshot-", "current/")


def render_notebooks(notebooks: Sequence[CatalogNotebook], width: int, *, utc: bool) -> Iterator[str]:
    """Yield the notebooks as a table, how many there are, and whether some were archived after the states were."""
    if notebooks:
        yield format_table(
            [
                Column("Title", [each["title"] for each in notebooks], min_width=16),
                Column("Owner", [each["owner"] for each in notebooks], min_width=8),
                Column("State", [each["state"] for each in notebooks]),
                Column("Versions", [f"{each['versions']:,}" for each in notebooks], rank=2, is_right=True),
                Column("Archived", [format_time(each["archivedAt"], is_utc=utc) for each in notebooks], rank=3),
                Column("Size", [format_size(each["bytes"]) for each in notebooks], rank=4, is_right=True),
                Column("Item", [each["itemId"] for each in notebooks]),
            ],
            width,
        )
        yield ""
    versions, size = sum(each["versions"] for each in notebooks), sum(each["bytes"] for each in notebooks)
    yield f"{format_count(len(notebooks), 'notebook')}, {format_count(versions, 'version')}, {format_size(size)}."
    later = [each for each in notebooks if each["state"] in _INCOMPLETE and each["archivedAt"] > each["stateAt"] > ""]
    if later:
        last_run = format_time(later[0]["stateAt"], is_utc=utc)
        yield f"The states are as of {last_run}, the last run over all notebooks."
        yield f"{format_count(len(later), 'notebook')} got a version since then. The next such run updates the states."


def render_versions(versions: Sequence[CatalogVersion], width: int, options: Options, *, utc: bool) -> Iterator[str]:
    """Yield the versions as a table, and the next command if one of them has an open finding."""
    if not versions:
        yield "The archive has no version of this notebook, only its properties."
        return
    keys = [each["resourceKey"] for each in versions]
    start = [
        Column("Version", ["latest", *(f"-{number}" for number in range(1, len(versions)))]),
        Column("Content", [format_time(each["contentAt"], is_utc=utc) for each in versions]),
        Column("Size", [format_size(each["bytes"]) for each in versions], is_right=True),
        Column("Proof", [_describe_proof(each) for each in versions]),
        Column("Name", [_describe_name(each) for each in versions], min_width=10),
    ]
    narrow = format_table(start, 0).partition("\n")[0]
    is_short = len(narrow) + len(GAP) + max(map(len, keys)) > width
    runtimes = Column("Runtime", [each["runtime"] for each in versions], rank=1)
    yield format_table([*start, runtimes, Column("Key", _shorten_keys(keys) if is_short else keys)], width)
    yield ""
    yield f"{format_count(len(versions), 'version')} of notebook {versions[0]['itemId']}."
    if is_short:
        yield "Keys are shortened. A wider window or --json shows them whole."
    damaged = sum(bool(each["findings"]) for each in versions)
    if damaged:
        verb = "has an open finding" if damaged == 1 else "have open findings"
        yield f"{format_count(damaged, 'version')} {verb}: {options.command('findings')}"


def _describe_proof(version: CatalogVersion) -> str:
    return "finding" if version["findings"] else _PROOFS.get(version["level"], str(version["level"]))


def _describe_name(version: CatalogVersion) -> str:
    match version["kind"]:
        case "copy":
            return "(saved content)"
        case "altered":
            return f"{version['name']} (altered)".strip()
        case _:
            return version["name"]


def _shorten_keys(keys: Sequence[str]) -> list[str]:
    """Return the shortest beginnings of the keys that name one version each, without their common prefixes."""
    digits = [next((key.removeprefix(each) for each in _PREFIXES if key.startswith(each)), key) for key in keys]
    length = _MIN_DIGITS
    while len({each[:length] for each in digits}) < len(digits):
        length += 1
    return [each[:length] for each in digits]
