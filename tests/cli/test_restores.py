"""Test the restore of one version and its undo: plan, question, result, and what every error says to do."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from notebook_archive import errors
from notebook_archive_cli.restoring.moments import format_end
from tests.cli.conftest import MotoStack, Result, Run, columns_of
from tests.cli.functions import Failure, Functions, Refusal, answered

ITEM = "e49a12b28da29e813ee6be0b546a3015"
KEY = f"snapshot-{'4' * 32}.json"
VERSION = f"{ITEM}@{KEY}"
COPY = "current/1735725600000-65b1525d3ed2.ipynb"
PORTAL = "https://gis.example.com/portal"
NEW_ITEM = "5" * 32
EVENT = {"requestId": "one", "itemId": ITEM, "resourceKey": KEY, "as": "new"}


def restored(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what the function `restore_notebook` returns."""
    record: dict[str, Any] = {
        "schema": 1,
        "restoreId": event["requestId"],
        "status": "planned" if event["dryRun"] else "restored",
        "as": event["as"],
        "itemId": event["itemId"],
        "resourceKey": event["resourceKey"],
        "key": f"notebooks/{event['itemId']}/snapshots/{event['resourceKey']}",
        "bytes": 1042,
        "sha256": "0" * 64,
        "portalUrl": PORTAL,
        "owner": "ana",
        "plan": [f"Add the item 'Flood model' for ana to {PORTAL}, with the credential of ana.", "Read it back."],
        "seconds": 1.42,
    }
    if event["dryRun"]:
        return record
    made = {"newItemId": NEW_ITEM} if event["as"] == "new" else {"archived": f"notebooks/{ITEM}/{COPY}"}
    return {**record, **made, "level": 5, "differences": [], "undo": "aws lambda invoke …", **more}


def undone(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the function `undo_restore` returns."""
    record = restored({**EVENT, "requestId": event["restoreId"], "dryRun": True})
    kept = ("schema", "restoreId", "as", "itemId", "resourceKey", "key", "portalUrl", "owner", "seconds")
    plan = [f"Delete the item {NEW_ITEM}, with the credential of ana."]
    status = "planned" if event["dryRun"] else "undone"
    return {**{name: record[name] for name in kept}, "status": status, "plan": plan}


@pytest.fixture
def functions(stack: MotoStack) -> Iterator[Functions]:
    """Yield the functions of a stack whose archive has two versions of a notebook."""
    put(stack, f"notebooks/{ITEM}/snapshots/{KEY}", {})
    put(stack, f"notebooks/{ITEM}/{COPY}", {})
    functions = Functions({stack.outputs["RestoreNotebookFunction"]: restored})
    functions.handlers[stack.outputs["UndoRestoreFunction"]] = undone
    with answered(lambda_Invoke=functions.invoke):
        yield functions


def put(stack: MotoStack, key: str, document: Any) -> None:
    """Write an object of the archive."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    boto3.client("s3").put_object(Bucket=stack.outputs["ArchiveBucket"], Key=key, Body=body)


def run_next(run: Run, result: Result, *more: str) -> Result:
    """Run the command that an error says to run next."""
    assert "--json" in result.stderr or result.stderr.startswith("{")
    program, *words = shlex.split(result.error["command"])
    assert program == "notebook-archive"
    return run(*words, *more)


def let_restore(functions: Functions, stack: MotoStack, *answers: Any) -> None:
    """Let the function return these answers, one after the other, and then do its work."""
    left = list(answers)
    functions.handlers[stack.outputs["RestoreNotebookFunction"]] = lambda event: (
        left.pop(0) if left else restored(event)
    )


def let_undo(functions: Functions, stack: MotoStack, answer: Any) -> None:
    functions.returns(stack.outputs["UndoRestoreFunction"], answer)


# ---------------------------------------------------------------------- restore


def test_restore_is_planned_and_carried_out(run: Run, functions: Functions) -> None:
    result = run("restore", VERSION, "--yes")
    assert result.status == 0
    (_, plan), (_, event) = functions.calls
    assert plan == {"requestId": event["requestId"], "itemId": ITEM, "resourceKey": KEY, "as": "new", "dryRun": True}
    assert event == {**plan, "dryRun": False}
    assert "would be restored as a new item:" in result.stderr
    assert "1. Add the item 'Flood model' for ana" in result.stderr
    assert f"Request id  {event['requestId']}" in result.stderr
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith(("Address", "Undo")))
    assert lines["Address"] == f"{PORTAL}/home/item.html?id={NEW_ITEM}"
    assert lines["Undo"] == f"notebook-archive undo {event['requestId']}"
    assert NEW_ITEM in result.stdout


def test_json_has_the_address_and_the_undo(run: Run, functions: Functions) -> None:
    result = run("restore", VERSION, "--yes", "--json")
    document = result.document
    assert (result.status, result.stderr) == (0, "")
    assert document["undo"] == f"notebook-archive undo {document['restoreId']}"
    assert document["url"].endswith(NEW_ITEM)
    assert len(functions.calls) == 2


def test_dry_run_changes_nothing(run: Run, functions: Functions) -> None:
    result = run("restore", VERSION, "--dry-run")
    assert (result.status, result.stderr) == (0, "")
    assert "Nothing was changed." in result.stdout
    assert columns_of(result.stdout) <= 80
    assert run("restore", VERSION, "--dry-run", "--json").document["status"] == "planned"
    assert all(event["dryRun"] for _, event in functions.calls)


def test_restore_without_a_terminal_needs_yes(run: Run, functions: Functions) -> None:
    result = run("restore", VERSION, "--json")
    assert (result.status, result.error["reason"], len(functions.calls)) == (2, "not-confirmed", 1)
    assert run_next(run, result).status == 0


def test_every_option_reaches_the_function(run: Run, functions: Functions) -> None:
    arguments = (
        "--new-owner", "ben", "--folder", "", "--title", "Rivers", "--private", "--version-id", "v1",
        "--to", "https://new.example.com/portal", "--secrets", "restore", "--request-id", "one",
    )  # fmt: skip
    assert run("restore", VERSION, *arguments, "--dry-run").status == 0
    assert functions.calls[0][1] == {
        "requestId": "one",
        "itemId": ITEM,
        "resourceKey": KEY,
        "as": "new",
        "dryRun": True,
        "versionId": "v1",
        "owner": "ben",
        "title": "Rivers",
        "folder": "",
        "to": {"portalUrl": "https://new.example.com/portal", "secretPrefix": "restore"},
        "private": True,
    }
    assert run("restore", VERSION, "--as", "replace", "--target-item", NEW_ITEM, "--force", "--dry-run").status == 0
    assert functions.calls[1][1].items() >= {"as": "replace", "targetItemId": NEW_ITEM, "force": True}.items()


def test_deleted_object_is_restored_by_its_version_id(run: Run, functions: Functions) -> None:
    deleted = f"{ITEM}@snapshot-{'7' * 32}.json"
    assert run("restore", deleted, "--dry-run", "--json").error["reason"] == "version-missing"
    assert run("restore", deleted, "--version-id", "v1", "--dry-run").status == 0
    assert functions.calls[0][1]["versionId"] == "v1"


def test_unproved_cells_are_a_finding(run: Run, functions: Functions, stack: MotoStack) -> None:
    for level, status in ((3, 3), (4, 0), (5, 0)):
        more = {"level": level, "differences": ["The cells differ."] if level < 5 else []}
        let_restore(functions, stack, restored({**EVENT, "dryRun": True}), restored({**EVENT, "dryRun": False}, **more))
        result = run("restore", VERSION, "--yes")
        assert result.status == status
        assert f"Level {level} of 5" in result.stdout
        assert ("The cells differ." in result.stdout) == (level < 5)


def test_repeated_restore_shows_the_first_result(run: Run, functions: Functions, stack: MotoStack) -> None:
    record = restored({**EVENT, "dryRun": False}, status="already-restored")
    functions.returns(stack.outputs["RestoreNotebookFunction"], record)
    assert run("restore", VERSION, "--request-id", "one", "--json").document["level"] == 5
    functions.calls.clear()
    result = run("restore", VERSION, "--request-id", "one")
    assert result.status == 0
    assert "was carried out earlier" in result.stderr
    assert len(functions.calls) == 1


NEXT = {
    "SessionOpen": (6, "--as replace --force"),
    "SessionsUnknown": (6, "--as replace --force"),
    "OwnerMissing": (5, "--new-owner MEMBER"),
    "ItemMissing": (5, "--as new"),
    "SnapshotsFull": (3, "--as new"),
    "NoFreeSlot": (3, "--as new"),
    "SnapshotUnsendable": (2, "--as new"),
    "SnapshotNameTaken": (2, "--as replace"),
    "RestoreIdTaken": (2, "--as replace"),
    "RestoreTouched": (3, "--as replace"),
    "RestoreInterrupted": (6, "--request-id one"),
}


OTHERS = {
    "VersionMissing": (5, f"versions {ITEM}"),
    "ArchiveDamaged": (3, f"verify {ITEM}"),
    "VersionReplaced": (3, f"verify {ITEM}"),
    "RestoreForbidden": (4, "doctor"),
    "RestoreInputInvalid": (2, "restore --help"),
    "TokenRejected": (4, "doctor"),
}
LOST: list[tuple[Any, str, int]] = [
    (KeyboardInterrupt(), "interrupted", 130),
    (ReadTimeoutError(endpoint_url="https://lambda"), "result-unknown", 6),
    (Failure("Sandbox.Timedout", "Task timed out after 900.00 seconds"), "result-unknown", 6),
    (Failure("Runtime.ExitError", "Runtime exited with error: signal: killed"), "result-unknown", 6),
    (Refusal(429, "TooManyRequestsException"), "result-unknown", 6),
]
UNFIT: list[tuple[tuple[str, ...], str]] = [
    ((), "Give exactly one"),
    ((VERSION, "--all"), "Give exactly one"),
    (("--owner", "ana", "--as", "new"), "--as"),
    (("--all", "--force"), "--force"),
    ((VERSION, "--map", "a=b"), "--map"),
    ((VERSION, "--at", "2026-11-22"), "--at"),
    (("--resume", "2026-11-22/one", "--dry-run"), "--dry-run"),
    (("--all", "--secrets", "x"), "--secrets"),
    (("--all", "--map", "ana"), "OLD=NEW"),
    (("--all", "--at", "soon"), "--at soon"),
    (("--resume", "one"), "'one'"),
    ((VERSION, "--to", "https://new.example.com/portal"), "RestoreSecretPrefix"),
    ((VERSION, "--to", "http://new.example.com/portal"), "--to http://new.example.com/portal"),
]


# One stack for all errors, because it takes longer than a call.
def test_refused_restores_name_commands_that_work(run: Run, functions: Functions, stack: MotoStack) -> None:
    tried: set[str] = set()
    for kind, (status, words) in NEXT.items():
        error = getattr(errors, kind)
        let_restore(functions, stack, Failure(kind, f"Notebook {ITEM} is refused. {error.remedy}"))
        result = run("restore", VERSION, "--as", "replace", "--request-id", "one", "--json")
        assert (result.status, result.error["reason"]) == (status, error.reason)
        assert result.error["message"] == f"Notebook {ITEM} is refused."
        assert result.error["command"].startswith(f"notebook-archive restore {VERSION} --as ")
        assert result.error["command"].endswith(words), kind
        if words not in tried:
            tried.add(words)
            assert run_next(run, result, "--dry-run", "--json").document["status"] == "planned"


def test_other_errors_name_other_commands(run: Run, functions: Functions, stack: MotoStack) -> None:
    for kind, (status, command) in OTHERS.items():
        let_restore(functions, stack, Failure(kind))
        result = run("restore", VERSION, "--json")
        assert (result.status, result.error["command"]) == (status, f"notebook-archive {command}")


def test_other_portal_is_prepared_by_the_next_commands(run: Run, functions: Functions, stack: MotoStack) -> None:
    arguments = ("restore", VERSION, "--to", "https://new.example.com/portal", "--json")
    error = run(*arguments).error
    assert '"RestoreSecretPrefix=notebook-archive-restore"' in error["remedy"]
    assert error["command"] == "make deploy STAGE=prod"
    stack.parameters["RestoreSecretPrefix"] = "notebook-archive-restore"
    stack.deploy()
    secret = "notebook-archive-restore/owners/ana"
    let_restore(functions, stack, Failure("RestoreForbidden", f"There is no secret {secret!r}, and there is no other."))
    command = run(*arguments).error["command"]
    assert command.startswith(f"aws secretsmanager create-secret --name {secret} --secret-string file://")


def test_lost_result_is_asked_for_with_the_same_id(run: Run, functions: Functions, stack: MotoStack) -> None:
    for lost, reason, status in LOST:
        functions.calls.clear()
        let_restore(functions, stack, restored({**EVENT, "dryRun": True}), lost)
        result = run("restore", VERSION, "--folder", "", "--yes", "--json")
        assert (result.status, result.error["reason"]) == (status, reason)
        assert run_next(run, result, "--yes", "--json").status == 0
        assert functions.calls[-1] == functions.calls[1], "the same request is sent again"


def test_options_that_do_not_fit_are_refused(run: Run, functions: Functions) -> None:
    for arguments, named in UNFIT:
        result = run("restore", *arguments, "--json")
        assert result.status == 2
        assert named in result.error["message"]
    assert functions.calls == []


def test_day_ends_in_the_chosen_zone() -> None:
    assert format_end("2026-11-22", utc=True) == "2026-11-22T23:59:59.999Z"
    assert format_end("2026-11-22T06:00+01:00", utc=True) == "2026-11-22T05:00:00.000Z"
    assert format_end("2026-11-22T06:00", utc=True) == "2026-11-22T06:00:00.000Z"


# ---------------------------------------------------------------------- undo


def test_undo_is_planned_and_carried_out(run: Run, functions: Functions) -> None:
    result = run("undo", "one", "--yes")
    assert result.status == 0
    assert f"1. Delete the item {NEW_ITEM}" in result.stderr
    assert "Undone: one" in result.stdout
    assert [event for _, event in functions.calls] == [
        {"restoreId": "one", "dryRun": True, "force": False},
        {"restoreId": "one", "dryRun": False, "force": False},
    ]
    assert run("undo", "one", "--yes", "--json").document["status"] == "undone"
    assert run("undo", "one", "--dry-run", "--json").document["status"] == "planned"


def test_repeated_undo_shows_the_first_result(run: Run, functions: Functions, stack: MotoStack) -> None:
    let_undo(functions, stack, {**undone({"restoreId": "one", "dryRun": False}), "status": "already-undone"})
    result = run("undo", "one")
    assert (result.status, len(functions.calls)) == (0, 1)
    assert "one was already undone." in result.stdout
    assert run("undo", "one", "--json").document["status"] == "already-undone"


def test_undo_without_a_terminal_needs_yes(run: Run, functions: Functions) -> None:
    result = run("undo", "one", "--json")
    assert (result.status, len(functions.calls)) == (2, 1)
    assert run_next(run, result).status == 0


@pytest.mark.parametrize("way", ["new", "replace"])
def test_touched_restore_says_how_to_undo_by_hand(run: Run, functions: Functions, stack: MotoStack, way: str) -> None:
    put(stack, "restores/one/result.json", restored({**EVENT, "as": way, "dryRun": False}))
    let_undo(functions, stack, Failure("RestoreTouched", "The title is 'Mine' and was 'Flood model'."))
    result = run("undo", "one", "--json")
    assert (result.status, result.error["message"]) == (3, "The title is 'Mine' and was 'Flood model'.")
    if way == "new":
        assert f"delete item {NEW_ITEM}" in result.error["remedy"]
        assert result.error["command"] == f"notebook-archive show {VERSION}"
    else:
        assert run_next(run, result, "--dry-run").status == 0
        assert functions.calls[-1][1].items() >= {"as": "replace", "resourceKey": COPY}.items()


def test_open_notebook_is_undone_with_force(run: Run, functions: Functions, stack: MotoStack) -> None:
    let_undo(functions, stack, Failure("SessionOpen", "Notebook is open: ana."))
    result = run("undo", "one", "--json")
    assert (result.status, result.error["command"]) == (6, "notebook-archive undo one --force")


def test_unknown_restore_leads_to_the_list(run: Run, functions: Functions, stack: MotoStack) -> None:
    request = {"itemId": ITEM, "resourceKey": KEY, "as": "new"}
    for name in ("one", "two", "test-2026-11-28.2Fx-1"):
        put(stack, f"restores/{name}/plan.json", {"request": request, "owner": "ana", "title": "Flood\x1b[2J model"})
    put(stack, "restores/one/result.json", {})
    put(stack, "restores/one/undo/result.json", {})
    let_undo(functions, stack, Failure("RestoreUnknown", "The archive has no record of a restore three."))
    result = run("undo", "three", "--json")
    assert result.status == 5
    listed = {each["restoreId"]: each["state"] for each in run_next(run, result, "--json").document}
    assert listed == {"one": "undone", "two": "not-ended"}
    text = run("undo", "--list")
    assert columns_of(text.stdout) <= 80
    assert "\x1b" not in text.stdout


def test_undo_needs_exactly_one_subject(run: Run) -> None:
    assert run("undo", "--json").status == 2
    assert run("undo", "one", "--run", "2026-11-28/one", "--json").status == 2
    assert run("undo", "--list", "--force", "--json").status == 2
