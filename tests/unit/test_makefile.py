"""Test that make does not change an environment that belongs to another checkout."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.aws import ROOT


@pytest.mark.parametrize(
    ("link", "target"),
    [(".tools", ".tools/bin/uv"), (".venv", ".venv/.synced"), (".venvs", ".venvs/sam/.synced")],
)
def test_make_does_not_update_an_environment_that_is_a_link(link: str, target: str, tmp_path: Path) -> None:
    checkout, shared = tmp_path / "checkout", tmp_path / "shared"
    for folder in (shared / "bin", checkout / "local"):
        folder.mkdir(parents=True)
    for name in ("Makefile", "local/uv-requirements.txt", "uv.lock", "pyproject.toml", ".python-version"):
        shutil.copy(ROOT / name, checkout / name)
    if link != ".tools":
        (checkout / ".tools/bin").mkdir(parents=True)
        (checkout / ".tools/bin/uv").touch()
    (checkout / link).symlink_to(shared)
    (shared / "kept").touch()
    done = subprocess.run(
        ["make", target],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"{link} is a symbolic link, so make does not update it here")
    assert sorted(each.name for each in shared.iterdir()) == ["bin", "kept"]
