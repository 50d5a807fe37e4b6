"""Test that Esri's Python package works with the local ArcGIS as with a real one."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.arcgis.content import read
from tests.arcgis_server.client import Client

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "esri" / "bin" / "python"


@pytest.mark.esri
@pytest.mark.parametrize("kind", ["enterprise", "online"])
def test_the_package_uses_snapshots_and_changes_items(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Kubernetes is not tested, because there the package imports pandas and other packages that no test needs.
    client: Client = request.getfixturevalue(kind)
    item = client.item("Flood model")
    saved, first, second = item.content, *item.snapshots
    arcgis = request.getfixturevalue("arcgis")
    command = [PYTHON, Path(__file__).with_name("esri_client.py"), client.deployment.portal_url, arcgis.ca_bundle]
    finished = subprocess.run(
        [*map(str, command), "ana", "ana-password", item.id],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    seen = json.loads(finished.stdout)

    assert (seen["title"], seen["listed"]) == ("Flood model", [first.name, second.name])
    created, from_json = (seen[name]["snapshotResourceKey"] for name in ("created", "created from JSON"))
    assert list(seen["downloaded"]) == [first.resource_key, second.resource_key, created, from_json]
    bodies = {key: bytes.fromhex(body) for key, body in seen["downloaded"].items()}
    assert bodies[first.resource_key] == first.content
    assert bodies[second.resource_key] == second.content
    assert bodies[created] == saved
    given = item.snapshot(from_json)
    assert given
    assert bodies[from_json] == given.content
    assert json.loads(read(given.content))["metadata"] == {"made": "by Esri's package"}
    assert not given.private, "access=False in the package means that the snapshot is not private"

    assert item.content == first.content, "restored"
    kept = item.snapshot(seen["restored"]["resourceKey"])
    assert kept
    assert (kept.name, kept.content) == ("kept copy", saved)
    converted = client.deployment.organisation.items[seen["converted"]]
    assert (converted.title, converted.content) == ("Converted", first.content)
    assert seen["deleted"] is True
    assert seen["left"] == [each.resource_key for each in item.snapshots]
    assert second.resource_key not in seen["left"]

    small, content = client.deployment.organisation.items[seen["small"]], json.loads(seen["content"])
    assert (small.title, small.snippet, small.tags) == ("Updated", "In short", ["x", "y"])
    assert (small.access, small.folder, seen["moved"]) == ("org", None, True)
    assert content == json.loads(read(small.content))
    assert len(content["metadata"]["x"]) == 2_000
    assert seen["in folder"] == [seen["large"]]
    assert seen["erased"] is True
    assert seen["large"] not in client.deployment.organisation.items

    used = set(client.deployment.requests.counts())
    expected = {"list", "create", "download", "restore", "delete", "convertToItem"}
    assert {f"snapshots/{operation}" for operation in expected} <= used
    expected = {"addItem", "addPart", "commit", "status", "update", "shareItems", "move", "delete"}
    assert {f"items/{operation}" for operation in expected} <= used
