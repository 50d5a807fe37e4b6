"""Use snapshots and change items with Esri's Python package, and print the results as JSON.

This program runs in the package's virtual environment. Its arguments are portal URL, CA bundle, user, password and item
id. It writes downloads to the temporary folder of the process.
"""

import json
import sys
from pathlib import Path
from typing import Any

from arcgis.gis import GIS, ItemProperties, SharingLevel  # type: ignore[import-not-found]


def body(snapshot: Any) -> str:
    """Download a snapshot with the package. Return the file's bytes in hexadecimal."""
    return Path(snapshot.download()).read_bytes().hex()


def write_notebook(name: str, size: int) -> str:
    """Write a notebook of about that many bytes, and return its path."""
    notebook = {"cells": [], "metadata": {"x": "x" * size}, "nbformat": 4, "nbformat_minor": 2}
    path = Path(name)
    path.write_text(json.dumps(notebook))
    return str(path.absolute())


def change_items(gis: Any) -> dict[str, Any]:
    """Add notebooks of 1 kB and of 6 MB, which the package sends in parts. Update, share, move and delete items."""
    folder = gis.content.folders.create("By Esri's package")
    properties = ItemProperties(title="Small", item_type="Notebook", tags=["x", "y"], description="Described")
    small = folder.add(properties, file=write_notebook("small.ipynb", 1_000)).result()
    properties = ItemProperties(title="Large", item_type="Notebook", tags=["z"], type_keywords=["Notebook", "mark"])
    large = folder.add(properties, file=write_notebook("large.ipynb", 6_000_000)).result()
    updated = small.update({"title": "Updated", "snippet": "In short"}, data=write_notebook("new.ipynb", 2_000))
    content = Path(small.download()).read_text()
    small.sharing.sharing_level = SharingLevel.ORG
    moved = small.move(gis.content.folders.get())
    return {
        "small": small.id,
        "large": large.id,
        "updated": updated,
        "content": content,
        "moved": moved["success"],
        "in folder": [each.id for each in folder.list()],
        "erased": large.delete(permanent=True),
    }


def main() -> None:
    """List, create, download, restore, convert and delete snapshots."""
    portal, ca_bundle, user, password, item_id = sys.argv[1:]
    gis = GIS(portal, user, password, use_gen_token=True, ca_bundles=ca_bundle)
    item = gis.content.get(item_id)
    server = gis.notebook_server[0]
    # The package itself selects the snapshot manager in this way.
    snapshots = server.snapshots if gis._is_arcgisonline else server.notebooks.snapshots
    seen: dict[str, Any] = {
        "title": item.title,
        "listed": [each.properties["properties"]["name"] for each in item.snapshots],
    }
    given = {"cells": [], "metadata": {"made": "by Esri's package"}, "nbformat": 4, "nbformat_minor": 2}
    seen["created"] = snapshots.create(item, "from the saved notebook", "described")
    seen["created from JSON"] = snapshots.create(item, "from JSON", notebook_json=given)
    seen["downloaded"] = {each.properties["resourceKey"]: body(each) for each in item.snapshots}
    seen["restored"] = item.snapshots[0].restore(title="kept copy", preserve=True)
    seen["converted"] = item.snapshots[0].save_as_item("Converted").id
    seen["deleted"] = item.snapshots[1].delete()
    seen["left"] = [each.properties["resourceKey"] for each in item.snapshots]
    seen |= change_items(gis)
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
