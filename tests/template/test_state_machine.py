"""Test that the state machine is valid and connected, retries transient faults, and continues after a failed batch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.template.rendered import state_machine


def _findings(definition: dict[str, Any]) -> list[str]:
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::111122223333:role/archive-run", "Definition": definition},
    }
    text = json.dumps({"Resources": {"ArchiveRun": resource}})
    return [f"{match.rule.id} {match.message}" for match in lint(text, config=ManualArgs(regions=["eu-central-1"]))]


def _machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from _machines(state["ItemProcessor"])


def _disconnected(definition: dict[str, Any]) -> set[str]:
    """Return states that cannot be reached, targets that are not states, and states that neither continue nor end."""
    wrong: set[str] = set()
    for machine in _machines(definition):
        states = machine["States"]
        targets = {machine["StartAt"]}
        for name, state in states.items():
            branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
            onward = {branch["Next"] for branch in branches if "Next" in branch} | {state.get("Default", name)}
            if onward == {name} and not state.get("End") and state["Type"] not in {"Succeed", "Fail"}:
                wrong.add(name)
            targets |= onward - {name}
        wrong |= targets ^ set(states)
    return wrong


def _tasks(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    machines = _machines(definition)
    return {name: state for machine in machines for name, state in machine["States"].items() if state["Type"] == "Task"}


def test_definition_is_valid() -> None:
    assert _findings(state_machine()) == []


@pytest.mark.parametrize(("state", "field", "planted"), [("PlanRun", "Type", "Job"), ("AnyBatches", "Choices", "none")])
def test_linter_finds_a_planted_defect(state: str, field: str, planted: object) -> None:
    definition = state_machine()
    definition["States"][state][field] = planted
    assert any(finding.startswith("E3601") for finding in _findings(definition))


def test_max_concurrency_is_rendered_as_a_number() -> None:
    assert state_machine({"MaxConcurrency": "7"})["States"]["ArchiveBatches"]["MaxConcurrency"] == 7


def test_every_state_is_reached_and_continues_or_ends() -> None:
    assert _disconnected(state_machine()) == set()


@pytest.mark.parametrize(("state", "next_state"), [("PlanFailed", "AnyBatches"), ("ReportRun", "Reported")])
def test_planted_state_without_an_end_is_found(state: str, next_state: str) -> None:
    definition = state_machine()
    definition["States"][state]["Next"] = next_state
    definition["States"]["ArchiveBatches"]["Next"] = definition["States"]["AnyBatches"]["Default"] = next_state
    definition["States"]["ArchiveBatches"]["Catch"][0]["Next"] = next_state
    assert _disconnected(definition) != set()


@pytest.mark.parametrize("name", ["PlanRun", "ArchiveNotebooks", "ReportRun"])
def test_tasks_retry_with_jitter_and_limited_delay(name: str) -> None:
    task = _tasks(state_machine())[name]
    retried = {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
    assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "ArcGISUnavailable"} <= retried
    # A retry does not help if the configuration or the data is wrong.
    assert not {"States.ALL", "States.TaskFailed"} & retried
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["MaxAttempts"] == 1 or retrier["MaxDelaySeconds"] <= 300
    assert task["TimeoutSeconds"] > 900, "Lambda must time out first, because its error says more"


@pytest.mark.parametrize("name", ["PlanRun", "ArchiveNotebooks"])
def test_report_is_written_after_any_task_failure(name: str) -> None:
    (catcher,) = _tasks(state_machine())[name]["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"]


def test_failed_batch_does_not_stop_the_others() -> None:
    batches = state_machine()["States"]["ArchiveBatches"]
    assert batches["ToleratedFailurePercentage"] == 100
    assert batches["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "ReportRun"}]
    # The outputs of many batches together would exceed the size limit of a state's output.
    assert batches["ResultPath"] is None
    ends = [state for state in batches["ItemProcessor"]["States"].values() if state.get("End")]
    assert ends
    assert all(state["Parameters"] == {} for state in ends)


def test_unfinished_notebooks_are_archived_by_a_new_invocation() -> None:
    states = state_machine()["States"]["ArchiveBatches"]["ItemProcessor"]["States"]
    archive = states["ArchiveNotebooks"]
    assert states["AnythingLeft"]["Default"] == "ArchiveNotebooks"
    # The output replaces the old state, because two batches together could exceed the limit of 256 KB.
    assert "ResultPath" not in archive
    assert {name: path.replace("$.Payload.", "$.") for name, path in archive["ResultSelector"].items()} == archive[
        "Parameters"
    ]["Payload"]


def test_only_a_complete_run_succeeds() -> None:
    states = state_machine()["States"]
    (complete,) = states["IsComplete"]["Choices"]
    assert (complete["Variable"], complete["StringEquals"], complete["Next"]) == ("$.status", "complete", "Complete")
    assert states["IsComplete"]["Default"] == "NotComplete"
    assert states["NotComplete"]["Type"] == "Fail"
