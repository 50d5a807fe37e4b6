"""Make the release of the tag that is checked out. `make release` runs this.

The release is built twice, in two folders, from nothing but the commit. It is kept only if both builds are equal, byte
for byte. So everybody who has the same commit can check that the files were made from it.
"""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from delivery import DeliveryError
from delivery.package import package
from delivery.sam import build_quietly
from delivery.sbom import make_sbom
from local.aws import ROOT
from local.stopping import Stopped, stop_on_signals

SUMS = "SHA256SUMS"


def find_released_version(folder: Path) -> str:
    """Return the version whose tag is checked out.

    Raises DeliveryError if files differ from the commit, if the commit does not have exactly one tag such as v0.1.0, or
    if pyproject.toml or CHANGELOG.md does not name the same version.
    """
    if changed := _git(folder, "status", "--porcelain"):
        raise DeliveryError(f"These files differ from the commit. Commit or remove them first.\n{changed}")
    version = str(tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    read_changes(folder, version)
    tags = _git(folder, "tag", "--points-at", "HEAD", "--list", "v*").split()
    if tags != [f"v{version}"]:
        raise DeliveryError(
            f"pyproject.toml says {version}, so the commit needs the tag v{version} and no other version's. Its tags: "
            f'{", ".join(tags) or "none"}. If this commit is the release: git tag -a v{version} -m "Version {version}"'
        )
    return version


def read_changes(folder: Path, version: str) -> str:
    """Return the section of CHANGELOG.md about a version, without its heading.

    Raises DeliveryError if there is no such section, or its heading has no date.
    """
    text = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{heading}\n+(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise DeliveryError(
            f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD' with the changes of this version. Put what is "
            "below [Unreleased] into it, and commit."
        )
    return f"{found[1].strip()}\n"


def build_release(folder: Path, version: str, target: Path) -> None:
    """Build a release from the commit that is checked out in a folder, and write its files into a new folder."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        archive = io.BytesIO(_run(["git", "archive", "HEAD"], folder))
        with tarfile.open(fileobj=archive) as files:
            files.extractall(source, filter="data")
        package(build_quietly(source), target)
        # Without build isolation, hatchling is the one of this environment, which uv.lock pins.
        uv = [str(ROOT / ".tools/bin/uv"), "build", "--quiet", "--wheel", "--no-build-isolation"]
        uv += ["--python", sys.executable, "--out-dir", str(target)]
        _run(uv, source)
    (target / ".gitignore").unlink(missing_ok=True)
    sbom = make_sbom(folder, _git(folder, "log", "-1", "--format=%cI"))
    (target / "sbom.cdx.json").write_text(json.dumps(sbom, indent=1) + "\n", encoding="utf-8")
    (target / "CHANGES.md").write_text(read_changes(folder, version), encoding="utf-8")
    (target / SUMS).write_text(_list_checksums(target), encoding="utf-8")


def _list_checksums(folder: Path) -> str:
    """Return the checksums of the files in a folder, in the format that `sha256sum --check` reads."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


def find_differences(first: Path, second: Path) -> list[str]:
    """Return the names of the files that are not in both folders, or not the same in both."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    return sorted(
        name
        for name in names
        if not ((first / name).exists() and (second / name).exists())
        or (first / name).read_bytes() != (second / name).read_bytes()
    )


def release(folder: Path) -> Path:
    """Make the release of the tag that is checked out in a folder. Return the folder with its files.

    Raises DeliveryError if there is nothing to release, a build fails, or the two builds differ.
    """
    version = find_released_version(folder)
    target = folder / "dist" / f"notebook-archive-{version}"
    with tempfile.TemporaryDirectory() as temporary:
        # The paths differ in their length too, because a build must not depend on where it is made.
        first, second = Path(temporary) / "first", Path(temporary) / "another-folder" / "second"
        for number, built in enumerate((first, second), 1):
            print(f"Build {number} of 2 of version {version} ...", flush=True)
            build_release(folder, version, built)
        if names := find_differences(first, second):
            raise DeliveryError(f"The two builds differ, so there is no release: {', '.join(names)}.")
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        shutil.move(first, target)
    return target


def _git(folder: Path, *arguments: str) -> str:
    return _run(["git", *arguments], folder).decode().strip()


def _run(command: Sequence[str], folder: Path) -> bytes:
    """Run a command and return what it wrote to standard output. Raise DeliveryError if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        shown = " ".join([Path(command[0]).name, *command[1:]])
        raise DeliveryError(f"`{shown}` failed in {folder}:\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def main() -> int:
    """Run the program. Return its exit status."""
    try:
        with stop_on_signals():
            target = release(Path.cwd())
    except DeliveryError as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        return 130
    print(f"Both builds are equal, byte for byte. The release is in {target.relative_to(Path.cwd())}/:\n")
    print((target / SUMS).read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
