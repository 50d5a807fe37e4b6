"""Test that the state machines are valid and connected, retry transient faults, and continue after a failed batch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.template.rendered import STATE_MACHINES, state_machine

# The map and the task in it, and the report, of each state machine.
BATCHES = {
    "ArchiveRun": ("ArchiveBatches", "ArchiveNotebooks", "ReportRun"),
    "ArchiveVerification": ("VerifyBatches", "VerifyVersions", "ReportVerification"),
    "ArchiveRestore": ("RestoreBatches", "RestoreNotebooks", "ReportRestores"),
}
every_machine = pytest.mark.parametrize("machine", STATE_MACHINES)


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


@every_machine
def test_definition_is_valid(machine: str) -> None:
    assert _findings(state_machine(name=machine)) == []


@pytest.mark.parametrize(("state", "field", "planted"), [("PlanRun", "Type", "Job"), ("AnyBatches", "Choices", "none")])
def test_linter_finds_a_planted_defect(state: str, field: str, planted: object) -> None:
    definition = state_machine()
    definition["States"][state][field] = planted
    assert any(finding.startswith("E3601") for finding in _findings(definition))


@every_machine
def test_max_concurrency_is_rendered_as_a_number(machine: str) -> None:
    states = state_machine({"MaxConcurrency": "7"}, machine)["States"]
    assert states[BATCHES[machine][0]]["MaxConcurrency"] == 7


@every_machine
def test_every_state_is_reached_and_continues_or_ends(machine: str) -> None:
    assert _disconnected(state_machine(name=machine)) == set()


@pytest.mark.parametrize(("state", "next_state"), [("PlanFailed", "AnyBatches"), ("ReportRun", "Reported")])
def test_planted_state_without_an_end_is_found(state: str, next_state: str) -> None:
    definition = state_machine()
    definition["States"][state]["Next"] = next_state
    definition["States"]["ArchiveBatches"]["Next"] = definition["States"]["AnyBatches"]["Default"] = next_state
    definition["States"]["ArchiveBatches"]["Catch"][0]["Next"] = next_state
    assert _disconnected(definition) != set()


TASKS = [
    *(("ArchiveRun", name) for name in ("PlanRun", "ArchiveNotebooks", "ReportRun")),
    *(("ArchiveVerification", name) for name in ("PlanVerification", "VerifyVersions", "ReportVerification")),
]


@pytest.mark.parametrize(("machine", "name"), TASKS)
def test_tasks_retry_with_jitter_and_limited_delay(machine: str, name: str) -> None:
    task = _tasks(state_machine(name=machine))[name]
    retried = {error for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
    assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "ArchiveUnavailable"} <= retried
    # A verification does not call ArcGIS.
    assert ("ArcGISUnavailable" in retried) == (machine == "ArchiveRun")
    # A retry does not help if the configuration or the data is wrong.
    assert not {"States.ALL", "States.TaskFailed"} & retried
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["MaxAttempts"] == 1 or retrier["MaxDelaySeconds"] <= 300
    assert task["TimeoutSeconds"] > 900, "Lambda must time out first, because its error says more"


@pytest.mark.parametrize(("machine", "name"), [task for task in TASKS if not task[1].startswith("Report")])
def test_report_is_written_after_any_task_failure(machine: str, name: str) -> None:
    (catcher,) = _tasks(state_machine(name=machine))[name]["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"]


@every_machine
def test_failed_batch_does_not_stop_the_others(machine: str) -> None:
    name, _, report = BATCHES[machine]
    batches = state_machine(name=machine)["States"][name]
    assert batches["ToleratedFailurePercentage"] == 100
    assert batches["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": report}]
    # The outputs of many batches together would exceed the size limit of a state's output.
    assert batches["ResultPath"] is None
    ends = [state for state in batches["ItemProcessor"]["States"].values() if state.get("End")]
    assert ends
    assert all(state["Parameters"] == {} for state in ends)


@every_machine
def test_rest_of_a_batch_is_left_to_a_new_invocation(machine: str) -> None:
    name, task, _ = BATCHES[machine]
    states = state_machine(name=machine)["States"][name]["ItemProcessor"]["States"]
    work = states[task]
    assert states["AnythingLeft"]["Default"] == task
    # The output replaces the old state, because two batches together could exceed the limit of 256 KB.
    assert "ResultPath" not in work
    assert {each: path.replace("$.Payload.", "$.") for each, path in work["ResultSelector"].items()} == work[
        "Parameters"
    ]["Payload"]


@every_machine
def test_only_a_complete_execution_succeeds(machine: str) -> None:
    states = state_machine(name=machine)["States"]
    (complete,) = states["IsComplete"]["Choices"]
    assert (complete["Variable"], complete["StringEquals"], complete["Next"]) == ("$.status", "complete", "Complete")
    assert states["IsComplete"]["Default"] == "NotComplete"
    assert states["NotComplete"]["Type"] == "Fail"
