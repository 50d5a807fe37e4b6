"""List the failed backup requests by reason, send them again, or delete them."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import RenderableType

from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.errors import RequestInvalid
from notebook_archive_cli.accounts.owners import NEW_OWNER_DELAY
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import format_count
from notebook_archive_cli.terminal.units import format_time

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# When this program receives a message, the queue hides it from other readers for this time.
HIDDEN_SECONDS = 120
# Time that SQS waits for messages before it says that there are none. Without waiting, it may miss some.
WAIT_SECONDS = 1
MAX_ITEMS_SHOWN = 5
_INDENT = "  "
# A new secret may be the remedy for these reasons.
_SECRET_REASONS = frozenset({"permission-denied", "secret-missing"})


class _Failure(NamedTuple):
    """Why a message is in the failure queue."""

    reason: str
    message: str
    remedy: str


class FailureQueue:
    """The stack's queue with failed backup requests. Every method may raise CommandError or an error of botocore."""

    def __init__(self, session: Session) -> None:
        self._options = session.options
        self._sqs: SQSClient = session.client("sqs")
        self._url = session.stack.output("FailureQueue")
        self._requests_url = session.stack.output("RequestQueue")

    def describe(self) -> dict[str, Any]:
        """Return the number of messages, and one entry for each reason, the most frequent first.

        `since` is the time of the first message. `attempts` is the largest number of attempts, or null if no message
        has it.
        """
        grouped: dict[_Failure, list[MessageTypeDef]] = {}
        for message in self._receive():
            grouped.setdefault(_explain(message), []).append(message)
        self._release(each for messages in grouped.values() for each in messages)
        reasons = [_describe_reason(failure, messages) for failure, messages in grouped.items()]
        return {
            "messages": sum(map(len, grouped.values())),
            "reasons": sorted(reasons, key=lambda reason: -reason["messages"]),
        }

    def retry(self, reason: str) -> dict[str, Any]:
        """Move messages to the request queue. Return how many were moved and skipped, and how many are left.

        With a reason, only messages with this reason are moved. Without one, all messages are moved except those that
        would certainly fail again. Messages that another reader has received stay in the failure queue. So do messages
        that fail again during this call. If this program ends after it sends a message and before it deletes it, the
        request is processed twice, which is harmless. Raises CommandError if no message has the reason.
        """
        moved, skipped = 0, []
        reasons: set[str] = set()
        # Messages that fail again return to the queue during the loop. So stop at the number of the beginning.
        for message in islice(self._receive(), self.count()):
            its_reason = _explain(message).reason
            reasons.add(its_reason)
            if its_reason != reason if reason else its_reason == RequestInvalid.reason:
                skipped.append(message)
                continue
            self._sqs.send_message(QueueUrl=self._requests_url, MessageBody=message["Body"])
            self._delete(message)
            moved += 1
        self._release(skipped)
        if reason and not moved:
            raise self._describe_unknown(reason, reasons)
        return {"retried": moved, "skipped": len(skipped), "left": self.count()}

    def count_with_reason(self, reason: str) -> tuple[int, list[str]]:
        """Return the number of messages with this reason, and the ids of their items.

        Raises CommandError if no message has the reason.
        """
        messages = list(self._receive())
        self._release(messages)
        chosen = [each for each in messages if _explain(each).reason == reason]
        if not chosen:
            raise self._describe_unknown(reason, {_explain(each).reason for each in messages})
        return len(chosen), _list_items(chosen)

    def drop(self, reason: str) -> dict[str, Any]:
        """Delete the messages with this reason. Return how many were deleted, and how many messages are left."""
        dropped, others = 0, []
        for message in islice(self._receive(), self.count()):
            if _explain(message).reason == reason:
                self._delete(message)
                dropped += 1
            else:
                others.append(message)
        self._release(others)
        return {"dropped": dropped, "left": self.count()}

    def _describe_unknown(self, reason: str, reasons: Collection[str]) -> CommandError:
        known = f"Its reasons are: {', '.join(sorted(reasons))}." if reasons else "It has no message that can be read."
        return CommandError(
            "reason-not-found",
            f"No message in the failure queue has the reason {reason!r}. Nothing was changed.",
            remedy=known,
            command=self._options.command("failed", "list"),
            status=ExitStatus.NOT_FOUND,
        )

    def _delete(self, message: "MessageTypeDef") -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _release(self, messages: Iterable["MessageTypeDef"]) -> None:
        """Make the messages visible to other readers of the queue now."""
        for each in messages:
            # SQS refuses this if HIDDEN_SECONDS are over. Then the message is visible already.
            with suppress(ClientError):
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
                )

    def count(self) -> int:
        """Return the number of messages that SQS counts, including hidden messages."""
        names: list[QueueAttributeNameType] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        counted = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(counted[name]) for name in names)

    def _receive(self) -> Iterator["MessageTypeDef"]:
        """Yield each message in the queue once. The queue hides each message for HIDDEN_SECONDS.

        After that time the queue returns the first messages again. This ends when the queue returns only such messages.
        """
        seen: set[str] = set()
        while True:
            found = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
            ).get("Messages", [])
            new = [message for message in found if message["MessageId"] not in seen]
            if not new:
                return
            seen.update(message["MessageId"] for message in new)
            yield from new


def _explain(message: "MessageTypeDef") -> _Failure:
    """Return why the message failed.

    The function says so. If EventBridge could not put the event into the request queue, EventBridge says so
    (EventBridge User Guide, "Using dead-letter queues to process undelivered events").
    """
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    if "reason" not in attributes and "ERROR_CODE" in attributes:
        rule = attributes.get("RULE_ARN", "of the request queue")
        remedy = f"EventBridge could not deliver the event. Correct the rule {rule}, then send the request again."
        return _Failure(attributes["ERROR_CODE"], attributes.get("ERROR_MESSAGE", ""), remedy)
    return _Failure(attributes.get("reason", "unknown"), attributes.get("message", ""), attributes.get("remedy", ""))


def _describe_reason(failure: _Failure, messages: Sequence["MessageTypeDef"]) -> dict[str, Any]:
    first = min(int(each.get("Attributes", {}).get("SentTimestamp", 0)) for each in messages)
    counts = [each["MessageAttributes"].get("attempts") for each in messages if "MessageAttributes" in each]
    texts = [count.get("StringValue", "") for count in counts if count]
    return {
        "reason": failure.reason,
        "messages": len(messages),
        "since": datetime.fromtimestamp(first / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "attempts": max((int(text) for text in texts if text.isdecimal()), default=None),
        "message": failure.message,
        "remedy": failure.remedy,
        "itemIds": _list_items(messages),
    }


def _list_items(messages: Iterable["MessageTypeDef"]) -> list[str]:
    """Return the item ids in the messages, each once."""
    ids: dict[str, None] = {}
    for each in messages:
        with suppress(ValueError, RecursionError, RequestInvalid):
            ids |= dict.fromkeys(BackupRequest.of(json.loads(each["Body"])).item_ids)
    return list(ids)


def format_items(item_ids: Sequence[str]) -> str:
    """Return the first item ids as one text."""
    more = f" and {len(item_ids) - MAX_ITEMS_SHOWN} more" if len(item_ids) > MAX_ITEMS_SHOWN else ""
    return f"{' '.join(item_ids[:MAX_ITEMS_SHOWN])}{more}"


def render_failures(failures: dict[str, Any], width: int, *, is_utc: bool = False) -> Iterator[RenderableType]:
    """Yield a block of lines for each reason."""
    if not failures["messages"]:
        yield "The failure queue is empty."
    for reason in failures["reasons"]:
        since = format_time(reason["since"], is_utc=is_utc)
        tried = f", tried {format_count(reason['attempts'], 'time')}" if reason["attempts"] is not None else ""
        heading = f"{reason['reason']}: {format_count(reason['messages'], 'request')}, since {since}{tried}"
        yield from wrap_text(heading, width)
        delay = f" {NEW_OWNER_DELAY}" if reason["reason"] in _SECRET_REASONS else ""
        lines = {
            "Message": reason["message"],
            "Remedy": f"{reason['remedy']}{delay}".strip(),
            "Items": format_items(reason["itemIds"]),
        }
        for label, text in lines.items():
            if text:
                yield from wrap_text(f"{label}: {text}", width, _INDENT, _INDENT)


def render_retried(retried: dict[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield what was sent again, skipped and left."""
    yield f"{format_count(retried['retried'], 'request')} sent again."
    if retried["skipped"]:
        yield f"{format_count(retried['skipped'], 'request')} skipped."
    yield from _render_left(retried["left"], width)


def render_dropped(dropped: dict[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield what was deleted and what is left."""
    yield f"{format_count(dropped['dropped'], 'request')} deleted."
    yield from _render_left(dropped["left"], width)


def _render_left(left: int, width: int) -> Iterator[RenderableType]:
    if left:
        text = (
            f"{format_count(left, 'request')} left in the failure queue. Those that another reader received are "
            f"visible again after {HIDDEN_SECONDS} seconds."
        )
        yield from wrap_text(text, width)
