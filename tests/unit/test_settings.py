"""Settings: one error names everything that is wrong with the environment."""

from typing import Any

import pytest

from notebook_archive.errors import SettingsInvalid
from notebook_archive.settings import Settings

GOOD = {
    "ARCHIVE_BUCKET": "archive",
    "ARCHIVE_BUCKET_OWNER": "123456789012",
    "PORTAL_URL": "https://gis.example.com/portal",
    "SECRET_PREFIX": "notebook-archive",
    "THREADS": "8",
    "BATCH_SIZE": "40",
    "MAX_SNAPSHOT_MB": "300",
}


def test_good_settings_and_their_defaults() -> None:
    settings = Settings.from_env(GOOD)
    assert settings == Settings(
        request_queue_url="",
        failure_queue_url="",
        archive_bucket="archive",
        archive_bucket_owner="123456789012",
        portal_url="https://gis.example.com/portal",
        notebook_admin_url="",
        route="auto",
        secret_prefix="notebook-archive",
        credential_prefix="",
        ca_bundle_secret="",
        tls_strict=True,
        threads=8,
        batch_size=40,
        max_snapshot_bytes=300_000_000,
        archive_current=False,
        event_bus_name="default",
        api_auth="IAM",
        webhook_secret="",
        capture=False,
        slot_rotation=False,
        snapshot_limit=5,
    )


def test_all_faults_are_in_one_message() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Settings.from_env(
            {"PORTAL_URL": "http://gis.example.com", "THREADS": "0", "ROUTE": "both", "TLS_STRICT": "yes"}
        )
    message = str(refused.value)
    for name in ("ARCHIVE_BUCKET", "ARCHIVE_BUCKET_OWNER", "SECRET_PREFIX", "BATCH_SIZE", "MAX_SNAPSHOT_MB"):
        assert f"{name} is missing" in message
    for name in ("PORTAL_URL", "THREADS", "ROUTE", "TLS_STRICT"):
        assert f"{name} is not " in message


@pytest.mark.parametrize("name", [*GOOD])
def test_each_required_variable_is_missed_by_name(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"{name} is missing\.$"):
        Settings.from_env({**GOOD, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_URL", "gis.example.com/portal"),
        ("PORTAL_URL", "https://user:password@gis.example.com/portal"),
        ("PORTAL_URL", "https://gis.example.com\\@elsewhere.example/portal"),
        ("PORTAL_URL", "https://gis.example.com/portal?token=x"),
        ("PORTAL_URL", "https://gis.example.com/portal\n"),
        ("NOTEBOOK_ADMIN_URL", "http://gis.example.com:11443/arcgis/admin"),
        ("ARCHIVE_BUCKET_OWNER", "12345"),
        ("THREADS", "65"),
        ("THREADS", "-1"),
        ("BATCH_SIZE", "1001"),
        ("MAX_SNAPSHOT_MB", "1e3"),
        ("ROUTE", "AUTO"),
        ("TLS_STRICT", "False"),
        ("ARCHIVE_CURRENT", "True"),
        ("CAPTURE", "yes"),
        ("SLOT_ROTATION", "1"),
        ("SLOT_ROTATION", "true"),
        ("SNAPSHOT_LIMIT", "0"),
    ],
)
def test_ill_formed_values_are_named(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        Settings.from_env({**GOOD, name: value})


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"PORTAL_URL": "https://gis.example.com/portal/"}, "portal_url", "https://gis.example.com/portal"),
        ({"PORTAL_URL": "https://gis.example.com/portal/sharing/rest"}, "portal_url", "https://gis.example.com/portal"),
        ({"PORTAL_URL": "https://gis.example.com:7443"}, "portal_url", "https://gis.example.com:7443"),
        (
            {"NOTEBOOK_ADMIN_URL": "https://nb.example.com/nb/admin/"},
            "notebook_admin_url",
            "https://nb.example.com/nb/admin",
        ),
        ({"SECRET_PREFIX": "/gis/notebooks/"}, "secret_prefix", "gis/notebooks"),
        ({"ARCHIVE_CURRENT": "true"}, "archive_current", True),
        ({"TLS_STRICT": "false"}, "tls_strict", False),
        ({"ROUTE": "portal"}, "route", "portal"),
        ({"CAPTURE": "true"}, "capture", True),
        ({"CAPTURE": "true", "SLOT_ROTATION": "true"}, "slot_rotation", True),
        ({"SNAPSHOT_LIMIT": "3"}, "snapshot_limit", 3),
    ],
)
def test_what_is_written_in_several_ways_is_read_as_one(changes: dict[str, str], field: str, expected: Any) -> None:
    assert getattr(Settings.from_env({**GOOD, **changes}), field) == expected
