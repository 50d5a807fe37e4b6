"""The demonstration says no when the archive is not what it has to be."""

import io

from rich.console import Console

from local.comparison import stored_snapshots
from local.demo import demonstrate
from local.system import LocalSystem
from tests.local.test_archive_run import notebook_of


def shown(system: LocalSystem, width: int = 200) -> tuple[bool, str]:
    """The demonstration's verdict, and what it printed."""
    output = io.StringIO()
    good = demonstrate(system, Console(file=output, width=width))
    return good, output.getvalue()


def test_it_is_satisfied_with_an_archive_like_its_source(system: LocalSystem) -> None:
    good, output = shown(system)
    assert good, output


def test_keys_are_whole_at_80_columns(system: LocalSystem) -> None:
    _, output = shown(system, width=80)
    for key in stored_snapshots(system.aws.s3, system.outputs["ArchiveBucket"]):
        notebook, kind, name = key.rsplit("/", 2)
        assert f"{notebook}/  " in output
        assert f"  {kind}/{name}\n" in output


def test_it_sees_an_archived_snapshot_that_arcgis_does_not_have(system: LocalSystem) -> None:
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    stray = f"notebooks/{'0' * 32}/snapshots/snapshot-{'0' * 32}.json"
    version = s3.put_object(Bucket=bucket, Key=stray, Body=b"{}")["VersionId"]
    try:
        good, output = shown(system)
    finally:
        s3.delete_object(Bucket=bucket, Key=stray, VersionId=version, BypassGovernanceRetention=True)
    assert not good
    assert f"Archived but not served: {stray}" in output


def test_it_sees_a_run_that_did_not_complete(system: LocalSystem) -> None:
    item = notebook_of(system, "ana")
    poison = item.add_snapshot(b"not a notebook")
    try:
        good, output = shown(system)
    finally:
        item.snapshots.remove(poison)
    assert not good
    assert f"Not archived: notebooks/{item.id}/snapshots/{poison.resource_key}" in output
    assert "The first run ended FAILED with a report that says partial." in output
