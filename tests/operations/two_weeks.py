"""Make two weeks of runs and verifications on this machine, and return what CloudWatch would know of them.

The handlers run against the local ArcGIS and moto, and log their metrics. Each run counts for another night: the times
of its metrics and log lines are replaced. AWS's own metrics are derived from what happened: failed executions from the
statuses of the reports, durations from the clock, and the size of the bucket from its objects.
"""

import contextlib
import dataclasses
import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends

from local.arcgis import LocalArcGIS, Seed
from notebook_archive.errors import NotebookArchiveError
from tests.functions.conftest import Functions, open_functions, sample
from tests.operations.draw_dashboard import Facts
from tests.operations.evaluator import evaluate_alarms, read_alarms
from tests.operations.insights import LogLine
from tests.operations.metrics import Point, read_emf
from tests.site import stored_body
from tests.strict_s3 import ACCOUNT, BUCKET
from tests.template.rendered import render

NIGHTS = 14
NOW = datetime(2026, 11, 29, 9, 10, tzinfo=UTC)
# Nights of the history, counted from the first one: the portal does not respond, one notebook cannot be read, and a
# credential comes for the owners who had none.
PORTAL_DOWN, NOTEBOOK_FAILS, NEW_CREDENTIAL = 9, 13, 11
STATES = "arn:aws:states:eu-central-1:111122223333:stateMachine"
PARAMETERS = {"AlarmTopicArn": "arn:aws:sns:eu-central-1:111122223333:operators"}


class TwoWeeks:
    """The runs of two weeks. `points` and `lines` grow with each run."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.points: list[Point] = []
        self.lines: list[LogLine] = []

    def run(self, number: int) -> None:
        """Make the run and the verification of a night."""
        night = (NOW - timedelta(days=NIGHTS - 1 - number)).replace(hour=2, minute=0)
        event = sample("plan_run") | {"runId": f"night-{number}", "startedAt": night.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        run = {"runId": event["runId"], "startedAt": event["startedAt"]}
        plan, error = None, None
        try:
            plan = self._invoke("plan_run", event, night)
        except NotebookArchiveError as caught:
            cause = {"errorMessage": str(caught), "errorType": type(caught).__name__, "stackTrace": []}
            error = {"Error": type(caught).__name__, "Cause": json.dumps(cause)}
        self._carry_out("archive_notebooks", run, plan, night)
        report = self._invoke("report_run", {**run, "plan": plan, "error": error}, night)
        self._end_execution("ArchiveRun", report, night)
        self._verify(number, night + timedelta(hours=6))
        self._measure_storage(night)

    def _verify(self, number: int, at: datetime) -> None:
        # A verification with an earlier start would have no time left.
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        event = sample("plan_verification.everything") | {"runId": f"verification-{number}", "startedAt": now}
        run = {"runId": event["runId"], "startedAt": now}
        plan = self._invoke("plan_verification", event, at)
        self._carry_out("verify_versions", run, plan, at)
        given = {**run, "input": event["input"], "plan": plan, "error": None}
        self._end_execution("ArchiveVerification", self._invoke("report_verification", given, at), at)

    def _carry_out(self, function: str, run: dict[str, Any], plan: dict[str, Any] | None, at: datetime) -> None:
        for line in stored_body(plan["planKey"]).splitlines() if plan else ():
            batch = json.loads(line)
            while batch:
                batch = self._invoke(function, {**run, "batch": batch}, at)["batch"]

    def _invoke(self, function: str, event: dict[str, Any], at: datetime) -> dict[str, Any]:
        """Return what the function returns. Keep its metrics, its log lines, and its duration."""
        printed, began, known = io.StringIO(), time.monotonic(), len(self._functions.lines())
        try:
            with contextlib.redirect_stdout(printed):
                return self._functions.invoke(function, event)
        finally:
            logical_id = "".join(map(str.capitalize, function.split("_")))
            milliseconds = (time.monotonic() - began) * 1000
            own = {"FunctionName": f"{logical_id}Function"}
            self.points.append(Point("AWS/Lambda", "Duration", own, at, milliseconds))
            self.points += [dataclasses.replace(each, at=at) for each in read_emf(printed.getvalue().splitlines())]
            moment = at.isoformat()
            for line in self._functions.lines()[known:]:
                self.lines.append(
                    LogLine(f"/aws/lambda/notebook-archive-{function.replace('_', '-')}", {**line, "timestamp": moment})
                )

    def _end_execution(self, machine: str, report: dict[str, Any], at: datetime) -> None:
        if report["status"] != "complete":
            own = {"StateMachineArn": f"{STATES}:{machine}"}
            self.points.append(Point("AWS/States", "ExecutionsFailed", own, at, 1))

    def _measure_storage(self, at: datetime) -> None:
        size = sum(key.size for key in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.values())
        own = {"BucketName": "ArchiveBucket", "StorageType": "StandardStorage"}
        self.points.append(Point("AWS/S3", "BucketSizeBytes", own, at, size))


def live_two_weeks() -> Facts:
    """Return the facts after two weeks, in which some things go wrong."""
    with (
        LocalArcGIS(Seed.samples()) as arcgis,
        pytest.MonkeyPatch.context() as monkeypatch,
        open_functions(arcgis, monkeypatch) as functions,
    ):
        weeks = TwoWeeks(functions)
        for number in range(NIGHTS):
            # A new container, as after a day without invocations.
            functions.configure(ARCHIVE_CURRENT="true", POWERTOOLS_LOG_LEVEL="INFO")
            _change_arcgis(functions, number)
            weeks.run(number)
            functions.deployment.faults.clear()
    rendered = render(PARAMETERS)
    start = NOW - timedelta(days=NIGHTS)
    states = {}
    for change in evaluate_alarms(read_alarms(rendered), weeks.points, start, NOW):
        states[change.alarm.name] = change.after
    return Facts(weeks.points, weeks.lines, [name for name, state in states.items() if state == "ALARM"], NOW)


def _change_arcgis(functions: Functions, number: int) -> None:
    """Change in ArcGIS what changed before this night: each night somebody saves two notebooks."""
    deployment, days_ago = functions.deployment, NIGHTS - 1 - number
    readable = [each for each in deployment.organisation.notebooks() if each.content and not each.content_refused]
    for item in (readable[number % len(readable)], readable[(number + 3) % len(readable)]):
        cell = {"cell_type": "markdown", "metadata": {}, "source": f"Night {number}"}
        content = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        item.content, item.modified = content.encode(), round((time.time() - days_ago * 86_400) * 1000)
    if number == PORTAL_DOWN:
        deployment.faults.add("search", "http-503", retry_after="0")
    if number == NOTEBOOK_FAILS:
        deployment.faults.add("items/data", "http-503", item_id=item.id, retry_after="0")
    if number == NEW_CREDENTIAL:
        for owner in (user for user in deployment.users if not user.has_secret):
            secret = json.dumps({"username": owner.username, "password": owner.password})
            name = f"notebook-archive/owners/{owner.username}"
            boto3.client("secretsmanager").create_secret(Name=name, SecretString=secret)
