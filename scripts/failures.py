"""Shows the backups that events asked for and that could not be made, by reason; drives them again, or drops them.

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
from rich.console import Console
from rich.table import Table

from notebook_archive.backup_requests.archive_requests import BackupRequest
from notebook_archive.errors import RequestInvalid
from scripts.stack import TROUBLE, Stack, printable, sentence, shown

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HELD_SECONDS = 120
"""For which a message that is looked at is hidden from others who look."""
SHOWN = 5
"""Items of a reason."""
WIDTH = 160


def show(sqs: "SQSClient", failures_url: str) -> int:
    """Print what the failure queue holds, by reason; return how many messages that is."""
    group_holdings: dict[tuple[str, str, str], list[MessageTypeDef]] = {}
    for message in _messages(sqs, failures_url):
        group_holdings.setdefault(_told(message), []).append(message)
    _show_again(sqs, failures_url, (each for messages in group_holdings.values() for each in messages))
    console, table = Console(width=WIDTH), Table("messages", "reason", "what happened", "what to do", box=None)
    groups = sorted(group_holdings.items(), key=lambda group: -len(group[1]))
    for told, messages in groups:
        table.add_row(str(len(messages)), *map(shown, told))
    console.print(table if groups else "The failure queue is empty.")
    for (reason, *_), messages in groups:
        console.print(shown(f"{reason}: {_since(messages)}{_attempts(messages)}{_items(messages)}"), soft_wrap=True)
    return sum(map(len, group_holdings.values()))


def _show_again(sqs: "SQSClient", url: str, messages: Iterable["MessageTypeDef"]) -> None:
    for each in messages:
        with suppress(ClientError):  # it was looked at for so long that it is there again by itself
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)


def _since(messages: Sequence["MessageTypeDef"]) -> str:
    first = min(int(each.get("Attributes", {}).get("SentTimestamp", 0)) for each in messages)
    return time.strftime("since %Y-%m-%d %H:%M UTC", time.gmtime(first / 1000))


def _attempts(messages: Sequence["MessageTypeDef"]) -> str:
    told = (each.get("MessageAttributes", {}) for each in messages)
    tries = max((each["attempts"].get("StringValue", "") for each in told if "attempts" in each), default="")
    return f", tried {tries} times" if tries else ""


def _items(messages: Sequence["MessageTypeDef"]) -> str:
    """Return the ids of the items that the messages ask for, some of them where they are many."""
    ids: dict[str, None] = {}
    for each in messages:
        with suppress(ValueError, RecursionError, RequestInvalid):
            ids |= dict.fromkeys(BackupRequest.of(json.loads(each["Body"])).item_ids)
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f", items {' '.join(list(ids)[:SHOWN])}{more}" if ids else ""


def _told(message: "MessageTypeDef") -> tuple[str, str, str]:
    """Return reason, message and remedy: the function's own, or of EventBridge where that could not even queue the
    event (EventBridge User Guide, "Using dead-letter queues to process undelivered events")."""
    told = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    if "reason" not in told and "ERROR_CODE" in told:
        remedy = f"EventBridge could not deliver it. Put {told.get('RULE_ARN', 'its rule')} right, then drive it again."
        return told["ERROR_CODE"], told.get("ERROR_MESSAGE", ""), remedy
    return told.get("reason", "not told"), told.get("message", ""), told.get("remedy", "")


def drive_again(sqs: "SQSClient", failures_url: str, requests_url: str, reason: str = "") -> int:
    """Send the messages of the failure queue, of this reason alone if it is given, to the request queue, then delete
    them there; return how many are left.

    Left are those that would fail again for certain, unless that is the reason given, those that are hidden because
    somebody looks at them, and those that failed again meanwhile.  One that is sent and not deleted, because this
    program was ended between the two, comes twice, which is harmless.
    """
    moved, passed = 0, []
    # No more than were there at first: what fails at once comes back while this goes on.
    for message in islice(_messages(sqs, failures_url), _held(sqs, failures_url)):
        its = _told(message)[0]
        if its != reason if reason else its == RequestInvalid.reason:
            passed.append(message)
            continue
        sqs.send_message(QueueUrl=requests_url, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    _show_again(sqs, failures_url, passed)
    kept = f" {len(passed)} passed over." if passed else ""
    return _left(sqs, failures_url, f"{moved} driven again.{kept}")


def drop(sqs: "SQSClient", failures_url: str, reason: str, *, sure: bool) -> int:
    """Delete the messages of this reason from the failure queue, after asking unless ``sure``; return how many are
    left."""
    messages = list(_messages(sqs, failures_url))
    doomed = [each for each in messages if _told(each)[0] == reason]
    _show_again(sqs, failures_url, (each for each in messages if each not in doomed))
    if doomed and not sure:
        sys.stderr.write(f"Delete {len(doomed)} of reason {printable(reason)} for good{_items(doomed)}? [y/N] ")
        sys.stderr.flush()
        sure = sys.stdin.readline().strip().casefold() in {"y", "yes"}
    if not sure:
        _show_again(sqs, failures_url, doomed)
        doomed = []
    for each in doomed:
        sqs.delete_message(QueueUrl=failures_url, ReceiptHandle=each["ReceiptHandle"])
    return _left(sqs, failures_url, f"{len(doomed)} dropped.")


def _left(sqs: "SQSClient", url: str, done: str) -> int:
    left = _held(sqs, url)
    more = f" {left} left; what somebody looks at can be driven again {HELD_SECONDS} s later." if left else ""
    Console(width=WIDTH).print(shown(f"{done}{more}"))
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
            MessageSystemAttributeNames=["SentTimestamp"],
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
    what = parser.add_mutually_exclusive_group()
    again = f"drive them again, all but {RequestInvalid.reason}, or those of this reason alone"
    what.add_argument("--again", nargs="?", const="", metavar="REASON", help=again)
    what.add_argument("--drop", metavar="REASON", help="delete those of this reason, which will never work")
    parser.add_argument("--yes", action="store_true", help="with --drop: do not ask")
    parser.add_argument("--stack-name", default="notebook-archive")
    options = parser.parse_args(arguments)
    try:
        stack = Stack(options.stack_name)
        failures_url, sqs = stack.output("FailureQueue"), boto3.client("sqs")
        if options.again is not None:
            return int(drive_again(sqs, failures_url, stack.output("RequestQueue"), options.again) > 0)
        if options.drop is not None:
            return int(drop(sqs, failures_url, options.drop, sure=options.yes) > 0)
        return int(show(sqs, failures_url) > 0)
    except TROUBLE as error:
        Console(stderr=True, width=200).print(shown(sentence(error)))
        return 2


if __name__ == "__main__":
    sys.exit(main())
