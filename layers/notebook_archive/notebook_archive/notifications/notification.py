"""Define what is sent to people: a notification about one failure, and the digest."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from notebook_archive.models import replace_unprintable

# Maximum number of owners and notebooks that a notification names.
MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about one failure, or about the end of one.

    `key` names the failure, so that it is reported once. `subject` and the sentence `what` say what failed, and `since`
    says since when. `concerns` names owners and notebooks, one on a line. `cause` says why, and `remedy` what to do.
    `command` is one line that works as it is pasted. `more` names the page of the documents to read.
    """

    key: str
    subject: str
    what: str
    since: datetime
    concerns: tuple[str, ...]
    cause: str
    remedy: str
    command: str
    more: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A summary of the archive's state. `rows` are labels with their sentences."""

    key: str
    subject: str
    rows: tuple[tuple[str, str], ...]
    command: str
    more: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack that a message is about. Commands name it and its region."""

    name: str
    region: str

    def command(self, words: str) -> str:
        """Return the command line that runs `notebook-archive` with these words for this stack."""
        return f"notebook-archive {words} --stack {shlex.quote(self.name)} --region {shlex.quote(self.region)}"

    def aws_command(self, words: str) -> str:
        """Return the command line that runs the AWS CLI with these words in the region of this stack."""
        return f"aws {words} --region {shlex.quote(self.region)}"


def format_time(moment: datetime) -> str:
    """Return a time to the minute, such as `2026-11-22 02:14 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 notebook`, `1,200 notebooks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def list_first(lines: Iterable[str], noun: str, total: int | None = None) -> tuple[str, ...]:
    """Return the first MAX_NAMED lines, and how many more there are. `total` is the number of all, if known.

    A line break in a title does not begin another line.
    """
    listed: Sequence[str] = list(lines)
    more = max(total or 0, len(listed)) - MAX_NAMED
    return tuple(map(replace_unprintable, listed[:MAX_NAMED])) + (
        (f"and {format_count(more, f'more {noun}')}",) if more > 0 else ()
    )
