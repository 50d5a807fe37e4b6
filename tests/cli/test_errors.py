"""Provoke errors, and do what they say: each has a remedy, and its next command works."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError, SSLError

from notebook_archive import errors
from notebook_archive_cli.errors import CommandError, ExitStatus, FunctionFailed
from notebook_archive_cli.options import Options
from notebook_archive_cli.translation import translate_error
from tests.cli.archived import Archived, make_id
from tests.cli.aws_commands import run_aws
from tests.cli.conftest import MAX_COLUMNS, MotoStack, Run, columns_of
from tests.cli.functions import Body, Failure, Functions, Refusal, answered, respond
from tests.cli.parsing import parse_arguments
from tests.cli.test_restores import restored, undone
from tests.docs.test_names import TARGETS

# Commands of the AWS CLI that are not operations of a service. They read files of this machine, or follow a log.
OF_THE_AWS_CLI = {("configure", "list"), ("configure", "list-profiles"), ("logs", "tail")}
RIVERS = make_id("Rivers")


@dataclass
class World:
    """What a case may change: the archive, the stack, the functions, and the folder of the call."""

    archived: Archived
    stack: MotoStack
    functions: Functions
    folder: Path
    faults: ExitStack
    monkeypatch: pytest.MonkeyPatch


@pytest.fixture
def world(stack: MotoStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    archived = Archived(stack)
    archived.add_snapshot("Rivers", "one")
    archived.add_snapshot("Rivers", "two", created="2025-01-02T10:00:01.000Z")
    archived.add_snapshot("Lakes", "one")
    archived.add_run(["Rivers", "Lakes"])
    archived.add_snapshot("Lakes of Ben", "one")
    archived.add_item("Lakes of Ben", "Lakes", "ben")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    functions = Functions({stack.outputs["RestoreNotebookFunction"]: restored})
    functions.handlers[stack.outputs["UndoRestoreFunction"]] = undone
    with answered(lambda_Invoke=functions.invoke), ExitStack() as faults:
        yield World(archived, stack, functions, tmp_path, faults, monkeypatch)


def check_error(error: CommandError) -> None:
    """Check that an error says what to do, and that its next command can be called."""
    assert str(error).strip()
    assert error.remedy.strip() or error.status == ExitStatus.INTERRUPTED
    # The words of the functions' requests mean nothing to somebody who calls the command.
    assert '"' not in error.remedy
    program, *words = shlex.split(error.command)
    if program == "notebook-archive":
        parse_arguments(words)
    else:
        assert program in {"aws", "make"}


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "NotebookArchiveError"])
@pytest.mark.parametrize("is_of_function", [False, True])
def test_error_of_the_package_is_no_defect(name: str, *, is_of_function: bool) -> None:
    kind = getattr(errors, name)
    error = FunctionFailed(name, f"It failed. {kind.remedy}") if is_of_function else kind("It failed.")
    reported = translate_error(error, Options(arguments=("list",)))
    check_error(reported)
    assert str(reported) == "It failed."
    assert reported.reason == kind.reason
    assert reported.status not in {ExitStatus.GOOD, ExitStatus.DEFECT}


@pytest.mark.parametrize(
    ("code", "http_status", "reason", "status"),
    [
        ("AccessDenied", 403, "aws-denied", 4),
        ("AccessDeniedException", 400, "aws-denied", 4),
        ("403", 403, "aws-denied", 4),
        ("ExpiredToken", 400, "signed-out", 4),
        ("ExpiredTokenException", 400, "signed-out", 4),
        ("InvalidClientTokenId", 403, "signed-out", 4),
        ("RequestTimeTooSkewed", 403, "clock-wrong", 4),
        ("NoSuchBucket", 404, "aws-resource-missing", 5),
        ("404", 404, "aws-resource-missing", 5),
        ("ResourceNotFoundException", 400, "aws-resource-missing", 5),
        ("StateMachineDoesNotExist", 400, "aws-resource-missing", 5),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, "aws-resource-missing", 5),
        ("SlowDown", 503, "aws-unavailable", 6),
        ("ThrottlingException", 400, "aws-unavailable", 6),
        ("Strange", 500, "aws-unavailable", 6),
        ("ValidationException", 400, "defect", 1),
    ],
)
def test_code_of_aws_decides_the_status(code: str, http_status: int, reason: str, status: int) -> None:
    response: Any = {
        "Error": {"Code": code, "Message": "secret text of another system"},
        "ResponseMetadata": {"HTTPStatusCode": http_status},
    }
    error = translate_error(ClientError(response, "GetObject"), Options(arguments=("list",)))
    check_error(error)
    assert (error.reason, error.status) == (reason, status)
    assert "GetObject" in str(error) or status == 4
    assert "secret text" not in str(error.document())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoCredentialsError(), "signed-out"),
        (EndpointConnectionError(endpoint_url="https://s3"), "aws-unavailable"),
        (ReadTimeoutError(endpoint_url="https://s3"), "aws-unavailable"),
        (SSLError(endpoint_url="https://s3", error=ValueError()), "aws-certificate-untrusted"),
        (ZeroDivisionError("secret text"), "defect"),
    ],
)
def test_failed_call_has_a_next_command(error: Exception, reason: str) -> None:
    reported = translate_error(error, Options(arguments=("list",)))
    check_error(reported)
    assert reported.reason == reason
    assert "secret text" not in str(reported.document())


def test_denied_action_is_named() -> None:
    text = "User: arn:aws:iam::123456789012:user/ana is not authorized to perform: lambda:InvokeFunction on resource: x"
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": text}, "ResponseMetadata": {}}
    error = translate_error(ClientError(response, "Invoke"), Options(profile="gis"))
    assert str(error) == "AWS denied lambda:InvokeFunction."
    assert error.command == "aws sts get-caller-identity --profile gis"


def respond_with(code: str, status: int) -> Callable[..., AWSResponse]:
    """Return a function that lets AWS respond with an error in XML."""

    def respond(**_: Any) -> AWSResponse:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
        return AWSResponse("https://aws", status, HTTPHeaders(), Body(body.encode()))

    return respond


def respond_with_s3(code: str, status: int) -> Callable[..., AWSResponse]:
    def respond(**_: Any) -> AWSResponse:
        body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>"
        return AWSResponse("https://s3", status, HTTPHeaders(), Body(body.encode()))

    return respond


def fault(**handlers: Any) -> Callable[[World], None]:
    """Return a preparation that lets AWS fail until the error was reported."""
    return lambda world: world.faults.enter_context(answered(**handlers))


def fail(name: str, answer: Any) -> Callable[[World], None]:
    """Return a preparation that lets a function fail until the error was reported."""

    def prepare(world: World) -> None:
        function = world.stack.outputs[name]
        world.faults.callback(world.functions.handlers.__setitem__, function, world.functions.handlers[function])
        world.functions.returns(function, answer)

    return prepare


def lose_output(name: str) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        del world.stack.outputs[name]
        world.stack.deploy()

    return prepare


def damage(world: World) -> None:
    for key in world.archived.archive.list_keys(f"notebooks/{RIVERS}/snapshots/"):
        world.archived.damage(key)


def leave_files(world: World) -> None:
    (world.folder / "there.ipynb").write_text("{}")


def forget_credentials(world: World) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        world.monkeypatch.delenv(name)
    world.monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def forget_region(world: World) -> None:
    world.monkeypatch.delenv("AWS_DEFAULT_REGION")


def switch_webhooks_off(world: World) -> None:
    world.stack.parameters["WebhookSecret"] = ""
    del world.stack.outputs["WebhookUrl"]
    world.stack.deploy()


def nothing(_: World) -> None:
    pass


RESTORE = ("restore", "Rivers@latest", "--yes")
CASES: dict[str, tuple[tuple[str, ...], Callable[[World], None], str, int]] = {
    "unknown command": (("verson",), nothing, "usage", 2),
    "unknown command without a similar one": (("xyz",), nothing, "usage", 2),
    "unknown command of a group": (("owners", "lst"), nothing, "usage", 2),
    "unknown option": (("list", "--tilte", "x"), nothing, "usage", 2),
    "missing argument": (("versions",), nothing, "usage", 2),
    "argument too much": (("versions", "Rivers", "Lakes"), nothing, "usage", 2),
    "option without a value": (("list", "--owner"), nothing, "usage", 2),
    "wrong choice": (("restore", "Rivers@latest", "--as", "copy"), nothing, "usage", 2),
    "wrong number": (("restore-test", "--count", "few"), nothing, "usage", 2),
    "unknown shell": (("completion", "tcsh"), nothing, "usage", 2),
    "nothing to restore": (("restore",), nothing, "usage", 2),
    "nothing to get": (("get",), nothing, "usage", 2),
    "item without a version": (("show", "Rivers@"), nothing, "not-a-version", 2),
    "unknown title": (("versions", "Rivres"), nothing, "item-not-found", 5),
    "unknown id": (("versions", make_id("none")), nothing, "item-not-found", 5),
    "ambiguous title": (("versions", "Lakes"), nothing, "ambiguous-item", 2),
    "unknown item of a run": (("run", "Rivres"), nothing, "item-not-found", 5),
    "unknown key": (("show", "Rivers@snapshot-none"), nothing, "version-missing", 5),
    "day before the first version": (("show", "Rivers@2001-01-01"), nothing, "version-missing", 5),
    "more versions back than there are": (("show", "Rivers@-9"), nothing, "version-missing", 5),
    "ambiguous key": (("show", "Rivers@snapshot-"), nothing, "ambiguous-version", 2),
    "unknown second version": (("diff", "Rivers@latest", "Rivers@-9"), nothing, "version-missing", 5),
    "file that exists": (("get", "Rivers@latest", "-o", "there.ipynb"), leave_files, "file-exists", 2),
    "damaged version": (("show", f"{RIVERS}@-1"), damage, "archive-damaged", 3),
    "unknown run": (("report", "none"), nothing, "run-not-found", 5),
    "unknown finding": (("acknowledge", "none", "--why", "known", "--yes"), nothing, "finding-not-found", 5),
    "unknown owner": (("owners", "remove", "nobody", "--yes"), nothing, "owner-not-found", 5),
    "missing credential file": (
        ("owners", "add", "ana", "--credential", "none.json"), nothing, "credential-malformed", 2,
    ),
    "restore without a yes": (("restore", "Rivers@latest"), nothing, "not-confirmed", 2),
    "unknown restore": (
        ("undo", "none", "--yes"),
        fail("UndoRestoreFunction", Failure("RestoreUnknown", "There is no restore.")),
        "restore-unknown",
        5,
    ),
    "open notebook": (
        RESTORE, fail("RestoreNotebookFunction", Failure("SessionOpen", "ana has it open.")), "session-open", 6,
    ),
    "missing credential of a restore": (
        RESTORE, fail("RestoreNotebookFunction", Failure("RestoreForbidden", "No secret.")), "restore-forbidden", 4,
    ),
    "function without time": (
        RESTORE, fail("RestoreNotebookFunction", Failure("Sandbox.Timedout", "Timed out.")), "timed-out", 6,
    ),
    "busy Lambda": (
        RESTORE, fail("RestoreNotebookFunction", Refusal(429, "TooManyRequestsException")), "aws-unavailable", 6,
    ),
    "missing stack": (("list", "--stack", "none"), nothing, "stack-missing", 5),
    "earlier release": (("list",), lose_output("ArchiveBucket"), "stack-outdated", 5),
    "no secret of the webhook": (("webhook", "list"), nothing, "secret-missing", 5),
    "no webhooks": (("webhook", "create"), switch_webhooks_off, "webhooks-off", 5),
    "no local system": (("list", "--local"), nothing, "local-system-missing", 6),
    "unknown profile": (("list", "--profile", "none"), nothing, "profile-wrong", 2),
    "no region": (("list",), forget_region, "region-wrong", 2),
    "no credentials": (("list",), forget_credentials, "signed-out", 4),
    "expired credentials": (
        ("list",), fault(cloudformation_DescribeStacks=respond_with("ExpiredToken", 403)), "signed-out", 4,
    ),
    "stack denied": (
        ("list",), fault(cloudformation_DescribeStacks=respond_with("AccessDenied", 403)), "aws-denied", 4,
    ),
    "bucket denied": (("list",), fault(s3_ListObjectsV2=respond_with_s3("AccessDenied", 403)), "archive-denied", 4),
    "deleted bucket": (("list",), fault(s3_ListObjectsV2=respond_with_s3("NoSuchBucket", 404)), "archive-denied", 4),
    "wrong clock": (
        ("list",), fault(cloudformation_DescribeStacks=respond_with("RequestTimeTooSkewed", 403)), "clock-wrong", 4,
    ),
    "run denied": (
        ("run", "--no-wait", "--yes"),
        fault(stepfunctions_StartExecution=lambda **_: respond({"__type": "AccessDeniedException"}, status=400)),
        "aws-denied",
        4,
    ),
}  # fmt: skip


# One of each kind. `make soak` provokes the others.
SHORT = {
    "unknown command", "unknown command of a group", "option without a value", "unknown title", "ambiguous title",
    "unknown key", "damaged version", "open notebook", "missing stack", "expired credentials",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "prepare", "reason", "status"),
    [pytest.param(*case, id=name, marks=[] if name in SHORT else pytest.mark.soak) for name, case in CASES.items()],
)
def test_error_names_a_command_that_works(
    run: Run,
    world: World,
    arguments: tuple[str, ...],
    prepare: Callable[[World], None],
    reason: str,
    status: int,
) -> None:
    prepare(world)
    printed = run(*arguments)
    assert printed.stdout == ""
    assert columns_of(printed.stderr) <= MAX_COLUMNS or any(len(word) > 40 for word in printed.stderr.split())
    result = run("--json", *arguments)
    error = result.error
    assert (error["reason"], result.status) == (reason, status)
    assert error["message"]
    assert error["remedy"]
    # What the remedy says is done now: the network works again.
    world.faults.close()
    follow(run, error["command"])


def follow(run: Run, line: str) -> None:
    """Run the next command of an error. It must work, or say why something is wrong."""
    program, *words = shlex.split(line)
    if program == "make":
        assert words[0] in TARGETS
    elif program == "aws":
        if tuple(words[:2]) not in OF_THE_AWS_CLI:
            run_aws(line)
    else:
        assert program == "notebook-archive"
        # `doctor` calls ArcGIS, and tests/cli/test_doctor.py tests it.
        if words[0] == "doctor":
            parse_arguments(words)
            return
        # The executions of moto never end.
        words += ["--no-wait"] if words[0] in {"run", "verify"} else []
        result = run(*words)
        if "run the command again with --yes" in " ".join(result.stderr.split()):
            result = run(*words, "--yes")
        assert result.status in {ExitStatus.GOOD, ExitStatus.FINDING}
