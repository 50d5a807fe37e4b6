"""Test that every version of the samples is restored, and that the whole archive comes back in an empty portal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from local.arcgis import Deployment
from local.archive_run import ArchiveRun
from local.system import LocalSystem
from tests.local.conftest import RESTORE_PREFIX
from tests.local.test_bulk_restore import execute
from tests.local.test_restore import invoke, list_versions


@contextmanager
def kept(portal: Deployment) -> Iterator[None]:
    """Put the items, groups and folders of a portal back at the end."""
    organisation = portal.organisation
    items, groups, folders = dict(organisation.items), list(organisation.groups), dict(organisation.folders)
    yield
    organisation.items, organisation.groups, organisation.folders = items, groups, folders


def test_every_version_of_the_samples_reaches_level_5(open_system: LocalSystem) -> None:
    portal, restored = open_system.arcgis.enterprise, 0
    items = dict(portal.organisation.items)
    ArchiveRun(open_system.aws, open_system.outputs).wait()
    with kept(portal):
        portal.organisation.groups.extend(group for item in items.values() for group in item.groups)
        for key in list_versions(open_system):
            _, item_id, name = key.split("/", 2)
            if item_id not in items:  # an earlier test archived it from another portal
                continue
            event = {"itemId": item_id, "resourceKey": name.removeprefix("snapshots/"), "as": "new"}
            record = invoke(open_system, "RestoreNotebookFunction", event)
            assert (record["level"], record["differences"]) == (5, []), items[item_id].title
            made = portal.organisation.items[record["newItemId"]]
            sources = {items[item_id].content, *(each.content for each in items[item_id].snapshots)}
            assert made.content in sources
            restored += 1
    assert restored > 15


def test_whole_archive_comes_back_in_an_empty_portal(open_system: LocalSystem) -> None:
    portal, items = open_system.arcgis.online, dict(open_system.arcgis.enterprise.organisation.items)
    ArchiveRun(open_system.aws, open_system.outputs).wait()
    for owner in ("ana", "ben"):
        open_system.aws.secrets.create_secret(
            Name=f"{RESTORE_PREFIX}/owners/{owner}",
            SecretString=json.dumps({"username": owner, "password": f"{owner}-password"}),
        )
    with kept(portal):
        for item_id in list(portal.organisation.items):
            portal.organisation.remove(item_id)
        portal.organisation.groups, portal.organisation.folders = [], {}
        given = {
            "everything": True,
            "to": {"portalUrl": portal.portal_url, "secretPrefix": RESTORE_PREFIX},
            "owners": {"ana": "ben", "*": "ana"},
        }
        status, report = execute(open_system, "whole-archive", given)
        assert (status, report["status"]) == ("SUCCEEDED", "complete"), report["message"]
        assert report["notebooks"]["restored"] == sum(report["levels"].values()) == len(portal.organisation.items)
        assert report["notebooks"]["restored"] > 8
        # Shared items reach level 4, because groups are left out on another portal.
        assert report["levels"]["3"] == 0
        body = open_system.aws.s3.get_object(Bucket=open_system.outputs["ArchiveBucket"], Key=report["itemsKey"])
        lines = [json.loads(line) for line in body["Body"].read().splitlines()]
        made_lines = [line for line in lines if line["state"] == "restored"]
        for line in made_lines:
            if line["itemId"] in items:
                made, item = portal.organisation.items[line["newItemId"]], items[line["itemId"]]
                assert made.owner == line["owner"] == ("ben" if item.owner == "ana" else "ana")
                assert (made.title, made.content) == (item.title, item.content)
                assert line["level"] == (4 if item.groups else 5), line["differences"]
        first = made_lines[0]
        undone = invoke(open_system, "UndoRestoreFunction", {"restoreId": first["restoreId"]})
        assert (undone["status"], first["newItemId"] in portal.organisation.items) == ("undone", False)
