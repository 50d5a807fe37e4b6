"""Read messages from the queue of requested backups, and postpone those that fail or move them to the failure queue."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.archive import RunId
from notebook_archive.backup.records import OutcomeRecord, Problem, describe_problem
from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.errors import DeadlineExceeded, NotebookNotFound, RequestInvalid
from notebook_archive.models import ItemId

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger(__name__)

# Maximum number of attempts at a message before it is moved to the failure queue.
MAX_ATTEMPTS = 4
# Maximum number of attempts at a message that failed only because no time was left to start all its items. This is
# less than the queue's `maxReceiveCount`, because SQS adds no reason when it moves a message itself.
MAX_RECEIVES = 9
# The pause before the second attempt. The pause before the third is twice as long, and every later pause is four times
# as long.
FIRST_PAUSE_SECONDS = 15
_MAX_ATTRIBUTE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Lambda receives it. It has a `request`, or a `refusal` that says why it is not a valid request.

    `attempts` includes the current attempt.
    """

    id: str
    receipt: str
    body: str
    attempts: int
    sent: datetime
    request: BackupRequest | None
    refusal: Problem | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the message in a record of an SQS event. Raises nothing, even if the body is invalid."""
        request, refusal = None, None
        try:
            request = BackupRequest.of(json.loads(record["body"]))
        except (ValueError, RecursionError):
            refusal = describe_problem(RequestInvalid("The message is not JSON."))
        except RequestInvalid as error:
            refusal = describe_problem(error)
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
        """The ids of the notebooks that the message asks for."""
        return self.request.item_ids if self.request else ()

    @property
    def run(self) -> RunId:
        """The run id for everything that is archived because of this message. The metadata contains it."""
        return RunId.from_execution(f"event-{self.id}", self.sent.isoformat())

    def has_skipped(self, outcomes: Mapping[ItemId, OutcomeRecord]) -> bool:
        """Return whether one of its notebooks exists and was skipped, for example because a credential is missing."""
        return any(
            record["state"] == "skipped" and record["problem"]["reason"] != NotebookNotFound.reason
            for record in self._list_own(outcomes)
        )

    def find_failure(self, outcomes: Mapping[ItemId, OutcomeRecord]) -> Problem | None:
        """Return the problem of its first notebook that failed, or None."""
        return next((each["problem"] for each in self._list_own(outcomes) if each["state"] == "failed"), None)

    def find_unstarted(self, outcomes: Mapping[ItemId, OutcomeRecord]) -> Problem | None:
        """Return a problem if no time was left to start one of its items, or None."""
        item_id = next((each for each in self.item_ids if each not in outcomes), None)
        if item_id is None:
            return None
        return describe_problem(DeadlineExceeded(f"No time was left to start archiving item {item_id}."))

    def _list_own(self, outcomes: Mapping[ItemId, OutcomeRecord]) -> Iterator[OutcomeRecord]:
        return (outcomes[item_id] for item_id in self.item_ids if item_id in outcomes)


class RequestQueue:
    """The queue of requested backups, and the failure queue."""

    def __init__(self, sqs: "SQSClient", queue_url: str, failures_url: str) -> None:
        self._sqs, self._queue_url, self._failures_url = sqs, queue_url, failures_url

    def settle(self, messages: Sequence[Message], outcomes: Mapping[ItemId, OutcomeRecord]) -> list[Message]:
        """Postpone or move the messages that failed. Return those that SQS must deliver again.

        All messages are handled at the same time. So if SQS does not respond, this takes no longer than one call.
        """
        with ThreadPoolExecutor(max_workers=len(messages), thread_name_prefix="settle") as pool:
            settled = pool.map(lambda message: self._settle(message, outcomes), messages)
            return [message for message, is_settled in zip(messages, settled, strict=True) if not is_settled]

    def _settle(self, message: Message, outcomes: Mapping[ItemId, OutcomeRecord]) -> bool:
        """Return True if the message needs no further work: it was processed, or it was moved to the failure queue.

        If it returns False, the message is delivered again after a pause. If a call to SQS fails, the message is
        delivered again when the queue's visibility timeout ends. After `maxReceiveCount` deliveries, SQS itself moves
        the message.
        """
        if problem := message.refusal:
            max_attempts = 1
        elif problem := message.find_failure(outcomes):
            max_attempts = MAX_ATTEMPTS
        elif problem := message.find_unstarted(outcomes):
            max_attempts = MAX_RECEIVES
        else:
            return True
        try:
            if message.attempts < max_attempts:
                self._postpone(message)
                return False
            self._move_to_failures(message, problem)
        except (BotoCoreError, ClientError) as error:
            _log.warning(
                "Message %s could not be postponed or moved (%s); SQS delivers it again",
                message.id,
                type(error).__name__,
            )
            return False
        return True

    def _postpone(self, message: Message) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url,
            ReceiptHandle=message.receipt,
            VisibilityTimeout=FIRST_PAUSE_SECONDS * 2 ** min(message.attempts - 1, 2),
        )

    def _move_to_failures(self, message: Message, problem: Problem) -> None:
        self._sqs.send_message(
            QueueUrl=self._failures_url,
            MessageBody=message.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": _to_attribute(text)}
                for name, text in {**problem, "attempts": str(message.attempts)}.items()
            },
        )


def _to_attribute(text: object) -> str:
    """Return a string that SQS accepts in an attribute: cut, without unprintable characters, and not empty."""
    printable = "".join(c if c.isprintable() else " " for c in str(text)[:_MAX_ATTRIBUTE_LENGTH])
    return printable.encode(errors="replace").decode() or "-"
