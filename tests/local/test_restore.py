"""Test the deployed restore: archive a notebook, delete it, restore it, open it with Esri's package, and undo it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.arcgis import Item
from local.archive_run import ArchiveRun
from local.aws import ROOT
from local.system import LocalSystem
from tests.local.proxy import titled
from tests.local.roles import session_of


def invoke(system: LocalSystem, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return what a function returns. Raises AssertionError with its error message."""
    client = system.aws.session.client("lambda", endpoint_url=system.aws.endpoint_url)
    answer = client.invoke(FunctionName=system.outputs[function], Payload=json.dumps(event).encode())
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload["errorMessage"]
    return payload


def opened_by_esris_package(system: LocalSystem, folder: Path, item_id: str) -> dict[str, Any]:
    """Return what Esri's package says of an item of the user ana. It runs esri_restored.py."""
    program = [ROOT / ".venvs/esri/bin/python", Path(__file__).with_name("esri_restored.py")]
    arguments = [system.arcgis.enterprise.portal_url, system.arcgis.ca_bundle, "ana", "ana-password", item_id]
    done = subprocess.run(
        [*map(str, (*program, *arguments))],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def flood_model(open_system: LocalSystem) -> Any:
    """Yield an archived notebook of ana, and put it back after the test."""
    item = titled(open_system, "Flood")
    organisation = open_system.arcgis.enterprise.organisation
    items, groups, folders = dict(organisation.items), list(organisation.groups), dict(organisation.folders)
    # Groups and folders stay when the item is deleted.
    organisation.groups.extend(item.groups)
    organisation.folders["ana"] = [item.folder] if item.folder else []
    ArchiveRun(open_system.aws, open_system.outputs, [item.id]).wait()
    yield item
    organisation.items, organisation.groups, organisation.folders = items, groups, folders


@pytest.mark.esri
def test_deleted_notebook_is_restored_and_undone(open_system: LocalSystem, flood_model: Item, tmp_path: Path) -> None:
    organisation, item = open_system.arcgis.enterprise.organisation, flood_model
    before = opened_by_esris_package(open_system, tmp_path, item.id)
    organisation.remove(item.id)
    listed = open_system.aws.s3.list_objects_v2(
        Bucket=open_system.outputs["ArchiveBucket"], Prefix=f"notebooks/{item.id}/current/"
    )
    (copy,) = [each["Key"] for each in listed["Contents"] if each["Key"].endswith(".ipynb")]
    event: dict[str, Any] = {
        "requestId": "deployed",
        "itemId": item.id,
        "resourceKey": copy.split("/", 2)[2],
        "as": "new",
    }

    planned = invoke(open_system, "RestoreNotebookFunction", {**event, "dryRun": True})
    assert planned["status"] == "planned"
    record = invoke(open_system, "RestoreNotebookFunction", event)
    assert (record["status"], record["level"], record["differences"]) == ("restored", 5, [])
    new_id = record["newItemId"]
    after = opened_by_esris_package(open_system, tmp_path, new_id)
    assert after == {**before, "name": f"{new_id}.ipynb"}
    assert organisation.items[new_id].content == item.content

    repeated = invoke(open_system, "RestoreNotebookFunction", event)
    assert repeated == {**record, "status": "already-restored"}, "the same request is carried out once"
    assert f"--function-name {open_system.outputs['UndoRestoreFunction']} " in record["undo"]
    assert invoke(open_system, "UndoRestoreFunction", {"restoreId": "deployed"})["status"] == "undone"
    assert new_id not in organisation.items


def test_replaced_content_and_snapshots_are_undone(open_system: LocalSystem, flood_model: Item) -> None:
    item = flood_model
    key, content = item.snapshots[0].resource_key, item.content
    state = (item.modified, list(item.snapshots))
    for way in ("replace", "snapshot"):
        event: dict[str, Any] = {"requestId": f"deployed-{way}", "itemId": item.id, "resourceKey": key, "as": way}
        event |= {"force": True} if way == "replace" else {}
        record = invoke(open_system, "RestoreNotebookFunction", event)
        assert (record["level"], record["differences"]) == (5, [])
        undo = {"restoreId": record["restoreId"], "force": True}
        assert invoke(open_system, "UndoRestoreFunction", undo)["status"] == "undone"
    assert (item.content, item.snapshots) == (content, state[1])
    item.modified = state[0]


def test_refusal_says_what_to_do(open_system: LocalSystem, flood_model: Item) -> None:
    key = f"snapshot-{'0' * 32}.json"
    with pytest.raises(AssertionError, match="List the versions of the notebook"):
        invoke(open_system, "RestoreNotebookFunction", {"itemId": flood_model.id, "resourceKey": key, "as": "new"})


@pytest.mark.parametrize("function", ["RestoreNotebook", "UndoRestore"])
def test_role_may_delete_nothing_in_the_archive(open_system: LocalSystem, flood_model: Item, function: str) -> None:
    s3 = session_of(open_system, function).client("s3", endpoint_url=open_system.aws.endpoint_url)
    key = f"notebooks/{flood_model.id}/snapshots/{flood_model.snapshots[0].resource_key}"
    bucket = open_system.outputs["ArchiveBucket"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*")
