"""Keep the result of the last poll for changes: one small object in the bucket of the ledger."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from notebook_archive.archive import keys
from notebook_archive.archive.bucket import Bucket
from notebook_archive.errors import ArchiveDamaged, NotAnId
from notebook_archive.models import ItemId

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

# The version of the object's format.
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class LastPoll:
    """What the next poll for changes needs to know. Times are in epoch milliseconds.

    Every change before `since` that the portal's search shows in time was handled. `handled` are the changes at `since`
    or later that were handled: the notebook's `modified`, by its item id. A change was handled if it was archived
    already, or if its backup was requested. `polled_at` is the time of the last poll whose search was complete, or 0.
    It is from AWS's clock, and `since` is from the portal's.
    """

    portal_url: str
    organization_id: str
    since: int
    polled_at: int
    handled: Mapping[ItemId, int]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Return the poll that a document describes. Raises KeyError, NotAnId, TypeError or ValueError."""
        if document["schema"] != _SCHEMA:
            raise ValueError(document["schema"])
        return cls(
            str(document["portalUrl"]),
            str(document["organizationId"]),
            int(document["since"]),
            int(document["polledAt"]),
            {ItemId.parse(name): int(modified) for name, modified in dict(document["handled"]).items()},
        )

    def describe(self) -> dict[str, Any]:
        """Return the document that `parse` reads."""
        return {
            "schema": _SCHEMA,
            "portalUrl": self.portal_url,
            "organizationId": self.organization_id,
            "since": self.since,
            "polledAt": self.polled_at,
            "handled": self.handled,
        }


class Polls:
    """The last poll in its bucket. Both methods may raise ArchiveDenied or ArchiveUnavailable."""

    def __init__(self, s3: "S3Client", bucket: str, owner: str) -> None:
        """`owner` is the id of the AWS account that the bucket must belong to."""
        self._bucket = Bucket(s3, bucket, owner)

    def read_last(self) -> LastPoll | None:
        """Return the last poll, or None if there was none or its object is damaged."""
        try:
            body = self._bucket.read(keys.LAST_POLL)
            return LastPoll.parse(json.loads(body)) if body is not None else None
        except (ArchiveDamaged, KeyError, NotAnId, RecursionError, TypeError, ValueError):
            _log.warning("%s cannot be read, so this poll begins like the first one", keys.LAST_POLL)
            return None

    def write_last(self, poll: LastPoll) -> None:
        """Write the last poll in place of the one before.

        Two polls at the same time may write in any order. What each of them says stays true.
        """
        body = json.dumps(poll.describe(), separators=(",", ":")).encode()
        self._bucket.put(keys.LAST_POLL, body, hashlib.sha256(body).digest())
