"""Test the deployed HTTP proxy with Esri's Python package."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.arcgis import Item
from local.archive_run import ArchiveRun
from local.aws import ROOT
from local.system import LocalSystem
from tests.local.proxy import large_notebook, titled


def by_esris_package(system: LocalSystem, folder: Path, item: Item, base: str) -> dict[str, Any]:
    """Return what Esri's package downloads from a base URL as the user ana. It runs esri_client.py."""
    both = folder / "ca.pem"
    both.write_text(system.arcgis.ca_bundle.read_text() + system.aws.ca_bundle.read_text())
    program = [ROOT / ".venvs/esri/bin/python", Path(__file__).with_name("esri_client.py")]
    arguments = [system.arcgis.enterprise.portal_url, both, "ana", "ana-password", item.id, base]
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


@pytest.mark.esri
@pytest.mark.parametrize("what", ["archived", "not archived", "large"])
def test_esri_package_needs_only_another_base_url(open_system: LocalSystem, tmp_path: Path, what: str) -> None:
    with large_notebook(open_system) as large:
        item = large if what == "large" else titled(open_system, "Flood" if what == "archived" else "Évolution")
        if what == "archived":
            ArchiveRun(open_system.aws, open_system.outputs, [item.id]).wait()
        server = open_system.arcgis.enterprise.notebook_admin_url.removesuffix("/admin")
        direct, proxied = (
            by_esris_package(open_system, tmp_path, item, base) for base in (server, open_system.api_base_url)
        )
    assert proxied == direct
    assert {key: bytes.fromhex(body) for key, body in proxied["downloaded"].items()} == {
        snapshot.resource_key: snapshot.content for snapshot in item.snapshots
    }
