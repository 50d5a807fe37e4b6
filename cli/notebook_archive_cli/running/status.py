"""Say whether the last run over all notebooks succeeded, and what needs attention.

If all is good, this takes eleven calls to AWS, and one more with polls for changes, however large the archive is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import RenderableType

from notebook_archive.errors import ArchiveError
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.running.executions import RUNS, VERIFICATIONS, StateMachine
from notebook_archive_cli.running.failures import FailureQueue
from notebook_archive_cli.running.findings import describe_oldest_proof, is_settled, read_findings
from notebook_archive_cli.running.polls import is_poll_late, read_last_poll
from notebook_archive_cli.running.runs import FoundRun, is_over_chosen, search_runs
from notebook_archive_cli.running.schedules import find_due_start, find_next_start
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import style_line, wrap_text
from notebook_archive_cli.terminal.units import format_duration, format_time
from notebook_archive_cli.translation import translate_error

# A schedule starts an execution within a minute. If it cannot, it makes more attempts.
_LATE = timedelta(minutes=15)
# After a run that is not complete, the last complete one is looked for in this many runs.
_MAX_EARLIER = 50
_LABELS = " " * 19
# What a run with this status did, if it did not succeed.
_ENDS = {"partial": "was partial", "failed": "failed"}
_STYLES = {"good": "", "attention": "yellow", "bad": "bold red", "unknown": "yellow"}

# *bad* makes the exit status 3. *attention* is not wrong, but a person should know it.
type CheckState = Literal["good", "attention", "bad", "unknown"]


class Check(TypedDict):
    """One line of the status. `command` is the next command, or empty."""

    name: str
    state: CheckState
    text: str
    command: str


@dataclass(slots=True)
class _Recent:
    """The executions that are not over chosen notebooks, back to the last one with a report.

    `last` is that report, and `newest` is the newest report of any scope. `running` and `unreported` began after
    `last`, and are the newest first.
    """

    running: list[FoundRun] = field(default_factory=list)
    unreported: list[FoundRun] = field(default_factory=list)
    last: dict[str, Any] | None = None
    newest: dict[str, Any] | None = None

    @property
    def last_start(self) -> str:
        """The start of the newest execution, or an empty text if there is none."""
        starts = [each.started_at for each in (*self.running, *self.unreported)]
        return max([*starts, self.last["startedAt"] if self.last else ""])


@dataclass(frozen=True, slots=True)
class _Schedule:
    """What EventBridge Scheduler returns for a schedule. If it cannot be read, `reason` says why."""

    found: Mapping[str, Any] | None
    reason: str = ""

    @property
    def is_enabled(self) -> bool:
        return self.found is not None and self.found["State"] == "ENABLED"

    @property
    def is_disabled(self) -> bool:
        return self.found is not None and self.found["State"] != "ENABLED"


class StatusReader:
    """Reads the status of a stack at one time. Times in texts are in the local zone, or in UTC."""

    def __init__(self, session: Session, now: datetime, *, is_utc: bool) -> None:
        self._session, self._now, self._is_utc = session, now, is_utc
        self._command = session.options.command

    def read(self) -> dict[str, Any]:
        """Return the status. `summary` says whether the last backup succeeded, and `checks` are the other lines.

        May raise CommandError, an error of boto3 or an ArchiveError. Schedules and alarms that cannot be read are
        unknown.
        """
        runs, verifications = self._look_back(RUNS), self._look_back(VERIFICATIONS)
        complete = runs.last if runs.last and runs.last["status"] == "complete" else self._find_complete()
        counted = runs.last if runs.last is None or _has_counted(runs.last) else self._find_counted()
        schedule, verification_schedule = (
            self._read_schedule("RunSchedule"),
            self._read_schedule("VerificationSchedule"),
        )
        findings = read_findings(self._session, verifications.newest)["findings"] if verifications.newest else []
        counts = {"open": sum(not is_settled(each) for each in findings)}
        counts["acknowledged"] = len(findings) - counts["open"]
        last_poll, poll_reason = self._read_last_poll()
        alarms, (failed_requests, reason) = self._read_alarms(), self._count_failed_requests()
        run_check = self._check_run(runs, complete, schedule)
        last, verified = runs.last, verifications.last
        return {
            "stack": self._session.stack.name,
            "checkedAt": _format_iso(self._now),
            "summary": run_check["text"],
            "underWay": [{"runId": each.run_id, "startedAt": each.started_at} for each in runs.running],
            "lastRun": _pick(last, "runId", "status", "message", "startedAt", "endedAt"),
            "lastCompleteRun": _pick(complete, "runId", "status", "message", "startedAt", "endedAt"),
            "protection": counted.get("protection") if counted else None,
            "lastVerification": _pick(verified, "runId", "status", "message", "startedAt", "endedAt"),
            "lastPoll": _format_iso(last_poll) if last_poll else None,
            "oldestUnprovedDays": verified["oldestUnprovedDays"] if verified else None,
            "findings": counts,
            "failedRequests": failed_requests,
            "alarms": alarms,
            "schedules": {
                "run": self._describe_schedule(schedule),
                "verification": self._describe_schedule(verification_schedule),
            },
            "checks": [
                run_check,
                *self._check_notebooks(last, counted),
                *self._check_polls(last_poll, poll_reason),
                self._check_verification(verifications, verification_schedule),
                self._check_findings(counts, is_known=verifications.newest is not None),
                self._check_failed_requests(failed_requests, reason),
                self._check_alarms(alarms),
                self._check_schedule("Next run", schedule),
                self._check_schedule("Next verification", verification_schedule),
            ],
        }

    # ---------------------------------------------------------------------- the last runs

    def _look_back(self, machine: StateMachine) -> _Recent:
        """Return the newest executions of a state machine."""
        recent = _Recent()
        for found in search_runs(self._session, machine):
            if found.report:
                recent.newest = recent.newest or found.report
                if found.report["scope"] != "chosen":
                    recent.last = found.report
                    break
            elif found.execution and not is_over_chosen(self._session, found.execution):
                (recent.running if found.status == "RUNNING" else recent.unreported).append(found)
        return recent

    def _find_complete(self) -> dict[str, Any] | None:
        """Return the report of the last complete run over all notebooks, or None."""
        for found in islice(search_runs(self._session, RUNS), _MAX_EARLIER):
            if found.report and found.report["scope"] != "chosen" and found.report["status"] == "complete":
                return found.report
        return None

    def _find_counted(self) -> dict[str, Any] | None:
        """Return the report of the last run over all notebooks that counted them, or None."""
        for found in islice(search_runs(self._session, RUNS), _MAX_EARLIER):
            if found.report and found.report["scope"] != "chosen" and _has_counted(found.report):
                return found.report
        return None

    def _check_run(self, runs: _Recent, complete: Mapping[str, Any] | None, schedule: _Schedule) -> Check:
        """Answer in one sentence whether the last backup succeeded."""
        last, last_complete = runs.last, self._describe_complete(complete)
        report = self._command("report")
        limit = timedelta(hours=float(self._session.stack.parameter("AlarmAfterHours") or 26))
        oldest = complete["endedAt"] if complete else min([each.started_at for each in runs.running], default="")
        is_old = oldest and self._now - datetime.fromisoformat(oldest) > limit
        due = self._find_missed_start(runs.last_start, schedule)
        if runs.running:
            first = runs.running[-1]
            text = f"A backup is under way. It started {self._tell_time(first.started_at)}."
            command = self._command("report", first.run_id, "--wait")
            if last:
                before = "succeeded" if last["status"] == "complete" else f"did not succeed: it {_ENDS[last['status']]}"
                text += f" The one before {before}, {self._tell_time(last['endedAt'])}."
                text += "" if last["status"] == "complete" else f" {last_complete}"
            state: CheckState = "bad" if is_old or (last and last["status"] != "complete") else "good"
            return {"name": "Backup", "state": state, "text": text, "command": command}
        if runs.unreported:
            failed = runs.unreported[0]
            text = f"No: the last backup, started {self._tell_time(failed.started_at)}, ended without a report."
            command = self._command("report", failed.run_id)
            return {"name": "Backup", "state": "bad", "text": f"{text} {last_complete}", "command": command}
        if last is None:
            text = "No: no backup has run yet."
            return {"name": "Backup", "state": "bad", "text": text, "command": self._command("run")}
        if last["status"] != "complete":
            text = f"No: the last backup, {self._tell_time(last['endedAt'])}, {_ENDS[last['status']]}. {last_complete}"
            return {"name": "Backup", "state": "bad", "text": text, "command": report}
        if due:
            text = f"No: a backup should have started {self._tell_time(due)}, but did not. {last_complete}"
            return {"name": "Backup", "state": "bad", "text": text, "command": self._command("doctor")}
        if is_old:
            text = f"No: the last backup succeeded {self._tell_time(last['endedAt'])}, which is too long ago."
            return {"name": "Backup", "state": "bad", "text": text, "command": self._command("run")}
        text = f"Yes: the last backup succeeded {self._tell_time(last['endedAt'])}."
        if schedule.is_disabled:
            text += " But the schedule is disabled, so no further backup starts by itself."
        return {"name": "Backup", "state": "good", "text": text, "command": ""}

    def _describe_complete(self, complete: Mapping[str, Any] | None) -> str:
        if complete is None:
            return "No backup has succeeded yet."
        return f"The last backup that succeeded ended {self._tell_time(complete['endedAt'])}."

    def _find_missed_start(self, last_start: str, schedule: _Schedule) -> str:
        """Return when a schedule had to start something and did not, or an empty text."""
        if not schedule.is_enabled or schedule.found is None or not last_start:
            return ""
        due = find_due_start(schedule.found, datetime.fromisoformat(last_start))
        return _format_iso(due) if due and due + _LATE < self._now else ""

    # ---------------------------------------------------------------------- the other lines

    def _check_notebooks(self, last: Mapping[str, Any] | None, counted: Mapping[str, Any] | None) -> Iterator[Check]:
        """Yield the line about notebooks. Its figures are those of `counted`, the last run that counted them."""
        if last is None:
            return
        if counted is None:
            text = "unknown, because the last runs failed before they counted them"
            yield {"name": "Notebooks", "state": "unknown", "text": text, "command": self._command("report")}
            return
        counts = counted.get("protection")
        if not counts:
            return
        text = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count) or "none"
        if counted["runId"] != last["runId"]:
            text += f", in the last run that counted them, {self._tell_time(counted['endedAt'])}"
        is_good = not counts["unprotected"] and not counts["stale"]
        command = "" if is_good else self._command("report", *([] if counted is last else [counted["runId"]]))
        yield {"name": "Notebooks", "state": "good" if is_good else "attention", "text": text, "command": command}

    def _read_last_poll(self) -> tuple[datetime | None, str]:
        """Return when the last poll for changes succeeded, or None. If that cannot be read, return None, and why."""
        if not self._session.stack.parameter("ChangePoll"):
            return None, ""
        try:
            return read_last_poll(self._session), ""
        except (ArchiveError, CommandError, ClientError, BotoCoreError) as error:
            return None, str(translate_error(error, self._session.options))

    def _check_polls(self, last: datetime | None, reason: str) -> Iterator[Check]:
        """Yield the line about polls for changes, if the stack makes them."""
        if not self._session.stack.parameter("ChangePoll"):
            return
        name, doctor = "Changes", self._command("doctor")
        if reason:
            yield {"name": name, "state": "unknown", "text": f"unknown: {reason}", "command": ""}
        elif last is None:
            text = "The portal has not been searched for changes yet."
            yield {"name": name, "state": "attention", "text": text, "command": doctor}
        else:
            is_late = is_poll_late(self._session, last, self._now)
            text = f"last searched for {self._tell_time(_format_iso(last))}"
            text += ", which is too long ago" if is_late else ""
            yield {
                "name": name,
                "state": "bad" if is_late else "good",
                "text": text,
                "command": doctor if is_late else "",
            }

    def _check_verification(self, recent: _Recent, schedule: _Schedule) -> Check:
        name, last = "Verification", recent.last
        running = (
            f" One is under way; it started {self._tell_time(recent.running[-1].started_at)}." if recent.running else ""
        )
        if recent.unreported:
            failed = recent.unreported[0]
            text = f"The last one, started {self._tell_time(failed.started_at)}, ended without a report.{running}"
            return {"name": name, "state": "bad", "text": text, "command": self._command("report", failed.run_id)}
        if last is None:
            text = f"Nothing has been verified yet.{running}"
            command = "" if running else self._command("verify")
            return {"name": name, "state": "attention", "text": text, "command": command}
        if due := self._find_missed_start(recent.last_start, schedule):
            text = f"One should have started {self._tell_time(due)}, but did not."
            return {"name": name, "state": "bad", "text": text, "command": self._command("doctor")}
        oldest, limit = last["oldestUnprovedDays"], float(self._session.stack.parameter("VerifyDays") or 180)
        proved = "" if oldest is None else f" {describe_oldest_proof(oldest)} The limit is {limit:g} days."
        text = f"{last['status']}, {self._tell_time(last['endedAt'])}.{proved}{running}"
        # Findings have a line of their own.
        is_bad = last["status"] in ("partial", "failed") or (oldest is not None and oldest > limit)
        command = self._command("report", last["runId"]) if is_bad else ""
        return {"name": name, "state": "bad" if is_bad else "good", "text": text, "command": command}

    def _check_findings(self, counts: Mapping[str, int], *, is_known: bool) -> Check:
        if not is_known:
            return {
                "name": "Findings",
                "state": "unknown",
                "text": "unknown, because nothing has been verified yet",
                "command": "",
            }
        text = f"{counts['open']:,} open" if counts["open"] else "none open"
        text += f", {counts['acknowledged']:,} acknowledged" if counts["acknowledged"] else ""
        command = self._command("findings") if counts["open"] else ""
        return {"name": "Findings", "state": "bad" if counts["open"] else "good", "text": text, "command": command}

    def _count_failed_requests(self) -> tuple[int | None, str]:
        """Return the number of messages in the failure queue. If it cannot be read, return None, and why."""
        try:
            return FailureQueue(self._session).count(), ""
        except (CommandError, ClientError, BotoCoreError) as error:
            return None, str(translate_error(error, self._session.options))

    def _check_failed_requests(self, number: int | None, reason: str) -> Check:
        name = "Failed requests"
        if number is None:
            return {"name": name, "state": "unknown", "text": f"unknown: {reason}", "command": ""}
        text = f"{number:,} in the failure queue" if number else "none"
        command = self._command("failed", "list") if number else ""
        return {"name": name, "state": "attention" if number else "good", "text": text, "command": command}

    def _read_alarms(self) -> dict[str, Any]:
        """Return the state of the alarms: `good`, `bad`, `none` or `unknown`, and the names of those in alarm."""
        stack = self._session.stack
        alarms: dict[str, Any] = {"state": "unknown", "count": 0, "withoutData": 0, "inAlarm": [], "reason": ""}
        if not stack.parameter("AlarmTopicArn"):
            return alarms | {"state": "none", "reason": "AlarmTopicArn is not set, so the stack has no alarms."}
        if self._session.options.is_local:
            return alarms | {"reason": "The local AWS does not evaluate alarms."}
        # A stack whose name begins with the name of this one has other alarms.
        ours = re.compile(rf"{re.escape(stack.name)}-[A-Za-z]+Alarm-[A-Za-z0-9]+")
        try:
            pages = self._session.client("cloudwatch").get_paginator("describe_alarms")
            found = [each for page in pages.paginate(AlarmNamePrefix=f"{stack.name}-") for each in page["MetricAlarms"]]
        except (ClientError, BotoCoreError) as error:
            return alarms | {"reason": str(translate_error(error, self._session.options))}
        states = {each["AlarmName"]: each["StateValue"] for each in found if ours.fullmatch(each["AlarmName"])}
        if not states:
            return alarms | {"state": "bad", "reason": "AlarmTopicArn is set, but the stack's alarms do not exist."}
        in_alarm = sorted(name for name, state in states.items() if state == "ALARM")
        return {
            "state": "bad" if in_alarm else "good",
            "count": len(states),
            "withoutData": sum(state == "INSUFFICIENT_DATA" for state in states.values()),
            "inAlarm": in_alarm,
            "reason": "",
        }

    def _check_alarms(self, alarms: Mapping[str, Any]) -> Check:
        state = alarms["state"]
        if alarms["reason"]:
            text = f"unknown: {alarms['reason']}" if state == "unknown" else alarms["reason"]
            command = self._command("doctor") if state == "bad" else ""
            return {
                "name": "Alarms",
                "state": "attention" if state == "none" else state,
                "text": text,
                "command": command,
            }
        names = ", ".join(alarms["inAlarm"])
        text = f"{len(alarms['inAlarm']):,} of {alarms['count']:,} in alarm: {names}" if names else "none in alarm"
        text += f", {alarms['withoutData']:,} without data yet" if alarms["withoutData"] else ""
        describe = self._session.options.aws_command(
            "cloudwatch", "describe-alarms", "--alarm-names", *alarms["inAlarm"]
        )
        command = describe if names else ""
        return {"name": "Alarms", "state": state, "text": text, "command": command}

    def _read_schedule(self, output: str) -> _Schedule:
        try:
            return _Schedule(self._session.client("scheduler").get_schedule(Name=self._session.stack.output(output)))
        except (CommandError, ClientError, BotoCoreError) as error:
            return _Schedule(None, str(translate_error(error, self._session.options)))

    def _describe_schedule(self, schedule: _Schedule) -> dict[str, str]:
        """Return the state of a schedule, its expression, and when it starts something, if that is known."""
        found = schedule.found
        if found is None:
            return {"state": "unknown", "expression": "", "timezone": "", "nextStart": "", "reason": schedule.reason}
        following = find_next_start(found, self._now) if schedule.is_enabled else None
        return {
            "state": "enabled" if schedule.is_enabled else "disabled",
            "expression": found["ScheduleExpression"],
            "timezone": found.get("ScheduleExpressionTimezone") or "UTC",
            "nextStart": _format_iso(following) if following else "",
            "reason": "",
        }

    def _check_schedule(self, name: str, schedule: _Schedule) -> Check:
        described = self._describe_schedule(schedule)
        if described["state"] == "unknown":
            return {"name": name, "state": "unknown", "text": f"unknown: {schedule.reason}", "command": ""}
        if described["state"] == "disabled":
            text = "None: the schedule is disabled, so nothing starts by itself."
            return {"name": name, "state": "attention", "text": text, "command": self._command("doctor")}
        if following := described["nextStart"]:
            text = format_time(following, is_utc=self._is_utc)
        else:
            text = f"as {described['expression']} says, in the zone {described['timezone']}"
        return {"name": name, "state": "good", "text": text, "command": ""}

    def _tell_time(self, text: str) -> str:
        """Return how long ago a time was, and the time."""
        seconds = (self._now - datetime.fromisoformat(text)).total_seconds()
        return f"{format_duration(max(0, seconds))} ago ({format_time(text, is_utc=self._is_utc)})"


def _has_counted(report: Mapping[str, Any]) -> bool:
    """Return whether a run counted the notebooks. A run that failed before it had a plan did not."""
    return report.get("error") is None or any(report.get("protection", {}).values())


def read_status(session: Session, *, is_utc: bool) -> dict[str, Any]:
    """Return the present status of the stack. See `StatusReader.read`."""
    return StatusReader(session, datetime.now(UTC), is_utc=is_utc).read()


def grade_status(status: Mapping[str, Any]) -> ExitStatus:
    """Return the exit status: good if no check is bad."""
    is_bad = any(check["state"] == "bad" for check in status["checks"])
    return ExitStatus.FINDING if is_bad else ExitStatus.GOOD


def render_status(status: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield the answer, then one line for each check, with the next command if there is one."""
    first, *others = status["checks"]
    for line in wrap_text(first["text"], width):
        yield style_line(line, _STYLES[first["state"]] or "bold green")
    if first["command"]:
        yield f"  {first['command']}"
    yield ""
    for check in others:
        for line in wrap_text(check["text"], width, _LABELS, check["name"]):
            yield style_line(line, _STYLES[check["state"]])
        if check["command"]:
            yield f"  {check['command']}"


def _pick(report: Mapping[str, Any] | None, *names: str) -> dict[str, Any] | None:
    return {name: report[name] for name in names} if report else None


def _format_iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
