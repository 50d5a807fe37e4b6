"""Test that the wheel of this repository, in an environment of its own, contains everything that the command needs."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".tools" / "bin"), os.environ.get("PATH", "")]))
PACKAGES = {"notebook_archive_cli": ROOT / "cli", "notebook_archive": ROOT / "layers" / "notebook_archive"}
# Imports every module of the command, and the modules of the package that they import.
IMPORT_ALL = """
import importlib, pkgutil, notebook_archive_cli
for module in pkgutil.walk_packages(notebook_archive_cli.__path__, "notebook_archive_cli."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def uv(*arguments: str | Path, folder: Path) -> str:
    assert UV, "uv is missing; make installs it into .tools"
    environment = os.environ | {
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "UV_NO_PROGRESS": "1",
    }
    done = subprocess.run(
        [UV, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build_wheel(folder: Path) -> Path:
    # Without build isolation, hatchling is the one of this environment, which uv.lock pins.
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, folder=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_wheel_contains_both_packages(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(root))
        for package, root in PACKAGES.items()
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected


@pytest.mark.servers
def test_wheel_works_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """The versions are those of uv.lock, so that a release of another project does not change the result."""
    wheel = build_wheel(tmp_path)
    locked = tmp_path / "locked.txt"
    uv(
        *("export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes", "--no-header"),
        *("--output-file", locked),
        folder=tmp_path,
    )
    uv("tool", "install", "--quiet", "--python", sys.executable, "--constraints", locked, wheel, folder=tmp_path)
    program = tmp_path / "bin" / "notebook-archive"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def call(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    helped = call(program, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Usage: notebook-archive [OPTIONS] COMMAND" in helped.stdout
    assert call(program, "runs", "--local").returncode == 6
    imported = call(tmp_path / "tools" / "notebook-archive" / "bin" / "python", "-c", IMPORT_ALL)
    assert (imported.returncode, imported.stderr) == (0, "")
