"""Invoke functions of the stack that change something, so that a result that was lost can be read again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from notebook_archive_cli.errors import CommandError, ExitStatus, FunctionFailed
from notebook_archive_cli.session import Session
from notebook_archive_cli.translation import translate_error, translate_failure

# Lambda or the AWS SDK names these errors, not the function. The function may have been ended while it worked.
_ENDED = frozenset({"timed-out", "function-failed"})


@dataclass(frozen=True)
class Remedy:
    """What to do about an error, and the command that does it. `status` replaces that of the error's class."""

    text: str
    command: str
    status: ExitStatus | None = None


def invoke_function(
    session: Session,
    output: str,
    event: Mapping[str, Any],
    *,
    what: str,
    repeat: str,
    list_remedies: Callable[[str], Mapping[str, Remedy]],
) -> dict[str, Any]:
    """Invoke the function that an output of the stack names, and return its answer.

    `what` names the work, such as `restore flood-model-1`. It is empty if the invocation only reads. `repeat` is the
    command that asks for the same work again, which is done once. `list_remedies` returns the remedies for an error's
    message, by the names of the errors' classes. Raises CommandError if the function failed, or if its answer did not
    arrive.
    """
    try:
        return session.invoke(output, dict(event))
    except FunctionFailed as error:
        failure = translate_failure(error.kind, str(error), session.options)
        if failure.reason in _ENDED and what and "." in error.kind:
            raise _describe_lost(what, repeat, f"AWS ended the function ({error.kind}).") from error
        remedy = list_remedies(str(error)).get(error.kind)
        raise (_replace_remedy(failure, remedy) if remedy else failure) from error
    except KeyboardInterrupt:
        if not what:
            raise
        raise CommandError(
            "interrupted",
            f"The {what} goes on in AWS.",
            remedy="The next command waits until it has ended, and shows the result. It does nothing twice.",
            command=repeat,
            status=ExitStatus.INTERRUPTED,
        ) from None
    except (HTTPClientError, IncompleteReadError) as error:
        if not what:
            raise
        raise _describe_lost(what, repeat, "AWS did not respond, or the connection was lost.") from error
    except ClientError as error:
        failure = translate_error(error, session.options)
        if failure.status != ExitStatus.UNAVAILABLE or not what:
            raise
        raise _describe_lost(what, repeat, str(failure)) from error


def _replace_remedy(failure: CommandError, remedy: Remedy) -> CommandError:
    return CommandError(
        failure.reason, str(failure), remedy=remedy.text, command=remedy.command, status=remedy.status or failure.status
    )


def _describe_lost(what: str, repeat: str, message: str) -> CommandError:
    return CommandError(
        "result-unknown",
        f"{message} It is not known whether the {what} was carried out.",
        remedy="The next command shows its result, or carries it out. It does nothing twice.",
        command=repeat,
        status=ExitStatus.UNAVAILABLE,
    )
