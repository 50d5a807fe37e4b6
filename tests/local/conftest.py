"""Fixtures for the tests of deployed systems. Each system is deployed once in a session, if a test uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.arcgis import Seed
from local.system import WEBHOOK_SECRET, LocalSystem

NOTEBOOKS = 200
BATCH = 20
ASKED_NOTEBOOKS = 20
PRESENT_NOTEBOOKS = 4
# For tests that need snapshots only. test_current.py and the demonstration use the default.
SNAPSHOTS_ALONE = {"ArchiveCurrent": "false"}
# MiniStack throttles requests like API Gateway, and these tests send thousands of requests.
UNTHROTTLED = {"ApiRateLimit": "10000", "ApiBurstLimit": "5000"}

# The account and the region are MiniStack's own.
TOPIC = "arn:aws:sns:us-east-1:000000000000:operators"

RESTORE_PREFIX = "notebook-archive-restore"
SECOND_BUCKET = "notebook-archive-second-place"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder as `local`, because it needs MiniStack and a built template."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("local")


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """A running system with snapshots only. A test that changes its state must restore it."""
    parameters = {"BatchSize": str(BATCH), "LogLevel": "DEBUG", **SNAPSHOTS_ALONE, **UNTHROTTLED}
    with LocalSystem(Seed.many(NOTEBOOKS), parameters) as system:
        yield system


@pytest.fixture(scope="session")
def open_system() -> Iterator[LocalSystem]:
    """A system with the sample notebooks. Callers of its HTTP proxy sign in with ArcGIS tokens.

    Notebooks can be restored to other portals too, if a test creates the secrets. The second place is an empty bucket,
    because the local AWS does not set replication from a template.
    """
    parameters = {"ApiAuth": "ArcGIS", "RestoreSecretPrefix": RESTORE_PREFIX, "SecondBucket": SECOND_BUCKET}
    parameters |= {"LogLevel": "DEBUG", **UNTHROTTLED}
    with LocalSystem(Seed.samples(), parameters) as system:
        system.aws.s3.create_bucket(Bucket=SECOND_BUCKET, ObjectLockEnabledForBucket=True)
        yield system


@pytest.fixture(scope="session")
def asked() -> Iterator[LocalSystem]:
    """A system without scheduled runs. Events and, after registration, the webhook request backups."""
    parameters = {"WebhookSecret": WEBHOOK_SECRET, "LogLevel": "DEBUG"}
    with LocalSystem(Seed.many(ASKED_NOTEBOOKS), parameters) as system:
        yield system


@pytest.fixture(scope="session")
def present() -> Iterator[LocalSystem]:
    """A system with alarms, which archives the current content too. The portal redirects to storage."""
    parameters = {"LogLevel": "DEBUG", "AlarmTopicArn": TOPIC, "DigestSchedule": "cron(0 7 ? * MON *)"}
    with LocalSystem(Seed.many(PRESENT_NOTEBOOKS), parameters) as system:
        system.arcgis.enterprise.switches.data_redirect = True
        yield system
