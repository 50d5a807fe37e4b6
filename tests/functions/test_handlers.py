"""Test each handler with its sample events, and in whole runs like those of the state machine."""

import io
import json
from typing import Any

import boto3
import pytest
from moto.events.models import events_backends

from bench.bodies import Shape, make_body
from notebook_archive import aws
from notebook_archive.errors import (
    EventRefused,
    NotebookArchiveError,
    RunIdTaken,
    RunInputInvalid,
    SecretMissing,
    SecretUnreadable,
    SettingsInvalid,
)
from notebook_archive.events import DetailType
from notebook_archive.runs import count_metrics
from tests.functions.conftest import ROOT, Functions, sample
from tests.site import stored_body
from tests.strict_s3 import ACCOUNT, contents

# The state machines, which have samples of their own.
MACHINES = {"archive_run", "archive_verification", "archive_restore"}
REPORT = "runs/2026-11-22/sample-run/report.json"


def whole_run(functions: Functions, name: str = "plan_run", **changes: str) -> dict[str, Any]:
    """Make a whole run of the sample with these changes, and return what the last function returns."""
    event = {**sample(name), **changes}
    plan = functions.invoke("plan_run", event)
    run = {"runId": event["runId"], "startedAt": event["startedAt"]}
    for line in stored_body(plan["planKey"]).splitlines():
        batch = json.loads(line)
        while batch:
            batch = functions.invoke("archive_notebooks", {**run, "batch": batch})["batch"]
    return functions.invoke("report_run", {**run, "plan": plan, "error": None})


def metrics(out: str) -> dict[str, Any]:
    (line,) = [json.loads(line) for line in out.splitlines() if "_aws" in line]
    assert isinstance(line, dict)
    return line


class TestSamples:
    """Test that the files in `events/` work with the local ArcGIS and its built-in notebooks."""

    def test_every_function_has_a_sample(self) -> None:
        stems = {path.name.split(".")[0] for path in (ROOT / "events").iterdir()}
        folders = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()}
        assert stems == {name for name in folders if not name.startswith("__")} | MACHINES

    def test_state_machine_and_plan_have_the_same_input(self) -> None:
        assert sample("plan_run")["input"] == sample("archive_run")
        assert sample("plan_run.items")["input"] == sample("archive_run.items")
        for name in ("", ".items", ".everything"):
            assert sample(f"plan_verification{name}")["input"] == sample(f"archive_verification{name}")

    def test_sample_run_is_planned(self, functions: Functions) -> None:
        answer = functions.invoke("plan_run", sample("plan_run"))
        assert answer == sample("report_run")["plan"] | {"notebooks": 15}

    def test_run_archives_current_content_if_configured(self, functions: Functions) -> None:
        functions.configure(ARCHIVE_CURRENT="true")
        whole_run(functions)
        copies = [key for key in contents("notebooks/") if "/current/" in key]
        notebooks = functions.deployment.organisation.notebooks()
        readable = [each for each in notebooks if each.content and not each.content_refused]
        assert len(copies) == len(readable) > 5

    def test_sample_run_of_chosen_items_is_planned(self, functions: Functions) -> None:
        answer = functions.invoke("plan_run", sample("plan_run.items"))
        assert (answer["scope"], answer["notebooks"], answer["batches"]) == ("chosen", 2, 1)

    def test_sample_batch_is_archived(self, functions: Functions) -> None:
        event = sample("archive_notebooks")
        assert functions.invoke("archive_notebooks", event) == {**event, "batch": None}
        stored = {key.split("/")[1] for key in contents("notebooks/")}
        assert stored == {planned["itemId"] for planned in event["batch"]["notebooks"]}

    def test_sample_run_is_reported(self, functions: Functions) -> None:
        functions.invoke("plan_run", sample("plan_run.items"))
        functions.invoke("archive_notebooks", sample("archive_notebooks"))
        answer = functions.invoke("report_run", sample("report_run"))
        assert (answer["status"], answer["notebooks"]["archived"], answer["reportKey"]) == ("complete", 2, REPORT)

    def test_sample_run_with_a_failed_plan_is_reported(self, functions: Functions) -> None:
        answer = functions.invoke("report_run", sample("report_run.failed"))
        assert answer["status"] == "failed"
        assert "There is no secret 'notebook-archive/admin'." in answer["message"]
        assert json.loads(stored_body(REPORT))["error"]["reason"] == "SecretMissing"


class TestWholeRun:
    def test_result_agrees_with_the_report(self, functions: Functions) -> None:
        answer = whole_run(functions)
        report = json.loads(stored_body(REPORT))
        for name in ("scope", "status", "message", "notebooks", "snapshots", "bytes", "seconds"):
            assert answer[name] == report[name]
        assert (answer["status"], answer["unprotected"]) == ("complete", 1)
        assert answer["runId"] == report["runId"]

    def test_metrics_equal_the_reports_figures_with_zeros(
        self, functions: Functions, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole_run(functions)
        emitted = metrics(capsys.readouterr().out)
        report = json.loads(stored_body(REPORT))
        expected = count_metrics(report) | {"BytesArchived": report["bytes"], "RunDuration": report["seconds"]}
        assert {name: emitted[name] for name in expected} == {name: [value] for name, value in expected.items()}
        (directive,) = emitted["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "NotebookArchive"
        assert {metric["Name"] for metric in directive["Metrics"]} == expected.keys()
        assert 0 in expected.values()

    def test_failed_run_emits_metrics(self, functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
        functions.invoke("report_run", sample("report_run.failed"))
        emitted = metrics(capsys.readouterr().out)
        assert (emitted["RunFailed"], emitted["RunComplete"], emitted["NotebooksAttempted"]) == ([1], [0], [0])

    def test_event_is_sent_after_the_report(self, functions: Functions) -> None:
        catch = Catch()
        answer = whole_run(functions)
        *stored, event = catch.events()
        assert {each["detail-type"] for each in stored} == {"SnapshotArchived"}
        assert sum(len(each["detail"]["snapshots"]) for each in stored) == answer["snapshots"]["archived"]
        assert event["source"] == "notebook-archive"
        assert event["detail-type"] == "ArchiveRunCompleted"
        assert event["detail"] == answer | {"bucket": "archive"}
        assert functions.s3.calls[-1] == ("PutObject", REPORT)

    def test_report_is_written_even_if_the_bus_is_missing(
        self, functions: Functions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVENT_BUS_NAME", "elsewhere")
        with pytest.raises(EventRefused, match=r"ArchiveRunCompleted"):
            functions.invoke("report_run", sample("report_run.failed"))
        assert REPORT in contents("runs/")

    def test_event_that_is_refused_once_is_sent_again(self, functions: Functions) -> None:
        catch = Catch()
        calls: list[int] = []

        def keep_last(params: dict[str, Any], **_: Any) -> None:
            calls.append(len(params["Entries"]))
            if len(calls) == 1:
                params["Entries"] = params["Entries"][:-1]

        def refuse_last(parsed: dict[str, Any], **_: Any) -> None:
            if len(calls) == 1:
                parsed["FailedEntryCount"] = 1
                parsed["Entries"].append({"ErrorCode": "ThrottlingException"})

        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("provide-client-params.events.PutEvents", keep_last)
        boto3.DEFAULT_SESSION.events.register("after-call.events.PutEvents", refuse_last)
        functions.configure()
        details = [{"number": number} for number in range(5)]
        aws.event_bus("default").publish(DetailType.SNAPSHOT_ARCHIVED, *details)
        assert [event["detail"] for event in catch.events()] == details
        assert calls == [5, 1]

    def test_log_contains_the_run_and_each_outcome(self, functions: Functions) -> None:
        whole_run(functions)
        lines = functions.lines()
        assert {line["run_id"] for line in lines} == {"2026-11-22/sample-run"}
        assert {line["service"] for line in lines} == {"notebook-archive"}
        notebooks = [line for line in lines if "item_id" in line]
        assert len(notebooks) == 15
        assert sum(line["archived"] for line in notebooks) == 17

    @pytest.mark.parametrize("shape", ["arcgis", "jupyter"])
    def test_large_notebooks_are_archived_byte_for_byte(self, functions: Functions, shape: Shape) -> None:
        in_memory, on_disk = (make_body("mixture", shape, size) for size in (6_000_000, 9_000_000))
        masked = on_disk.replace(b"{", b'{"measured":NaN,', 1)
        item = next(each for each in functions.deployment.organisation.notebooks() if each.title == "Flood model")
        served = [(item.add_snapshot(body).resource_key, body) for body in (in_memory, on_disk, masked)]
        answer = whole_run(functions)
        assert (answer["status"], answer["snapshots"]["archived"]) == ("complete", 17 + len(served))
        for key, body in served:
            assert stored_body(f"notebooks/{item.id}/snapshots/{key}") == body

    def test_container_reads_its_secrets_once(self, functions: Functions) -> None:
        whole_run(functions)
        functions.deployment.requests.clear()
        functions.invoke("archive_notebooks", sample("archive_notebooks"))
        assert "generateToken" not in functions.deployment.requests.counts()

    def test_batch_is_returned_if_no_time_is_left(self, functions: Functions) -> None:
        functions.milliseconds = 20_000
        planned = sample("archive_notebooks")["batch"]["notebooks"]
        event = sample("archive_notebooks") | {"batch": {"number": 1, "part": 0, "notebooks": planned * 4}}
        left = functions.invoke("archive_notebooks", event)["batch"]
        assert (left["part"], len(left["notebooks"])) == (1, 4)


class TestHostileNotebook:
    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            (b"{}," * 1_000_000 + b"{}", "The body has more than 1000000 cells."),
            (b"0," * 1_000_000 + b"0", "The body has too many cells that are not objects."),
            (b"[" * 100_000 + b"]" * 100_000, "The body has too many levels of brackets."),
        ],
        ids=["cells", "numbers", "levels"],
    )
    def test_is_named_and_the_others_are_archived(self, functions: Functions, cells: bytes, message: str) -> None:
        items = functions.deployment.organisation.notebooks()
        item = next(each for each in items if each.title == "Flood model")
        hostile = item.add_snapshot(b'{"nbformat":4,"cells":[%b]}' % cells)
        answer = whole_run(functions)
        (failed,) = json.loads(stored_body(REPORT))["failed"]
        assert (failed["itemId"], failed["reason"]) == (item.id, "not-a-notebook")
        assert hostile.resource_key in failed["message"]
        assert message in failed["message"]
        assert answer["status"] == "partial"
        assert answer["snapshots"]["archived"] == 17, "every other snapshot that may be read"
        assert f"notebooks/{item.id}/snapshots/{hostile.resource_key}" not in contents("notebooks/")


class Catch:
    """The events on the default bus, which an EventBridge archive collects."""

    def __init__(self) -> None:
        bus = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
        self._arn = boto3.client("events").create_archive(ArchiveName="all", EventSourceArn=bus)["ArchiveArn"]

    def events(self) -> list[dict[str, Any]]:
        return [dict(event) for event in events_backends[ACCOUNT]["eu-west-1"].archives["all"].events]


class TestTrouble:
    @pytest.mark.filterwarnings("ignore:No application metrics")
    @pytest.mark.parametrize("function", ["plan_run", "archive_notebooks", "report_run"])
    def test_every_invalid_variable_is_named(
        self, functions: Functions, function: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARCHIVE_BUCKET_OWNER", "nobody")
        monkeypatch.setenv("THREADS", "many")
        with pytest.raises(SettingsInvalid, match=r"ARCHIVE_BUCKET_OWNER.*THREADS"):
            functions.invoke(function, sample(function))
        assert functions.lines()[-1]["run_id"] == "2026-11-22/sample-run"

    def test_missing_administrator_secret_is_named(self, functions: Functions) -> None:
        boto3.client("secretsmanager").delete_secret(SecretId="notebook-archive/admin", ForceDeleteWithoutRecovery=True)
        with pytest.raises(SecretMissing, match="'notebook-archive/admin'"):
            functions.invoke("plan_run", sample("plan_run"))

    def test_secret_that_is_being_deleted_is_unreadable(self, functions: Functions) -> None:
        secrets = boto3.client("secretsmanager")
        secrets.delete_secret(SecretId="notebook-archive/admin")
        with pytest.raises(SecretUnreadable, match="'notebook-archive/admin'"):
            functions.invoke("plan_run", sample("plan_run"))

    @pytest.mark.filterwarnings("ignore:No application metrics")
    def test_run_id_of_another_execution_is_refused(self, functions: Functions) -> None:
        whole_run(functions)
        report = stored_body(REPORT)
        later = {"startedAt": "2026-11-22T09:00:00.000Z"}
        for name in ("plan_run", "report_run.failed"):
            with pytest.raises(RunIdTaken, match="sample-run"):
                functions.invoke(name.split(".")[0], sample(name) | later)
        assert stored_body(REPORT) == report

    @pytest.mark.parametrize("given", [{"items": []}, {"itemIds": []}, None, []])
    def test_unknown_input_is_refused(self, functions: Functions, given: object) -> None:
        with pytest.raises(RunInputInvalid, match="Allowed are"):
            functions.invoke("plan_run", sample("plan_run") | {"input": given})

    @pytest.mark.parametrize("change", [{"runId": ""}, {"startedAt": "yesterday"}])
    def test_malformed_run_is_refused(self, functions: Functions, change: dict[str, str]) -> None:
        with pytest.raises(NotebookArchiveError, match="state machine"):
            functions.invoke("plan_run", sample("plan_run") | change)


@pytest.mark.parametrize("kind", ["none", "shape-e"])
def test_no_output_contains_a_secret(
    functions: Functions, library_log: io.StringIO, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    secrets = boto3.client("secretsmanager")
    for number, username in enumerate(("gis_admin", "ana", "ben")):
        canary = f"CANARY-{number}-password"
        functions.deployment.user(username).password = canary
        name = "notebook-archive/admin" if username == "gis_admin" else f"notebook-archive/owners/{username}"
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"username": username, "password": canary}))
    catch = Catch()
    answer = whole_run(functions)
    if kind != "none":
        functions.deployment.faults.add("*", kind, times=2)
        try:
            answer |= whole_run(functions, "plan_run.items")
        except NotebookArchiveError as error:
            answer |= {"error": f"{error!r}"}
    tokens = list(functions.deployment.tokens._tokens)
    assert tokens
    everything = [functions.log.getvalue(), library_log.getvalue(), *capsys.readouterr(), json.dumps(answer)]
    everything += [repr(catch.events()), repr(contents())]
    for text in everything:
        assert "CANARY" not in text
        assert not any(token in text for token in tokens)
