"""Copy all versions of the archive to a folder, and complete a copy that was interrupted."""

import errno
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notebook_archive.archive import LedgerEntry, keys
from notebook_archive.archive.bucket import ListedObject
from notebook_archive.errors import ArchiveDamaged, ArchiveDenied, ArchiveError
from notebook_archive.models import ItemId, format_size
from notebook_archive.models.file_names import find_digits, make_safe_name
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.reading.catalog import (
    ArchivedVersion,
    CatalogNotebook,
    describe_unknown_owner,
    filter_notebooks,
    list_notebooks,
)
from notebook_archive_cli.reading.manifest import FILE_NAME, NOTEBOOK_SUFFIX, Manifest, SavedFile
from notebook_archive_cli.reading.versions import VerifiedVersion, copy_verified
from notebook_archive_cli.session import THREADS, Session
from notebook_archive_cli.terminal.output import Output, format_count

# The folder of files that are not verified yet. It is removed at the end.
PARTIAL = ".partial"
# Number of downloads that wait for a thread. This limit keeps the memory independent of the size of the archive.
MAX_WAITING = 4 * THREADS
# After this many failures in a row, the cause is not one version.
MAX_FAILURES_IN_A_ROW = 100
# If standard error is not a terminal, a line is written in this interval.
PROGRESS_SECONDS = 10.0
# Number of failures that are shown as text. JSON has all of them.
MAX_SHOWN_FAILURES = 10
# Maximum number of bytes of an owner's name, of a title and of a snapshot's name. So the paths below the folder have at
# most 200 characters, of the 260 that Windows allows.
_OWNER_BYTES, _TITLE_BYTES, _NAME_BYTES = 30, 40, 40


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one version. `saved` is None if it failed with `error`."""

    key: str
    saved: SavedFile | None = None
    is_new: bool = False
    has_moved_aside: bool = False
    error: Exception | None = None


class ArchiveCopy:
    """A copy of the archive's versions in a folder.

    The manifest has a line for each file. A file that is intact is not downloaded again. A file that somebody changed
    is kept under another name, and downloaded again.
    """

    def __init__(self, session: Session, output: Output, folder: Path, owner: str) -> None:
        """`owner` limits the copy to the notebooks of this owner, unless it is empty.

        Raises CommandError if no notebook has this owner, or if another process uses the folder.
        """
        self._notebooks = _choose_notebooks(session, owner)
        self._session, self._output, self._folder, self._owner = session, output, folder, owner
        folder.joinpath(PARTIAL).mkdir(parents=True, exist_ok=True)
        try:
            self._manifest = Manifest(folder)
        except BlockingIOError:
            raise CommandError(
                "folder-in-use",
                f"Another process is downloading to {folder}.",
                remedy="Wait until it has ended. Then run the command again.",
                command=session.options.same_command(),
                status=ExitStatus.UNAVAILABLE,
            ) from None
        self._counts: Counter[str] = Counter()
        self._size = 0
        self._failed: list[_Result] = []
        self._failures_in_a_row = 0
        self._noted_at = time.monotonic()

    def complete(self) -> tuple[dict[str, Any], ExitStatus]:
        """Download what is missing. Return what was done, and the exit status.

        Raises CommandError if so many downloads fail one after the other that the cause must be another one.
        """
        notebooks = self._notebooks
        total = sum(each["versions"] for each in notebooks)
        folders = {each["itemId"]: _name_folder(each["itemId"], each["owner"], each["title"]) for each in notebooks}
        # A notebook that got another title keeps its folder.
        folders |= self._manifest.folders
        waiting: set[Future[_Result]] = set()
        with closing(self._manifest), ThreadPoolExecutor(THREADS, thread_name_prefix="get") as pool:
            try:
                for version, entry in self._list_versions([ItemId(each["itemId"]) for each in notebooks]):
                    waiting.add(pool.submit(self._save, version, entry, folders.get(version.item_id, "")))
                    if len(waiting) >= MAX_WAITING:
                        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        self._record(done, total)
                done, waiting = wait(waiting)
                self._record(done, total)
            finally:
                pool.shutdown(cancel_futures=True)  # after Ctrl-C, the downloads that have begun are completed
                ended = [each for each in waiting if not each.cancelled() and each.exception() is None]
                self._add_lines(each.result() for each in ended)
                self._output.progress("")
        with suppress(OSError):  # another process may use it
            self._folder.joinpath(PARTIAL).rmdir()
        return self._describe(), self._grade()

    def _list_versions(self, item_ids: Iterable[ItemId]) -> Iterator[tuple[ArchivedVersion, LedgerEntry | None]]:
        """Yield the versions, with what the ledger knows of each. One shard of the ledger is kept at a time."""
        shard, entries = "", dict[str, LedgerEntry]()
        for listed in self._list_objects(item_ids):
            described = keys.describe_version(listed.key)
            if described is None:
                continue
            if keys.shard_of(listed.key) != shard:
                shard = keys.shard_of(listed.key)
                entries = dict(self._session.ledger.read_shard(shard).entries)
            yield ArchivedVersion(*described, listed.key), entries.get(listed.key)

    def _list_objects(self, item_ids: Iterable[ItemId]) -> Iterator[ListedObject]:
        if not self._owner:
            yield from self._session.archive.list_documents(keys.NOTEBOOKS)
            return
        for item_id in sorted(item_ids):
            yield from self._session.archive.list_documents(keys.notebook_prefix(item_id))

    # ------------------------------------------------------------------ in threads

    def _save(self, version: ArchivedVersion, entry: LedgerEntry | None, folder: str) -> _Result:
        """Download a version unless its file is intact. `folder` is empty if the notebook is new."""
        earlier = self._manifest.find(version.key)
        if earlier and earlier.is_intact(self._folder):
            return _Result(version.key, earlier)
        partial = self._folder / PARTIAL / f"{version.item_id}-{version.resource_key.rpartition('/')[2]}"
        try:
            # What an earlier process left may be a link to another file.
            partial.unlink(missing_ok=True)
            with partial.open("xb") as file:
                copied = copy_verified(self._session, version, file, entry)
            path = earlier.path if earlier else _name_file(copied, folder)
            saved = SavedFile(version.key, copied.sha256, copied.size, path)
            target = self._folder / path
            if not target.parent.resolve().is_relative_to(self._folder.resolve()):
                raise OSError(errno.ELOOP, "A symbolic link leads out of the folder", str(target.parent))  # noqa: TRY301 - as from the system
            target.parent.mkdir(parents=True, exist_ok=True)
            has_moved_aside = target.exists() and not saved.is_intact(self._folder)
            if has_moved_aside:
                target.rename(_find_free_path(target))
            partial.replace(target)
        except (ArchiveError, CommandError, OSError) as error:
            return _Result(version.key, error=error)
        finally:
            partial.unlink(missing_ok=True)
        return _Result(version.key, saved, is_new=True, has_moved_aside=has_moved_aside)

    # ------------------------------------------------------------------ results

    def _record(self, done: Iterable[Future[_Result]], total: int) -> None:
        results = [each.result() for each in done]
        self._add_lines(results)
        for each in results:
            self._counts["changed"] += each.has_moved_aside
            self._failures_in_a_row = self._failures_in_a_row + 1 if each.error else 0
            if each.error:
                self._failed.append(each)
            elif each.saved and each.is_new:
                self._counts["downloaded"] += 1
                self._size += each.saved.size
            else:
                self._counts["skipped"] += 1
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise self._make_stopped(each)
        self._show_progress(total)

    def _add_lines(self, results: Iterable[_Result]) -> None:
        self._manifest.add(each.saved for each in results if each.saved and each.is_new)

    def _show_progress(self, total: int) -> None:
        interval = 0.2 if sys.stderr.isatty() else PROGRESS_SECONDS
        if time.monotonic() - self._noted_at >= interval:
            self._noted_at = time.monotonic()
            done = self._counts["downloaded"] + self._counts["skipped"] + len(self._failed)
            self._output.progress(f"{done:,} of {format_count(total, 'version')}, {format_size(self._size)}")

    def _make_stopped(self, last: _Result) -> CommandError:
        message = _describe_error(last.error or OSError())["message"]
        return CommandError(
            "downloads-failed",
            f"The last {MAX_FAILURES_IN_A_ROW} downloads failed. The last message is: {message}",
            remedy="Remove the cause. Then run the command again: it continues where it stopped.",
            command=self._session.options.same_command(),
            status=ExitStatus.UNAVAILABLE,
        )

    def _describe(self) -> dict[str, Any]:
        return {
            "folder": str(self._folder),
            "manifest": str(self._folder / FILE_NAME),
            "downloaded": self._counts["downloaded"],
            "bytes": self._size,
            "skipped": self._counts["skipped"],
            "changed": self._counts["changed"],
            "failed": [{"key": each.key, **_describe_error(each.error)} for each in self._failed if each.error],
        }

    def _grade(self) -> ExitStatus:
        kinds = {type(each.error) for each in self._failed}
        if not kinds:
            return ExitStatus.GOOD
        if ArchiveDamaged in kinds:
            return ExitStatus.FINDING
        return ExitStatus.DENIED if kinds == {ArchiveDenied} else ExitStatus.UNAVAILABLE


def _choose_notebooks(session: Session, owner: str) -> list[CatalogNotebook]:
    notebooks = list_notebooks(session)
    if problem := describe_unknown_owner(notebooks, owner):
        raise CommandError(
            "owner-not-found",
            problem,
            remedy="Check the name. The next command lists the notebooks with their owners.",
            command=session.options.command("list"),
            status=ExitStatus.NOT_FOUND,
        )
    return filter_notebooks(notebooks, owner, "", "")


def render_copy(document: Mapping[str, Any], width: int) -> Iterator[str]:  # noqa: ARG001
    """Yield what was downloaded, in words, and the first failures."""
    yield (
        f"{format_count(document['downloaded'], 'version')} downloaded ({format_size(document['bytes'])}), "
        f"{document['skipped']:,} already there, {len(document['failed']):,} failed."
    )
    yield f"{document['manifest']} has the path of each version."
    if document["changed"]:
        changed = format_count(document["changed"], "file")
        yield f"{changed} had other bytes than the archive. They are kept, with .changed at the end of their names."
    for each in document["failed"][:MAX_SHOWN_FAILURES]:
        yield f"Failed: {each['key']}: {each['message']}"
    left = len(document["failed"]) - MAX_SHOWN_FAILURES
    if left > 0:
        yield f"{left:,} more failed: --json lists them."


def _describe_error(error: Exception) -> dict[str, str]:
    if isinstance(error, OSError):
        return {"reason": "file-not-written", "message": error.strerror or type(error).__name__, "remedy": ""}
    # Both have a reason and a remedy.
    return {"reason": getattr(error, "reason", ""), "message": str(error), "remedy": getattr(error, "remedy", "")}


def _name_folder(item_id: str, owner: str, title: str) -> str:
    """Return the folder of a notebook. The id makes it unique, also if case does not count."""
    parent = make_safe_name(owner or "unknown owner", _OWNER_BYTES)
    return f"{parent}/{make_safe_name(title, _TITLE_BYTES)} {item_id}"


def _name_file(copied: VerifiedVersion, folder: str) -> str:
    """Return the path of a version: its time, the name of the snapshot, and digits that no other version has."""
    metadata, version = copied.metadata, copied.version
    parent = folder or _name_folder(version.item_id, metadata.get("owner", ""), metadata.get("title", ""))
    name = metadata.get("snapshot-name", "")
    words = [copied.stamp, make_safe_name(name, _NAME_BYTES) if name else "", find_digits(version.resource_key)]
    return f"{parent}/{' '.join(filter(None, words))}{NOTEBOOK_SUFFIX}"


def _find_free_path(path: Path) -> Path:
    """Return the path with `.changed` or `.changed-2`, `.changed-3` … at the end, which does not exist."""
    found, number = path.with_name(f"{path.name}.changed"), 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}.changed-{number}")
    return found
