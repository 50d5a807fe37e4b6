"""Keep records of what was reported, so that each failure is reported once."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket
from notebook_archive.errors import ArchiveDamaged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

# What a record is about. The records of one kind have a common prefix.
Kind = Literal["run", "verification", "restore", "restore-test", "alarm", "digest"]
# Maximum time from the day in the name of a run to its report. An execution takes at most 7 days.
_MAX_RUN_TIME = timedelta(days=8)


class Record(Struct, frozen=True, omit_defaults=True):
    """What became of one report, alarm or digest.

    `name` begins with a day (UTC). `at` is the time of the event. `covers` are the kinds of failures that it reports,
    or that were reported before and are unchanged. `topics` are those that accepted the message, if one was sent.
    `state` is the status of a report, or the state of an alarm. `unprotected` are the ids of the notebooks that have
    nothing in the archive. `figures` are those of a digest. Nothing in it names a person or the title of a notebook.
    """

    kind: Kind
    name: str
    at: datetime
    covers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    subject: str = ""
    state: str = ""
    is_full: bool = False
    unprotected: tuple[str, ...] = ()
    figures: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The name of the failure, as notifications and logs show it."""
        return f"{self.kind} {self.name}"

    @property
    def alarm(self) -> str:
        """The logical id of the alarm that the record is about, or an empty string."""
        return self.name.split("-")[-2] if self.kind == "alarm" else ""


class Records:
    """The records, in the bucket of the ledger. Every method may raise ArchiveDenied or ArchiveUnavailable."""

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self._bucket = Bucket(s3, bucket, owner)

    def find(self, kind: Kind, name: str) -> Record | None:
        """Return a record, or None if there is none. A damaged record counts as absent, so it may be sent again."""
        return self._read(keys.notification_key(kind, name))

    def write(self, record: Record) -> None:
        """Write a record. It replaces an earlier one with the same kind and name."""
        body = msgspec.json.encode(record)
        self._bucket.put(keys.notification_key(record.kind, record.name), body, sha256(body).digest())

    def list_latest(self, kind: Kind, since: datetime | None = None, part: str = "") -> Iterator[Record]:
        """Yield the records of one kind, the latest first, whose names contain `part`.

        If `since` is given, only records of events since then are yielded. Each record costs one call, when it is
        reached.
        """
        prefix = keys.notifications_prefix(kind)
        after = f"{prefix}{(since - _MAX_RUN_TIME).date()}" if since else ""
        found = [listed.key for listed in self._bucket.list_objects(prefix, after) if part in listed.key]
        for key in reversed(found):
            record = self._read(key)
            if record and (since is None or record.at >= since):
                yield record

    def _read(self, key: str) -> Record | None:
        try:
            body = self._bucket.read(key)
            return msgspec.json.decode(body, type=Record) if body else None
        except (ArchiveDamaged, msgspec.DecodeError) as error:
            _log.warning("A record of a notification is damaged", extra={"key": key, "error": str(error)})
            return None
