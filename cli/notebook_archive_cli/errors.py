"""Define the errors that a command reports, and its exit statuses."""

from enum import IntEnum
from typing import Any


class ExitStatus(IntEnum):
    """The exit statuses of the command. Status 2 (usage) is also click's."""

    GOOD = 0
    # A defect in this program.
    DEFECT = 1
    USAGE = 2
    # The command did its work, and the result is bad: damage, an incomplete run, a failed proof.
    FINDING = 3
    # AWS or ArcGIS denied access, or the user is signed out.
    DENIED = 4
    NOT_FOUND = 5
    # The same command may succeed later.
    UNAVAILABLE = 6
    INTERRUPTED = 130
    # The program that reads the output, such as `head`, has ended. A shell reports this status for such a program.
    OUTPUT_CLOSED = 141


class CommandError(Exception):
    """A command cannot complete.

    `reason` is a short name with hyphens, as in `docs/errors.md`. `remedy` says what to do next. `command` is the next
    command to run, and works as printed. It is empty if no command helps. No text contains a secret.
    """

    def __init__(self, reason: str, message: str, *, remedy: str, command: str = "", status: ExitStatus) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy
        self.command = command
        self.status = status

    def document(self) -> dict[str, Any]:
        """Return the object that `--json` prints on standard error."""
        return {"reason": self.reason, "message": str(self), "remedy": self.remedy, "command": self.command}


class NotConfirmed(CommandError):
    """The user was asked on the terminal, and did not say yes."""

    def __init__(self) -> None:
        super().__init__("not-confirmed", "Nothing was changed.", remedy="", status=ExitStatus.INTERRUPTED)


class FunctionFailed(Exception):
    """A function of the stack failed.

    `kind` is the name of the error's class, such as `SessionOpen` (`docs/errors.md`).
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
