"""Test the deployed restore: archive a notebook, delete it, restore it, open it with Esri's package, and undo it."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from local.arcgis import Deployment, Item
from local.archive_run import ArchiveRun
from local.aws import ROOT
from local.system import LocalSystem
from tests.local.roles import session_of

KINDS = ("enterprise", "online", "kubernetes")


def invoke(system: LocalSystem, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return what a function returns. Raises AssertionError with its error message."""
    client = system.aws.session.client("lambda", endpoint_url=system.aws.endpoint_url)
    answer = client.invoke(FunctionName=system.outputs[function], Payload=json.dumps(event).encode())
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload["errorMessage"]
    return payload


def opened_by_esris_package(portal: Deployment, ca_bundle: Path, folder: Path, item_id: str) -> dict[str, Any]:
    """Return what Esri's package says of an item of the user ana. It runs esri_restored.py."""
    program = [ROOT / ".venvs/esri/bin/python", Path(__file__).with_name("esri_restored.py")]
    arguments = [portal.portal_url, ca_bundle, "ana", "ana-password", item_id]
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


def read_over_rest(portal: Deployment, ca_bundle: Path, item_id: str) -> dict[str, Any]:
    """Return the same of an item as `opened_by_esris_package`."""
    url, token = f"{portal.portal_url}/sharing/rest/content/items/{item_id}", portal.token("ana")

    def get(path: str) -> requests.Response:
        return requests.get(f"{url}{path}", {"f": "json", "token": token}, verify=str(ca_bundle), timeout=30)

    item, names = get("").json(), ("title", "type", "typeKeywords", "tags", "description", "owner", "access")
    found = {name: item[name] for name in (*names, "properties", "name")}
    return {**found, "content": get("/data").content.hex()}


@contextmanager
def archiving(system: LocalSystem, portal: Deployment) -> Iterator[None]:
    """Let the functions use another portal, as if the stack were deployed with its address as PortalUrl."""
    client = system.aws.session.client("lambda", endpoint_url=system.aws.endpoint_url)
    kinds = ("PlanRun", "ArchiveNotebooks", "RestoreNotebook", "UndoRestore")
    functions = [system.outputs[f"{kind}Function"] for kind in kinds]
    before = {name: client.get_function_configuration(FunctionName=name)["Environment"] for name in functions}

    def set_variables(changes: dict[str, str]) -> None:
        for name, environment in before.items():
            variables = {**environment["Variables"], **changes}
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        for name in before:
            client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})

    set_variables({"PORTAL_URL": portal.portal_url})
    yield
    set_variables({})


@contextmanager
def archived_flood_model(system: LocalSystem, portal: Deployment) -> Iterator[Item]:
    """Provide an archived notebook of ana, and put it back at the end."""
    organisation = portal.organisation
    item = next(each for each in organisation.notebooks() if each.title.startswith("Flood"))
    items, groups, folders = dict(organisation.items), list(organisation.groups), dict(organisation.folders)
    # Groups and folders stay when the item is deleted.
    organisation.groups.extend(item.groups)
    organisation.folders["ana"] = [item.folder] if item.folder else []
    ArchiveRun(system.aws, system.outputs, [item.id]).wait()
    yield item
    organisation.items, organisation.groups, organisation.folders = items, groups, folders


@pytest.fixture
def flood_model(open_system: LocalSystem) -> Iterator[Item]:
    """Yield an archived notebook of ana, and put it back after the test."""
    with archived_flood_model(open_system, open_system.arcgis.enterprise) as item:
        yield item


@pytest.fixture(scope="module")
def portal(open_system: LocalSystem, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """Yield the portal of the kind that the parameter names. The functions use it."""
    portal: Deployment = getattr(open_system.arcgis, request.param)
    with archiving(open_system, portal) if request.param != "enterprise" else nullcontext():
        yield portal


@pytest.mark.esri
@pytest.mark.parametrize("portal", KINDS, indirect=True)
def test_deleted_notebook_is_restored_and_undone(open_system: LocalSystem, portal: Deployment, tmp_path: Path) -> None:
    ca_bundle, organisation = open_system.arcgis.ca_bundle, portal.organisation
    with archived_flood_model(open_system, portal) as item:
        before = read_over_rest(portal, ca_bundle, item.id)
        organisation.remove(item.id)
        [copy] = [key for key in list_versions(open_system, item) if key.endswith(".ipynb")]
        event: dict[str, Any] = {
            "requestId": f"deployed-{portal.kind}",
            "itemId": item.id,
            "resourceKey": copy.split("/", 2)[2],
            "as": "new",
        }
        planned = invoke(open_system, "RestoreNotebookFunction", {**event, "dryRun": True})
        assert planned["status"] == "planned"
        record = invoke(open_system, "RestoreNotebookFunction", event)
        assert (record["status"], record["level"], record["differences"]) == ("restored", 5, [])
        new_id, expected = record["newItemId"], {**before, "name": f"{record['newItemId']}.ipynb"}
        assert read_over_rest(portal, ca_bundle, new_id) == expected
        if portal.kind != "kubernetes":  # there the package imports pandas and other packages that no test needs
            assert opened_by_esris_package(portal, ca_bundle, tmp_path, new_id) == expected
        assert bytes.fromhex(expected["content"]) == item.content

        repeated = invoke(open_system, "RestoreNotebookFunction", event)
        assert repeated == {**record, "status": "already-restored"}, "the same request is carried out once"
        assert f"--function-name {open_system.outputs['UndoRestoreFunction']} " in record["undo"]
        undone = invoke(open_system, "UndoRestoreFunction", {"restoreId": event["requestId"]})
        assert (undone["status"], new_id in organisation.items) == ("undone", False)


@pytest.mark.parametrize("portal", KINDS, indirect=True)
def test_replaced_content_and_snapshots_are_undone(open_system: LocalSystem, portal: Deployment) -> None:
    with archived_flood_model(open_system, portal) as item:
        key, content = item.snapshots[0].resource_key, item.content
        modified, snapshots = item.modified, list(item.snapshots)
        for way in ("replace", "snapshot"):
            name = f"deployed-{portal.kind}-{way}"
            event: dict[str, Any] = {"requestId": name, "itemId": item.id, "resourceKey": key, "as": way}
            event |= {"force": True} if way == "replace" else {}
            record = invoke(open_system, "RestoreNotebookFunction", event)
            assert (record["level"], record["differences"]) == (5, [])
            if way == "replace":
                assert (item.content, item.snapshots) == (snapshots[0].content, snapshots)
            else:
                assert [each.content for each in item.snapshots] == [
                    *(each.content for each in snapshots),
                    snapshots[0].content,
                ]
            undo = {"restoreId": record["restoreId"], "force": True}
            assert invoke(open_system, "UndoRestoreFunction", undo)["status"] == "undone"
            assert (item.content, item.snapshots) == (content, snapshots)
        item.modified = modified


def list_versions(system: LocalSystem, item: Item | None = None) -> list[str]:
    """Return the keys of the archived versions of a notebook, or of all notebooks."""
    pages = system.aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=system.outputs["ArchiveBucket"], Prefix=f"notebooks/{item.id}/" if item else "notebooks/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    return [key for key in keys if "/snapshots/" in key or key.endswith(".ipynb")]


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
