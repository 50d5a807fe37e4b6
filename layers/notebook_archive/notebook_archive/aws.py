"""Create the objects that the deployed functions use (the composition root).

An object is created when a function first requests it. It is reused until the container ends. A function passes the
settings that the object needs. The settings of a container never change, so each object is created once.
"""

from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.handlers import add_expect_header
from botocore.utils import parse_timestamp

from notebook_archive.arcgis.caller_identity import CallerIdentifier
from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, ArchiveReader, Ledger, Polls, SecondPlace
from notebook_archive.backup.job import ArchiveContext, CaptureSettings
from notebook_archive.backup_requests.queue import RequestQueue
from notebook_archive.bulk_restore import RestoreSource
from notebook_archive.clock import Deadline
from notebook_archive.events import EventBus
from notebook_archive.notifications import Notifier, Publisher, Records, Stack, Topic
from notebook_archive.reading import SnapshotSource
from notebook_archive.reading.authorization import Authorization
from notebook_archive.restore import RestoreContext, TargetPortal, TargetPortals
from notebook_archive.restore.request import Place
from notebook_archive.rotation import RotationContext
from notebook_archive.secret_store import CachedSecret, SecretStore
from notebook_archive.settings import (
    MAX_THREADS,
    ApiAuth,
    ArcGISSettings,
    ArchiveSettings,
    BackupSettings,
    DownloadSnapshotSettings,
    LedgerSettings,
    NotifyOperatorsSettings,
    PlanRestoresSettings,
    PortalSettings,
    RestoreSettings,
    RotateTokenSettings,
    SecondPlaceSettings,
    TestRestoresSettings,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Maximum number of attempts for an AWS call, unless a function has less time. botocore's default is three attempts.
# Three attempts take a quarter of a second, which is too short for a burst of calls.
MAX_ATTEMPTS = 8
# Time at the end of an invocation that is reserved for its last calls: writes to S3 that have begun, outcomes, messages
# and events.
RESERVE_SECONDS = 60.0
# Time in which calls to the bus may begin. The calls are made one after the other. The last call takes at most 24 more
# seconds (see `_reserve_config`), or two (see `_webhook_config`).
BUS_SECONDS = 10.0
WEBHOOK_BUS_SECONDS = 0.5
# Time that is reserved for sending the response to a request.
ANSWER_RESERVE_SECONDS = 3.0


@cache
def archive(settings: ArchiveSettings) -> Archive:
    """Return the archive."""
    return Archive(_s3(), settings.bucket, settings.bucket_owner)


@cache
def archive_reader(settings: ArchiveSettings) -> ArchiveReader:
    """Return a reader that cannot write to the archive."""
    return ArchiveReader(_s3(), settings.bucket, settings.bucket_owner)


@cache
def ledger(settings: LedgerSettings) -> Ledger:
    """Return the ledger of proofs."""
    return Ledger(_s3(), settings.bucket, settings.bucket_owner)


@cache
def polls(settings: LedgerSettings) -> Polls:
    """Return the store of the last poll for changes."""
    return Polls(_s3(), settings.bucket, settings.bucket_owner)


@cache
def second_place(settings: SecondPlaceSettings) -> SecondPlace:
    """Return the second place, for listing it."""
    return SecondPlace(_second_s3(settings.region), settings.bucket, settings.bucket_owner)


@cache
def replica_reader(settings: SecondPlaceSettings) -> ArchiveReader:
    """Return a reader of the second place."""
    return ArchiveReader(_second_s3(settings.region), settings.bucket, settings.bucket_owner)


@cache
def _second_s3(region: str) -> "S3Client":
    """Return a client for the region of the second place.

    If that region is down, its calls fail within a minute and a half. So a verification still has time for the archive.
    """
    return _make_s3(region, attempts=3, read_timeout=20)


@cache
def _s3() -> "S3Client":
    return _make_s3(None)


def _make_s3(region: str | None, **limits: int) -> "S3Client":
    """Return a client for a region, or for that of the stack. `limits` are those of `_make_config`."""
    # Every body is sent with its SHA-256 in a signed header, so the signature need not include a second hash of the
    # body. Without the other options, botocore signs links with an older version, or for the global S3 host. Newer
    # regions refuse the global host. Older regions redirect to another host, and then the signature is invalid, because
    # it includes the host. botocore still puts the bucket name into the path if the name contains dots or the endpoint
    # is an IP address.
    options = {
        "payload_signing_enabled": False,
        "addressing_style": "virtual",
        "us_east_1_regional_endpoint": "regional",
    }
    s3 = boto3.client("s3", region, config=_make_config(**limits, signature_version="s3v4", s3=options))
    # By default, botocore sends `Expect: 100-continue` and waits before it sends a body. That costs a round trip for
    # each snapshot, and the bucket always accepts.
    s3.meta.events.unregister("before-call.s3", add_expect_header)
    _speed_up_times()
    return s3


def _speed_up_times() -> None:
    """Make the default session's clients parse the times in responses with `datetime.fromisoformat`, if possible.

    botocore's own parser takes two thirds of the processor time of a listing (measured). It has a setting for another
    parser, but boto3 does not pass the setting on.
    """
    assert boto3.DEFAULT_SESSION is not None
    factory = boto3.DEFAULT_SESSION._session.get_component("response_parser_factory")  # noqa: SLF001 - see above
    factory.set_parser_defaults(timestamp_parser=_parse_time)


def _parse_time(value: Any) -> datetime:  # noqa: ANN401 - also a number
    if isinstance(value, str) and value[4:5] == "-":
        return datetime.fromisoformat(value)
    return parse_timestamp(value)  # the date of a header, or a number


@cache
def _secret_store() -> SecretStore:
    return SecretStore(boto3.client("secretsmanager", config=_make_config()))


@cache
def _transport(settings: PortalSettings) -> Transport:
    ca_pem = _secret_store().read(settings.ca_bundle_secret) if settings.ca_bundle_secret else None
    return Transport(make_tls_context(ca_pem, strict=settings.tls_strict), connections=MAX_THREADS)


@cache
def _tokens(settings: PortalSettings, secret_name: str) -> TokenSource:
    return TokenSource(_transport(settings), settings.url, secret_name, _secret_store().read)


def administrator(settings: PortalSettings, deadline: Deadline) -> Portal:
    """Return a portal client that uses the administrator's credential."""
    tokens = _tokens(settings, f"{settings.secret_prefix}/admin")
    return Portal(ArcGISClient(_transport(settings), tokens, deadline), settings.url)


@cache
def _discovery(settings: ArcGISSettings) -> Discovery:
    return Discovery(settings.notebook_admin_url)


@cache
def _routes(settings: ArcGISSettings) -> Routes:
    return Routes(
        _transport(settings.portal),
        settings.portal.url,
        settings.route,
        _discovery(settings),
        settings.portal.secret_prefix,
        _secret_store().read,
    )


@cache
def archive_context(settings: BackupSettings) -> ArchiveContext:
    """Return the objects and settings that archiving a notebook needs."""
    capture = CaptureSettings(archive_reader(settings.archive), settings.snapshot_limit, settings.slot_rotation)
    return ArchiveContext(
        _routes(settings.arcgis),
        archive(settings.archive),
        settings.arcgis.portal.url,
        settings.max_snapshot_bytes,
        settings.archive_current,
        capture if settings.capture else None,
    )


@cache
def restore_context(settings: RestoreSettings) -> RestoreContext:
    """Return the objects and settings that restoring a notebook needs."""
    own = settings.arcgis.portal

    def make_routes(url: str, prefix: str) -> Routes:
        transport, read = _transport(own), _secret_store().read
        return Routes(transport, url, "auto", Discovery(""), prefix, read)

    target = TargetPortal(_routes(settings.arcgis), own.url, own.secret_prefix, is_own=True)
    return RestoreContext(
        archive(settings.archive),
        archive_reader(settings.archive),
        ledger(settings.ledger),
        TargetPortals(target, settings.other_secret_prefix, make_routes),
        settings.max_snapshot_bytes,
        settings.snapshot_limit,
        replica_reader(settings.second_place) if settings.second_place else None,
    )


@cache
def restore_sources(settings: PlanRestoresSettings) -> dict[Place, RestoreSource]:
    """Return the places that many notebooks can be restored from."""
    own = RestoreSource(archive(settings.archive), archive_reader(settings.archive))
    second = settings.second_place
    if second is None:
        return {"archive": own}
    return {"archive": own, "second-place": RestoreSource(second_place(second), replica_reader(second))}


@cache
def restore_test_context(settings: TestRestoresSettings) -> RestoreContext:
    """Return what restore tests need. They use only the credential of the account for tests."""
    restore, own = settings.restore, settings.restore.arcgis.portal
    routes = Routes(
        _transport(own),
        own.url,
        "portal",
        _discovery(restore.arcgis),
        own.secret_prefix,
        _secret_store().read,
        only_secret=settings.secret,
    )
    portals = TargetPortals(TargetPortal(routes, own.url, own.secret_prefix, is_own=True), "", lambda *_: routes)
    return replace(restore_context(restore), portals=portals)


@cache
def snapshot_source(settings: DownloadSnapshotSettings) -> SnapshotSource:
    """Return the source of the snapshots that the proxy returns."""
    return SnapshotSource(
        archive(settings.archive),
        archive_reader(settings.archive),
        settings.arcgis.portal.url,
        settings.max_snapshot_bytes,
    )


@cache
def authorization(settings: ArcGISSettings, api_auth: ApiAuth) -> Authorization:
    """Return the authorization of the proxy's callers."""
    transport, portal_url = _transport(settings.portal), settings.portal.url
    identifier = CallerIdentifier(transport, portal_url)
    return Authorization(api_auth, _routes(settings), identifier, transport, portal_url, _discovery(settings))


@cache
def rotation_context(settings: RotateTokenSettings) -> RotationContext:
    """Return the objects and settings that rotating a token needs."""
    return RotationContext(
        _secret_store(),
        _transport(settings.portal),
        settings.portal.url,
        partial(_tokens, settings.portal),
        settings.portal.secret_prefix,
        settings.credential_prefix,
    )


@cache
def request_queue(url: str, failure_url: str) -> RequestQueue:
    """Return the queue of backup requests."""
    return RequestQueue(boto3.client("sqs", config=_reserve_config()), url, failure_url)


@cache
def event_bus(name: str) -> EventBus:
    """Return the event bus for functions that publish at the end of an invocation."""
    return EventBus(boto3.client("events", config=_reserve_config()), name, BUS_SECONDS)


@cache
def notifier(settings: NotifyOperatorsSettings) -> Notifier:
    """Return what notifying operators needs."""
    stack = Stack(settings.stack, settings.region)
    topics = (Topic(settings.text_topic, "text"), Topic(settings.chat_topic, "chat"))
    return Notifier(
        archive(settings.archive),
        Records(_s3(), settings.ledger.bucket, settings.ledger.bucket_owner),
        Publisher(boto3.client("sns", config=_reserve_config()), stack),
        [topic for topic in topics if topic.arn],
        stack,
        {
            settings.run_machine: "run",
            settings.verification_machine: "verification",
            settings.restore_machine: "restore",
        },
        settings.alarm_after_hours,
        settings.only_changes,
    )


@cache
def webhook_event_bus(name: str) -> EventBus:
    """Return the event bus for the webhook function."""
    return EventBus(boto3.client("events", config=_webhook_config()), name, WEBHOOK_BUS_SECONDS)


@cache
def webhook_secret(name: str) -> CachedSecret:
    """Return the webhook's secret for the webhook function."""
    secret_store = SecretStore(boto3.client("secretsmanager", config=_webhook_config()))
    return CachedSecret(name, secret_store.read)


def _webhook_config() -> Config:
    """Return client settings for the webhook function, which must respond within five seconds.

    A call takes at most two seconds: half a second to connect, half a second for TLS, and one second for the response.
    The function makes two calls. One second is left for its start and its own response. WEBHOOK_BUS_SECONDS, half of
    that second, may pass before the function calls the bus once more.

    A call is attempted once, because botocore would wait up to a second before a retry, and the webhook's sender
    retries anyway. Two steps have no time limit: resolving a host name, and connecting to further addresses of a host
    if the first ones do not answer.
    """
    return _make_config(attempts=1, connect_timeout=0.5, read_timeout=1)


def _reserve_config() -> Config:
    """Return client settings for calls to the bus and the queue, which must end before the invocation.

    A call takes at most 24 seconds. It has three attempts, each with two seconds to connect, two for TLS and three for
    the response. The pauses between attempts take three seconds in all. RESERVE_SECONDS is enough for two such calls,
    one after the other, and for the earlier calls to the bus, which take BUS_SECONDS. The two steps that
    `_webhook_config` names have no time limit here either.
    """
    return _make_config(attempts=3, connect_timeout=2, read_timeout=3)


def _make_config(
    attempts: int = MAX_ATTEMPTS,
    connect_timeout: float = 5,
    read_timeout: float = 60,
    **options: Any,  # noqa: ANN401 - passed on to botocore
) -> Config:
    return Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_pool_connections=MAX_THREADS,
        **options,
    )
