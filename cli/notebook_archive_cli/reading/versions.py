"""Read archived versions, and verify them while they are read."""

import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import IO, NoReturn

from notebook_archive.archive import CopyId, LedgerEntry, keys
from notebook_archive.archive.bucket import OpenedObject
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.bulk_restore.newest import parse_created
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveDamaged, ArchiveError
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.reading.catalog import ArchivedVersion
from notebook_archive_cli.session import Session


@dataclass(frozen=True, slots=True)
class VerifiedVersion:
    """A version whose bytes were read whole and are right. `size` is in bytes. `metadata` was stored with it."""

    version: ArchivedVersion
    size: int
    sha256: str
    metadata: Mapping[str, str]

    @property
    def content_at(self) -> str:
        """The time of the content in ISO 8601 (UTC), or an empty text if it is not known."""
        copy = CopyId.from_resource_key(self.version.resource_key)
        return format_moment(copy.modified if copy else parse_created(self.metadata))

    @property
    def stamp(self) -> str:
        """The time of the content (UTC) as a part of a file name, such as `2025-01-01T100001Z`."""
        moment = self.content_at
        return f"{moment[:19].replace(':', '')}Z" if moment else "undated"


def copy_verified(
    session: Session,
    version: ArchivedVersion,
    file: IO[bytes],
    entry: LedgerEntry | None,
    version_id: str = "",
) -> VerifiedVersion:
    """Write the bytes of a version to a file, in pieces, and verify them. The file gets the bytes before that.

    Three things must agree with the bytes: the checksum that S3 keeps, the SHA-256 in the metadata, and what the ledger
    recorded, if it has an entry. Raises ArchiveDamaged if one does not, or CommandError if the version does not exist.
    An error of the file is an OSError.
    """
    opened = session.reader.open_version(version.key, version_id)
    if opened is None:
        raise _make_missing(session, version, version_id)
    with closing(opened):
        digest, size = hashlib.sha256(), 0
        for piece in opened.read_pieces():
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    metadata, sha256 = decode_metadata(opened.metadata), digest.hexdigest()
    _compare(opened, metadata.get("sha256", ""), sha256, size, entry)
    return VerifiedVersion(version, size, sha256, metadata)


def _compare(opened: OpenedObject, noted: str, sha256: str, size: int, entry: LedgerEntry | None) -> None:
    key = opened.key
    # The checksum of a multipart upload contains a hyphen. It is not that of the bytes.
    if opened.checksum and "-" not in opened.checksum and b64decode(opened.checksum).hex() != sha256:
        raise ArchiveDamaged(f"{key} does not match the checksum that S3 stores with it.")
    if noted != sha256:
        raise ArchiveDamaged(f"{key} does not have the SHA-256 that was recorded when it was archived.")
    if entry and entry.sha256 and (entry.sha256, entry.size) != (sha256, size):
        raise ArchiveDamaged(f"{key} has other bytes than the ledger recorded when it was archived.")


def read_entry(session: Session, version: ArchivedVersion) -> LedgerEntry | None:
    """Return what the ledger knows about a version, or None."""
    return session.ledger.read_shard(keys.shard_of(version.key)).entries.get(version.key)


def raise_damaged(
    session: Session, version: ArchivedVersion, error: ArchiveDamaged, entry: LedgerEntry | None, version_id: str
) -> NoReturn:
    """Raise the CommandError for a damaged version: what is damaged, and which S3 version is not."""
    options = session.options
    findings = ", ".join(entry.findings) if entry else ""
    known = f"Finding {findings} is open." if findings else "No verification has found this yet."
    good = "" if version_id else _find_good_version(session, version, entry)
    if good:
        remedy = f"{known} An older S3 version of this object is undamaged. The next command downloads it."
        command = options.command("get", f"{version.item_id}@{version.resource_key}", "--version-id", good)
    elif findings:
        remedy = f"{known} Read what to do about it: docs/verify.md, Findings."
        command = options.command("findings")
    else:
        remedy = f"{known} Choose another version, and verify the notebook with the next command."
        command = options.command("verify", version.item_id)
    message = f"{error} Nothing of it was kept."
    raise CommandError("archive-damaged", message, remedy=remedy, command=command, status=ExitStatus.FINDING) from error


def _find_good_version(session: Session, version: ArchivedVersion, entry: LedgerEntry | None) -> str:
    """Return the id of the newest older S3 version whose checksum is the recorded SHA-256, or an empty text.

    A failed request counts as none, so that the damage itself is still reported.
    """
    try:
        for version_id in _list_older(session, version):
            described = session.reader.describe_version(version.key, version_id)
            if described is None or not described.checksum or "-" in described.checksum:
                continue
            noted = decode_metadata(described.metadata).get("sha256", "")
            wanted = entry.sha256 if entry and entry.sha256 else noted
            if b64decode(described.checksum).hex() == noted == wanted:
                return version_id
    except ArchiveError:
        pass
    return ""


def _list_older(session: Session, version: ArchivedVersion) -> Iterator[str]:
    for listed in session.archive.list_item_versions(version.item_id):
        if listed.key == version.key:
            yield from (each.version_id for each in listed.versions if not each.is_latest and not each.is_marker)


def _make_missing(session: Session, version: ArchivedVersion, version_id: str) -> CommandError:
    which = f" with the S3 version id {version_id[:60]!r}" if version_id else ""
    return CommandError(
        "version-missing",
        f"The archive has no object {version.key}{which}.",
        remedy="The next command lists the versions.",
        command=session.options.command("versions", version.item_id),
        status=ExitStatus.NOT_FOUND,
    )
