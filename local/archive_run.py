"""Start and follow an archive run as an operator does. This uses only Step Functions and the archive bucket."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from local.aws import LocalAws

_POLL_SECONDS = 0.2


class RunFailedError(Exception):
    """The run ended without a report, or did not end in time."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a run: the execution's status (such as SUCCEEDED), the run report, the duration in seconds."""

    status: str
    report: Mapping[str, Any]
    seconds: float


class ArchiveRun:
    """An archive run. Creating this object starts the run."""

    def __init__(
        self, aws: LocalAws, outputs: Mapping[str, str], item_ids: Sequence[str] = (), name: str | None = None
    ) -> None:
        """Start a run for the notebooks with these ids, or for all notebooks if no id is given."""
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

    def read_plan(self) -> list[int] | None:
        """Return the number of notebooks in each planned batch, or None if there is no plan yet."""
        plan = self._read("plan.jsonl")
        return None if plan is None else [len(json.loads(line)["notebooks"]) for line in plan.splitlines() if line]

    def count_outcomes(self) -> int:
        """Return the number of batches that have already written their outcomes."""
        return len(self._list_outcomes())

    def read_outcomes(self) -> list[dict[str, Any]]:
        """Return one outcome for each notebook."""
        outcomes: dict[str, dict[str, Any]] = {}
        for name in self._list_outcomes():
            for outcome in json.loads(self._read(name) or b'{"outcomes": []}')["outcomes"]:
                outcomes[outcome["itemId"]] = outcome
        return list(outcomes.values())

    def follow(self, seconds: float = 300) -> Iterator[None]:
        """Yield a few times a second until the run has ended. Raise RunFailedError if it runs longer than `seconds`."""
        while self._describe()["status"] == "RUNNING":
            if time.monotonic() - self._started > seconds:
                raise RunFailedError(f"The run has not ended after {seconds:.0f} s.")
            yield
            time.sleep(_POLL_SECONDS)

    def wait(self, seconds: float = 300) -> Finished:
        """Wait until the run has ended and return the result.

        Raise RunFailedError if the run has no report or runs longer than `seconds`.
        """
        for _ in self.follow(seconds):
            pass
        execution, report = self._describe(), self._read("report.json")
        if report is None:
            raise RunFailedError(
                f"The run ended with status {execution['status']} and without a report: "
                f"{execution.get('error')}: {execution.get('cause')}"
            )
        return Finished(execution["status"], json.loads(report), time.monotonic() - self._started)

    def _describe(self) -> Mapping[str, Any]:
        return self._aws.step_functions.describe_execution(executionArn=self.execution_arn)

    def _list_outcomes(self) -> list[str]:
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self.prefix}outcomes/"
        )
        return [each["Key"].removeprefix(self.prefix) for page in pages for each in page.get("Contents", ())]

    def _read(self, name: str) -> bytes | None:
        try:
            return self._aws.s3.get_object(Bucket=self._bucket, Key=self.prefix + name)["Body"].read()
        except self._aws.s3.exceptions.NoSuchKey:
            return None
