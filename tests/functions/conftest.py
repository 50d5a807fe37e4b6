"""Run the functions as Lambda does: app.py by its path, with an environment, secrets, a bucket and an event bus."""

import contextlib
import importlib.util
import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.arcgis import Deployment, LocalArcGIS, Seed
from notebook_archive import aws
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, StrictS3, make_bucket, make_ledger_bucket

ROOT = Path(__file__).parents[2]
type Handler = Callable[[dict[str, Any]], dict[str, Any]]


def sample(name: str) -> dict[str, Any]:
    """Return the sample event `events/<name>.json`."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


@dataclass
class Context:
    """The context that Lambda passes to a handler with the event."""

    function_name: str
    milliseconds: int = 900_000
    memory_limit_in_mb: int = 1024
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Functions:
    """The deployed functions, their log, and the services that they call."""

    arcgis: LocalArcGIS
    deployment: Deployment
    s3: StrictS3
    environment: pytest.MonkeyPatch
    log: io.StringIO = field(default_factory=io.StringIO)
    milliseconds: int = 900_000

    def invoke(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the function returns, converted to JSON and back. Its log lines are kept."""
        spec = importlib.util.spec_from_file_location(f"{name}_app", ROOT / "functions" / name / "app.py")
        assert spec
        assert spec.loader
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        app.logger.registered_handler.setStream(self.log)
        answer = app.handler(json.loads(json.dumps(event)), Context(name, self.milliseconds))
        decoded: dict[str, Any] = json.loads(json.dumps(answer))
        return decoded

    def configure(self, **variables: str) -> None:
        """Set environment variables, and start a new container that reads them."""
        for name, value in variables.items():
            self.environment.setenv(name, value)
        _new_container()

    def lines(self) -> list[dict[str, Any]]:
        """Return the log's lines, parsed as JSON."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def functions(running: LocalArcGIS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    with open_functions(running, monkeypatch) as functions:
        yield functions


@contextlib.contextmanager
def open_functions(running: LocalArcGIS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    """Yield the functions with an empty archive, and a portal as it was at its start."""
    running.reset()
    deployment = running.enterprise
    environment = {
        "ARCHIVE_BUCKET": BUCKET,
        "ARCHIVE_BUCKET_OWNER": ACCOUNT,
        "PORTAL_URL": deployment.portal_url,
        "NOTEBOOK_ADMIN_URL": "",
        "ROUTE": "auto",
        "SECRET_PREFIX": "notebook-archive",
        "CA_BUNDLE_SECRET": "notebook-archive/ca-bundle",
        "TLS_STRICT": "true",
        "THREADS": "4",
        "BATCH_SIZE": "50",
        "MAX_SNAPSHOT_MB": "100",
        "EVENT_BUS_NAME": "default",
        "LEDGER_BUCKET": LEDGER_BUCKET,
        "VERIFY_DAYS": "180",
        "VERIFY_MAX_HOURS": "6",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    strict = StrictS3()
    with mock_aws(), own_logging():
        boto3.setup_default_session()
        make_bucket()
        make_ledger_bucket()
        _fill_secrets(deployment, running.ca_bundle.read_text())
        assert boto3.DEFAULT_SESSION is not None
        strict.attach(boto3.DEFAULT_SESSION.events)
        _new_container()
        yield Functions(running, deployment, strict, monkeypatch)
        _new_container()
        boto3.setup_default_session()
    assert strict.broken == []


@contextlib.contextmanager
def own_logging() -> Iterator[None]:
    """Restore the logging configuration after a test, because an imported function replaces the root handler."""
    root, package = logging.getLogger(), logging.getLogger("notebook_archive")
    handlers, levels = list(root.handlers), (root.level, package.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    package.setLevel(levels[1])
    logging.captureWarnings(capture=False)


def _fill_secrets(deployment: Deployment, ca_pem: str) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="notebook-archive/ca-bundle", SecretString=ca_pem)
    for user in deployment.users:
        if user.has_secret:
            name = "admin" if user.role == "admin" else f"owners/{user.username}"
            text = json.dumps({"username": user.username, "password": user.password})
            secrets.create_secret(Name=f"notebook-archive/{name}", SecretString=text)


def _new_container() -> None:
    """Clear the cached objects of `notebook_archive.aws`, so that they are made again as in a new container."""
    for made in vars(aws).values():
        if isinstance(made, _lru_cache_wrapper):
            made.cache_clear()


@pytest.fixture
def library_log() -> Iterator[io.StringIO]:
    """Return everything that the package and its HTTP client log, at level DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("urllib3", "requests", "notebook_archive")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield stream
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
