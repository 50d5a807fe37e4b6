"""The queue of backups that were asked for: what its messages say, and what becomes of those that could not be done."""

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.archive import RunId
from notebook_archive.backup.outcome import Outcome, Problem, problem
from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.errors import DeadlineExceeded, NotebookNotFound, RequestInvalid
from notebook_archive.models import ItemId

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
"""Times that a message is tried before it is set aside."""
MAX_RECEIVES = 9
"""Times that a message is received, for one that fails only because no time was left to start with all its items.
Fewer than the queue's ``maxReceiveCount``, for SQS says no reason."""
FIRST_PAUSE_SECONDS = 15
"""Before the second attempt; the pause after it is twice as long, and all later ones twice that."""
_MAX_ATTRIBUTE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Lambda hands it over: a request, or why it is none.  ``attempts`` counts this one."""

    id: str
    receipt: str
    body: str
    attempts: int
    sent: datetime
    request: BackupRequest | None
    refusal: Problem | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the message of a record of an SQS event; whatever its body is, it is no error."""
        request, refusal = None, None
        try:
            request = BackupRequest.of(json.loads(record["body"]))
        except (ValueError, RecursionError):
            refusal = problem(RequestInvalid("The message is not JSON."))
        except RequestInvalid as error:
            refusal = problem(error)
        attributes = record["attributes"]
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(attributes["ApproximateReceiveCount"]),
            datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
            request,
            refusal,
        )

    @property
    def item_ids(self) -> tuple[ItemId, ...]:
        """Whose notebooks it asks for."""
        return self.request.item_ids if self.request else ()

    def skipped(self, outcomes: Mapping[ItemId, Outcome]) -> bool:
        """Return whether a notebook of it is there and was not archived, for want of a credential, say."""
        made = (outcomes[item_id] for item_id in self.item_ids if item_id in outcomes)
        return any(o["state"] == "skipped" and o["problem"]["reason"] != NotebookNotFound.reason for o in made)

    @property
    def run(self) -> RunId:
        """The name under which the archive notes what this message made it store."""
        return RunId.from_execution(f"event-{self.id}", self.sent.isoformat())


class RequestQueue:
    """The queue, and the one for what failed."""

    def __init__(self, sqs: "SQSClient", queue_url: str, failures_url: str) -> None:
        self._sqs, self._queue_url, self._failures_url = sqs, queue_url, failures_url

    def settle(self, messages: Sequence[Message], outcomes: Mapping[ItemId, Outcome]) -> list[Message]:
        """Settle each message, all at the same time, and return those that come again.

        An SQS that does not answer costs the patience with one call, however many there are.
        """
        with ThreadPoolExecutor(max_workers=len(messages), thread_name_prefix="settle") as pool:
            done = pool.map(lambda message: self._settled(message, outcomes), messages)
            return [message for message, settled in zip(messages, done, strict=True) if not settled]

    def _settled(self, message: Message, outcomes: Mapping[ItemId, Outcome]) -> bool:
        """Return whether the message is done with; it has been set aside if it is at fault or was tried often enough.

        Otherwise it comes again after a pause.  One that SQS does not settle comes again when the queue's own pause is
        over, alone; after ``maxReceiveCount`` such times SQS itself sets it aside.
        """
        why, most = message.refusal, 1
        if why is None:
            why, most = self._failure(message, outcomes), MAX_ATTEMPTS
        if why is None:
            why, most = self._late(message, outcomes), MAX_RECEIVES
        if why is None:
            return True
        try:
            if message.attempts < most:
                self._pause(message)
                return False
            self._set_aside(message, why)
        except (BotoCoreError, ClientError) as error:
            _log.warning("Message %s comes again: it could not be settled (%s)", message.id, type(error).__name__)
            return False
        return True

    def _pause(self, message: Message) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url,
            ReceiptHandle=message.receipt,
            VisibilityTimeout=FIRST_PAUSE_SECONDS * 2 ** min(message.attempts - 1, 2),
        )

    def _set_aside(self, message: Message, why: Problem) -> None:
        self._sqs.send_message(
            QueueUrl=self._failures_url,
            MessageBody=message.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": _plain(text)}
                for name, text in {**why, "attempts": str(message.attempts)}.items()
            },
        )

    @staticmethod
    def _failure(message: Message, outcomes: Mapping[ItemId, Outcome]) -> Problem | None:
        made = (outcomes[item_id] for item_id in message.item_ids if item_id in outcomes)
        return next((each["problem"] for each in made if each["state"] == "failed"), None)

    @staticmethod
    def _late(message: Message, outcomes: Mapping[ItemId, Outcome]) -> Problem | None:
        item_id = next((each for each in message.item_ids if each not in outcomes), None)
        return problem(DeadlineExceeded(f"Item {item_id}: no time was left to start with it.")) if item_id else None


def _plain(text: object) -> str:
    """Return a text without what SQS does not take, and never empty."""
    plain = "".join(c if c.isprintable() else " " for c in str(text)[:_MAX_ATTRIBUTE_LENGTH])
    return plain.encode(errors="replace").decode() or "-"
