"""Start and follow the executions of the state machines: runs, verifications and bulk restores."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from notebook_archive.archive import RunId, keys
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.executions.caught_error import describe_caught_error
from notebook_archive_cli import documents
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.output import Output
from notebook_archive_cli.translation import translate_error

# The time between two checks of an execution grows from the first value to the second.
FIRST_POLL_SECONDS = 0.5
LAST_POLL_SECONDS = 5.0
# Step Functions and a report may round the start of an execution in different ways.
_SAME_START_SECONDS = 60
# If standard error is not a terminal, a line is written in this interval.
LINE_SECONDS = 10.0
# Maximum number of characters in a name of an execution.
MAX_NAME = 80
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}")


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A state machine of the stack.

    `output` is the stack's output with its ARN. The keys of its executions' objects begin with `prefix`. `kind` is the
    value of the option `--kind`, `noun` is what people call one execution, and `work` is what its batches do.
    """

    output: str
    prefix: str
    kind: str
    noun: str
    work: str


RUNS = StateMachine("StateMachine", keys.RUNS, "run", "run", "Archiving")
VERIFICATIONS = StateMachine(
    "VerificationStateMachine", keys.VERIFICATIONS, "verification", "verification", "Verifying"
)
BULK_RESTORES = StateMachine("RestoreStateMachine", keys.BULK_RESTORES, "restore", "bulk restore", "Restoring")
# The state machine also makes the plan of a bulk restore, and changes nothing then.
BULK_RESTORE_PLANS = replace(BULK_RESTORES, noun="planning of the bulk restore", work="Planning")
STATE_MACHINES = (RUNS, VERIFICATIONS, BULK_RESTORES)


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that was started. Its report has the key that `run_id` gives, with the machine's prefix."""

    machine: StateMachine
    arn: str
    name: str
    started_at: datetime

    @property
    def started(self) -> str:
        """The start in ISO 8601 in UTC, as reports have it."""
        return self.started_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def run_id(self) -> RunId:
        """The id of the execution in keys and reports: `{yyyy-mm-dd}/{name}`, with the day in UTC."""
        return RunId.from_execution(self.name, self.started)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution is.

    `status` is that of Step Functions, such as RUNNING. `batches` is 0 until the work has begun. `error` and `cause`
    are those of an execution that failed.
    """

    status: str
    batches: int = 0
    done: int = 0
    error: str = ""
    cause: str = ""


def start(session: Session, machine: StateMachine, given: Mapping[str, Any], name: str = "") -> Execution:
    """Start an execution with this input, and with this name if one is given.

    Raises CommandError if the name is not possible, or if it was used before. Step Functions keeps a name for 90 days.
    """
    # Step Functions accepts more characters, but a run id in keys is an encoded name, which nobody would look for.
    if name and not _NAME.fullmatch(name):
        raise _describe_invalid_name(session, machine, name)
    chosen = {"name": name} if name else {}
    try:
        started = session.client("stepfunctions").start_execution(
            stateMachineArn=session.stack.output(machine.output), input=json.dumps(given), **chosen
        )
    except ClientError as error:
        code = error.response["Error"].get("Code")
        if name and code in ("InvalidName", "ValidationException"):
            raise _describe_invalid_name(session, machine, name) from None
        if code != "ExecutionAlreadyExists":
            raise
        raise CommandError(
            "run-name-taken",
            f"There already is a {machine.noun} with the name {name!r}.",
            remedy="Choose another name, or read the report of that one with the next command.",
            command=session.options.command("report", name, "--kind", machine.kind),
            status=ExitStatus.USAGE,
        ) from None
    arn: str = started["executionArn"]
    return Execution(machine, arn, arn.rpartition(":")[2], started["startDate"])


def _describe_invalid_name(session: Session, machine: StateMachine, name: str) -> CommandError:
    return CommandError(
        "run-name-invalid",
        f"{name[:MAX_NAME]!r} cannot be the name of a {machine.noun}.",
        remedy=f"Give at most {MAX_NAME} letters, digits, hyphens and underscores, or leave out --name.",
        command=session.options.command("verify" if machine == VERIFICATIONS else "run", "--help"),
        status=ExitStatus.USAGE,
    )


def follow(session: Session, execution: Execution) -> dict[str, Any]:
    """Show on standard error how far an execution is, until it ends. Return its report.

    Raises CommandError if the user stops following with Ctrl-C, if AWS does not respond, or if the execution ended
    without a report. In the first two cases, the execution goes on.
    """
    noun = f"The {execution.machine.noun} {execution.run_id}"
    output = Output(session.options)
    try:
        output.note(f"{noun} is under way.")
        output.note("Ctrl-C stops following it, and it goes on.")
        progress = _show_until_ended(session, execution)
        report = read_own_report(session, execution)
    except KeyboardInterrupt:
        raise CommandError(
            "interrupted",
            f"{noun} goes on.",
            remedy="Follow it again with the next command.",
            command=follow_command(session, execution),
            status=ExitStatus.INTERRUPTED,
        ) from None
    except (ClientError, BotoCoreError) as error:
        # The same command again would start another execution.
        described = translate_error(error, session.options)
        raise CommandError(
            described.reason,
            f"{described} {noun} goes on.",
            remedy="Remove the cause, then follow it again with the next command.",
            command=follow_command(session, execution),
            status=described.status,
        ) from error
    except NotebookArchiveError as error:
        described = translate_error(error, session.options)
        raise CommandError(
            described.reason,
            f"{noun} ended, and its report cannot be read. {described}",
            remedy=described.remedy
            if described.status == ExitStatus.DENIED
            else "Read it again with the next command.",
            command=follow_command(session, execution),
            status=described.status,
        ) from error
    if report is None:
        raise describe_missing_report(session, execution, progress)
    return report


def read_report(session: Session, machine: StateMachine, run_id: str) -> dict[str, Any] | None:
    """Return the report of a run, or None if there is none. Raises ArchiveDamaged if it is not as documented."""
    return documents.read_report(session.archive, f"{machine.prefix}{run_id}/report.json")


def follow_command(session: Session, execution: Execution) -> str:
    """Return the command that follows an execution and then shows its report."""
    kind = () if execution.machine == RUNS else ("--kind", execution.machine.kind)
    return session.options.command("report", execution.run_id, *kind, "--wait")


def read_own_report(session: Session, execution: Execution) -> dict[str, Any] | None:
    """Return the report of an execution, or None if there is none.

    Another stack with the same archive may have used the run id. Its report began at another time.
    """
    report = read_report(session, execution.machine, execution.run_id)
    if report is None:
        return None
    apart = datetime.fromisoformat(report["startedAt"]) - execution.started_at
    return report if abs(apart.total_seconds()) < _SAME_START_SECONDS else None


def get_state_machine(kind: str) -> StateMachine:
    """Return the state machine that executes a kind, which is a value of `--kind`."""
    return next(each for each in STATE_MACHINES if each.kind == kind)


def describe_started(session: Session, execution: Execution) -> dict[str, Any]:
    """Return what a command prints that only starts an execution. `command` follows it."""
    return {
        "runId": execution.run_id,
        "kind": execution.machine.kind,
        "startedAt": execution.started,
        "executionArn": execution.arn,
        "command": follow_command(session, execution),
    }


def render_started(started: Mapping[str, Any], width: int) -> Iterator[str]:  # noqa: ARG001 - lines are copied
    """Yield the run id, and the command that follows the execution."""
    yield started["runId"]
    yield "Follow it with the next command:"
    yield f"  {started['command']}"


def grade(report: Mapping[str, Any]) -> ExitStatus:
    """Return the exit status for a report: good if its status is `complete`."""
    return ExitStatus.GOOD if report["status"] == "complete" else ExitStatus.FINDING


def watch(session: Session, execution: Execution) -> Iterator[Progress]:
    """Yield how far an execution is, every few seconds. The last value has a status other than RUNNING."""
    client = session.client("stepfunctions")
    began = time.monotonic()
    while True:
        time.sleep(min(LAST_POLL_SECONDS, FIRST_POLL_SECONDS + (time.monotonic() - began) / 20))
        described = client.describe_execution(executionArn=execution.arn)
        if described["status"] != "RUNNING":
            yield Progress(described["status"], error=described.get("error", ""), cause=described.get("cause", ""))
            return
        # A Map state that could not read its plan is repeated, so the newest Map Run counts.
        map_runs = client.list_map_runs(executionArn=execution.arn).get("mapRuns", ())
        if not map_runs:
            yield Progress("RUNNING")
            continue
        newest = max(map_runs, key=lambda each: each["startDate"])
        counts = client.describe_map_run(mapRunArn=newest["mapRunArn"])["itemCounts"]
        yield Progress("RUNNING", counts["total"], counts["total"] - counts["pending"] - counts["running"])


def _show_until_ended(session: Session, execution: Execution) -> Progress:
    """Show how far an execution is. Return the last value, whose status is not RUNNING."""
    console = Console(stderr=True)
    if session.options.is_json or not console.is_terminal:
        return _write_lines(session, execution)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    last = Progress("RUNNING")
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Planning", total=None)
        for last in watch(session, execution):
            if last.status == "RUNNING":
                phase = _name_phase(execution, last)
                bar.update(task, description=phase, total=last.batches or None, completed=last.done)
    return last


def _write_lines(session: Session, execution: Execution) -> Progress:
    """Write a line every LINE_SECONDS until the execution ends."""
    output = Output(session.options)
    last, written = Progress("RUNNING"), time.monotonic()
    for last in watch(session, execution):
        if last.status == "RUNNING" and time.monotonic() - written >= LINE_SECONDS:
            share = f": {100 * last.done // last.batches}%" if last.batches else ""
            output.note(f"{_name_phase(execution, last)}{share} …")
            written = time.monotonic()
    return last


def _name_phase(execution: Execution, progress: Progress) -> str:
    if not progress.batches:
        return "Planning"
    return "Writing the report" if progress.done == progress.batches else execution.machine.work


def describe_missing_report(session: Session, execution: Execution, progress: Progress) -> CommandError:
    """Return the error that an execution ended without a report."""
    problem = describe_caught_error({"Error": progress.error or progress.status, "Cause": progress.cause})
    return CommandError(
        "report-missing",
        f"The {execution.machine.noun} {execution.run_id} ended without a report. {problem['message']}",
        remedy=problem["remedy"],
        command=session.options.command("doctor"),
        status=ExitStatus.FINDING,
    )
