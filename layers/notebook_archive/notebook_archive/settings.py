"""Read each function's settings from the environment variables that `template.yaml` sets.

Each function has its own class, which contains only what the function needs. The function reads the settings when it is
invoked, not when it is imported: `PlanRunSettings.from_env(os.environ)`. Settings that several functions share are
in separate classes. Sizes are in bytes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

from notebook_archive.errors import SettingsInvalid

Route = Literal["auto", "notebook-server", "portal"]
ApiAuth = Literal["IAM", "ArcGIS"]
ROUTES: tuple[Route, ...] = ("auto", "notebook-server", "portal")
API_AUTHS: tuple[ApiAuth, ...] = ("IAM", "ArcGIS")
DIGEST_CONTENTS = ("ALWAYS", "CHANGES")

MEGABYTE = 1_000_000
MAX_THREADS = 64
# A URL to which a token may be sent. It has no user name and no query, and no character that two parsers could read
# differently.
HTTPS_URL = re.compile(r"https://[A-Za-z0-9._\-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~\-]+)*/?")

_ACCOUNT = re.compile("[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-[0-9]+")
_MACHINE = re.compile("arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:.+")


class _Variables:
    """The environment variables of a function. `faults` contains a sentence for each variable that is not valid."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[str] = []

    def text(self, name: str, pattern: re.Pattern[str] | None = None, default: str | None = None) -> str:
        """Return a string. Without a default, the variable is required."""
        value = self._env.get(name, "") or (default or "")
        if not value and default is None:
            self.faults.append(f"{name} is missing")
        elif value and pattern and not pattern.fullmatch(value):
            self.faults.append(f"{name} does not match {pattern.pattern}")
        return value

    def number(self, name: str, low: int, high: int, default: str | None = None) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.text(name, default=default)
        if value and not (value.isdecimal() and low <= int(value) <= high):
            self.faults.append(f"{name} is not a whole number from {low} to {high}")
            return low
        return int(value or low)

    def choice[T: str](self, name: str, choices: tuple[T, ...], default: T) -> T:
        """Return one of the choices."""
        value = self._env.get(name, "") or default
        chosen = next((choice for choice in choices if choice == value), None)
        if chosen is None:
            self.faults.append(f"{name} is not one of {', '.join(choices)}")
        return chosen or default

    def boolean(self, name: str, default: Literal["true", "false"]) -> bool:
        """Return whether the variable is `true`."""
        return self.choice(name, ("true", "false"), default) == "true"

    def url(self, name: str, default: str | None = None) -> str:
        """Return an HTTPS URL without its trailing slash."""
        return self.text(name, HTTPS_URL, default).rstrip("/")


@contextmanager
def _checked(env: Mapping[str, str]) -> Iterator[_Variables]:
    """Provide the variables of an environment.

    At the end, raise SettingsInvalid if a variable that was read is not valid. The error names all such variables.
    """
    variables = _Variables(env)
    yield variables
    if variables.faults:
        raise SettingsInvalid("The function's environment is not valid: " + "; ".join(variables.faults) + ".")


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """The archive's bucket."""

    bucket: str
    bucket_owner: str

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        return cls(variables.text("ARCHIVE_BUCKET"), variables.text("ARCHIVE_BUCKET_OWNER", _ACCOUNT))


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """The ledger's bucket."""

    bucket: str
    bucket_owner: str

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        return cls(variables.text("LEDGER_BUCKET"), variables.text("ARCHIVE_BUCKET_OWNER", _ACCOUNT))


@dataclass(frozen=True, slots=True)
class SecondPlaceSettings:
    """The bucket of the second place, to which S3 replicates the archive."""

    bucket: str
    bucket_owner: str
    region: str

    @classmethod
    def read(cls, variables: _Variables) -> Self | None:
        """Return the settings, or None if the stack has no second place."""
        bucket = variables.text("SECOND_BUCKET", default="")
        default = None if bucket else ""
        owner = variables.text("SECOND_BUCKET_OWNER", _ACCOUNT, default)
        region = variables.text("SECOND_BUCKET_REGION", _REGION, default)
        return cls(bucket, owner, region) if bucket else None


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """The ArcGIS portal, and the secrets with the credentials for it."""

    url: str
    secret_prefix: str
    ca_bundle_secret: str
    tls_strict: bool

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        return cls(
            url=variables.url("PORTAL_URL").removesuffix("/sharing/rest"),
            secret_prefix=variables.text("SECRET_PREFIX").strip("/"),
            ca_bundle_secret=variables.text("CA_BUNDLE_SECRET", default=""),
            tls_strict=variables.boolean("TLS_STRICT", "true"),
        )


@dataclass(frozen=True, slots=True)
class ArcGISSettings:
    """The portal and its notebook server. If `notebook_admin_url` is empty, the portal is asked for the address."""

    portal: PortalSettings
    notebook_admin_url: str
    route: Route

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        return cls(
            portal=PortalSettings.read(variables),
            notebook_admin_url=variables.url("NOTEBOOK_ADMIN_URL", ""),
            route=variables.choice("ROUTE", ROUTES, "auto"),
        )


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """The settings for archiving a notebook.

    With `archive_current`, its current content is archived too. With `capture`, snapshots of changed notebooks are
    created. With `slot_rotation`, a capture may delete an earlier snapshot to free a slot. `snapshot_limit` is the
    number of snapshots that ArcGIS allows for a notebook.
    """

    archive: ArchiveSettings
    arcgis: ArcGISSettings
    max_snapshot_bytes: int
    archive_current: bool
    capture: bool
    slot_rotation: bool
    snapshot_limit: int

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        settings = cls(
            archive=ArchiveSettings.read(variables),
            arcgis=ArcGISSettings.read(variables),
            max_snapshot_bytes=_read_max_snapshot_bytes(variables),
            archive_current=variables.boolean("ARCHIVE_CURRENT", "false"),
            capture=variables.boolean("CAPTURE", "false"),
            slot_rotation=variables.boolean("SLOT_ROTATION", "false"),
            snapshot_limit=variables.number("SNAPSHOT_LIMIT", 1, 1000, "5"),
        )
        if settings.slot_rotation and not settings.capture:
            variables.faults.append("SLOT_ROTATION needs CAPTURE")
        return settings


@dataclass(frozen=True, slots=True)
class PlanRunSettings:
    """The settings of `plan_run`."""

    archive: ArchiveSettings
    portal: PortalSettings
    threads: int
    batch_size: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                portal=PortalSettings.read(variables),
                threads=_read_threads(variables),
                batch_size=variables.number("BATCH_SIZE", 1, 1000),
            )


@dataclass(frozen=True, slots=True)
class ArchiveNotebooksSettings:
    """The settings of `archive_notebooks`."""

    backup: BackupSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                backup=BackupSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class ArchiveRequestsSettings:
    """The settings of `archive_requests`."""

    backup: BackupSettings
    threads: int
    event_bus: str
    request_queue_url: str
    failure_queue_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                backup=BackupSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
                request_queue_url=variables.text("REQUEST_QUEUE_URL"),
                failure_queue_url=variables.text("FAILURE_QUEUE_URL"),
            )


@dataclass(frozen=True, slots=True)
class PollChangesSettings:
    """The settings of `poll_changes`."""

    archive: ArchiveSettings
    ledger: LedgerSettings
    portal: PortalSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                ledger=LedgerSettings.read(variables),
                portal=PortalSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class ReportRunSettings:
    """The settings of `report_run`."""

    archive: ArchiveSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class PlanVerificationSettings:
    """The settings of `plan_verification`. Every version is read whole at least once in `verify_days`."""

    archive: ArchiveSettings
    ledger: LedgerSettings
    second_place: SecondPlaceSettings | None
    threads: int
    verify_days: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                ledger=LedgerSettings.read(variables),
                second_place=SecondPlaceSettings.read(variables),
                threads=_read_threads(variables),
                verify_days=variables.number("VERIFY_DAYS", 1, 3650),
            )


@dataclass(frozen=True, slots=True)
class VerifyVersionsSettings:
    """The settings of `verify_versions`. A verification starts no check after `max_seconds`."""

    archive: ArchiveSettings
    threads: int
    max_seconds: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                threads=_read_threads(variables),
                max_seconds=variables.number("VERIFY_MAX_HOURS", 1, 160) * 3600,
            )


@dataclass(frozen=True, slots=True)
class ReportVerificationSettings:
    """The settings of `report_verification`."""

    archive: ArchiveSettings
    ledger: LedgerSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                ledger=LedgerSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class RestoreSettings:
    """The settings for restoring a notebook.

    `other_secret_prefix` is the prefix of the secrets for other portals, or empty if the stack restores only to its own
    portal. `snapshot_limit` is the number of snapshots that ArcGIS allows for a notebook. `second_place` is None if the
    stack has none, or if the function never reads it.
    """

    archive: ArchiveSettings
    ledger: LedgerSettings
    second_place: SecondPlaceSettings | None
    arcgis: ArcGISSettings
    other_secret_prefix: str
    max_snapshot_bytes: int
    snapshot_limit: int

    @classmethod
    def read(cls, variables: _Variables) -> Self:
        """Return the settings."""
        return cls(
            archive=ArchiveSettings.read(variables),
            ledger=LedgerSettings.read(variables),
            second_place=SecondPlaceSettings.read(variables),
            arcgis=ArcGISSettings.read(variables),
            other_secret_prefix=variables.text("RESTORE_SECRET_PREFIX", default="").strip("/"),
            max_snapshot_bytes=_read_max_snapshot_bytes(variables),
            snapshot_limit=variables.number("SNAPSHOT_LIMIT", 1, 1000, "5"),
        )


@dataclass(frozen=True, slots=True)
class RestoreNotebookSettings:
    """The settings of `restore_notebook`. `undo_function` is the name of the function that undoes a restore."""

    restore: RestoreSettings
    undo_function: str
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                restore=RestoreSettings.read(variables),
                undo_function=variables.text("UNDO_FUNCTION"),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class UndoRestoreSettings:
    """The settings of `undo_restore`."""

    restore: RestoreSettings
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(RestoreSettings.read(variables), _read_event_bus(variables))


@dataclass(frozen=True, slots=True)
class PlanRestoresSettings:
    """The settings of `plan_restores`."""

    archive: ArchiveSettings
    second_place: SecondPlaceSettings | None
    threads: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(ArchiveSettings.read(variables), SecondPlaceSettings.read(variables), _read_threads(variables))


@dataclass(frozen=True, slots=True)
class RestoreNotebooksSettings:
    """The settings of `restore_notebooks`."""

    restore: RestoreSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(RestoreSettings.read(variables), _read_threads(variables), _read_event_bus(variables))


@dataclass(frozen=True, slots=True)
class ReportRestoresSettings:
    """The settings of `report_restores`."""

    archive: ArchiveSettings
    threads: int
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(ArchiveSettings.read(variables), _read_threads(variables), _read_event_bus(variables))


@dataclass(frozen=True, slots=True)
class TestRestoresSettings:
    """The settings of `test_restores`. Its account has a credential of its own."""

    restore: RestoreSettings
    threads: int
    event_bus: str

    @property
    def secret(self) -> str:
        """The name of the secret with the credential of the account for tests."""
        return f"{self.restore.arcgis.portal.secret_prefix}/restore-test"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                restore=RestoreSettings.read(variables),
                threads=_read_threads(variables),
                event_bus=_read_event_bus(variables),
            )


@dataclass(frozen=True, slots=True)
class RotateTokenSettings:
    """The settings of `rotate_token`. Its credentials are secrets with names below `credential_prefix`."""

    portal: PortalSettings
    credential_prefix: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(PortalSettings.read(variables), variables.text("CREDENTIAL_PREFIX").strip("/"))


@dataclass(frozen=True, slots=True)
class GetNotebookSettings:
    """The settings of `get_notebook`."""

    arcgis: ArcGISSettings
    api_auth: ApiAuth
    threads: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                arcgis=ArcGISSettings.read(variables),
                api_auth=_read_api_auth(variables),
                threads=_read_threads(variables),
            )


@dataclass(frozen=True, slots=True)
class DownloadSnapshotSettings:
    """The settings of `download_snapshot`."""

    archive: ArchiveSettings
    arcgis: ArcGISSettings
    api_auth: ApiAuth
    max_snapshot_bytes: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(
                archive=ArchiveSettings.read(variables),
                arcgis=ArcGISSettings.read(variables),
                api_auth=_read_api_auth(variables),
                max_snapshot_bytes=_read_max_snapshot_bytes(variables),
            )


@dataclass(frozen=True, slots=True)
class NotifyOperatorsSettings:
    """The settings of `notify_operators`.

    `text_topic` and `chat_topic` are ARNs of SNS topics. At most one of them is empty. The ARNs of the state machines
    are those of runs, of verifications and of bulk restores.
    """

    archive: ArchiveSettings
    ledger: LedgerSettings
    stack: str
    text_topic: str
    chat_topic: str
    run_machine: str
    verification_machine: str
    restore_machine: str
    alarm_after_hours: int
    only_changes: bool

    @property
    def region(self) -> str:
        """The region of the stack."""
        return self.run_machine.split(":")[3]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            settings = cls(
                archive=ArchiveSettings.read(variables),
                ledger=LedgerSettings.read(variables),
                stack=variables.text("POWERTOOLS_SERVICE_NAME"),
                text_topic=variables.text("TEXT_TOPIC_ARN", default=""),
                chat_topic=variables.text("CHAT_TOPIC_ARN", default=""),
                run_machine=variables.text("RUN_STATE_MACHINE_ARN", _MACHINE),
                verification_machine=variables.text("VERIFICATION_STATE_MACHINE_ARN", _MACHINE),
                restore_machine=variables.text("RESTORE_STATE_MACHINE_ARN", _MACHINE),
                alarm_after_hours=variables.number("ALARM_AFTER_HOURS", 1, 168),
                only_changes=variables.choice("DIGEST_CONTENT", DIGEST_CONTENTS, "ALWAYS") == "CHANGES",
            )
            if not settings.text_topic and not settings.chat_topic:
                variables.faults.append("TEXT_TOPIC_ARN and CHAT_TOPIC_ARN are both empty")
            return settings


@dataclass(frozen=True, slots=True)
class ReceiveWebhookSettings:
    """The settings of `receive_webhook`. `secret` is the name of the webhook's secret."""

    secret: str
    event_bus: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Return the settings, or raise SettingsInvalid."""
        with _checked(env) as variables:
            return cls(variables.text("WEBHOOK_SECRET"), _read_event_bus(variables))


def _read_threads(variables: _Variables) -> int:
    return variables.number("THREADS", 1, MAX_THREADS)


def _read_max_snapshot_bytes(variables: _Variables) -> int:
    return variables.number("MAX_SNAPSHOT_MB", 1, 5000) * MEGABYTE


def _read_event_bus(variables: _Variables) -> str:
    return variables.text("EVENT_BUS_NAME", default="default")


def _read_api_auth(variables: _Variables) -> ApiAuth:
    return variables.choice("API_AUTH", API_AUTHS, "IAM")
