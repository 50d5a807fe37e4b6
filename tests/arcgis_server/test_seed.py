"""Test the users and items of each seed."""

import json
from pathlib import Path

import pytest

from local.arcgis import Seed, Snapshot
from local.arcgis.content import read


def contents(snapshots: list[Snapshot]) -> list[bytes]:
    return [read(snapshot.content) for snapshot in snapshots]


def test_the_samples_differ_from_each_other() -> None:
    organisation = Seed.samples().organisation("enterprise")
    items = organisation.notebooks()
    bodies = [json.loads(body) for item in items for body in contents(item.snapshots)]
    assert {user.role for user in organisation.users.values()} == {"admin", "creator"}
    assert {item.owner for item in items} == {"ana", "ben", "chi", "dora"}
    assert {len(item.snapshots) for item in items} >= {0, 1, 2, 5}
    assert {body["nbformat_minor"] for body in bodies} >= {2, 5}
    assert len({item.runtime for item in items}) == 3
    assert len({body["metadata"]["kernelspec"]["name"] for body in bodies}) == 2
    cells = [cell for body in bodies for cell in body["cells"]]
    assert {type(cell["source"]) for cell in cells} == {str, list}
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    assert any(not body["cells"] for body in bodies)
    assert any({cell["cell_type"] for cell in body["cells"]} == {"markdown"} for body in bodies)
    assert max(snapshot.size for item in items for snapshot in item.snapshots) > 900_000
    titles = [item.title for item in items]
    assert any(len(title) > 1000 for title in titles)
    assert any("\x07" in title for title in titles)
    assert [item.title for item in items if item.resources_refused] == ["Restricted survey"]
    assert {user.username for user in organisation.users.values() if not user.has_secret} == {"chi", "dora"}


def test_ids_are_stable_and_differ_between_deployments() -> None:
    first, again = Seed.samples().organisation("online"), Seed.samples().organisation("online")
    other = Seed.samples().organisation("kubernetes")
    assert list(first.items) == list(again.items)
    assert not set(first.items) & set(other.items)
    assert [contents(item.snapshots) for item in first.notebooks()] == [
        contents(item.snapshots) for item in again.notebooks()
    ]


def test_each_notebook_of_a_folder_becomes_one_snapshot(tmp_path: Path) -> None:
    bodies = {f"{number} naïve.ipynb": f'{{"cells": [],\r\n "n": {number}}}'.encode() for number in range(4)}
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "README.md").write_text("not a notebook")
    large = tmp_path / "large.ipynb"
    large.write_bytes(b'{"cells": []}' + b" " * 5_000_000)
    organisation = Seed.folder(tmp_path).organisation("enterprise")
    items = organisation.notebooks()
    assert [len(item.snapshots) for item in items] == [1] * 5
    assert {item.title: contents(item.snapshots)[0] for item in items} == {
        Path(name).stem: body for name, body in {**bodies, large.name: large.read_bytes()}.items()
    }
    assert items[-1].snapshots[0].content == large, "a large file is not loaded into memory"
    assert {item.owner for item in items} == {"ana", "ben", "chi"}
    assert all(user.has_secret for user in organisation.users.values())


def test_a_missing_folder_is_refused_and_an_empty_one_works(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        Seed.folder(tmp_path / "none")
    assert Seed.folder(tmp_path).organisation("online").items == {}
    assert Seed.empty().organisation("online").items == {}


@pytest.mark.parametrize("size", [1_000, 20_000])
def test_many_snapshots_have_the_size_and_differ(size: int) -> None:
    items = Seed.many(notebooks=10, snapshots=3, size=size).organisation("online").notebooks()
    bodies = [body for item in items for body in contents(item.snapshots)]
    assert (len(items), len(set(bodies))) == (10, 30)
    assert {len(body) for body in bodies} == {size}
    assert all(json.loads(body)["nbformat"] == 4 for body in bodies)
