"""Shows the backups that events asked for and that could not be made, by reason; drives them again.

.venv/bin/python -m scripts.failures [--again] [--stack-name NAME]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from scripts.stack import TROUBLE, Stack, sentence, shown

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HELD_SECONDS = 120
"""For which a message that is looked at is hidden from others who look."""


def show(sqs: "SQSClient", failures_url: str) -> int:
    """Print what the failure queue holds, by reason; return how many messages that is."""
    counted: Counter[tuple[str, str, str]] = Counter()
    seen: dict[str, str] = {}
    for message in _messages(sqs, failures_url):
        counted[_told(message)] += 1
        seen[message["MessageId"]] = message["ReceiptHandle"]
    for receipt in seen.values():
        with suppress(ClientError):  # it was looked at for so long that it is there again by itself
            sqs.change_message_visibility(QueueUrl=failures_url, ReceiptHandle=receipt, VisibilityTimeout=0)
    table = Table("messages", "reason", "what happened", "what to do", box=None)
    for (reason, text, remedy), count in counted.most_common():
        table.add_row(str(count), shown(reason), shown(text), shown(remedy))
    Console(width=160).print(table if counted else "The failure queue is empty.")
    return counted.total()


def _told(message: "MessageTypeDef") -> tuple[str, str, str]:
    """Return reason, message and remedy: the function's own, or of EventBridge where that could not even queue the
    event (EventBridge User Guide, "Using dead-letter queues to process undelivered events")."""
    told = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    if "reason" not in told and "ERROR_CODE" in told:
        remedy = f"EventBridge could not deliver it. Put {told.get('RULE_ARN', 'its rule')} right, then drive it again."
        return told["ERROR_CODE"], told.get("ERROR_MESSAGE", ""), remedy
    return told.get("reason", "not told"), told.get("message", ""), told.get("remedy", "")


def drive_again(sqs: "SQSClient", failures_url: str, requests_url: str) -> int:
    """Send each message of the failure queue to the request queue, then delete it there; return how many are left.

    Left are those that are hidden because somebody looks at them, and those that failed again meanwhile.  One that is
    sent and not deleted, because this program was ended between the two, comes twice, which is harmless.
    """
    moved = 0
    # No more than were there at first: what fails at once comes back while this goes on.
    for message in islice(_messages(sqs, failures_url), _held(sqs, failures_url)):
        sqs.send_message(QueueUrl=requests_url, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    left = _held(sqs, failures_url)
    more = f" {left} left; what somebody looks at can be driven again {HELD_SECONDS} s later." if left else ""
    Console(width=160).print(shown(f"{moved} driven again.{more}"))
    return left


def _held(sqs: "SQSClient", url: str) -> int:
    """Return how many messages there are, hidden ones included, as SQS counts them."""
    names: list[QueueAttributeNameType] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counted[name]) for name in names)


def _messages(sqs: "SQSClient", url: str) -> Iterator["MessageTypeDef"]:
    """Yield the messages that are there now, each once; each stays hidden for HELD_SECONDS.

    Whoever needs longer for all of them meets the first ones again.  Where only such come, this ends.
    """
    seen: set[str] = set()
    while True:
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=HELD_SECONDS,
            WaitTimeSeconds=1,
        ).get("Messages", [])
        fresh = [message for message in found if message["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from fresh


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the failure queue is empty now, 1 if it holds something, 2 with the reason on standard error if it
    could not be looked at."""
    parser = argparse.ArgumentParser(description="Backups that events asked for and that could not be made.")
    parser.add_argument("--again", action="store_true", help="drive them again")
    parser.add_argument("--stack-name", default="notebook-archive")
    options = parser.parse_args(arguments)
    try:
        stack = Stack(options.stack_name)
        failures_url, sqs = stack.output("FailureQueue"), boto3.client("sqs")
        if options.again:
            return int(drive_again(sqs, failures_url, stack.output("RequestQueue")) > 0)
        return int(show(sqs, failures_url) > 0)
    except TROUBLE as error:
        Console(stderr=True, width=200).print(shown(sentence(error)))
        return 2


if __name__ == "__main__":
    sys.exit(main())
