"""The queue of backups that were asked for: what its messages say, and what becomes of those that could not be done."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from notebook_archive.archive import RunId
from notebook_archive.errors import RequestInvalid
from notebook_archive.models import ItemId
from notebook_archive.pipeline.archive_requests import BackupRequest
from notebook_archive.pipeline.outcomes import Outcome, Problem, problem

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MOST_ATTEMPTS = 4
"""Times that a message is tried before it is set aside."""
FIRST_PAUSE_SECONDS = 15
"""Before the second attempt; each pause after it is twice as long."""
_LONGEST_ATTRIBUTE = 1000


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
    def run(self) -> RunId:
        """The name under which the archive notes what this message made it store."""
        return RunId.of_execution(f"event-{self.id}", self.sent.isoformat())


class Inbox:
    """The queue, and the one for what failed."""

    def __init__(self, sqs: "SQSClient", queue_url: str, failures_url: str) -> None:
        self._sqs, self._queue_url, self._failures_url = sqs, queue_url, failures_url

    def settle(self, message: Message, outcomes: Mapping[ItemId, Outcome]) -> bool:
        """Return whether the message is done with; it has been set aside if it is at fault or was tried often enough.

        Otherwise it comes again after a pause.  Any error of boto3 leaves the whole batch to come again, which is
        harmless.
        """
        why = message.refusal or self._failure(message, outcomes)
        if why is None:
            return True
        if message.refusal is None and message.attempts < MOST_ATTEMPTS:
            pause = FIRST_PAUSE_SECONDS * 2 ** (message.attempts - 1)
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=pause
            )
            return False
        self._sqs.send_message(
            QueueUrl=self._failures_url,
            MessageBody=message.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": _plain(text)}
                for name, text in {**why, "attempts": str(message.attempts)}.items()
            },
        )
        return True

    @staticmethod
    def _failure(message: Message, outcomes: Mapping[ItemId, Outcome]) -> Problem | None:
        item_ids = message.request.item_ids if message.request else ()
        made = (outcomes[item_id] for item_id in item_ids)
        return next((each["problem"] for each in made if each["state"] == "failed"), None)


def _plain(text: object) -> str:
    """Return a text without what SQS does not take, and never empty."""
    plain = "".join(c if c.isprintable() else " " for c in str(text)[:_LONGEST_ATTRIBUTE])
    return plain.encode(errors="replace").decode() or "-"
