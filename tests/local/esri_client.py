"""Download a notebook's snapshots with Esri's Python package from the base URL that the caller names.

This program runs in the package's virtual environment. Its arguments are portal URL, CA bundle, user, password, item id
and base URL. It prints JSON: each downloaded file by resource key, in hexadecimal, and the ids of the open notebooks.
It writes files to the temporary folder of the process.
"""

import json
import sys
from pathlib import Path

from arcgis.gis import GIS  # type: ignore[import-not-found]
from arcgis.gis.nb import NotebookServer, SnapShot  # type: ignore[import-not-found]


def main() -> None:
    """List snapshots on the portal, and download them from the base URL."""
    portal, ca_bundle, user, password, item_id, base = sys.argv[1:]
    gis = GIS(portal, user, password, use_gen_token=True, ca_bundles=ca_bundle)
    item = gis.content.get(item_id)
    notebooks = NotebookServer(f"{base}/admin", gis).notebooks
    listed = [each.properties for each in item.snapshots]
    snapshots = {each["resourceKey"]: SnapShot(item, notebooks.snapshots, each) for each in listed}
    bodies = {key: Path(snapshot.download()).read_bytes().hex() for key, snapshot in snapshots.items()}
    open_notebooks = [each.properties["id"] for each in notebooks.list()]
    json.dump({"downloaded": bodies, "open": open_notebooks}, sys.stdout)


if __name__ == "__main__":
    main()
