"""Test that make does not change the environment of another checkout, and reports a download that failed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.aws import ROOT


def make_checkout(folder: Path) -> Path:
    """Return a folder with the files that make needs to create the environments."""
    checkout = folder / "checkout"
    (checkout / "local").mkdir(parents=True)
    for name in ("Makefile", "local/uv-requirements.txt", "uv.lock", "pyproject.toml", ".python-version"):
        shutil.copy(ROOT / name, checkout / name)
    return checkout


def run_make(checkout: Path, target: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", target],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )


@pytest.mark.parametrize(
    ("link", "target"),
    [(".tools", ".tools/bin/uv"), (".venv", ".venv/.synced"), (".venvs", ".venvs/sam/.synced")],
)
def test_make_does_not_update_an_environment_that_is_a_link(link: str, target: str, tmp_path: Path) -> None:
    checkout, shared = make_checkout(tmp_path), tmp_path / "shared"
    (shared / "bin").mkdir(parents=True)
    if link != ".tools":
        (checkout / ".tools/bin").mkdir(parents=True)
        (checkout / ".tools/bin/uv").touch()
    (checkout / link).symlink_to(shared)
    (shared / "kept").touch()
    done = run_make(checkout, target)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{link} is a symbolic link, so make does not update it here")
    assert sorted(each.name for each in shared.iterdir()) == ["bin", "kept"]


@pytest.mark.parametrize("target", [".venv/.synced", ".venvs/sam/.synced"])
def test_failed_download_says_from_where(target: str, tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    uv = checkout / ".tools/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text("#!/bin/sh\necho 'error: Failed to fetch' >&2; exit 2\n")
    uv.chmod(0o755)
    done = run_make(checkout, target)
    assert done.returncode == 2
    assert "error: Failed to fetch\nThis step downloads from PyPI or GitHub, and failed." in done.stderr
