"""Use snapshots with Esri's Python package, and print the results as JSON.

This program runs in the package's virtual environment. Its arguments are portal URL, CA bundle, user, password and item
id. It writes downloads to the temporary folder of the process.
"""

import json
import sys
from pathlib import Path
from typing import Any

from arcgis.gis import GIS  # type: ignore[import-not-found]


def body(snapshot: Any) -> str:
    """Download a snapshot with the package. Return the file's bytes in hexadecimal."""
    return Path(snapshot.download()).read_bytes().hex()


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
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
