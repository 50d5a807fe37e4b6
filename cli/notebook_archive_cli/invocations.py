"""Invoke functions of the stack that change something, so that a lost response can be asked for again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.exceptions import ClientError, HTTPClientError

from notebook_archive import errors
from notebook_archive.errors import NotebookArchiveError
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.session import FunctionFailed, Session

# Lambda did not begin the invocation, and the same one may succeed later.
_BUSY = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "ServiceException", "EC2ThrottledException", "ThrottledException"}
)
_STATUSES: Mapping[type[NotebookArchiveError], ExitStatus] = {
    errors.RestoreInputInvalid: ExitStatus.USAGE,
    errors.RestoreIdTaken: ExitStatus.USAGE,
    errors.SnapshotNameTaken: ExitStatus.USAGE,
    errors.SnapshotUnsendable: ExitStatus.USAGE,
    errors.VersionMissing: ExitStatus.NOT_FOUND,
    errors.OwnerMissing: ExitStatus.NOT_FOUND,
    errors.ItemMissing: ExitStatus.NOT_FOUND,
    errors.RestoreUnknown: ExitStatus.NOT_FOUND,
    errors.SecretMissing: ExitStatus.NOT_FOUND,
    errors.RestoreForbidden: ExitStatus.DENIED,
    errors.SessionOpen: ExitStatus.UNAVAILABLE,
    errors.SessionsUnknown: ExitStatus.UNAVAILABLE,
}


@dataclass(frozen=True)
class Remedy:
    """What to do about an error, and the command that does it."""

    text: str
    command: str


def invoke_function(
    session: Session,
    output: str,
    event: Mapping[str, Any],
    *,
    what: str,
    repeat: str,
    remedies: Callable[[], Mapping[str, Remedy]],
) -> dict[str, Any]:
    """Invoke the function that an output of the stack names, and return its answer.

    `what` names the work, such as `restore flood-model-1`. It is empty if the invocation only reads. `repeat` is the
    command that asks for the same work again, which is done once. Raise CommandError if the function failed, with the
    remedy for the error's class, or if its answer did not arrive.
    """
    try:
        return session.invoke(output, dict(event))
    except FunctionFailed as error:
        raise describe_failure(error, remedies(), what, repeat) from error
    except KeyboardInterrupt:
        _raise_interrupted(what, repeat)
    except HTTPClientError as error:
        raise _describe_lost(what, repeat, "AWS did not respond in time, or the connection was lost.") from error
    except ClientError as error:
        if error.response["Error"].get("Code") not in _BUSY:
            raise
        raise CommandError(
            "aws-throttled",
            "AWS does not start the function now, because too many are running. Nothing was changed.",
            remedy="Run the next command in a minute.",
            command=repeat,
            status=ExitStatus.UNAVAILABLE,
        ) from error


def describe_failure(
    error: FunctionFailed, remedies: Mapping[str, Remedy], what: str, repeat: str
) -> CommandError | FunctionFailed:
    """Return what to report if a function failed. An error without a remedy here is returned as it is."""
    kind = getattr(errors, error.kind, None)
    if kind is None:
        # Lambda ended the function, or it has a defect. `Sandbox.Timedout` is an example.
        if "." not in error.kind:
            return error
        return _describe_lost(what, repeat, f"AWS ended the function: {error.kind}.")
    if error.kind not in remedies:
        return error
    remedy = remedies[error.kind]
    message = str(error).removesuffix(kind.remedy).strip()
    status = _STATUSES.get(kind, ExitStatus.FINDING)
    return CommandError(kind.reason, message, remedy=remedy.text, command=remedy.command, status=status)


def _raise_interrupted(what: str, repeat: str) -> NoReturn:
    if not what:
        raise KeyboardInterrupt
    raise CommandError(
        "interrupted",
        f"The {what} goes on in AWS.",
        remedy="The next command waits for its end, and shows its result. It does nothing twice.",
        command=repeat,
        status=ExitStatus.INTERRUPTED,
    ) from None


def _describe_lost(what: str, repeat: str, message: str) -> CommandError:
    if not what:
        remedy = "Run the same command again."
        return CommandError("aws-unavailable", message, remedy=remedy, command=repeat, status=ExitStatus.UNAVAILABLE)
    return CommandError(
        "result-unknown",
        f"{message} It is not known whether the {what} has ended.",
        remedy="Run the next command in a few minutes. It shows the result, or completes the work. It does nothing "
        "twice.",
        command=repeat,
        status=ExitStatus.UNAVAILABLE,
    )
