"""Open a notebook with Esri's Python package, and print its content and properties as JSON.

This program runs in the package's virtual environment. Its arguments are portal URL, CA bundle, user, password and item
id. It writes the download to the temporary folder of the process.
"""

import json
import sys
from pathlib import Path

from arcgis.gis import GIS  # type: ignore[import-not-found]


def main() -> None:
    """Download the notebook, and print what the package says of it."""
    portal, ca_bundle, user, password, item_id = sys.argv[1:]
    item = GIS(portal, user, password, use_gen_token=True, ca_bundles=ca_bundle).content.get(item_id)
    names = ("title", "type", "typeKeywords", "tags", "description", "owner", "access", "properties", "name")
    found = {name: item[name] for name in names}
    found["content"] = Path(item.download()).read_bytes().hex()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
