"""Test the functions of bulk restores and of restore tests, with the samples in `events/`."""

import json
from typing import Any

import boto3
import pytest

from notebook_archive.errors import RestoreInputInvalid, RestoreTestFailed
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import metrics, whole_run
from tests.strict_s3 import contents, plain_client


@pytest.fixture
def archived(functions: Functions) -> Functions:
    """Return the functions after a run over all notebooks."""
    functions.configure(ARCHIVE_CURRENT="true", SNAPSHOT_LIMIT="5", LEDGER_BUCKET="ledger")
    whole_run(functions)
    return functions


@pytest.fixture
def published(archived: Functions) -> list[dict[str, Any]]:
    """Return the events that are sent, which are added while the test runs."""
    entries: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        entries.extend(params["Entries"])

    archived.configure()
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register("provide-client-params.events.PutEvents", note)
    return entries


def details(published: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [json.loads(each["Detail"]) for each in published if each["DetailType"] == kind]


def test_samples_make_a_whole_bulk_restore(
    archived: Functions, published: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    planned = archived.invoke("plan_restores", sample("plan_restores"))
    expected = sample("report_restores")["plan"]
    assert planned == expected
    [line] = contents(planned["planKey"])[planned["planKey"]].body.splitlines()
    answer = archived.invoke("restore_notebooks", {**sample("restore_notebooks"), "batch": json.loads(line)})
    assert answer["batch"] is None
    capsys.readouterr()
    report = archived.invoke("report_restores", sample("report_restores"))
    assert (report["status"], report["notebooks"]["restored"]) == ("complete", 1)
    emitted = metrics(capsys.readouterr().out)
    assert emitted["BulkRestoreComplete"] == emitted["BulkNotebooksRestored"] == [1.0]
    assert emitted["BulkNotebooksFailed"] == emitted["BulkNotebooksAlreadyRestored"] == [0.0]
    [restored] = details(published, "NotebookRestored")
    assert (restored["itemId"], restored["level"], restored["as"]) == (
        sample("plan_restores")["input"]["itemIds"][0],
        5,
        "new",
    )
    assert restored["newItemId"] in archived.deployment.organisation.items
    [completed] = details(published, "ArchiveRestoreCompleted")
    assert (completed["status"], completed["failed"]) == ("complete", [])
    logged = [each for each in archived.lines() if each["message"] == "restored"]
    assert [each["restore"]["newItemId"] for each in logged] == [restored["newItemId"]]


def test_sample_batch_is_restored(archived: Functions) -> None:
    before = set(archived.deployment.organisation.items)
    assert archived.invoke("restore_notebooks", sample("restore_notebooks"))["batch"] is None
    assert len(set(archived.deployment.organisation.items) - before) == 1


def test_failed_plan_is_reported(archived: Functions, published: list[dict[str, Any]]) -> None:
    report = archived.invoke("report_restores", sample("report_restores.failed"))
    assert report["status"] == "failed"
    assert "AccessDenied" in report["message"]
    assert [each["status"] for each in details(published, "ArchiveRestoreCompleted")] == ["failed"]


def test_invalid_input_fails_the_plan(archived: Functions) -> None:
    with pytest.raises(RestoreInputInvalid):
        archived.invoke("plan_restores", {**sample("plan_restores"), "input": {}})


def _add_account(archived: Functions) -> None:
    user = next(each for each in archived.deployment.users if each.username == "chi")
    boto3.client("secretsmanager", region_name="eu-west-1").create_secret(
        Name="notebook-archive/restore-test",
        SecretString=json.dumps({"username": user.username, "password": user.password}),
    )


@pytest.mark.parametrize("name", ["test_restores", "test_restores.schedule"])
def test_sample_tests_restores(
    archived: Functions, published: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _add_account(archived)
    before = set(archived.deployment.organisation.items)
    capsys.readouterr()
    answer = archived.invoke("test_restores", sample(name))
    assert (answer["status"], answer["account"], answer["failed"]) == ("passed", "chi", 0)
    assert answer["passed"] >= 4
    assert set(archived.deployment.organisation.items) == before
    emitted = metrics(capsys.readouterr().out)
    assert emitted["RestoreTestsPassed"] == [answer["passed"]]
    assert emitted["RestoreTestsFailed"] == emitted["RestoreTestLeftovers"] == [0.0]
    [completed] = details(published, "RestoreTestCompleted")
    assert completed["resultsKey"] in contents("restore-tests/")
    assert len([each for each in archived.lines() if each["message"] == "Passed"]) == answer["passed"]


def test_failed_test_fails_the_function(archived: Functions, published: list[dict[str, Any]]) -> None:
    _add_account(archived)
    for key in contents("notebooks/"):
        if "/current/" in key or "/snapshots/" in key:
            plain_client().put_object(Bucket="archive", Key=key, Body=b"damaged")
    with pytest.raises(RestoreTestFailed, match="was altered after it was archived"):
        archived.invoke("test_restores", sample("test_restores"))
    [completed] = details(published, "RestoreTestCompleted")
    assert completed["status"] == "failed"
