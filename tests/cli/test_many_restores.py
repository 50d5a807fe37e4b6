"""Test bulk restores, their undo, and restore tests, as the command shows them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_archive_cli.running.executions import BULK_RESTORES
from tests.cli.conftest import MotoStack, Run, columns_of
from tests.cli.functions import Answer, Executions, Failure, Functions, answered
from tests.cli.test_restores import ITEM, KEY, NEW_ITEM, PORTAL, put, run_next, undone

OTHER = "8" * 32
EARLIER = "2026-11-22/earlier"


def outcome(item_id: str, title: str, state: str, **more: Any) -> dict[str, Any]:
    """Return a line of `items.jsonl`."""
    line: dict[str, Any] = {
        "itemId": item_id,
        "title": title,
        "archivedOwner": "ana",
        "owner": "ana",
        "state": state,
        "resourceKey": KEY,
        "at": "2025-01-01T10:00:02.000Z",
        "restoreId": f"earlier-{item_id}",
    }
    if state == "failed":
        message = f"The portal {PORTAL} has no member 'ana'."
        line["problem"] = {"reason": "owner-missing", "message": message, "remedy": "Name another owner."}
    if state == "restored":
        line |= {"key": "key", "portalUrl": PORTAL, "newItemId": NEW_ITEM, "level": 5, "differences": []}
        line |= {"bytes": 1042, "seconds": 1.4}
    return {**line, **more}


def report(run_id: str, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the report of a bulk restore with these notebooks."""
    states = [each["state"] for each in items]
    failed = {"owner-missing": states.count("failed")} if "failed" in states else {}
    counts = {name: states.count(name) for name in ("restored", "planned")} | {"alreadyRestored": 0}
    return {
        "schema": 1,
        "runId": run_id,
        "scope": "everything",
        "dryRun": "planned" in states,
        "status": "partial" if failed else "complete",
        "message": "Done.",
        "startedAt": datetime.now(UTC).isoformat(),
        "endedAt": "2026-11-22T09:00:07.512Z",
        "seconds": 7.5,
        "work": {"batches": 1, "seconds": 4.1, "longest": 4.1},
        "notebooks": {"attempted": len(items), "skipped": {}, "failed": failed, **counts},
        "levels": {"3": 0, "4": 0, "5": states.count("restored")},
        "bytes": 1042,
        "named": [each for each in items if each["state"] == "failed"],
        "itemsKey": f"bulk-restores/{run_id}/items.jsonl",
        "error": None,
        **more,
    }


def write(stack: MotoStack, run_id: str, items: list[dict[str, Any]], **more: Any) -> None:
    """Write what an execution leaves in the archive."""
    lines = "".join(json.dumps(each) + "\n" for each in items)
    put(stack, f"{BULK_RESTORES.prefix}{run_id}/items.jsonl", lines.encode())
    put(stack, f"{BULK_RESTORES.prefix}{run_id}/report.json", report(run_id, items, **more))


@pytest.fixture
def asked(stack: MotoStack) -> Iterator[list[dict[str, Any]]]:
    """Yield the inputs of executions. A dry run plans one notebook, and another has no owner. Others restore one."""
    inputs: list[dict[str, Any]] = []

    def work(name: str, given: dict[str, Any]) -> None:
        inputs.append(given)
        state = "planned" if given.get("dryRun") else "restored"
        run_id = f"{datetime.now(UTC):%Y-%m-%d}/{name}"
        write(stack, run_id, [outcome(ITEM, "Flood model", state), outcome(OTHER, "R\u00edos\x1b[2J", "failed")])

    executions = Executions(work)
    with answered(sfn_StartExecution=executions.start, sfn_DescribeExecution=executions.describe):
        yield inputs


def test_bulk_restore_is_planned_and_carried_out(run: Run, asked: list[dict[str, Any]]) -> None:
    arguments = ("--owner", "ana", "--map", "ana=anna", "--at", "2026-11-22", "--utc")
    result = run("restore", *arguments, "--yes")
    assert result.status == 3, "a notebook failed"
    plan, carried_out = asked
    assert plan == {"owner": "ana", "owners": {"ana": "anna"}, "at": "2026-11-22T23:59:59.999Z", "dryRun": True}
    assert set(carried_out) == {"resume"}
    assert "The planning of the bulk restore " in result.stderr
    assert "A new item would be made for 1 notebook" in result.stderr
    assert f"  {OTHER}  R\u00edos" in result.stderr
    assert "--map ana=MEMBER" in result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [ITEM, NEW_ITEM, "Flood", "model"] in rows
    assert "notebook-archive undo --run " in result.stdout
    assert columns_of(result.stdout.rpartition("\nResume")[0]) <= 80
    assert "\x1b" not in result.stdout + result.stderr


def test_dry_run_of_many_is_carried_out_by_the_next_command(run: Run, asked: list[dict[str, Any]]) -> None:
    result = run("restore", "--item", ITEM, "--item", OTHER, "--dry-run", "--json")
    assert (result.status, len(asked)) == (3, 1)
    assert asked[0] == {"itemIds": sorted((ITEM, OTHER)), "dryRun": True}
    assert [each["state"] for each in result.document["items"]] == ["planned", "failed"]
    assert result.document["carryOut"].startswith("notebook-archive restore --resume ")
    assert "ana=MEMBER" in run("report", "--kind", "restore").stdout
    [listed] = run("runs", "--kind", "restore", "--json").document
    assert listed["counts"] == {"notebooks": 2, "planned": 1, "failed": 1}


def test_interrupted_bulk_restore_is_resumed(run: Run, asked: list[dict[str, Any]], stack: MotoStack) -> None:
    missing = run("restore", "--resume", EARLIER, "--json")
    assert (missing.status, missing.error["reason"]) == (5, "plan-missing")
    put(stack, f"bulk-restores/{EARLIER}/plan.jsonl", {"notebooks": [{}, {}]})
    refused = run("restore", "--resume", EARLIER)
    assert refused.status == 2
    assert "has 2 notebooks." in refused.stderr
    result = run("restore", "--resume", EARLIER, "--yes", "--json")
    assert (result.status, asked) == (3, [{"resume": EARLIER}])
    assert result.document["items"][0]["newItemId"] == NEW_ITEM


def test_plan_that_failed_is_reported(run: Run, stack: MotoStack) -> None:
    message = "The archive has no notebook of owner 'nobody'."
    reasons = ["RestoreInputInvalid", "outcomes-lost", "ArchiveDenied"]
    errors = [{"reason": reason, "message": message, "remedy": "Correct it."} for reason in reasons]

    def work(name: str, _: dict[str, Any]) -> None:
        write(stack, f"{datetime.now(UTC):%Y-%m-%d}/{name}", [], error=errors.pop(0), dryRun=True)

    executions = Executions(work)
    with answered(sfn_StartExecution=executions.start, sfn_DescribeExecution=executions.describe):
        results = [run("restore", "--owner", "nobody", "--json") for _ in reasons]
    assert [each.error["reason"] for each in results] == ["restore-input-invalid", "outcomes-lost", "archive-denied"]
    assert [each.status for each in results] == [5, 3, 4]
    assert {each.error["message"] for each in results} == {message}
    commands = [each.error["command"].removeprefix("notebook-archive ") for each in results]
    assert commands == ["list", "restore --owner nobody --json", "doctor"]


def test_second_place_is_part_of_the_input(run: Run, stack: MotoStack, asked: list[dict[str, Any]]) -> None:
    stack.parameters["SecondBucket"] = "second-place"
    stack.deploy()
    result = run("restore", "--owner", "ana", "--second-place", "--yes")
    assert asked[0] == {"owner": "ana", "from": "second-place", "dryRun": True}
    assert set(asked[1]) == {"resume"}
    assert "--second-place" not in result.stdout, "the plan says where its versions are"


# ---------------------------------------------------------------------- undo --run


@pytest.fixture
def earlier(stack: MotoStack) -> Iterator[Functions]:
    """Yield the functions of a stack in which a bulk restore made two items, and may have begun a third."""
    crashed = {"reason": "batch-crashed", "message": "It ended.", "remedy": ""}
    lines = [
        outcome(ITEM, "One", "restored"),
        outcome(OTHER, "Two", "restored"),
        outcome("9" * 32, "Three", "failed", problem=crashed),
        outcome("a" * 32, "Four", "failed"),
    ]
    write(stack, EARLIER, lines)
    functions = Functions({stack.outputs["UndoRestoreFunction"]: undone})
    with answered(lambda_Invoke=functions.invoke):
        yield functions


def test_bulk_restore_is_undone_and_resumed(run: Run, earlier: Functions, stack: MotoStack) -> None:
    failures = {
        f"earlier-{OTHER}": Failure("RestoreTouched", "The content is different."),
        f"earlier-{'9' * 32}": Failure("RestoreUnknown", "There is no record."),
    }

    def undo(event: dict[str, Any]) -> Answer:
        return failures.get(event["restoreId"]) or undone(event)

    earlier.handlers[stack.outputs["UndoRestoreFunction"]] = undo
    planned = run("undo", "--run", EARLIER, "--dry-run", "--json")
    assert (planned.status, planned.document["planned"]) == (3, 1)
    result = run("undo", "--run", EARLIER, "--yes", "--json")
    states = [each["state"] for each in result.document["restores"]]
    assert (result.status, states) == (3, ["undone", "failed", "nothing-made"])
    put(stack, f"restores/earlier-{ITEM}/undo/result.json", {})
    text = run("undo", "--run", EARLIER, "--yes").stdout
    assert "1 undone earlier, 1 made nothing, 1 failed." in text
    assert "The content is different." in text


def test_interrupted_undo_of_many_continues(run: Run, earlier: Functions, stack: MotoStack) -> None:
    answers: list[Any] = [KeyboardInterrupt(), undone({"restoreId": "one", "dryRun": False})]
    earlier.handlers[stack.outputs["UndoRestoreFunction"]] = lambda event: answers.pop() if answers else undone(event)
    result = run("undo", "--run", EARLIER, "--yes", "--json")
    assert (result.status, result.error["reason"]) == (130, "interrupted")
    assert "after 1 of 3 restores" in result.error["message"]
    assert run_next(run, result, "--yes").status == 0


def test_undo_of_an_unknown_run_leads_to_the_runs(run: Run, stack: MotoStack) -> None:
    assert stack.outputs
    result = run("undo", "--run", EARLIER, "--json")
    assert (result.status, result.error["reason"]) == (5, "list-missing")
    assert run("undo", "--run", "earlier", "--json").status == 2


# ---------------------------------------------------------------------- restore-test


def make_results(run_id: str, **more: Any) -> dict[str, Any]:
    """Return the results of a restore test with two versions, of which one failed."""
    common = {"key": "key", "resourceKey": KEY, "owner": "ana", "restoreId": "test-1", "bytes": 10}
    problem = {"reason": "restored-differently", "message": "The tags differ.", "remedy": "Compare them."}
    good = {**common, "itemId": ITEM, "level": 5, "differences": [], "restoredAt": 1, "restoreSeconds": 1.5}
    bad = {**common, "itemId": OTHER, "problem": problem}
    return {
        "schema": 1,
        "runId": run_id,
        "status": "failed",
        "message": "1 failed.",
        "account": "tester",
        "startedAt": "2026-11-28T12:00:00.000Z",
        "seconds": 3.5,
        "passed": 1,
        "failed": 1,
        "notReached": 2,
        "ownersOverdue": 0,
        "longestSeconds": 1.5,
        "leftovers": [problem],
        "versions": [{"key": "key", "level": 5, "restoredAt": 1, "restoreSeconds": 1.5}],
        "tests": [good, bad],
        **more,
    }


def test_failed_restore_test_shows_its_results(run: Run, stack: MotoStack) -> None:
    def test(event: dict[str, Any]) -> Failure:
        run_id = f"{event['startedAt'][:10]}/{event['runId']}"
        put(stack, f"restore-tests/{run_id}/results.json", make_results(run_id))
        return Failure("RestoreTestFailed", "1 failed. The tags differ.")

    functions = Functions({stack.outputs["TestRestoresFunction"]: test})
    with answered(lambda_Invoke=functions.invoke):
        text = run("restore-test")
        result = run("restore-test", "--json")
        again = run("restore-test", "--run", result.document["runId"], "--json")
        unknown = run("restore-test", "--run", EARLIER, "--json")
    assert (unknown.status, unknown.error["reason"]) == (6, "results-missing")
    assert (text.status, result.status, again.document) == (3, 3, result.document)
    rows = [line.split() for line in text.stdout.splitlines()]
    assert ["passed", "5", "1.5", ITEM, "ana"] in rows
    assert ["failed", "-", "-", OTHER, "ana"] in rows
    assert "Not deleted: The tags differ." in text.stdout
    assert "RestoreTestSchedule is empty" in text.stdout
    assert columns_of(text.stdout) <= 80
    assert len(functions.calls) == 2


def test_restore_test_without_an_account_names_the_secret(run: Run, stack: MotoStack) -> None:
    secret = "notebook-archive/restore-test"
    for kind in ("SecretMissing", "SecretUnreadable"):
        functions = Functions()
        functions.returns(stack.outputs["TestRestoresFunction"], Failure(kind, "There is no such secret."))
        with answered(lambda_Invoke=functions.invoke):
            result = run("restore-test", "--json")
        assert result.status in (4, 5)
        assert "RestoreTestSchedule" in result.error["remedy"]
        assert f"--name {secret} " in result.error["command"]
