"""One archive run as an operator starts and follows it: Step Functions and the archive bucket, nothing else."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from local.aws import LocalAws

_POLL_SECONDS = 0.2


class RunFailedError(Exception):
    """The run ended without a report, or not in time; the message holds the state machine's own words."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run: the state machine's last word (SUCCEEDED, FAILED, ...), the run report, wall-clock seconds."""

    status: str
    report: Mapping[str, Any]
    seconds: float


class ArchiveRun:
    """A run that was started: how far it is, and how it ended."""

    def __init__(
        self, aws: LocalAws, outputs: Mapping[str, str], item_ids: Sequence[str] = (), name: str | None = None
    ) -> None:
        """Start a run over the notebooks of these ids, over every notebook where there are none."""
        self._aws = aws
        self._bucket = outputs["ArchiveBucket"]
        start = {"itemIds": list(item_ids)} if item_ids else {}
        arguments = {"name": name} if name else {}
        self.execution_arn = aws.step_functions.start_execution(
            stateMachineArn=outputs["StateMachine"], input=json.dumps(start), **arguments
        )["executionArn"]
        self._started = time.monotonic()
        execution = aws.step_functions.describe_execution(executionArn=self.execution_arn)
        self.run_id = execution["name"]
        self.prefix = f"runs/{execution['startDate'].astimezone(UTC):%Y-%m-%d}/{self.run_id}/"

    def planned(self) -> list[int] | None:
        """Return the number of notebooks of each planned batch, or None while there is no plan."""
        plan = self._read("plan.jsonl")
        return None if plan is None else [_notebooks(line) for line in plan.splitlines() if line]

    def outcomes(self) -> int:
        """Return the number of batches whose outcome is written."""
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self.prefix}outcomes/"
        )
        return sum(page["KeyCount"] for page in pages)

    def wait(self, seconds: float = 300, follow: Callable[["ArchiveRun"], None] = lambda _run: None) -> Finished:
        """Wait for the end, calling `follow` a few times a second; return how the run ended."""
        while (execution := self._describe())["status"] == "RUNNING":
            if time.monotonic() - self._started > seconds:
                raise RunFailedError(f"The run has not ended after {seconds:.0f} s.")
            follow(self)
            time.sleep(_POLL_SECONDS)
        follow(self)
        report = self._read("report.json")
        if report is None:
            raise RunFailedError(
                f"The run ended {execution['status']} without a report: "
                f"{execution.get('error')}: {execution.get('cause')}"
            )
        return Finished(execution["status"], json.loads(report), time.monotonic() - self._started)

    def _describe(self) -> Mapping[str, Any]:
        return self._aws.step_functions.describe_execution(executionArn=self.execution_arn)

    def _read(self, name: str) -> bytes | None:
        try:
            return self._aws.s3.get_object(Bucket=self._bucket, Key=self.prefix + name)["Body"].read()
        except self._aws.s3.exceptions.NoSuchKey:
            return None


def _notebooks(line: bytes) -> int:
    return len(json.loads(line)["notebooks"])
