"""Read back what a restore made, and compare it with the archived version."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from notebook_archive.arcgis.item_editor import ItemProperties
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.backup.staging import IN_MEMORY_BYTES, Staged, stage
from notebook_archive.models import ItemId, NotebookItem, truncate
from notebook_archive.notebook import has_same_cells
from notebook_archive.restore.journal import LeftState
from notebook_archive.restore.version import RUNTIME_NAME, RUNTIME_VERSION, ArchivedVersion

# The levels of proof that a restore can reach: the content parses, its cells are equal, and the properties are too.
PARSED, SAME_CELLS, SAME_PROPERTIES = 3, 4, 5
# Maximum number of characters of a value in a sentence about a difference.
MAX_VALUE = 100


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read back: the level that it proves, its differences from the archive, and the state for an undo."""

    level: int
    differences: list[str]
    left: LeftState


def read_content(portal: Portal, item_id: ItemId, limit: int) -> Staged:
    """Return the present content of an item. The caller must close it. Raises what `stage` or the portal raises."""
    what = f"The content of item {item_id}"
    return SnapshotAccess(portal).read_content(item_id, limit, lambda chunks: stage(chunks, what))


def is_version(staged: Staged, version: ArchivedVersion) -> bool | None:
    """Return whether a body has the same cells as the version, or None if both are too large to be compared."""
    if staged.digest.hex() == version.sha256:
        return True
    if max(staged.size, version.size) > IN_MEMORY_BYTES:
        return None
    version.file.seek(0)
    staged.file.seek(0)
    return has_same_cells(staged.file.read(), version.file.read())


def compare_content(staged: Staged, version: ArchivedVersion) -> list[str]:
    """Return a sentence if the cells of the content differ from those of the version, or an empty list."""
    match is_version(staged, version):
        case True:
            return []
        case False:
            return ["The cells differ from the archived cells."]
        case None:
            return ["The bytes differ from the archived bytes, and are too many to be compared cell by cell."]


def read_back_item(
    portal: Portal, item_id: ItemId, version: ArchivedVersion, expected: Mapping[str, Any], limit: int
) -> ReadBack:
    """Read an item and its content, and compare them with the version and with the expected properties.

    `expected` has names and values as `describe_item` returns them.
    """
    staged = read_content(portal, item_id, limit)
    with closing(staged.file):
        differences, sha256 = compare_content(staged, version), staged.digest.hex()
    item = portal.get_item(item_id)
    others = list_differences(describe_item(item), expected)
    level = PARSED if differences else SAME_CELLS if others else SAME_PROPERTIES
    left: LeftState = {"title": item.title, "modified": item.modified, "sha256": sha256}
    return ReadBack(level, differences + others, left)


def describe_item(item: NotebookItem) -> dict[str, Any]:
    """Return the properties of an item that a restore compares, by the words for them."""
    folder, access = item.properties.get("ownerFolder"), item.properties.get("access")
    return {
        **describe_properties(ItemProperties.from_item(item.properties)),
        "owner": item.owner,
        "folder": folder or "",
        "access": access or "",
    }


def describe_properties(properties: ItemProperties) -> dict[str, Any]:
    """Return the written properties that a restore compares, by the words for them."""
    return {
        "title": properties.title,
        "type keywords": sorted(properties.type_keywords or ()),
        "runtime": describe_runtime(properties.runtime or {}),
        "tags": sorted(properties.tags or ()),
        "description": properties.description,
    }


def describe_runtime(properties: Mapping[str, Any]) -> str:
    """Return the name and the version of the runtime in an item's `properties`."""
    return f"{properties.get(RUNTIME_NAME, '')} {properties.get(RUNTIME_VERSION, '')}".strip()


def list_differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each expected property that is different."""
    return [
        f"The {name} should be {_quote(value)}, but is {_quote(found.get(name))}."
        for name, value in expected.items()
        if found.get(name) != value
    ]


def _quote(value: object) -> str:
    return truncate(repr(", ".join(value) if isinstance(value, list) else value), MAX_VALUE)
