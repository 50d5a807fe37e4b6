"""Test the operator's command on a deployed system: a notebook's way from the archive back into ArcGIS, and damage."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.arcgis import Item
from local.system import LocalSystem
from tests.cli.conftest import Result, Run, run
from tests.local.test_verification import put_back

__all__ = ["run"]


class Command:
    """The command, which uses the local system of the folder in which it runs."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        """Run the command with `--json`, and check its exit status."""
        result = self._run(*arguments, "--local", "--json")
        assert result.status == status, f"{arguments}: {result.stdout}{result.stderr}"
        return result


@pytest.fixture
def command(present: LocalSystem, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command in an empty folder, in which it finds the system."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/stack.json").write_text(json.dumps(present.description()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return Command(run)


@pytest.fixture
def notebook(present: LocalSystem) -> Iterator[Item]:
    """Yield a notebook, and put it back after the test."""
    organisation = present.arcgis.enterprise.organisation
    items = dict(organisation.items)
    yield organisation.notebooks()[0]
    organisation.items = items


def test_deleted_notebook_is_found_restored_and_undone(
    command: Command, present: LocalSystem, notebook: Item, tmp_path: Path
) -> None:
    items = present.arcgis.enterprise.organisation.items
    assert command("run", "--yes").document["status"] == "complete"
    assert command("status").document["lastRun"]["status"] == "complete"

    versions = command("versions", notebook.title).document
    latest, earlier = (f"{notebook.id}@{each['resourceKey']}" for each in versions[:2])
    command("diff", earlier, latest)
    command("get", f"{notebook.id}@latest", "-o", "back.ipynb")
    assert (tmp_path / "back.ipynb").read_bytes() == notebook.content

    present.arcgis.enterprise.organisation.remove(notebook.id)
    assert command("restore", latest, "--dry-run").document["status"] == "planned"
    assert notebook.id not in items
    restored = command("restore", f"{notebook.id}@latest", "--yes").document
    assert (restored["level"], restored["differences"]) == (5, [])
    assert items[restored["newItemId"]].content == notebook.content
    assert restored["url"].endswith(restored["newItemId"])
    assert command("undo", restored["restoreId"], "--yes").document["status"] == "undone"
    assert restored["newItemId"] not in items
    refused = command("restore", latest, "--new-owner", "nobody", "--yes", status=5)
    assert refused.error["reason"] == "owner-missing"
    assert refused.error["command"].endswith("--new-owner MEMBER --local")


def test_many_notebooks_are_restored_and_undone(command: Command, present: LocalSystem) -> None:
    items = present.arcgis.enterprise.organisation.items
    before = set(items)
    first, second, *_ = sorted(before)
    report = command("restore", "--item", first, "--item", second, "--yes").document
    made = {each["newItemId"] for each in report["items"]}
    assert (len(made), set(items)) == (2, before | made)
    assert command("undo", "--run", report["runId"], "--yes").document["undone"] == 2
    assert set(items) == before


def test_planted_damage_is_named(command: Command, present: LocalSystem) -> None:
    s3, bucket = present.aws.s3, present.outputs["ArchiveBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="notebooks/")["Contents"]
    damaged = next(each["Key"] for each in listed if "/snapshots/" in each["Key"])
    good = s3.get_object(Bucket=bucket, Key=damaged)
    s3.put_object(Bucket=bucket, Key=damaged, Body=good["Body"].read() + b" ", Metadata=good["Metadata"])
    found = command("verify", "--all", "--yes", status=3).document["findings"]
    assert [(each["kind"], each["key"]) for each in found] == [("damaged", damaged)]
    assert [each["key"] for each in command("findings", status=3).document["findings"]] == [damaged]
    put_back(present, damaged, good["VersionId"])
    assert command("verify", "--all", "--yes").document["findings"] == []
