"""Test the examples in docs/proxy.md by running them without changes."""

import subprocess
from pathlib import Path

import pytest

from local.arcgis import Item
from local.system import LocalSystem
from tests.docs.documents import PROXY
from tests.local.proxy import large_notebook

SIGNED, GET_TOKEN, BY_TOKEN = (block for block in PROXY.fences("sh") if "curl" in block)
(PYTHON,) = PROXY.fences("python")
INTERPRETER = Path(__file__).parents[2] / ".venv/bin/python"


def first(system: LocalSystem) -> Item:
    """Return the notebook that the example in docs/proxy.md names."""
    item = system.arcgis.enterprise.organisation.notebooks()[0]
    assert item.id in SIGNED
    assert item.snapshots[0].resource_key in SIGNED
    return item


def run(command: list[str], system: LocalSystem, folder: Path, **more: str) -> None:
    """Run a command in the folder, with the environment variables that a caller sets."""
    ca = {name: str(system.aws.ca_bundle) for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")}
    given = {**system.aws.environment(), **ca, "API": system.api_base_url, **more}
    # The stack's output contains an AWS URL, but the local API has another URL.
    given["BASH_FUNC_output%%"] = "() { echo $API; }"
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_curl_downloads_with_a_signature(system: LocalSystem, tmp_path: Path) -> None:
    item = first(system)
    run(["bash", "-ec", SIGNED], system, tmp_path)
    assert (tmp_path / "flood-model.ipynb").read_bytes() == item.snapshots[0].content


def test_python_downloads_with_a_signature(system: LocalSystem, tmp_path: Path) -> None:
    item = first(system)
    ids = {"ITEM": item.id, "SNAPSHOT_KEY": item.snapshots[0].resource_key}
    run([str(INTERPRETER), "-c", PYTHON], system, tmp_path, **ids)
    assert (tmp_path / "flood-model.ipynb").read_bytes() == item.snapshots[0].content


def test_curl_downloads_with_a_token(open_system: LocalSystem, tmp_path: Path) -> None:
    item = first(open_system)
    ids = {"ITEM": item.id, "SNAPSHOT_KEY": item.snapshots[0].resource_key}
    enterprise = open_system.arcgis.enterprise
    (tmp_path / "password.txt").write_text(enterprise.organisation.users["ana"].password)
    get_token = GET_TOKEN.replace("https://gis.example.com/portal", enterprise.portal_url)
    get_token = get_token.replace("curl ", f"curl --cacert {open_system.arcgis.ca_bundle} ")
    commands = f"{get_token}\n{BY_TOKEN}"
    run(["bash", "-ec", commands], open_system, tmp_path, **ids)
    assert (tmp_path / "flood-model.ipynb").read_bytes() == item.snapshots[0].content


def of_any(block: str) -> str:
    """Return the commands without the lines that set the notebook's id."""
    return "\n".join(line for line in block.splitlines() if not line.startswith("export ITEM="))


@pytest.mark.parametrize("command", [("bash", "-ec", of_any(SIGNED)), (str(INTERPRETER), "-c", PYTHON)])
def test_large_snapshot_is_downloaded_with_a_signature(
    system: LocalSystem, tmp_path: Path, command: tuple[str, ...]
) -> None:
    with large_notebook(system, 5_000_000) as item:
        ids = {"ITEM": item.id, "SNAPSHOT_KEY": item.snapshots[0].resource_key}
        run([*command], system, tmp_path, **ids)
        assert (tmp_path / "flood-model.ipynb").read_bytes() == item.snapshots[0].content


def test_large_snapshot_is_downloaded_with_a_token(open_system: LocalSystem, tmp_path: Path) -> None:
    token = open_system.arcgis.enterprise.token("ana")
    with large_notebook(open_system, 5_000_000) as item:
        ids = {"ITEM": item.id, "SNAPSHOT_KEY": item.snapshots[0].resource_key}
        run(["bash", "-ec", BY_TOKEN], open_system, tmp_path, TOKEN=token, **ids)
        assert (tmp_path / "flood-model.ipynb").read_bytes() == item.snapshots[0].content


@pytest.mark.parametrize("block", [SIGNED, BY_TOKEN])
def test_a_refusal_ends_the_command(open_system: LocalSystem, tmp_path: Path, block: str) -> None:
    ids = {"ITEM": "x", "SNAPSHOT_KEY": "x", "TOKEN": "x"}
    with pytest.raises(AssertionError, match="400"):
        run(["bash", "-ec", of_any(block)], open_system, tmp_path, **ids)
