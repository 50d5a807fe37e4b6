"""Test the functions that restore a notebook and undo a restore, with the samples in `events/`."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from notebook_archive.errors import RestoreInputInvalid, SecondPlaceMissing, SessionOpen
from notebook_archive.events import DetailType
from tests.docs.documents import EVENTS
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import metrics, whole_run
from tests.second_place import REGION, make_second_bucket, replicate
from tests.strict_s3 import ACCOUNT, SECOND_BUCKET, contents, empty_bucket

ITEM_ID = sample("restore_notebook")["itemId"]


@pytest.fixture
def archived(functions: Functions) -> Functions:
    """Return the functions after a run over all notebooks."""
    functions.configure(ARCHIVE_CURRENT="true", UNDO_FUNCTION="undo-function", SNAPSHOT_LIMIT="5")
    whole_run(functions)
    return functions


@pytest.fixture
def published(archived: Functions) -> Iterator[list[dict[str, Any]]]:
    """Return the details of the events about restores, which are added while the test runs."""
    details: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        details.extend(
            json.loads(each["Detail"])
            for each in params["Entries"]
            if each["DetailType"] == DetailType.NOTEBOOK_RESTORED
        )

    assert boto3.DEFAULT_SESSION
    archived.configure()
    boto3.DEFAULT_SESSION.events.register("provide-client-params.events.PutEvents", note)
    yield details
    boto3.DEFAULT_SESSION.events.unregister("provide-client-params.events.PutEvents", note)


def test_sample_is_restored_and_undone(
    archived: Functions, published: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(archived.deployment.organisation.items)
    capsys.readouterr()
    answer = archived.invoke("restore_notebook", sample("restore_notebook"))
    assert (answer["status"], answer["restoreId"], answer["level"]) == ("restored", "flood-model-1", 5)
    emitted = metrics(capsys.readouterr().out)
    figures = ("NotebooksRestored", "RestoresFailed", "BytesRestored", "RestoreDuration")
    assert [emitted[name] for name in figures] == [[1.0], [0.0], [answer["bytes"]], [answer["seconds"]]]

    words = shlex.split(answer["undo"])
    assert words[:5] == ["aws", "lambda", "invoke", "--function-name", "undo-function"]
    assert json.loads(words[words.index("--payload") + 1]) == sample("undo_restore")
    undone = archived.invoke("undo_restore", sample("undo_restore"))
    assert undone["status"] == "undone"
    assert set(archived.deployment.organisation.items) == before
    emitted = metrics(capsys.readouterr().out)
    assert [emitted[name] for name in ("RestoresUndone", "RestoresFailed")] == [[1.0], [0.0]]
    assert [each["status"] for each in published] == ["restored", "undone"]
    (example,) = EVENTS.section("NotebookRestored").fences("json")
    assert published[0].keys() == json.loads(example).keys()


def test_repeated_request_counts_nothing_again(
    archived: Functions, published: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    first = archived.invoke("restore_notebook", sample("restore_notebook"))
    capsys.readouterr()
    again = archived.invoke("restore_notebook", sample("restore_notebook"))
    assert again == {**first, "status": "already-restored"}
    emitted = metrics(capsys.readouterr().out)
    assert [emitted[name] for name in ("NotebooksRestored", "RestoresFailed")] == [[0.0], [0.0]]
    assert {"BytesRestored", "RestoreDuration"}.isdisjoint(emitted)

    undone = archived.invoke("undo_restore", sample("undo_restore"))
    capsys.readouterr()
    assert archived.invoke("undo_restore", sample("undo_restore")) == {**undone, "status": "already-undone"}
    emitted = metrics(capsys.readouterr().out)
    assert [emitted[name] for name in ("RestoresUndone", "RestoresFailed")] == [[0.0], [0.0]]
    # The first event may be lost, so a repeated request sends it again.
    assert [each["status"] for each in published] == ["restored", "already-restored", "undone", "already-undone"]


def test_sample_plan_names_who_has_the_notebook_open(archived: Functions) -> None:
    with pytest.raises(SessionOpen) as refused:
        archived.invoke("restore_notebook", sample("restore_notebook.plan"))
    assert "is open: ana (last active at" in str(refused.value)
    assert str(refused.value).endswith(SessionOpen.remedy), "a caller sees only the message"


def test_dry_run_announces_nothing(archived: Functions, published: list[dict[str, Any]]) -> None:
    before = contents("restores/")
    answer = archived.invoke("restore_notebook", {**sample("restore_notebook"), "dryRun": True})
    assert answer["status"] == "planned"
    assert "undo" not in answer
    assert published == []
    assert contents("restores/") == before


def test_sample_replaces_the_content(archived: Functions) -> None:
    item = archived.deployment.organisation.items[ITEM_ID]
    content = item.content
    answer = archived.invoke("restore_notebook", sample("restore_notebook.replace"))
    assert answer["level"] == 5
    assert item.content == item.snapshots[0].content
    archived.invoke("undo_restore", {"restoreId": answer["restoreId"], "force": True})
    assert item.content == content


def test_sample_makes_a_snapshot(archived: Functions) -> None:
    answer = archived.invoke("restore_notebook", sample("restore_notebook.snapshot"))
    made = archived.deployment.organisation.items[ITEM_ID].snapshot(answer["snapshot"])
    assert made
    assert made.name == "Before the flood"


def test_sample_restores_to_another_portal(archived: Functions) -> None:
    other = archived.arcgis.online
    event = sample("restore_notebook.portal")
    with pytest.raises(RestoreInputInvalid, match="has no RestoreSecretPrefix"):
        archived.invoke("restore_notebook", event)
    archived.configure(RESTORE_SECRET_PREFIX="notebook-archive-restore")
    secret = json.dumps({"username": other.admin.username, "password": other.admin.password})
    boto3.client("secretsmanager").create_secret(Name="notebook-archive-restore/admin", SecretString=secret)
    event["to"]["portalUrl"] = other.portal_url
    answer = archived.invoke("restore_notebook", event)
    made = other.organisation.items[answer["newItemId"]]
    assert (made.owner, made.folder) == ("ben", "Rescued")


def test_sample_restores_from_the_second_place(archived: Functions) -> None:
    event = sample("restore_notebook.second-place")
    with pytest.raises(SecondPlaceMissing):
        archived.invoke("restore_notebook", event)
    make_second_bucket()
    replicate()
    archived.configure(SECOND_BUCKET=SECOND_BUCKET, SECOND_BUCKET_OWNER=ACCOUNT, SECOND_BUCKET_REGION=REGION)
    empty_bucket()
    assert archived.invoke("restore_notebook", event)["level"] == 5


def test_request_without_id_gets_the_lambda_request_id(archived: Functions) -> None:
    event = sample("restore_notebook")
    del event["requestId"]
    answer = archived.invoke("restore_notebook", event)
    assert answer["restoreId"] == "00000000-0000-0000-0000-000000000000"


def test_failed_restore_is_logged_and_counted(archived: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with pytest.raises(RestoreInputInvalid):
        archived.invoke("restore_notebook", {"as": "new"})
    emitted = metrics(capsys.readouterr().out)
    assert [emitted[name] for name in ("NotebooksRestored", "RestoresFailed")] == [[0.0], [1.0]]
    assert archived.lines()[-1]["problem"]["reason"] == "restore-input-invalid"
