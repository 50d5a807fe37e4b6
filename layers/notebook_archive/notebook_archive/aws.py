"""The composition root: it makes the objects that the deployed functions work with.

An object is made when a function first asks for it, and is kept while the container lives. A function passes the
settings that the object needs. The settings of a container never change, so each object is made once.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.handlers import add_expect_header

from notebook_archive.arcgis.caller_identity import CallerIdentifier
from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, ArchiveReader
from notebook_archive.backup.job import ArchiveContext, CaptureSettings
from notebook_archive.backup_requests.queue import RequestQueue
from notebook_archive.clock import Deadline
from notebook_archive.events import EventBus
from notebook_archive.reading import SnapshotSource
from notebook_archive.reading.authorization import Authorization
from notebook_archive.rotation import RotationContext
from notebook_archive.secret_store import CachedSecret, SecretStore
from notebook_archive.settings import (
    MAX_THREADS,
    ApiAuth,
    ArcGISSettings,
    ArchiveSettings,
    BackupSettings,
    DownloadSnapshotSettings,
    PortalSettings,
    RotateTokenSettings,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Attempts of an AWS call, unless a function has less time. botocore's default of three lasts a quarter of a second,
# which is too short for a burst of calls.
MAX_ATTEMPTS = 8
# Time of an invocation that is kept for what comes last: writes to S3 under way, outcomes, messages and events.
RESERVE_SECONDS = 60.0
# Seconds in which calls to the bus may begin, one after the other. The last call adds at most 24 seconds (see
# `_reserve_config`) or two (see `_webhook_config`).
BUS_SECONDS = 10.0
WEBHOOK_BUS_SECONDS = 0.5
# Time of a request that is kept for its answer.
ANSWER_RESERVE_SECONDS = 3.0


@cache
def archive(settings: ArchiveSettings) -> Archive:
    """The archive."""
    return Archive(_s3(), settings.bucket, settings.bucket_owner)


@cache
def archive_reader(settings: ArchiveSettings) -> ArchiveReader:
    """The archive, read only."""
    return ArchiveReader(_s3(), settings.bucket, settings.bucket_owner)


@cache
def _s3() -> "S3Client":
    # Every body is sent with its SHA-256 in a signed header, so signing need not hash the body again.
    # Without the other options, botocore signs links with an older version, or for the global host of S3. Newer regions
    # refuse that host. Older ones redirect, and then the signature fails, because it covers the host. botocore still
    # puts the name of the bucket into the path if the name has dots or the endpoint is an IP address.
    options = {
        "payload_signing_enabled": False,
        "addressing_style": "virtual",
        "us_east_1_regional_endpoint": "regional",
    }
    s3 = boto3.client("s3", config=_make_config(signature_version="s3v4", s3=options))
    # botocore asks before it sends a body. That costs a round trip for each snapshot, and the bucket always accepts.
    s3.meta.events.unregister("before-call.s3", add_expect_header)
    return s3


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
    """The portal as the administrator sees it."""
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
    """What archiving a notebook needs."""
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
def snapshot_source(settings: DownloadSnapshotSettings) -> SnapshotSource:
    """The source of the snapshots that the proxy returns."""
    return SnapshotSource(
        archive(settings.archive),
        archive_reader(settings.archive),
        settings.arcgis.portal.url,
        settings.max_snapshot_bytes,
    )


@cache
def authorization(settings: ArcGISSettings, api_auth: ApiAuth) -> Authorization:
    """The authorization of the proxy's callers."""
    transport, portal_url = _transport(settings.portal), settings.portal.url
    identifier = CallerIdentifier(transport, portal_url)
    return Authorization(api_auth, _routes(settings), identifier, transport, portal_url, _discovery(settings))


@cache
def rotation_context(settings: RotateTokenSettings) -> RotationContext:
    """What rotating a token needs."""
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
    """The queue of requested backups."""
    return RequestQueue(boto3.client("sqs", config=_reserve_config()), url, failure_url)


@cache
def event_bus(name: str) -> EventBus:
    """The event bus, for functions that publish at the end of an invocation."""
    return EventBus(boto3.client("events", config=_reserve_config()), name, BUS_SECONDS)


@cache
def webhook_event_bus(name: str) -> EventBus:
    """The event bus, for the webhook function."""
    return EventBus(boto3.client("events", config=_webhook_config()), name, WEBHOOK_BUS_SECONDS)


@cache
def webhook_secret(name: str) -> CachedSecret:
    """The webhook's secret, for the webhook function."""
    secret_store = SecretStore(boto3.client("secretsmanager", config=_webhook_config()))
    return CachedSecret(name, secret_store.read)


def _webhook_config() -> Config:
    """Return client settings for the webhook function, which must answer within five seconds.

    A call takes at most two seconds: half a second to connect, half a second for TLS, one second for the answer. The
    function makes two calls, which leaves one second for its start and its answer. Half of that may pass before it
    calls the bus once more. There is no second attempt, because botocore would wait up to a second before it, and the
    sender tries again by itself. The time to resolve a name has no bound, nor has the time to try several addresses of
    a host if the first ones do not answer.
    """
    return _make_config(attempts=1, connect_timeout=0.5, read_timeout=1)


def _reserve_config() -> Config:
    """Return client settings for the bus and the queue, which are called last and must not outlast the invocation.

    A call takes at most 24 seconds: three attempts, with two seconds to connect, two for TLS and three for the answer,
    and three seconds between them. RESERVE_SECONDS has room for two such calls, one after the other, and for
    BUS_SECONDS, the earlier calls to the bus. The same times as in `_webhook_config` have no bound.
    """
    return _make_config(attempts=3, connect_timeout=2, read_timeout=3)


def _make_config(
    attempts: int = MAX_ATTEMPTS,
    connect_timeout: float = 5,
    read_timeout: float = 60,
    **options: Any,  # noqa: ANN401 - botocore's own
) -> Config:
    return Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_pool_connections=MAX_THREADS,
        **options,
    )
