"""Find runs, verifications and bulk restores, and their reports.

Step Functions lists executions for 90 days. Earlier ones, and those of another stack with the same archive, are found
through the keys of their reports.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import batched, chain, islice
from typing import Any

from notebook_archive.archive import RunId
from notebook_archive.errors import ArchiveDamaged, SettingsInvalid
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.running.executions import Execution, StateMachine, read_own_report, read_report
from notebook_archive_cli.session import Session

# The scope of a run over all notebooks.
EVERYTHING = "everything"
# Step Functions returns at most this many executions in one response.
_PAGE_SIZE = 100
# Number of executions of each state machine among which a name is looked for.
_MAX_NAMES = 1_000
_MAX_CANDIDATES = 10
# Number of reports that are read side by side.
_READ_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class FoundRun:
    """An execution of a state machine, or the report of an earlier one.

    `status` is that of Step Functions, such as RUNNING, or empty if only the report is known. `report` is None if there
    is none. `started_at` is a time in ISO 8601 in UTC.
    """

    machine: StateMachine
    run_id: str
    started_at: str
    status: str
    execution: Execution | None
    report: dict[str, Any] | None


def search_runs(session: Session, machine: StateMachine) -> Iterator[FoundRun]:
    """Yield the executions of a state machine, the newest first, then earlier reports.

    One call lists 100 executions. The report of the first one is read alone, because most readers need no other. A
    damaged report counts as none, so that it does not hide the others.
    """
    known: set[str] = set()
    _ = session.archive  # threads must not create its client at the same time
    with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="report") as pool:
        listed = _list_executions(session, machine)
        for part in chain([tuple(islice(listed, 1))], batched(listed, _READ_AT_ONCE, strict=False)):
            reports = pool.map(lambda each: _read_undamaged(read_own_report, session, each[1]), part)
            for (status, execution), report in zip(part, reports, strict=True):
                known.add(execution.run_id)
                yield FoundRun(machine, execution.run_id, execution.started, status, execution, report)
        unknown = (run_id for run_id in _list_archived(session, machine) if run_id not in known)
        for run_ids in batched(unknown, _READ_AT_ONCE, strict=False):
            for report in pool.map(lambda run_id: _read_undamaged(read_report, session, machine, run_id), run_ids):
                if report:
                    yield FoundRun(machine, report["runId"], report["startedAt"], "", None, report)


def _read_undamaged[**P](
    read: Callable[P, dict[str, Any] | None], *args: P.args, **kwargs: P.kwargs
) -> dict[str, Any] | None:
    """Return the report that a function reads, or None if it is damaged."""
    try:
        return read(*args, **kwargs)
    except ArchiveDamaged:
        return None


def find_report(session: Session, machine: StateMachine) -> dict[str, Any] | None:
    """Return the newest report, or None."""
    return next((found.report for found in search_runs(session, machine) if found.report), None)


def choose_run(session: Session, text: str, machines: Sequence[StateMachine]) -> FoundRun:
    """Return the run that a person names: by its run id, by the name of its execution, or by the beginning of either.

    Raises CommandError if there is none, or if there are several.
    """
    if _is_run_id(text):
        reports = [(each, read_report(session, each, text)) for each in machines]
        found = [FoundRun(each, text, report["startedAt"], "", None, report) for each, report in reports if report]
        if found:
            return _take_one(session, text, found)
    listed = [
        FoundRun(machine, execution.run_id, execution.started, status, execution, None)
        for machine in machines
        for status, execution in islice(_list_executions(session, machine), _MAX_NAMES)
    ]
    found = [each for each in listed if text in (each.run_id, each.run_id.partition("/")[2])]
    found = found or [
        each for each in listed if each.run_id.startswith(text) or each.run_id.partition("/")[2].startswith(text)
    ]
    if not found:
        raise _describe_unknown(session, text, [each.run_id for each in listed])
    chosen = _take_one(session, text, found)
    return replace(chosen, report=read_own_report(session, chosen.execution)) if chosen.execution else chosen


def _is_run_id(text: str) -> bool:
    try:
        RunId.parse(text)
    except SettingsInvalid:
        return False
    return True


def _take_one(session: Session, text: str, found: Sequence[FoundRun]) -> FoundRun:
    if len(found) == 1:
        return found[0]
    named = "; ".join(f"{each.machine.noun} {each.run_id}" for each in found[:_MAX_CANDIDATES])
    more = f"; and {len(found) - _MAX_CANDIDATES} more" if len(found) > _MAX_CANDIDATES else ""
    first = found[0]
    raise CommandError(
        "ambiguous-run",
        f"{text!r} can be any of these: {named}{more}.",
        remedy="Give the whole run id, and --kind if two of them have the same. The next command shows the newest.",
        command=session.options.command("report", first.run_id, "--kind", first.machine.kind),
        status=ExitStatus.USAGE,
    )


def _describe_unknown(session: Session, text: str, known: Sequence[str]) -> CommandError:
    by_name = {name: run_id for run_id in known for name in (run_id, run_id.partition("/")[2])}
    similar = [by_name[name] for name in get_close_matches(text, by_name, n=1)]
    return CommandError(
        "run-not-found",
        f"There is no run {text!r}. A run that is older than 90 days is found only by its whole run id.",
        remedy=f"Did you mean {similar[0]}?"
        if similar
        else "The next command lists the runs. With --kind, it lists verifications or bulk restores.",
        command=session.options.command("report", *similar) if similar else session.options.command("runs"),
        status=ExitStatus.NOT_FOUND,
    )


def is_over_chosen(session: Session, execution: Execution) -> bool:
    """Return whether a run or a verification was started for chosen notebooks. Makes one call."""
    described = session.client("stepfunctions").describe_execution(executionArn=execution.arn)
    return "itemIds" in json.loads(described.get("input") or "{}")


def list_running(session: Session, machine: StateMachine) -> list[Execution]:
    """Return the executions that are running, the newest first."""
    return [execution for _, execution in _list_executions(session, machine, statusFilter="RUNNING")]


def _list_executions(session: Session, machine: StateMachine, **filters: str) -> Iterator[tuple[str, Execution]]:
    """Yield the status of each execution, and the execution, the newest first."""
    pages = session.client("stepfunctions").get_paginator("list_executions")
    arn = session.stack.output(machine.output)
    for page in pages.paginate(stateMachineArn=arn, **filters, PaginationConfig={"PageSize": _PAGE_SIZE}):
        for each in page["executions"]:
            yield each["status"], Execution(machine, each["executionArn"], each["name"], each["startDate"])


def _list_archived(session: Session, machine: StateMachine) -> Iterator[str]:
    """Yield the run ids that have objects in the archive, the newest day first."""
    for day in sorted(_list_folders(session, machine.prefix), reverse=True):
        for folder in sorted(_list_folders(session, day), reverse=True):
            yield folder.removeprefix(machine.prefix).rstrip("/")


def _list_folders(session: Session, prefix: str) -> list[str]:
    """Return the beginnings of the keys below a prefix, up to and with the next slash. A call returns 1,000 of them."""
    pages = (
        session.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(
            Bucket=session.stack.output("ArchiveBucket"),
            ExpectedBucketOwner=session.stack.account,
            Prefix=prefix,
            Delimiter="/",
        )
    )
    return [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
