"""Test each built function with AWS's own runtime client: its responses, its errors and its log."""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.arcgis import LocalArcGIS, Seed
from local.aws import ACCESS_KEY, REGION, SECRET_KEY, LocalAws
from tests.functions.conftest import sample
from tests.rotation.conftest import ANA, CREDENTIAL, Rotations
from tests.template.rendered import functions, render
from tests.template.runtime_api import Posted, RunningFunction, running

pytestmark = pytest.mark.local

ACCOUNT = "000000000000"
BUCKET = "archive"
WEBHOOK = {"path": "sample-path-of-32-characters-or-more", "key": "sample-key-of-32-characters-or-more"}
LEDGER_BUCKET = "ledger"
RUN = "2026-11-22/sample-run"
VERIFICATION = "2026-11-22/sample-verification"
LAMBDAS_OWN = {"timestamp", "level", "errorMessage", "errorType", "requestId", "stackTrace"}


@dataclass
class Site:
    """The local AWS and ArcGIS, with the queues and rotations that the functions use."""

    aws: LocalAws
    arcgis: LocalArcGIS
    queues: dict[str, str]
    rotations: Rotations

    def settings(self, function: str) -> tuple[dict[str, str], int]:
        """Return a function's environment variables in Lambda, and its timeout in seconds."""
        given = {"PortalUrl": self.arcgis.enterprise.portal_url, "CaBundleSecret": "notebook-archive/ca-bundle"}
        template = render({**given, "WebhookSecret": "notebook-archive-webhook"})
        common, own = template["Globals"]["Function"], template["Resources"][function]["Properties"]
        logging = common["LoggingConfig"] | own["LoggingConfig"]
        variables = {
            **common["Environment"]["Variables"],
            **own.get("Environment", {}).get("Variables", {}),
            "ARCHIVE_BUCKET": BUCKET,
            "ARCHIVE_BUCKET_OWNER": ACCOUNT,
            "LEDGER_BUCKET": LEDGER_BUCKET,
            **{f"{name}_QUEUE_URL": url for name, url in self.queues.items()},
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(common["MemorySize"]),
            "AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": logging["ApplicationLogLevel"],
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.aws.api_url.replace("localhost", "127.0.0.1"),
            "AWS_CA_BUNDLE": str(self.aws.ca_bundle),
        }
        return variables, own.get("Timeout", common["Timeout"])

    def secrets(self) -> set[str]:
        """Return the secrets that no log line may contain: passwords, tokens, and the webhook's path and key."""
        users = {user.password for user in self.arcgis.enterprise.users}
        return users | set(self.arcgis.enterprise.tokens._tokens) | set(WEBHOOK.values())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with LocalArcGIS(Seed.samples()) as arcgis, LocalAws() as aws:
        aws.s3.create_bucket(Bucket=BUCKET)
        aws.s3.create_bucket(Bucket=LEDGER_BUCKET)
        sqs = aws.session.client("sqs", endpoint_url=aws.endpoint_url)
        queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("REQUEST", "FAILURE")}
        site = Site(aws, arcgis, queues, Rotations(aws.secrets, arcgis.enterprise, arcgis.ca_bundle.read_text()))
        secrets: dict[str, Any] = {"notebook-archive/ca-bundle": arcgis.ca_bundle.read_text()}
        for user in arcgis.enterprise.users:
            name = "admin" if user.role == "admin" else f"owners/{user.username}"
            secrets[f"notebook-archive/{name}"] = {"username": user.username, "password": user.password}
        secrets[ANA] = {"credential": CREDENTIAL, **secrets[ANA]}
        for name, value in {**secrets, "notebook-archive-webhook": WEBHOOK}.items():
            site.rotations.keep(name, value)
        yield site


type Start = Callable[[str], RunningFunction]


@pytest.fixture(scope="module")
def start(
    site: Site, built: Path, layer: Path, pages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Return a callable that starts a function of the template, or returns it if it is already running."""
    logs, found = tmp_path_factory.mktemp("logs"), dict[str, RunningFunction]()
    with contextlib.ExitStack() as opened:

        def started(name: str) -> RunningFunction:
            if name not in found:
                has_pages = bool(functions()[f"{name}Function"].get("Layers"))
                layers = [layer, pages] if has_pages else [layer]
                place, (environment, seconds) = built / f"{name}Function", site.settings(f"{name}Function")
                paths = [each / "python" for each in layers]
                found[name] = opened.enter_context(running(place, paths, environment, seconds, logs / name))
            return found[name]

        yield started


def check_log(site: Site, posted: Posted, **keys: str) -> list[dict[str, Any]]:
    """Check that all log lines have their keys and that none contains a secret. Return the function's own lines."""
    for line in posted.lines:
        if "_aws" in line:
            assert keys.items() <= line.items()
        elif "service" in line:
            assert {"level", "location", "message", "name", "function_request_id"} <= line.keys()
            assert datetime.fromisoformat(line["timestamp"]).tzinfo, (
                "without a time zone, Lambda would ignore the level"
            )
            assert keys.items() <= line.items()
        else:
            assert line.keys() == LAMBDAS_OWN
    everything = posted.log + json.dumps(posted.body) + str(posted.headers)
    assert not [secret for secret in site.secrets() if secret in everything]
    return [line for line in posted.lines if "service" in line and "_aws" not in line]


def check_failed(site: Site, posted: Posted, kind: str, **keys: str) -> None:
    """Check that the invocation failed with this error, and that the last two log lines, ours and Lambda's, name it."""
    assert (posted.kind, posted.body["errorType"]) == ("error", kind)
    assert posted.body.keys() == LAMBDAS_OWN - {"timestamp", "level"}
    assert posted.body["errorMessage"]
    assert all(frame.startswith("  File ") for frame in posted.body["stackTrace"])
    ours, lambdas = check_log(site, posted, **keys)[-1], posted.lines[-1]
    assert (ours["level"], ours["exception_name"]) == ("ERROR", kind)
    assert ours["problem"].keys() >= {"reason", "message", "remedy"}
    assert ours["function_request_id"] == posted.body["requestId"]
    assert posted.body.items() <= lambdas.items()


def refusal(site: Site, posted: Posted, **keys: str) -> tuple[int, str]:
    """Return the status and the reason of a response that refuses a request."""
    assert posted.kind == "response"
    (line,) = check_log(site, posted, **keys)
    assert posted.body["headers"]["X-Correlation-Id"] == line["correlation_id"]
    assert json.loads(base64.b64decode(posted.body["body"]))["error"]["message"]
    return posted.body["statusCode"], line["reason"]


def correlate(event: dict[str, Any]) -> dict[str, str]:
    return {"correlation_id": event["requestContext"]["requestId"]}


def test_a_run_is_planned_archived_and_reported(site: Site, start: Start) -> None:
    notebooks = len(site.arcgis.enterprise.organisation.notebooks())
    planned = start("PlanRun").invoke(sample("plan_run"))
    assert (planned.kind, planned.body["notebooks"]) == ("response", notebooks)
    assert [line["message"] for line in check_log(site, planned, run_id=RUN)] == ["Planned"]
    batch = site.aws.s3.get_object(Bucket=BUCKET, Key=planned.body["planKey"])["Body"].read().splitlines()[0]
    run = {name: planned.body[name] for name in ("runId", "startedAt")}
    archived = start("ArchiveNotebooks").invoke({**run, "batch": json.loads(batch)})
    assert archived.body == {**run, "batch": None}
    assert len([line for line in check_log(site, archived, run_id=RUN) if "item_id" in line]) == notebooks
    reported = start("ReportRun").invoke({**run, "plan": planned.body, "error": None})
    assert reported.body["status"] == "complete"
    assert reported.body["message"] in [line["message"] for line in check_log(site, reported, run_id=RUN)]
    assert [line["RunComplete"] for line in reported.lines if "_aws" in line] == [[1]]


def test_a_verification_is_planned_done_and_reported(site: Site, start: Start) -> None:
    start("ArchiveNotebooks").invoke(sample("archive_notebooks"))
    planned = start("PlanVerification").invoke(sample("plan_verification.everything"))
    assert planned.kind == "response"
    check_log(site, planned, run_id=VERIFICATION)
    batch = site.aws.s3.get_object(Bucket=BUCKET, Key=planned.body["planKey"])["Body"].read().splitlines()[0]
    run = {name: planned.body[name] for name in ("runId", "startedAt")}
    verified = start("VerifyVersions").invoke({**run, "batch": json.loads(batch)})
    assert verified.body == {**run, "batch": None}
    check_log(site, verified, run_id=VERIFICATION)
    reported = start("ReportVerification").invoke({**run, "plan": planned.body, "error": None})
    assert reported.body["message"] in [line["message"] for line in check_log(site, reported, run_id=VERIFICATION)]
    assert [line["ObjectsDamaged"] for line in reported.lines if "_aws" in line] == [[0]]


def test_a_failed_plan_is_logged(site: Site, start: Start) -> None:
    site.arcgis.enterprise.faults.add("search", "redirect", times=1, location="https://elsewhere.example.com/")
    check_failed(site, start("PlanRun").invoke(sample("plan_run")), "UnexpectedAnswer", run_id=RUN)


def test_a_failed_batch_is_logged(site: Site, start: Start) -> None:
    event = sample("archive_notebooks") | {"batch": {"number": 1}}
    check_failed(site, start("ArchiveNotebooks").invoke(event), "KeyError", run_id=RUN)


def test_a_failed_report_is_logged(site: Site, start: Start) -> None:
    event = sample("report_run") | {"plan": {"scope": "everything"}}
    check_failed(site, start("ReportRun").invoke(event), "KeyError", run_id=RUN)


def test_log_of_a_worker_thread_defect_has_the_run_id(site: Site, start: Start) -> None:
    event = sample("archive_notebooks")
    event["batch"]["notebooks"][0]["archived"] = None
    lines = check_log(site, start("ArchiveNotebooks").invoke(event), run_id=RUN)
    (defect,) = [line for line in lines if line["name"] == "notebook_archive.backup.archive_each"]
    assert defect["level"] == "ERROR"


def test_requests_are_archived(site: Site, start: Start) -> None:
    event = sample("archive_requests")
    posted = start("ArchiveRequests").invoke(event)
    assert (posted.kind, posted.body) == ("response", {"batchItemFailures": []})
    run_id = f"2026-11-22/event-{event['Records'][0]['messageId']}"
    assert len(check_log(site, posted, run_id=run_id)) == 2
    event["Records"][0]["body"] = "not JSON"
    (line,) = check_log(site, start("ArchiveRequests").invoke(event), run_id=run_id)
    assert line["problem"]["reason"] == "request-invalid"


def test_empty_batch_of_requests_fails_with_index_error(site: Site, start: Start) -> None:
    check_failed(site, start("ArchiveRequests").invoke({"Records": []}), "IndexError")


@pytest.mark.parametrize("kind", ["get_notebook", "get_notebook.list", "get_notebook.page"])
def test_open_notebooks_are_listed(site: Site, start: Start, kind: str) -> None:
    event = sample(kind)
    posted = start("GetNotebook").invoke(event)
    assert (posted.kind, posted.body["statusCode"]) == ("response", 200)
    assert len(check_log(site, posted, **correlate(event))) == 1


def test_get_of_closed_notebook_returns_404(site: Site, start: Start) -> None:
    event = sample("get_notebook") | {"pathParameters": {"notebookId": "0" * 32}}
    assert refusal(site, start("GetNotebook").invoke(event), **correlate(event)) == (404, "session-not-found")


@pytest.mark.parametrize("kind", ["download_snapshot", "download_snapshot.form", "download_snapshot.page"])
def test_a_snapshot_is_downloaded(site: Site, start: Start, kind: str) -> None:
    event = sample(kind)
    posted = start("DownloadSnapshot").invoke(event)
    assert (posted.kind, posted.body["statusCode"]) == ("response", 200)
    check_log(site, posted, **correlate(event))


def test_bad_snapshot_request_returns_400(site: Site, start: Start) -> None:
    event = sample("download_snapshot") | {"body": "itemId=x"}
    assert refusal(site, start("DownloadSnapshot").invoke(event), **correlate(event)) == (
        400,
        "parameter-invalid",
    )


def test_a_delivery_is_accepted(site: Site, start: Start) -> None:
    event = sample("receive_webhook")
    posted = start("ReceiveWebhook").invoke(event)
    assert (posted.kind, posted.body["statusCode"]) == ("response", 202)
    assert [line["message"] for line in check_log(site, posted, **correlate(event))] == ["Accepted"]


def test_delivery_to_another_path_returns_404(site: Site, start: Start) -> None:
    event = sample("receive_webhook") | {"pathParameters": {"key": "another-path-of-32-characters-or-more"}}
    assert refusal(site, start("ReceiveWebhook").invoke(event), **correlate(event)) == (404, "webhook-unknown")


def test_rotation_step_creates_a_token_and_is_logged(site: Site, start: Start) -> None:
    version = site.rotations.begin()
    event = sample("rotate_token") | {"ClientRequestToken": version, "SecretId": ANA}
    made = start("RotateToken").invoke(event)
    assert (made.kind, made.body["secret"]) == ("response", ANA)
    (line,) = check_log(site, made)
    assert (line["step"], line["version"]) == ("createSecret", version)


def test_an_unknown_step_of_a_rotation_fails(site: Site, start: Start) -> None:
    event = sample("rotate_token") | {"Step": "eraseSecret", "SecretId": ANA}
    check_failed(site, start("RotateToken").invoke(event), "RotationRefused", step="eraseSecret", secret=ANA)


def test_function_without_its_layer_does_not_start(site: Site, built: Path, tmp_path: Path) -> None:
    """This shows that the other tests use the layer and not packages that are installed on this machine."""
    variables, seconds = site.settings("PlanRunFunction")
    with running(built / "PlanRunFunction", [], variables, seconds, tmp_path / "log") as function:
        posted = function.wait()
    assert (posted.kind, posted.body["errorType"]) == ("init/error", "Runtime.ImportModuleError")
    assert "No module named 'aws_lambda_powertools'" in posted.body["errorMessage"]
    assert posted.lines[-1]["errorType"] == "Runtime.ImportModuleError"
