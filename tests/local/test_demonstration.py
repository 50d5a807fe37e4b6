"""Test that the demonstration succeeds if the archive is correct, and fails if it is not."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.comparison import stored_snapshots
from local.demo import demonstrate
from local.progress import Steps
from local.system import LocalSystem
from tests.local.test_archive_run import notebook_of


def show(system: LocalSystem, width: int = 80, *, verbose: bool = False) -> tuple[bool, str]:
    """Run the demonstration. Return its verdict and its output."""
    output = io.StringIO()
    console = Console(file=output, width=width)
    with Steps(console) as steps:
        good = demonstrate(system, console, steps, verbose=verbose)
    return good, output.getvalue()


@pytest.fixture(scope="module")
def shown(system: LocalSystem) -> tuple[bool, str]:
    """The verdict and the output of a demonstration on 80 columns."""
    return show(system)


@pytest.mark.parametrize("width", [80, 120])
def test_demonstration_accepts_a_correct_archive(system: LocalSystem, shown: tuple[bool, str], width: int) -> None:
    good, output = shown if width == 80 else show(system, width)
    assert good, output
    assert "A second run found nothing to add." in " ".join(output.split())
    assert "1 snapshots" not in output
    assert all(cell_len(line) <= width for line in output.splitlines())


def test_whole_keys_are_shown_only_with_verbose(system: LocalSystem, shown: tuple[bool, str]) -> None:
    _, terse = shown
    _, verbose = show(system, verbose=True)
    for key in stored_snapshots(system.aws.s3, system.outputs["ArchiveBucket"]):
        notebook, kind, name = key.rsplit("/", 2)
        assert f"{notebook}/  " in verbose
        assert f"  {kind}/{name}  " in verbose
        assert name not in terse


def test_snapshot_that_arcgis_does_not_have_is_reported(system: LocalSystem) -> None:
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    stray = f"notebooks/{'0' * 32}/snapshots/snapshot-{'0' * 32}.json"
    version = s3.put_object(Bucket=bucket, Key=stray, Body=b"{}")["VersionId"]
    try:
        good, output = show(system)
    finally:
        s3.delete_object(Bucket=bucket, Key=stray, VersionId=version, BypassGovernanceRetention=True)
    assert not good
    assert f"Archived but not served: {stray}\n" in output


def test_run_that_did_not_complete_is_reported(system: LocalSystem) -> None:
    item = notebook_of(system, "ana")
    poison = item.add_snapshot(b"not a notebook")
    try:
        good, output = show(system)
    finally:
        item.snapshots.remove(poison)
    assert not good
    assert f"Not archived: notebooks/{item.id}/snapshots/{poison.resource_key}\n" in output
    assert "The first run ended with status FAILED. The status in its report is partial.\n" in output
