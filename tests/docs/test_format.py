"""Test that the code follows the documented archive format, and that other pages state the right figures."""

import io
import json
import re
from typing import Any, get_type_hints

import pytest

from notebook_archive import models
from notebook_archive.arcgis.token_secrets import parse_secret
from notebook_archive.arcgis.transport import REFERER
from notebook_archive.archive import CopyId, RunId
from notebook_archive.archive.keys import batch_outcomes_key, parse
from notebook_archive.backup import planned as p
from notebook_archive.backup import records
from notebook_archive.backup.planned import SETTLED_MS
from notebook_archive.backup.staging import Staged
from notebook_archive.backup.storing import ItemReference, Provenance, make_metadata
from notebook_archive.errors import SecretMalformed
from notebook_archive.events import DetailType, describe_run
from notebook_archive.events.details import SOURCE
from notebook_archive.http.webhook import MAX_AGE_MILLISECONDS, MAX_DELIVERY_BYTES, MAX_ITEMS
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive.metrics import Metric
from notebook_archive.models import ItemId, ResourceKey, Snapshot
from notebook_archive.notebook import NotebookFacts
from notebook_archive.runs import count_metrics
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.counts import Counts
from notebook_archive.runs.report import Report
from notebook_archive.verification import count_metrics as count_verification_metrics
from tests.docs.documents import (
    COSTS,
    FORMAT,
    OPERATIONS,
    RESTRICTED,
    ROOT,
    SECRETS,
    VERIFY,
    WEBHOOK,
    code_in,
)
from tests.template.rendered import render, template


def _example(heading: str) -> Any:
    (block,) = FORMAT.section(heading).fences("json")
    return json.loads(block)


def _has_fields_of(example: dict[str, Any], kind: type) -> None:
    optional: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    fields = set(get_type_hints(kind))
    assert fields - optional <= example.keys() <= fields, kind.__name__


def test_report_example_has_all_fields() -> None:
    report = _example("The report")
    _has_fields_of(report, Report)
    assert list(report) == list(get_type_hints(Report))
    for counts in (report["notebooks"], report["snapshots"]):
        _has_fields_of(counts, Counts)
        others = [counts["archived"], counts["unchanged"], *counts["skipped"].values(), *counts["failed"].values()]
        assert counts["attempted"] == sum(others)
    explained = {code for row in FORMAT.section("The report").table("field") for code in code_in(row[0])}
    assert report.keys() - {"schema", "runId"} <= explained <= report.keys()


def test_outcomes_example_has_all_fields_and_keys() -> None:
    document = _example("Outcomes")
    assert list(document) == ["batch", "part", "startedAt", "seconds", "outcomes"]
    for outcome in document["outcomes"]:
        _has_fields_of(outcome, records.OutcomeRecord)
        for stored in outcome["archived"]:
            _has_fields_of(stored, records.StoredVersion)
            assert parse(stored["key"]) == (outcome["itemId"], stored["resourceKey"])
        for problem in outcome["failed"]:
            _has_fields_of(problem, records.VersionProblem)
        _has_fields_of(outcome["problem"], records.Problem)
    run = RunId("2026-11-22/one")
    keys = (
        batch_outcomes_key(run, 1),
        batch_outcomes_key(run, 1, part=1),
        batch_outcomes_key(run, 1, earlier_attempts=1),
    )
    assert {key.removeprefix(run.key("")) for key in keys} <= set(FORMAT.code)


def test_plan_example_has_all_fields() -> None:
    batch = _example("The plan")
    _has_fields_of(batch, Batch)
    for planned in batch["notebooks"]:
        _has_fields_of(planned, p.PlannedNotebook)
        stored = _example("Outcomes")["outcomes"][0]
        keys = [each["resourceKey"] for each in (*stored["archived"], *stored["failed"])]
        assert planned["archived"] == models.join_digests(ResourceKey(key) for key in keys)
        assert ResourceKey(keys[0]).key_digest in FORMAT.code


def test_metadata_names_are_documented() -> None:
    facts = NotebookFacts(nbformat="", kernel="", runtime="", runtime_version="", cells=0)
    staged = Staged(io.BytesIO(), 0, b"", facts)
    item_ref = ItemReference(ItemId("0" * 32), "", "")
    snapshot = Snapshot(ResourceKey(f"snapshot-{'0' * 32}.json"))
    run = RunId("2026-11-22/run")
    made = make_metadata(item_ref, snapshot, staged, Provenance("portal", run, "https://gis.example.com/portal"))
    assert [code_in(row[0])[0] for row in FORMAT.table("name")] == list(made)


def test_current_content_is_stored_as_documented() -> None:
    section = FORMAT.section("The current content")
    copy = CopyId.from_content(1_735_725_600_000, bytes(32))
    assert re.fullmatch(r"current/\d{13}-[0-9a-f]{12}\.ipynb", copy.resource_key)
    assert "milliseconds since 1970 in 13 digits" in section.prose
    assert "the first 12 of the body's SHA-256" in section.prose
    assert (SETTLED_MS, "less than ten minutes" in section.prose) == (600_000, True)
    (planned,) = _example("The plan")["notebooks"]
    content = planned["content"]
    _has_fields_of(content, p.PlannedContent)
    assert CopyId.parse(content["held"]).short_digest == content["settled"] == content["captured"]
    (row,) = [row for row in FORMAT.section("The plan").table("field") if code_in(row[0]) == ["content"]]
    assert set(get_type_hints(p.PlannedContent)) <= set(code_in(row[1]))


def test_properties_left_out_of_item_json_are_documented() -> None:
    sentence = re.search(r"looks at the item: (.*?)\. If an item", FORMAT.section("item.json").prose)
    assert sentence
    assert set(code_in(sentence[1])) == models.VOLATILE_PROPERTIES


def test_fields_of_the_run_event_are_documented() -> None:
    fields = describe_run(_example("The report"), "", "").keys()
    paragraph = FORMAT.text[FORMAT.text.index("The event `ArchiveRunCompleted`") :].split("\n\n")[0]
    assert set(code_in(paragraph)) == {*fields, DetailType.ARCHIVE_RUN_COMPLETED, SOURCE, "EventBusName"}


def test_run_metrics_and_their_cost_are_documented() -> None:
    made = [*count_metrics(_example("The report")), Metric.BYTES_ARCHIVED, Metric.RUN_DURATION]
    assert sorted(made) == sorted(code for row in OPERATIONS.table("metric") for code in code_in(row[0]))
    assert f"{len(made)} metrics \N{MULTIPLICATION SIGN} 0.30" in COSTS.prose


def test_verification_metrics_and_their_cost_are_documented() -> None:
    (example,) = VERIFY.section("Read the report").fences("json")
    figures = [Metric.BYTES_VERIFIED, Metric.VERIFICATION_REQUESTS, Metric.VERIFICATION_DURATION]
    made = [*count_verification_metrics(json.loads(example)), *figures]
    of_most_stacks = [name for name in made if name != Metric.OBJECTS_NOT_REPLICATED]
    documented = [code for row in OPERATIONS.table("metric of a verification") for code in code_in(row[0])]
    assert sorted(made) == sorted(documented)
    assert f"{len(of_most_stacks)} verification metrics \N{MULTIPLICATION SIGN} 0.30" in COSTS.prose


def test_every_metric_is_documented() -> None:
    of_functions = (
        "metric of the webhook", "metric of polls", "metric of requests", "metric of notifications", "of a rotation",
    )  # fmt: skip
    of_restores = ("metric of restores", "metric of bulk restores", "metric of restore tests")
    tables = ("metric", "metric of a verification", *of_functions, *of_restores)
    documented = {code for name in tables for row in OPERATIONS.table(name) for code in code_in(row[0])}
    assert documented == set(Metric)


def test_documented_secret_forms_are_accepted() -> None:
    forms = [json.loads(block) for block in SECRETS.fences("json")]
    assert sorted(map(sorted, forms)) == [["clientId", "clientSecret"], ["password", "username"], ["token"]]
    for form in forms:
        assert parse_secret("notebook-archive/admin", json.dumps(form)) == form
    (typed,) = re.findall(r"printf '%s' '(\{.*\})'", SECRETS.text)
    assert parse_secret("notebook-archive/admin", typed) == forms[0]
    with pytest.raises(SecretMalformed):
        parse_secret("notebook-archive/admin", "{}")


def test_request_metrics_are_counted_in_the_costs() -> None:
    rows = OPERATIONS.table("metric of requests")
    assert "three of backups by events" in COSTS.prose
    assert len([code for row in rows for code in code_in(row[0])]) == 3


def test_vpc_section_lists_each_service_that_functions_call() -> None:
    package = ROOT / "layers/notebook_archive/notebook_archive"
    called = {
        name for path in package.rglob("*.py") for name in re.findall(r'boto3\.client\(\s*"(\w+)"', path.read_text())
    }
    section = RESTRICTED.section("VPC")
    assert called == {"s3", "secretsmanager", "sqs", "sns", "events"}
    assert called <= {name for code in section.code for name in code_in(f"`{code}`")}
    subnets = template()["Parameters"]["SubnetIds"]["Description"]
    assert all(name in subnets for name in ("S3", "Secrets Manager", "SQS", "SNS", "EventBridge"))


def test_documented_key_policy_allows_all_services() -> None:
    (statements,) = RESTRICTED.section("The key's policy").fences("json")
    allowed = {each["Principal"]["Service"]: set(each["Action"]) for each in json.loads(statements)}
    assert allowed["events.amazonaws.com"] == {"kms:GenerateDataKey", "kms:Decrypt"}
    assert allowed["logs.eu-central-1.amazonaws.com"] >= {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*"}


def test_statement_for_existing_bucket_matches_the_template() -> None:
    (text,) = RESTRICTED.section("Who may delete").fences("json")
    documented, role = json.loads(text), "arn:aws:iam::111122223333:role/archive-break-glass"
    policy = render({"BreakGlassRoleArn": role})["Resources"]["ArchiveBucketPolicy"]["Properties"]["PolicyDocument"]
    (made,) = [each for each in policy["Statement"] if each["Sid"] == documented["Sid"]]
    assert documented == {**made, "Resource": "arn:aws:s3:::example-gis-archive/notebooks/*"}


def test_alarms_of_the_template_are_documented() -> None:
    made = {name: item for name, item in template()["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    assert sorted(made) == sorted(code for row in OPERATIONS.table("alarm") for code in code_in(row[0]))
    of_webhooks = {name for name, item in made.items() if item["Condition"] == "WebhookAlarms"}
    assert {name for name in made if name.startswith("Webhook")} == of_webhooks


def test_webhook_secret_payload_and_limits_are_documented() -> None:
    secret, payload = WEBHOOK.fences("json")
    known = WebhookSecret.parse("notebook-archive-webhook", secret)
    assert json.loads(secret).keys() == {"path", "key", "previousKey", "requireSignature"}
    assert not known.requires_signature
    event = json.loads((ROOT / "events/receive_webhook.json").read_text())
    assert json.loads(payload) == json.loads(event["body"])
    assert f"{MAX_DELIVERY_BYTES:,} bytes" in WEBHOOK.prose
    assert f"first {MAX_ITEMS} items" in WEBHOOK.prose
    assert f"{MAX_AGE_MILLISECONDS // 60_000} minutes" in WEBHOOK.prose


def test_referer_is_documented() -> None:
    assert REFERER in SECRETS.code
