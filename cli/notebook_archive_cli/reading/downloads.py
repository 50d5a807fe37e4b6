"""Download one archived version to a file or to standard output."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from notebook_archive.errors import ArchiveDamaged
from notebook_archive.models import format_size
from notebook_archive.models.file_names import find_digits, make_safe_name
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.reading.catalog import ArchivedVersion
from notebook_archive_cli.reading.notebook_document import describe_version
from notebook_archive_cli.reading.versions import VerifiedVersion, copy_verified, raise_damaged, read_entry
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.output import replace_unprintable

# A larger notebook is kept on disk until it is verified, if it is written to standard output.
IN_MEMORY_BYTES = 8_000_000
# Number of digits of a key that distinguish two versions of the same second.
_DIGITS = 8


def get_version(
    session: Session, version: ArchivedVersion, target: Path | None, *, version_id: str, is_forced: bool
) -> dict[str, Any]:
    """Download a version to a file and return what was written.

    `target` is a file or a folder, or None for the present folder. The default name of the file is made from title and
    time, and from the key if a file with other bytes has this name. The file gets its name after its bytes were
    verified. Raises CommandError if they are damaged, or if the file exists and `is_forced` is false.
    """
    folder = target if target and target.is_dir() else (target.parent if target else Path())
    if target and not target.is_dir():
        _refuse_to_overwrite(session, target, is_forced=is_forced)
    entry = read_entry(session, version)
    # Another process may download the same version at the same time.
    partial = folder / f"{version.resource_key.rpartition('/')[2]}.{secrets.token_hex(4)}.partial"
    try:
        with partial.open("xb") as file:
            copied = copy_verified(session, version, file, entry, version_id)
        path = target if target and not target.is_dir() else _choose_path(folder, copied, is_forced=is_forced)
        _refuse_to_overwrite(session, path, is_forced=is_forced)
        partial.replace(path)
    except ArchiveDamaged as error:
        raise_damaged(session, version, error, entry, version_id)
    finally:
        partial.unlink(missing_ok=True)
    return {**describe_version(copied), "versionId": version_id, "path": str(path)}


def write_version(session: Session, version: ArchivedVersion, output: IO[bytes], *, version_id: str) -> None:
    """Write a version to standard output after all its bytes were verified.

    Raises CommandError if they are damaged, or if the output is a terminal.
    """
    if output.isatty():
        raise CommandError(
            "output-is-terminal",
            "The file may contain characters that change the terminal, so it is not written there.",
            remedy="Write it to a file or a pipe, or show the notebook with the next command.",
            command=session.options.command("show", f"{version.item_id}@{version.resource_key}"),
            status=ExitStatus.USAGE,
        )
    entry = read_entry(session, version)
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        try:
            copy_verified(session, version, file, entry, version_id)
        except ArchiveDamaged as error:
            raise_damaged(session, version, error, entry, version_id)
        file.seek(0)
        shutil.copyfileobj(file, output)


def _choose_path(folder: Path, copied: VerifiedVersion, *, is_forced: bool) -> Path:
    """Return the path with the title of the notebook and the time of the content in UTC.

    Another version may be as old to the second. If its file is there, the name also has digits of the key.
    """
    title = make_safe_name(copied.metadata.get("title") or copied.version.item_id)
    path = folder / f"{title} {copied.stamp}.ipynb"
    if is_forced or not path.is_file() or _compute_sha256(path) == copied.sha256:
        return path
    return folder / f"{title} {copied.stamp} {find_digits(copied.version.resource_key)[:_DIGITS]}.ipynb"


def _compute_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_to_overwrite(session: Session, path: Path, *, is_forced: bool) -> None:
    if not is_forced and (path.exists() or path.is_symlink()):
        raise CommandError(
            "file-exists",
            f"The file {path} exists.",
            remedy="Choose another file with --output, or replace this one with --force.",
            command=session.options.same_command("--force"),
            status=ExitStatus.USAGE,
        )


def render_file(document: Mapping[str, Any], width: int) -> Iterator[str]:  # noqa: ARG001
    """Yield the path of the file, and what it is."""
    yield f"{replace_unprintable(document['path'])}  {format_size(document['bytes'])}, verified"
