"""What the deployment decided, read from the environment inside the call and never at import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, cast

from notebook_archive.errors import SettingsInvalid

Route = Literal["auto", "notebook-server", "portal"]
ApiAuth = Literal["IAM", "ArcGIS"]
ROUTES: tuple[Route, ...] = ("auto", "notebook-server", "portal")

MEGABYTE = 1_000_000
HTTPS_URL = re.compile(r"https://[A-Za-z0-9._\-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~\-]+)*/?")
"""An address that is trusted with a token: no user, no query, nothing that two parsers could read differently."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One deployment's settings.  Sizes are in bytes."""

    archive_bucket: str
    archive_bucket_owner: str
    portal_url: str
    notebook_admin_url: str
    route: Route
    secret_prefix: str
    credential_prefix: str
    ca_bundle_secret: str
    tls_strict: bool
    threads: int
    batch_size: int
    max_snapshot_bytes: int
    archive_current: bool
    event_bus_name: str
    api_auth: ApiAuth
    request_queue_url: str
    failure_queue_url: str
    webhook_secret: str
    capture: bool
    slot_rotation: bool
    snapshot_limit: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid naming every variable at fault at once."""
        faults: list[str] = []

        def text(name: str, pattern: re.Pattern[str] | None = None, default: str | None = None) -> str:
            value = env.get(name, "") or (default or "")
            if not value and default is None:
                faults.append(f"{name} is missing")
            elif value and pattern and not pattern.fullmatch(value):
                faults.append(f"{name} is not of the form {pattern.pattern}")
            return value

        def number(name: str, low: int, high: int, default: str | None = None) -> int:
            value = text(name, default=default)
            if value and not (value.isdecimal() and low <= int(value) <= high):
                faults.append(f"{name} is not a whole number from {low} to {high}")
                return low
            return int(value or low)

        api_auth = text("API_AUTH", re.compile("IAM|ArcGIS"), "IAM")
        route = text("ROUTE", re.compile("|".join(ROUTES)), "auto")
        settings = cls(
            archive_bucket=text("ARCHIVE_BUCKET"),
            archive_bucket_owner=text("ARCHIVE_BUCKET_OWNER", re.compile("[0-9]{12}")),
            portal_url=text("PORTAL_URL", HTTPS_URL).rstrip("/").removesuffix("/sharing/rest"),
            notebook_admin_url=text("NOTEBOOK_ADMIN_URL", HTTPS_URL, "").rstrip("/"),
            route=cast("Route", route),
            secret_prefix=text("SECRET_PREFIX").strip("/"),
            credential_prefix=text("CREDENTIAL_PREFIX", default="").strip("/"),
            ca_bundle_secret=text("CA_BUNDLE_SECRET", default=""),
            tls_strict=text("TLS_STRICT", re.compile("true|false"), "true") == "true",
            threads=number("THREADS", 1, 64),
            batch_size=number("BATCH_SIZE", 1, 1000),
            max_snapshot_bytes=number("MAX_SNAPSHOT_MB", 1, 5000) * MEGABYTE,
            archive_current=text("ARCHIVE_CURRENT", re.compile("true|false"), "false") == "true",
            event_bus_name=text("EVENT_BUS_NAME", default="default"),
            api_auth=cast("ApiAuth", api_auth),
            request_queue_url=text("REQUEST_QUEUE_URL", default=""),
            failure_queue_url=text("FAILURE_QUEUE_URL", default=""),
            webhook_secret=text("WEBHOOK_SECRET", default=""),
            capture=text("CAPTURE", re.compile("true|false"), "false") == "true",
            slot_rotation=text("SLOT_ROTATION", re.compile("true|false"), "false") == "true",
            snapshot_limit=number("SNAPSHOT_LIMIT", 1, 1000, "5"),
        )
        if settings.slot_rotation and not settings.capture:
            faults.append("SLOT_ROTATION needs CAPTURE")
        if faults:
            raise SettingsInvalid("The function's environment is not usable: " + "; ".join(faults) + ".")
        return settings
