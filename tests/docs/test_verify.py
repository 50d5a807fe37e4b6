"""Test that the page about verification says what the code does."""

import json
from typing import Any, get_args, get_type_hints

from notebook_archive.events import DetailType, describe_verification
from notebook_archive.notebook.schema import MAX_BYTES
from notebook_archive.verification.checks import CheckKind
from notebook_archive.verification.findings import KINDS, identify_finding, make_finding
from notebook_archive.verification.open_findings import OpenFinding
from notebook_archive.verification.period import COMPARE_DAYS
from notebook_archive.verification.report import MAX_NAMED, AgainstArcGIS, Status, VerificationReport, Versions
from notebook_archive.verification.report_message import MAX_FINDINGS
from notebook_archive.verification.verification_input import read_wanted
from tests.docs.documents import EVENTS, ROOT, VERIFY, code_in


def example() -> Any:
    (block,) = VERIFY.section("Read the report").fences("json")
    return json.loads(block)


def test_report_example_has_all_fields() -> None:
    report = example()
    assert list(report) == list(get_type_hints(VerificationReport))
    assert list(report["versions"]) == list(get_type_hints(Versions))
    assert list(report["arcgis"]) == list(get_type_hints(AgainstArcGIS))
    assert tuple(report["findings"]) == KINDS
    optional: frozenset[str] = getattr(OpenFinding, "__optional_keys__", frozenset())
    for finding in report["named"]:
        assert get_type_hints(OpenFinding).keys() - optional == finding.keys()
    explained = {code for row in VERIFY.table("field") for code in code_in(row[0])}
    assert report.keys() - {"schema", "runId", "status"} == explained


def test_each_status_is_explained() -> None:
    rows = VERIFY.section("Read the report").table("`status`")
    assert {code_in(row[0])[0] for row in rows} == set(get_args(Status))


def test_each_kind_has_a_section_that_its_remedy_names() -> None:
    for kind in KINDS:
        heading = kind.replace("-", " ").capitalize()
        assert heading in VERIFY.headings
        check: Any = {"kind": "read", "key": "notebooks/a", "versionId": ""}
        assert f"docs/verify.md, {heading}" in make_finding(kind, check, "Message.", "")["remedy"]
        assert "docs/verify.md, Put an older S3 version back" in make_finding(kind, check, "", "", "v1")["remedy"]
    assert "Put an older S3 version back" in VERIFY.headings
    assert len(identify_finding("missing", "a", "")) == len(example()["named"][0]["findingId"])


def test_limits_match_the_code() -> None:
    assert f"Notebooks over {MAX_BYTES // 1_000_000} MB are not checked" in VERIFY.prose
    assert f"the first {MAX_NAMED} findings" in VERIFY.prose
    assert (MAX_FINDINGS, "the first five findings" in VERIFY.prose) == (5, True)
    assert f"a fixed day in {COMPARE_DAYS} days" in VERIFY.prose


def test_kinds_of_checks_are_explained() -> None:
    section = VERIFY.section("The objects of a verification")
    assert set(get_args(CheckKind)) <= set(section.code)


def test_documented_inputs_are_accepted() -> None:
    for path in sorted((ROOT / "events").glob("archive_verification*.json")):
        assert read_wanted(json.loads(path.read_text()))
        assert f"events/{path.name}" in VERIFY.code


def test_example_of_the_event_has_all_fields() -> None:
    (block,) = EVENTS.section(DetailType.ARCHIVE_VERIFICATION_COMPLETED).fences("json")
    event = json.loads(block)
    made = describe_verification(example(), "", "")
    assert event.keys() == made.keys()
    assert event["unsettled"][0].keys() == made["unsettled"][0].keys()
