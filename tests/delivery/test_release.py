"""Test what a release is made from, and that it is the same, byte for byte, whoever makes it."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from delivery import DeliveryError
from delivery.release import SUMS, find_differences, find_released_version, read_changes, release
from delivery.sbom import make_sbom
from tests.template.rendered import ROOT

CHANGES = "# Changelog\n\n## [Unreleased]\n\nNothing.\n\n## [1.2.0] - 2026-11-29\n\n### Added\n\n- A release.\n"
TIME = "2026-11-29T12:00:00+00:00"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository whose last commit has the tag v1.2.0."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (folder / "CHANGELOG.md").write_text(CHANGES)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "Release 1.2.0")
    git(folder, "tag", "--annotate", "v1.2.0", "--message", "Version 1.2.0")
    return folder


def test_tag_names_the_released_version(checkout: Path) -> None:
    assert find_released_version(checkout) == "1.2.0"
    git(checkout, "tag", "nightly")
    assert find_released_version(checkout) == "1.2.0"


def test_change_that_is_not_committed_is_refused(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("")
    with pytest.raises(DeliveryError, match=r"(?s)differ from the commit.*notes\.txt"):
        find_released_version(checkout)


def test_commit_without_its_tag_is_refused_with_the_command(checkout: Path) -> None:
    git(checkout, "tag", "--delete", "v1.2.0")
    with pytest.raises(DeliveryError, match=r'Its tags: none\..*git tag -a v1\.2\.0 -m "Version 1\.2\.0"'):
        find_released_version(checkout)
    git(checkout, "tag", "v1.3.0")
    with pytest.raises(DeliveryError, match=r"needs the tag v1\.2\.0 and no other version's\. Its tags: v1\.3\.0"):
        find_released_version(checkout)


@pytest.mark.parametrize(
    "text",
    [
        CHANGES.replace("[1.2.0]", "[1.1.0]"),
        CHANGES.replace(" - 2026-11-29", ""),
        CHANGES[: CHANGES.index("### Added")],
    ],
    ids=["another version", "no date", "empty section"],
)
def test_version_without_its_section_is_refused(checkout: Path, text: str) -> None:
    (checkout / "CHANGELOG.md").write_text(text)
    with pytest.raises(DeliveryError, match=re.escape("no section '## [1.2.0] - YYYY-MM-DD'")):
        read_changes(checkout, "1.2.0")


def test_folder_that_is_not_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"(?s)`git status --porcelain` failed in "):
        find_released_version(tmp_path)


def test_section_ends_at_the_next_version(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text(f"{CHANGES}\n## [1.1.0] - 2026-10-01\n\n- Older.\n")
    assert read_changes(checkout, "1.2.0") == "### Added\n\n- A release.\n"


def test_missing_and_different_files_are_found(tmp_path: Path) -> None:
    for folder, content in (("first", "1"), ("second", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_text("0")
        (tmp_path / folder / "other").write_text(content)
        (tmp_path / folder / f"only-{folder}").write_text("0")
    assert find_differences(tmp_path / "first", tmp_path / "second") == ["only-first", "only-second", "other"]


def test_sbom_is_always_the_same() -> None:
    first, second = make_sbom(ROOT, TIME), make_sbom(ROOT, TIME)
    assert first == second
    assert (first["bomFormat"], first["metadata"]["timestamp"]) == ("CycloneDX", TIME)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["serialNumber"])


def test_sbom_lists_each_library_with_hash_and_license() -> None:
    components = {each["name"]: each for each in make_sbom(ROOT, TIME)["components"]}
    shipped = {
        line.split("==")[0]: line.split("==")[1].split()[0]
        for layer in ("notebook_archive", "notebook_pages")
        for line in (ROOT / "layers" / layer / "requirements.txt").read_text().splitlines()
        if "==" in line
    }
    assert shipped.items() <= {name: each["version"] for name, each in components.items()}.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.split("[>=]", each)[0] for each in project["dependencies"]} <= components.keys()
    for name in shipped:
        assert components[name]["licenses"], name
        assert any(each["hashes"] for each in components[name]["externalReferences"]), name
    assert not {"pytest", "aws-sam-cli", "ministack"} & components.keys()


@pytest.mark.soak
@pytest.mark.servers
@pytest.mark.timeout(1200)
def test_release_is_built_twice_and_equal(tmp_path: Path) -> None:
    """A second release of the same commit, in another folder, is equal too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    sums = []
    for name in ("here", "in/another/folder"):
        folder = tmp_path / name
        for each in filter(None, listed.stdout.split("\0")):
            if (ROOT / each).exists():
                (folder / each).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / each, folder / each, follow_symlinks=False)
        version = str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"])
        heading = f"# Changelog\n\n## [{version}] - 2026-11-29\n\n- Everything.\n"
        (folder / "CHANGELOG.md").write_text(heading)
        git(folder, "init")
        git(folder, "add", ".")
        dated = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "commit", "--date", TIME]
        subprocess.run(
            ["git", *dated, "--message", "Release"],
            cwd=folder,
            check=True,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": TIME},
        )
        git(folder, "tag", f"v{version}")
        made = release(folder)
        checked = subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=made, check=False)
        assert checked.returncode == 0
        assert {"template.json", "sbom.cdx.json", "CHANGES.md", SUMS} <= {path.name for path in made.iterdir()}
        assert json.loads((made / "sbom.cdx.json").read_text())["components"]
        sums.append((made / SUMS).read_text())
    assert sums[0] == sums[1]
