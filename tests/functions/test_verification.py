"""Test the handlers of a verification with their sample events, and in whole verifications after a run."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends

from notebook_archive.errors import RunInputInvalid, SettingsInvalid
from notebook_archive.events import describe_verification
from notebook_archive.verification import count_metrics
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import Catch, metrics, whole_run
from tests.second_place import REGION, make_second_bucket
from tests.site import stored_body
from tests.strict_s3 import ACCOUNT, BUCKET, SECOND_BUCKET, contents

REPORT = "verifications/2026-11-22/sample-verification/report.json"


def format_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sample_of_now(name: str) -> dict[str, Any]:
    """Return a sample event that began now. The time of the verification in the sample itself is over."""
    return {**sample(name), "startedAt": format_now()}


def whole_verification(functions: Functions, name: str = "plan_verification.everything") -> dict[str, Any]:
    """Make a whole verification, and return what the last function returns."""
    event = sample_of_now(name)
    plan = functions.invoke("plan_verification", event)
    run = {"runId": event["runId"], "startedAt": event["startedAt"]}
    for line in stored_body(plan["planKey"]).splitlines():
        batch = json.loads(line)
        while batch:
            batch = functions.invoke("verify_versions", {**run, "batch": batch})["batch"]
    return functions.invoke("report_verification", {**run, "input": event["input"], "plan": plan, "error": None})


def damage(key: str) -> None:
    held = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys[key]
    held.value = held.value[:-1] + b" "


def test_second_place_is_compared_if_the_stack_has_one(functions: Functions) -> None:
    whole_run(functions)
    make_second_bucket()
    functions.configure(SECOND_BUCKET=SECOND_BUCKET, SECOND_BUCKET_OWNER=ACCOUNT, SECOND_BUCKET_REGION=REGION)
    plan = functions.invoke("plan_verification", sample("plan_verification.everything"))
    # Everything is new, so S3 has some hours to replicate it.
    assert plan["secondPlace"] == {"bucket": SECOND_BUCKET, "compared": 0, "notReplicated": 0, "error": ""}


def test_sample_verification_is_planned(functions: Functions) -> None:
    whole_run(functions)
    plan = functions.invoke("plan_verification", sample("plan_verification.everything"))
    assert plan.keys() == sample("report_verification")["plan"].keys()
    assert (plan["scope"], plan["versions"], plan["unrecorded"]) == ("everything", 17, 0)


def test_sample_verification_of_chosen_items_is_planned(functions: Functions) -> None:
    whole_run(functions)
    plan = functions.invoke("plan_verification", sample("plan_verification.items"))
    assert (plan["scope"], plan["batches"]) == ("chosen", 1)


def test_sample_batch_is_verified(functions: Functions) -> None:
    whole_run(functions)
    event = sample_of_now("verify_versions")
    assert functions.invoke("verify_versions", event) == {**event, "batch": None}
    [key] = contents("verifications/")
    results = json.loads(stored_body(key))
    assert results["findings"] == []
    assert [line["level"] for line in results["versions"]] == [3]


def test_sample_verification_is_reported(functions: Functions) -> None:
    whole_run(functions)
    functions.invoke("plan_verification", sample("plan_verification.everything"))
    answer = functions.invoke("report_verification", sample("report_verification"))
    assert (answer["status"], answer["reportKey"]) == ("partial", REPORT), "no batch wrote results"


def test_sample_of_a_failed_plan_is_reported(functions: Functions) -> None:
    answer = functions.invoke("report_verification", sample("report_verification.failed"))
    assert answer["status"] == "failed"
    assert "S3 returned AccessDenied" in answer["message"]
    assert json.loads(stored_body(REPORT))["error"]["reason"] == "ArchiveDenied"


def test_clean_archive_is_complete(functions: Functions) -> None:
    # A verification names only a run of the last 40 days.
    run_id = whole_run(functions, startedAt=format_now())["runId"]
    answer = whole_verification(functions)
    assert answer["status"] == "complete"
    assert answer["versions"]["read"] == 17
    assert answer["arcgis"] == {
        "runId": run_id,
        "endedAt": answer["arcgis"]["endedAt"],
        "missedNotebooks": 4,
        "missedVersions": 0,
        "keptNotebooks": 0,
        "keptVersions": 0,
    }


def test_versions_that_arcgis_does_not_have_are_counted(functions: Functions) -> None:
    whole_run(functions, startedAt=format_now())
    (item, *_) = [each for each in functions.deployment.organisation.notebooks() if each.snapshots]
    item.snapshots.pop()
    run = {"runId": "second", "startedAt": format_now()}
    plan = functions.invoke("plan_run", {**run, "input": {}})
    [line] = stored_body(plan["planKey"]).splitlines()
    functions.invoke("archive_notebooks", {**run, "batch": json.loads(line)})
    functions.invoke("report_run", {**run, "plan": plan, "error": None})
    assert whole_verification(functions)["arcgis"]["keptVersions"] == 1


def test_damaged_object_is_named_in_event_log_and_metrics(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_run(functions)
    key = next(key for key in contents("notebooks/") if "/snapshots/" in key)
    damage(key)
    catch = Catch()
    capsys.readouterr()
    answer = whole_verification(functions)
    assert answer["status"] == "findings"
    [finding] = answer["unsettled"]
    assert (finding["kind"], finding["key"]) == ("damaged", key)
    (event,) = catch.events()
    assert (event["source"], event["detail-type"]) == ("notebook-archive", "ArchiveVerificationCompleted")
    assert event["detail"] == answer | {"bucket": "archive"}
    report_key = answer["reportKey"]
    report = json.loads(stored_body(report_key))
    assert answer == {
        name: value for name, value in describe_verification(report, report_key, "").items() if name != "bucket"
    }
    emitted = metrics(capsys.readouterr().out)
    expected = count_metrics(report) | {
        "BytesVerified": report["bytes"],
        "VerificationRequests": report["requests"],
        "VerificationDuration": report["seconds"],
    }
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == expected.keys()
    assert (emitted["ObjectsDamaged"], emitted["VersionsMissing"], emitted["VerificationComplete"]) == ([1], [0], [0])
    lines = functions.lines()
    assert [line["finding"]["key"] for line in lines if line["message"] == "damaged"] == [key]
    run_ids = {line["run_id"] for line in lines if "sample-verification" in line.get("run_id", "")}
    assert run_ids == {report["runId"]}


def test_verification_that_has_no_time_left_starts_nothing(functions: Functions) -> None:
    whole_run(functions)
    functions.configure(VERIFY_MAX_HOURS="1")
    event = sample("verify_versions") | {"startedAt": "2026-01-01T00:00:00.000Z"}
    assert functions.invoke("verify_versions", event)["batch"] is None
    [key] = contents("verifications/")
    assert len(json.loads(stored_body(key))["notReached"]) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("function", ["plan_verification", "verify_versions", "report_verification"])
def test_missing_settings_are_named(functions: Functions, function: str) -> None:
    functions.environment.delenv("ARCHIVE_BUCKET")
    with pytest.raises(SettingsInvalid, match="ARCHIVE_BUCKET"):
        functions.invoke(function, sample(function))


def test_invalid_input_names_the_allowed_ones(functions: Functions) -> None:
    event = sample("plan_verification") | {"input": {"itemIds": []}}
    with pytest.raises(RunInputInvalid, match="everything"):
        functions.invoke("plan_verification", event)
    assert boto3.DEFAULT_SESSION is not None
