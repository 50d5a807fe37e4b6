"""Test that an archive of an earlier release is verified, restored and undone.

It has no store records and no ledger, and its `item.json` names neither folder nor groups.
"""

import hashlib
import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from local.arcgis import Item, LocalArcGIS, Seed
from local.arcgis.organisation import Snapshot
from notebook_archive.errors import VersionReplaced
from tests.restore.conftest import OWNERS
from tests.restore.scene import RestoreScene
from tests.restore.test_recorded_bytes import NOT_COMPARED, replace_object, sentences
from tests.runs.test_earlier_release import EARLIER, refill
from tests.site import Site
from tests.strict_s3 import StrictS3, contents, make_bucket, make_ledger_bucket
from tests.verification.scene import Scene

BODIES = {
    each["key"]: each["body"].encode()
    for each in EARLIER["objects"]
    if "/snapshots/" in each["key"] or each["key"].endswith(".ipynb")
}


@pytest.fixture
def earlier(running: LocalArcGIS) -> Iterator[RestoreScene]:
    """Yield a site with the archive of the earlier release, and with the notebooks that it archived."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        strict = StrictS3()
        running.reset(Seed(OWNERS, list))
        for item in EARLIER["items"]:
            made = Item(**{**item, "content": item["content"].encode(), "snapshots": []})
            made.snapshots = [Snapshot(**{**each, "content": each["content"].encode()}) for each in item["snapshots"]]
            running.enterprise.organisation.add(made)
        refill()
        yield RestoreScene(Site(running.enterprise, running.ca_bundle, strict), running.online)
    assert strict.broken == []


def test_every_earlier_version_is_restored_and_undone(earlier: RestoreScene) -> None:
    items = dict(earlier.items)
    for item in items.values():
        earlier.delete(item)
    for key, body in BODIES.items():
        _, item_id, name = key.split("/", 2)
        record = earlier.restore(items[item_id], "new", resourceKey=name.removeprefix("snapshots/"))
        assert (record["level"], record["differences"]) == (5, []), key
        assert sentences(record["plan"])[0].startswith(NOT_COMPARED)
        assert earlier.items[record["newItemId"]].content == body
        assert earlier.undo(record["restoreId"])["status"] == "undone"
    assert earlier.items == {}


@pytest.mark.parametrize("way", ["replace", "snapshot"])
def test_earlier_version_is_put_into_its_item(earlier: RestoreScene, way: str) -> None:
    item = earlier.site.item("Flood model")
    content, snapshots = item.content, list(item.snapshots)
    record = earlier.restore(item, way, resourceKey=snapshots[0].resource_key)
    assert (record["level"], record["differences"]) == (5, [])
    assert earlier.undo(record["restoreId"])["status"] == "undone"
    assert (item.content, item.snapshots) == (content, snapshots)


def test_earlier_versions_are_verified_and_then_recorded(earlier: RestoreScene) -> None:
    before = contents("notebooks/")
    verification = Scene(earlier.site.s3)
    report = verification.verify("first", {"everything": True})
    assert (report["status"], report["named"]) == ("complete", []), report["message"]
    versions = report["versions"]
    assert [versions["unrecorded"], versions["read"], versions["levels"]["3"]] == [len(BODIES)] * 3
    assert contents("notebooks/") == before

    item = earlier.site.item("Flood model")
    record = earlier.restore(item, "new")
    assert (record["level"], sentences(record["plan"])) == (5, [])
    key = f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}"
    other = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()
    replace_object(key, other)
    with pytest.raises(VersionReplaced, match=hashlib.sha256(other).hexdigest()):
        earlier.restore(item, "new")
