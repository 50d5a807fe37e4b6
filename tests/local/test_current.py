"""Test that a deployed run and an event archive the current content. The portal redirects to its storage here."""

from local.archive_run import ArchiveRun
from local.comparison import current_key as key_of
from local.system import LocalSystem
from tests.local.conftest import PRESENT_NOTEBOOKS
from tests.local.test_events import put_events, until


def copies(system: LocalSystem) -> dict[str, bytes]:
    bucket = system.outputs["ArchiveBucket"]
    pages = system.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="notebooks/")
    keys = [each["Key"] for page in pages for each in page.get("Contents", ()) if each["Key"].endswith(".ipynb")]
    return {key: system.aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_runs_and_events_archive_changed_content(present: LocalSystem) -> None:
    items = present.arcgis.enterprise.organisation.notebooks()
    first = ArchiveRun(present.aws, present.outputs).wait()
    assert first.status == "SUCCEEDED"
    assert copies(present) == {key_of(item): item.content for item in items}
    assert first.report["snapshots"]["archived"] == 2 * PRESENT_NOTEBOOKS
    earlier = copies(present)

    item = items[0]
    item.content, item.modified = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}', item.modified + 60_000
    put_events(present, [{"itemId": item.id}])
    until(lambda: key_of(item) in copies(present), "the changed content is not archived")

    second = ArchiveRun(present.aws, present.outputs).wait()
    assert second.status == "SUCCEEDED"
    assert (second.report["snapshots"]["archived"], second.report["snapshots"]["unchanged"]) == (
        0,
        2 * PRESENT_NOTEBOOKS,
    )
    assert copies(present) == {**earlier, key_of(item): item.content}
