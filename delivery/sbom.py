"""List the libraries that a release contains or needs, in the format CycloneDX."""

import json
import subprocess
import uuid
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from delivery import DeliveryError
from local.aws import ROOT

# The longest value of the field License that is taken for the name of a license. Some libraries put the text there.
_MAX_NAME_CHARACTERS = 60


def make_sbom(folder: Path, time: str) -> dict[str, Any]:
    """Return the SBOM of the layers and the command of the checkout in a folder.

    uv.lock has the libraries and their hashes. The environment of this program has the same libraries and knows their
    licenses. `time` is when the release was made, in ISO 8601.

    Raises DeliveryError if uv fails.
    """
    command = [str(ROOT / ".tools/bin/uv"), "export", "--quiet", "--frozen", "--format", "cyclonedx1.5"]
    command += ["--preview-features", "sbom-export", "--no-default-groups", "--group", "layer", "--group", "pages"]
    command += ["--no-emit-project"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeliveryError(f"uv export failed with exit status {done.returncode}:\n{done.stderr[-2000:]}")
    bom: dict[str, Any] = json.loads(done.stdout)
    for component in bom["components"]:
        if license_ := _find_license(component["name"]):
            component["licenses"] = [license_]
    # uv writes the current time and a random number. Two builds of one release must have the same SBOM.
    bom["metadata"]["timestamp"] = time
    del bom["serialNumber"]
    bom["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom)).urn
    return bom


def _find_license(library: str) -> dict[str, Any] | None:
    """Return the license of a library as CycloneDX writes it, or None if it is not known."""
    try:
        fields = metadata(library)
    except PackageNotFoundError:
        # A library for another operating system.
        return None
    if expression := fields.get("License-Expression"):
        return {"expression": expression}
    name = fields.get("License", "")
    if not name or len(name) > _MAX_NAME_CHARACTERS:
        named = [each for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
        name = named[0].rpartition(" :: ")[2] if named else ""
    return {"license": {"name": name}} if name else None
