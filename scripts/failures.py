"""Shows the backups that events asked for and that could not be made, by reason; drives them again.

.venv/bin/python -m scripts.failures [--again] [--stack-name NAME]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import boto3
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HELD_SECONDS = 120
"""For which a message that is looked at is hidden from others who look."""


def show(sqs: "SQSClient", failures_url: str) -> int:
    """Print what the failure queue holds, by reason; return how many messages that is."""
    counted: Counter[tuple[str, str, str]] = Counter()
    seen: dict[str, str] = {}
    for message in _messages(sqs, failures_url):
        told = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
        counted[told.get("reason", "not told"), told.get("message", ""), told.get("remedy", "")] += 1
        seen[message["MessageId"]] = message["ReceiptHandle"]
    for receipt in seen.values():
        sqs.change_message_visibility(QueueUrl=failures_url, ReceiptHandle=receipt, VisibilityTimeout=0)
    table = Table("messages", "reason", "what happened", "what to do", box=None)
    for (reason, text, remedy), count in counted.most_common():
        table.add_row(str(count), reason, text, remedy)
    Console(width=160).print(table if counted else "The failure queue is empty.")
    return counted.total()


def drive_again(sqs: "SQSClient", failures_url: str, requests_url: str) -> int:
    """Send each message of the failure queue to the request queue, then delete it there; return how many.

    One that is sent and not deleted, because this program was ended between the two, comes twice, which is harmless.
    """
    moved = 0
    counted = sqs.get_queue_attributes(QueueUrl=failures_url, AttributeNames=["ApproximateNumberOfMessages"])
    there = int(counted["Attributes"]["ApproximateNumberOfMessages"])
    # No more than were there at first: what fails at once comes back while this goes on.
    for message in islice(_messages(sqs, failures_url), there):
        sqs.send_message(QueueUrl=requests_url, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    Console().print(f"{moved} driven again.")
    return moved


def _messages(sqs: "SQSClient", url: str) -> Iterator["MessageTypeDef"]:
    """Yield the messages that are there now; each stays hidden for HELD_SECONDS."""
    while True:
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=HELD_SECONDS,
            WaitTimeSeconds=1,
        ).get("Messages", [])
        if not found:
            return
        yield from found


def main() -> int:
    """Return 0 if the failure queue is empty now, 1 if it holds something."""
    parser = argparse.ArgumentParser(description="Backups that events asked for and that could not be made.")
    parser.add_argument("--again", action="store_true", help="drive them again")
    parser.add_argument("--stack-name", default="notebook-archive")
    options = parser.parse_args()
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=options.stack_name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    sqs = boto3.client("sqs")
    if options.again:
        drive_again(sqs, outputs["FailureQueue"], outputs["RequestQueue"])
        return 0
    return int(show(sqs, outputs["FailureQueue"]) > 0)


if __name__ == "__main__":
    sys.exit(main())
