"""Put what `sam build` made into files that are the same, byte for byte, whenever and wherever they are made.

Lambda reports the SHA-256 of the zip file that it got. Because these files are always the same, it can be compared with
the checksums of a release.
"""

import json
import shutil
import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml

TEMPLATE = "template.json"
_CODE = ("CodeUri", "ContentUri")
_DEFINITION = "DefinitionUri"


def package(built: Path, folder: Path) -> Path:
    """Write the built functions and layers as zip files, the state machines and the template into a new folder.

    `built` is the folder that `sam build` made. Return the path of the template, which names the other files.
    """
    folder.mkdir(parents=True)
    template = yaml.safe_load((built / "template.yaml").read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in _CODE:
            if name in properties:
                source = built / properties[name]
                properties[name] = f"{source.name}.zip"
                write_zip(source, folder / properties[name])
        if isinstance(properties.get(_DEFINITION), str):
            source = built / properties[_DEFINITION]
            properties[_DEFINITION] = shutil.copy(source, folder / source.name).name
    path = folder / TEMPLATE
    path.write_text(json.dumps(template, indent=1) + "\n", encoding="utf-8")
    return path


def write_zip(source: Path, target: Path) -> None:
    """Write the files of a folder into a zip file, in the order of their names, without times and owners."""
    with ZipFile(target, "w") as archive:
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            entry = ZipInfo(path.relative_to(source).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            # The permissions must not depend on the umask. The functions run as another user, who needs to read all.
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.create_system = 3
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
