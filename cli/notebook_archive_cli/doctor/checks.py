"""Define the result of a check."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["good", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    `message` says what was found. `fix` says how to correct it, and `command` is a command that does so, or helps to do
    so. Both are empty if there is nothing to correct. The state is `unknown` if this machine or the caller could not
    find out; then `message` says why. No text contains a secret.
    """

    name: str
    state: State
    message: str
    fix: str = ""
    command: str = ""

    def to_document(self) -> dict[str, str]:
        """Return the check as JSON."""
        return asdict(self)


def good(name: str, message: str) -> Check:
    """Return a check that found nothing to correct."""
    return Check(name, "good", message)


def bad(name: str, message: str, fix: str, command: str = "") -> Check:
    """Return a check that found something to correct."""
    return Check(name, "bad", message, fix, command)


def unknown(name: str, message: str, fix: str = "", command: str = "") -> Check:
    """Return a check that could not find out. `message` says why."""
    return Check(name, "unknown", message, fix, command)


def format_json(document: object) -> str:
    """Return a JSON text for a command line, without spaces."""
    return json.dumps(document, separators=(",", ":"))
