"""Show failed backup requests by reason, send them again, or delete them.

.venv/bin/python -m scripts.failures [--again [REASON] | --drop REASON [--yes]] [--stack-name NAME]
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.errors import RequestInvalid
from scripts.stack import (
    DEFAULT_STACK_NAME,
    REPORTED_ERRORS,
    Stack,
    describe_error,
    format_count,
    print_error,
    print_line,
    replace_unprintable,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# When this script receives a message, the queue hides it from other readers for this time.
HIDDEN_SECONDS = 120
MAX_ITEMS_SHOWN = 5


def show(sqs: "SQSClient", failures_url: str) -> int:
    """Print the messages in the failure queue by reason. Return the number of messages."""
    grouped: dict[tuple[str, str, str], list[MessageTypeDef]] = {}
    for message in _receive(sqs, failures_url):
        grouped.setdefault(_explain(message), []).append(message)
    _release(sqs, failures_url, (each for messages in grouped.values() for each in messages))
    if not grouped:
        print_line("The failure queue is empty.")
    for (reason, what_happened, remedy), messages in sorted(grouped.items(), key=lambda group: -len(group[1])):
        count = format_count(len(messages), "message")
        print_line(f"{reason}: {count}, {_format_first_time(messages)}{_format_attempts(messages)}")
        lines = {"What happened": what_happened, "What to do": remedy, "Items": _format_items(messages)}
        for label, text in lines.items():
            if text:
                print_line(f"  {label}: {text}")
    if grouped:
        print_line("Remove the cause, then send them again: .venv/bin/python -m scripts.failures --again")
    return sum(map(len, grouped.values()))


def _release(sqs: "SQSClient", url: str, messages: Iterable["MessageTypeDef"]) -> None:
    """Make the messages visible to other readers of the queue now."""
    for each in messages:
        # SQS refuses this if HIDDEN_SECONDS are over. Then the message is visible already.
        with suppress(ClientError):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)


def _format_first_time(messages: Sequence["MessageTypeDef"]) -> str:
    first = min(int(each.get("Attributes", {}).get("SentTimestamp", 0)) for each in messages)
    return time.strftime("since %Y-%m-%d %H:%M UTC", time.gmtime(first / 1000))


def _format_attempts(messages: Sequence["MessageTypeDef"]) -> str:
    attributes = [each["MessageAttributes"] for each in messages if "MessageAttributes" in each]
    texts = [each["attempts"].get("StringValue", "") for each in attributes if "attempts" in each]
    attempts = [int(text) for text in texts if text.isdecimal()]
    return f", tried {format_count(max(attempts), 'time')}" if attempts else ""


def _format_items(messages: Sequence["MessageTypeDef"]) -> str:
    """Return the item ids in the messages, but at most MAX_ITEMS_SHOWN of them."""
    ids: dict[str, None] = {}
    for each in messages:
        with suppress(ValueError, RecursionError, RequestInvalid):
            ids |= dict.fromkeys(BackupRequest.of(json.loads(each["Body"])).item_ids)
    more = f" and {len(ids) - MAX_ITEMS_SHOWN} more" if len(ids) > MAX_ITEMS_SHOWN else ""
    return f"{' '.join(list(ids)[:MAX_ITEMS_SHOWN])}{more}"


def _explain(message: "MessageTypeDef") -> tuple[str, str, str]:
    """Return reason, message and remedy.

    They come from the function. If EventBridge could not put the event into the request queue, they come from
    EventBridge (EventBridge User Guide, "Using dead-letter queues to process undelivered events").
    """
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    if "reason" not in attributes and "ERROR_CODE" in attributes:
        rule = attributes.get("RULE_ARN", "of the request queue")
        remedy = f"EventBridge could not deliver the event. Correct the rule {rule}, then send the message again."
        return attributes["ERROR_CODE"], attributes.get("ERROR_MESSAGE", ""), remedy
    return attributes.get("reason", "not told"), attributes.get("message", ""), attributes.get("remedy", "")


def redrive(sqs: "SQSClient", failures_url: str, requests_url: str, reason: str = "") -> int:
    """Move messages from the failure queue to the request queue. Return the number of messages that remain.

    With a reason, only messages with this reason are moved. Without a reason, all messages are moved except those that
    would certainly fail again. Messages that another reader has received stay in the failure queue. So do messages that
    fail again during this call. If this program ends after it sends a message and before it deletes it, the request is
    processed twice, which is harmless.
    """
    moved, skipped = 0, []
    # Stop at the number of messages at the start, because messages that fail again return to the queue during the loop.
    for message in islice(_receive(sqs, failures_url), _count(sqs, failures_url)):
        its_reason = _explain(message)[0]
        if its_reason != reason if reason else its_reason == RequestInvalid.reason:
            skipped.append(message)
            continue
        sqs.send_message(QueueUrl=requests_url, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    _release(sqs, failures_url, skipped)
    print_line(f"{format_count(moved, 'message')} sent again.")
    if skipped:
        count = format_count(len(skipped), "message")
        print_line(
            f"{count} with another reason skipped."
            if reason
            else f"{count} with reason {RequestInvalid.reason} skipped, because such requests fail again."
        )
    return _report_left(sqs, failures_url)


def drop(sqs: "SQSClient", failures_url: str, reason: str, *, confirmed: bool) -> int:
    """Delete the messages with this reason. Ask first unless `confirmed`. Return the number of messages left."""
    messages = list(_receive(sqs, failures_url))
    chosen = [each for each in messages if _explain(each)[0] == reason]
    _release(sqs, failures_url, (each for each in messages if each not in chosen))
    if chosen and not confirmed:
        items = _format_items(chosen)
        question = f"Delete {format_count(len(chosen), 'message')} with reason {reason} permanently"
        sys.stderr.write(replace_unprintable(f"{question}{items and f', items {items}'}? [y/N] "))
        sys.stderr.flush()
        confirmed = sys.stdin.readline().strip().casefold() in {"y", "yes"}
    if not confirmed:
        _release(sqs, failures_url, chosen)
        chosen = []
    for each in chosen:
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=each["ReceiptHandle"])
    print_line(f"{format_count(len(chosen), 'message')} deleted.")
    return _report_left(sqs, failures_url)


def _report_left(sqs: "SQSClient", url: str) -> int:
    left = _count(sqs, url)
    if left:
        print_line(
            f"{format_count(left, 'message')} left in the failure queue. Messages that another reader received can "
            f"be sent again after {HIDDEN_SECONDS} s."
        )
    return left


def _count(sqs: "SQSClient", url: str) -> int:
    """Return the number of messages that SQS counts, including hidden messages."""
    names: list[QueueAttributeNameType] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counted[name]) for name in names)


def _receive(sqs: "SQSClient", url: str) -> Iterator["MessageTypeDef"]:
    """Yield each message in the queue once. The queue hides each message for HIDDEN_SECONDS.

    After that time the queue returns the first messages again. This ends when the queue returns only such messages.
    """
    seen: set[str] = set()
    while True:
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=1,
        ).get("Messages", [])
        new = [message for message in found if message["MessageId"] not in seen]
        if not new:
            return
        seen.update(message["MessageId"] for message in new)
        yield from new


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the failure queue is empty now, 1 if it contains messages, 2 if it could not be read."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.failures",
        description="Show failed backup requests by reason, send them again, or delete them.",
        epilog="Exit status: 0 if the failure queue is empty now, 1 if messages are left, 2 if it could not be read.",
    )
    action = parser.add_mutually_exclusive_group()
    again = f"send the messages with this reason again; without REASON, all messages except {RequestInvalid.reason}"
    action.add_argument("--again", nargs="?", const="", metavar="REASON", help=again)
    action.add_argument("--drop", metavar="REASON", help="delete the messages with this reason, after asking")
    parser.add_argument("--yes", action="store_true", help="with --drop: delete without asking")
    parser.add_argument("--stack-name", default=DEFAULT_STACK_NAME, metavar="NAME", help="[%(default)s]")
    options = parser.parse_args(arguments)
    try:
        stack = Stack(options.stack_name)
        failures_url, sqs = stack.output("FailureQueue"), boto3.client("sqs")
        if options.again is not None:
            return int(redrive(sqs, failures_url, stack.output("RequestQueue"), options.again) > 0)
        if options.drop is not None:
            return int(drop(sqs, failures_url, options.drop, confirmed=options.yes) > 0)
        return int(show(sqs, failures_url) > 0)
    except REPORTED_ERRORS as error:
        print_error(describe_error(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
