"""Test that docs/restore.md and docs/events.md describe bulk restores and restore tests as the code makes them."""

import json
from typing import Any, get_type_hints

from notebook_archive.bulk_restore.bulk_input import SCOPES, read_request
from notebook_archive.bulk_restore.outcome import RestoreOutcome
from notebook_archive.bulk_restore.report import BulkReport
from notebook_archive.events import describe_bulk_restore, describe_restore_test
from notebook_archive.restore_tests import results
from notebook_archive.restore_tests.choice import MAX_VERSIONS, MIN_VERSIONS, OWNER_DUE_DAYS
from notebook_archive.restore_tests.leftovers import UNDER_WAY_SECONDS
from notebook_archive.restore_tests.one_test import FOLDER
from tests.docs.documents import EVENTS, ROOT, Document, code_in

RESTORE = Document(ROOT / "docs/restore.md")
MANY = RESTORE.section("Many notebooks")


def example(document: Document) -> dict[str, Any]:
    """Return the only JSON example of a section."""
    (block,) = document.fences("json")
    found: dict[str, Any] = json.loads(block)
    return found


def test_every_field_of_the_input_is_described() -> None:
    described = [code for row in MANY.table("field of the input") for code in code_in(row[0])]
    assert set(described) == {*SCOPES, "to", "owners", "at", "from", "dryRun"}
    assert set(described[:4]) == set(SCOPES)


def test_samples_are_accepted() -> None:
    samples = sorted((ROOT / "events").glob("archive_restore*.json"))
    scopes = {read_request(json.loads(path.read_text())).scope for path in samples}
    assert scopes == set(SCOPES.values())


def test_report_example_has_all_fields() -> None:
    report = example(MANY)
    assert set(report) == set(get_type_hints(BulkReport))
    for outcome in report["named"]:
        assert set(outcome) <= set(get_type_hints(RestoreOutcome))


def test_event_of_a_bulk_restore_is_described() -> None:
    event = example(EVENTS.section("ArchiveRestoreCompleted"))
    assert event.keys() == describe_bulk_restore(example(MANY), "", "").keys()
    assert event["failed"] == describe_bulk_restore(example(MANY), "", "")["failed"]


def test_event_of_a_restore_test_is_described() -> None:
    fields: dict[str, Any] = {name: [] for name in get_type_hints(results.TestResults)}
    event = example(EVENTS.section("RestoreTestCompleted"))
    assert event.keys() == describe_restore_test(fields, "", "").keys()


def test_limits_of_restore_tests_are_described() -> None:
    prose = RESTORE.section("Restore tests").prose
    assert f"at most {MAX_VERSIONS} versions, and at least {MIN_VERSIONS}" in prose
    assert f"not tested for {OWNER_DUE_DAYS} days come first" in prose
    assert f"at least {UNDER_WAY_SECONDS // 60} minutes later" in prose
    assert FOLDER in RESTORE.code
