"""Test that each function reads the settings that it needs, and that one error names every invalid variable."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

import pytest

from notebook_archive import settings
from notebook_archive.errors import SettingsInvalid
from notebook_archive.settings import (
    ArcGISSettings,
    ArchiveNotebooksSettings,
    ArchiveRequestsSettings,
    ArchiveSettings,
    BackupSettings,
    GetNotebookSettings,
    PlanRunSettings,
    PortalSettings,
    ReceiveWebhookSettings,
    RotateTokenSettings,
)
from tests.template.rendered import VARIANTS, functions, render

ENVIRONMENT = {
    "ARCHIVE_BUCKET": "archive",
    "ARCHIVE_BUCKET_OWNER": "123456789012",
    "PORTAL_URL": "https://gis.example.com/portal",
    "SECRET_PREFIX": "notebook-archive",
    "THREADS": "8",
    "BATCH_SIZE": "40",
    "MAX_SNAPSHOT_MB": "300",
    "REQUEST_QUEUE_URL": "https://sqs.example.com/requests",
    "FAILURE_QUEUE_URL": "https://sqs.example.com/failures",
    "CREDENTIAL_PREFIX": "credentials",
    "WEBHOOK_SECRET": "webhook",
}


class Settings(Protocol):
    """The settings class of any function."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self: ...


class Recorded(dict[str, str]):
    """Environment variables that record which names were read."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def settings_class(function: str) -> type[Settings]:
    """Return the settings class of a function of the template, such as `PlanRunFunction`."""
    found: type[Settings] = getattr(settings, f"{function.removesuffix('Function')}Settings")
    return found


def shared_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the template gives to every function."""
    variables: dict[str, str] = render(given)["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def own_variables(function: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the template gives only to this function."""
    variables: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    return variables


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_function_finds_its_settings_in_the_template(variant: str) -> None:
    shared = shared_variables(VARIANTS[variant])
    for name, function in functions(VARIANTS[variant]).items():
        assert settings_class(name).from_env({**shared, **own_variables(function)})


def test_each_variable_of_the_template_is_used_by_a_function() -> None:
    read_by_all: set[str] = set()
    shared = shared_variables({})
    for function, properties in functions().items():
        own = own_variables(properties)
        variables = Recorded({**shared, **own})
        settings_class(function).from_env(variables)
        assert own.keys() <= variables.read, function
        read_by_all |= variables.read
    assert {name for name in shared if not name.startswith("POWERTOOLS_")} <= read_by_all


def test_valid_settings_are_read_with_their_defaults() -> None:
    assert ArchiveNotebooksSettings.from_env(ENVIRONMENT) == ArchiveNotebooksSettings(
        backup=BackupSettings(
            archive=ArchiveSettings(bucket="archive", bucket_owner="123456789012"),
            arcgis=ArcGISSettings(
                portal=PortalSettings(
                    url="https://gis.example.com/portal",
                    secret_prefix="notebook-archive",
                    ca_bundle_secret="",
                    tls_strict=True,
                ),
                notebook_admin_url="",
                route="auto",
            ),
            max_snapshot_bytes=300_000_000,
            archive_current=False,
            capture=False,
            slot_rotation=False,
            snapshot_limit=5,
        ),
        threads=8,
        event_bus="default",
    )
    assert GetNotebookSettings.from_env(ENVIRONMENT).api_auth == "IAM"


def test_one_error_lists_every_invalid_variable() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        ArchiveRequestsSettings.from_env(
            {"PORTAL_URL": "http://gis.example.com", "THREADS": "0", "ROUTE": "both", "TLS_STRICT": "yes"}
        )
    message = str(refused.value)
    for name in ("ARCHIVE_BUCKET", "ARCHIVE_BUCKET_OWNER", "SECRET_PREFIX", "MAX_SNAPSHOT_MB", "REQUEST_QUEUE_URL"):
        assert f"{name} is missing" in message
    for fault in ("PORTAL_URL does not match", "THREADS is not", "ROUTE is not one of auto, ", "TLS_STRICT is not"):
        assert fault in message
    assert "BATCH_SIZE" not in message, "this function does not need it"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(
            (ArchiveRequestsSettings, name)
            for name in ENVIRONMENT
            if name not in ("BATCH_SIZE", "CREDENTIAL_PREFIX", "WEBHOOK_SECRET")
        ),
        (PlanRunSettings, "BATCH_SIZE"),
        (RotateTokenSettings, "CREDENTIAL_PREFIX"),
        (ReceiveWebhookSettings, "WEBHOOK_SECRET"),
    ],
)
def test_missing_variable_is_named(kind: type[Settings], name: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf": {name} is missing\.$"):
        kind.from_env({**ENVIRONMENT, name: ""})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (PlanRunSettings, "PORTAL_URL", "gis.example.com/portal"),
        (PlanRunSettings, "PORTAL_URL", "https://user:password@gis.example.com/portal"),
        (PlanRunSettings, "PORTAL_URL", "https://gis.example.com\\@elsewhere.example/portal"),
        (PlanRunSettings, "PORTAL_URL", "https://gis.example.com/portal?token=x"),
        (PlanRunSettings, "PORTAL_URL", "https://gis.example.com/portal\n"),
        (PlanRunSettings, "ARCHIVE_BUCKET_OWNER", "12345"),
        (PlanRunSettings, "THREADS", "65"),
        (PlanRunSettings, "THREADS", "-1"),
        (PlanRunSettings, "BATCH_SIZE", "1001"),
        (ArchiveNotebooksSettings, "NOTEBOOK_ADMIN_URL", "http://gis.example.com:11443/arcgis/admin"),
        (ArchiveNotebooksSettings, "MAX_SNAPSHOT_MB", "1e3"),
        (ArchiveNotebooksSettings, "ROUTE", "AUTO"),
        (ArchiveNotebooksSettings, "TLS_STRICT", "False"),
        (ArchiveNotebooksSettings, "ARCHIVE_CURRENT", "True"),
        (ArchiveNotebooksSettings, "CAPTURE", "yes"),
        (ArchiveNotebooksSettings, "SLOT_ROTATION", "1"),
        (ArchiveNotebooksSettings, "SLOT_ROTATION", "true"),
        (ArchiveNotebooksSettings, "SNAPSHOT_LIMIT", "0"),
        (GetNotebookSettings, "API_AUTH", "NONE"),
    ],
)
def test_malformed_variable_is_named(kind: type[Settings], name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        kind.from_env({**ENVIRONMENT, name: value})


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("PORTAL_URL", "https://gis.example.com/portal/", "url", "https://gis.example.com/portal"),
        ("PORTAL_URL", "https://gis.example.com/portal/sharing/rest", "url", "https://gis.example.com/portal"),
        ("PORTAL_URL", "https://gis.example.com:7443", "url", "https://gis.example.com:7443"),
        ("SECRET_PREFIX", "/gis/notebooks/", "secret_prefix", "gis/notebooks"),
        ("TLS_STRICT", "false", "tls_strict", False),
    ],
)
def test_portal_settings_are_normalized(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(PlanRunSettings.from_env({**ENVIRONMENT, name: value}).portal, field) == expected


def test_notebook_admin_url_is_normalized() -> None:
    found = GetNotebookSettings.from_env({**ENVIRONMENT, "NOTEBOOK_ADMIN_URL": "https://nb.example.com/nb/admin/"})
    assert found.arcgis.notebook_admin_url == "https://nb.example.com/nb/admin"


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"ARCHIVE_CURRENT": "true"}, "archive_current", True),
        ({"CAPTURE": "true"}, "capture", True),
        ({"CAPTURE": "true", "SLOT_ROTATION": "true"}, "slot_rotation", True),
        ({"SNAPSHOT_LIMIT": "3"}, "snapshot_limit", 3),
    ],
)
def test_backup_settings_are_parsed(changes: dict[str, str], field: str, expected: object) -> None:
    assert getattr(ArchiveNotebooksSettings.from_env({**ENVIRONMENT, **changes}).backup, field) == expected


def test_every_known_route_is_accepted() -> None:
    for route in settings.ROUTES:
        assert ArchiveNotebooksSettings.from_env({**ENVIRONMENT, "ROUTE": route}).backup.arcgis.route == route
