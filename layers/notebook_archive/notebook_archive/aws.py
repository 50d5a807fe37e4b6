"""The composition root: what a deployed function works with, made on first use and kept while its container lives."""

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.handlers import add_expect_header

from notebook_archive.arcgis.caller_identity import CallerIdentifier, CallerToken
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.tokens import TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, ArchiveReader
from notebook_archive.backup.job import ArchiveContext, CaptureSettings
from notebook_archive.backup_requests.queue import RequestQueue
from notebook_archive.clock import Deadline
from notebook_archive.errors import CallerUnknown, SettingsInvalid
from notebook_archive.events import EventBus
from notebook_archive.reading import SnapshotSource
from notebook_archive.reading.readers import CallerReader, Reader, StackReader
from notebook_archive.rotation import RotationContext
from notebook_archive.secret_store import CachedSecret, SecretStore
from notebook_archive.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

ATTEMPTS = 8
"""Of each AWS call, except the short ones below.  Three, the default, span a quarter of a second, which is too
little for a sweep."""
RESERVE_SECONDS = 60.0
"""Kept of an invocation's time for the writes to S3 under way, for its outcomes, its messages and its events."""
# Seconds in which calls to the bus may begin, one after the other. The last call adds at most 24 seconds (see
# `_in_reserve`) or two (see `_soon`).
BUS_SECONDS = 10.0
WEBHOOK_BUS_SECONDS = 0.5
MAX_MESSAGES = 10
"""Messages that are settled at the same time."""
ANSWER_RESERVE_SECONDS = 3.0
"""Kept of a request's time for its answer."""


@cache
def settings() -> Settings:
    """Return the deployment's settings; raise SettingsInvalid."""
    return Settings.from_env(os.environ)


def _config(attempts: int = ATTEMPTS, connect_timeout: float = 5, read_timeout: float = 60, **more: Any) -> Config:  # noqa: ANN401 - Config's own
    return Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_pool_connections=max(settings().threads, MAX_MESSAGES),
        **more,
    )


def _soon() -> Config:
    """Return the patience of a function that has to answer within five seconds: its caller tries again.

    One call takes two seconds at most: half of one to connect, as much for TLS, one for the answer.  So its two calls
    leave a second to start and to answer, and half of that may pass before the bus is asked once more.  botocore's own
    second try would wait up to a second before it.  There is no bound on the time to resolve a name, or to try several
    addresses of a host if the first ones do not answer.
    """
    return _config(attempts=1, connect_timeout=0.5, read_timeout=1)


def _in_reserve() -> Config:
    """Return the patience with the bus and the queue, which come last in an invocation and may not outlast it.

    One call takes 24 seconds at most: three tries of two seconds to connect, as much for TLS and three for the answer,
    and three seconds between them.  So RESERVE_SECONDS has room for two of them, one after the other, and for
    BUS_SECONDS, the earlier calls to the bus. The same times as in ``_soon`` have no bound.
    """
    return _config(attempts=3, connect_timeout=2, read_timeout=3)


@cache
def _s3() -> "S3Client":
    # Every body is sent with its SHA-256 in a signed header, so signing need not hash the body again.
    # Links are signed as version 4 only where that is asked for.
    # Without the last two options, botocore signs links for the global host of S3. Newer regions refuse that host.
    # Older ones redirect, and then the signature fails, because it covers the host. botocore still puts the name of the
    # bucket into the path if the name has dots or the endpoint is an IP address.
    options = {
        "payload_signing_enabled": False,
        "addressing_style": "virtual",
        "us_east_1_regional_endpoint": "regional",
    }
    s3 = boto3.client("s3", config=_config(signature_version="s3v4", s3=options))
    # botocore asks before it sends a body, which costs each snapshot a round trip; the bucket is known to take it.
    s3.meta.events.unregister("before-call.s3", add_expect_header)
    return s3


@cache
def archive() -> Archive:
    """Return the archive."""
    return Archive(_s3(), settings().archive_bucket, settings().archive_bucket_owner)


@cache
def _secrets() -> "SecretsManagerClient":
    return boto3.client("secretsmanager", config=_soon() if settings().webhook_secret else _config())


@cache
def _vault() -> SecretStore:
    return SecretStore(_secrets())


def read_secret(name: str) -> str:
    """Return a secret's text; raise SecretMissing or SecretUnreadable, naming the secret."""
    return _vault().read(name)


@cache
def _transport() -> Transport:
    ca_pem = read_secret(settings().ca_bundle_secret) if settings().ca_bundle_secret else None
    context = make_tls_context(ca_pem, strict=settings().tls_strict)
    return Transport(context, connections=settings().threads)


@cache
def _discovery() -> Discovery:
    return Discovery(settings().notebook_admin_url)


@cache
def routes() -> Routes:
    """Return the ways to the owners' snapshots."""
    chosen = settings()
    return Routes(_transport(), chosen.portal_url, chosen.route, _discovery(), chosen.secret_prefix, read_secret)


def administrator(deadline: Deadline) -> Portal:
    """Return the portal as the administrator sees it."""
    return routes().portal(deadline)


@cache
def context() -> ArchiveContext:
    """Return what archiving needs."""
    chosen = settings()
    reader = ArchiveReader(_s3(), chosen.archive_bucket, chosen.archive_bucket_owner)
    capturing = CaptureSettings(reader, chosen.snapshot_limit, chosen.slot_rotation) if chosen.capture else None
    return ArchiveContext(
        routes(), archive(), chosen.portal_url, chosen.max_snapshot_bytes, chosen.archive_current, capturing
    )


@cache
def snapshot_source() -> SnapshotSource:
    """Return what handing out snapshots needs."""
    chosen = settings()
    reader = ArchiveReader(_s3(), chosen.archive_bucket, chosen.archive_bucket_owner)
    return SnapshotSource(archive(), reader, chosen.portal_url, chosen.max_snapshot_bytes)


@cache
def _credential(name: str) -> TokenSource:
    return TokenSource(_transport(), settings().portal_url, name, read_secret)


@cache
def mint() -> RotationContext:
    """Return what rotating a token needs."""
    chosen = settings()
    if not chosen.credential_prefix:
        raise SettingsInvalid("The function's environment is not usable: CREDENTIAL_PREFIX is missing.")
    return RotationContext(
        _vault(), _transport(), chosen.portal_url, _credential, chosen.secret_prefix, chosen.credential_prefix
    )


@cache
def _identifier() -> CallerIdentifier:
    return CallerIdentifier(_transport(), settings().portal_url)


def asks_for_tokens() -> bool:
    """Return whether callers bring ArcGIS tokens, and AWS lets everybody in."""
    return settings().api_auth == "ArcGIS"


def reader(token: Callable[[], CallerToken], principal: str) -> Reader:
    """Return whose rights count for a request: those of its ``token``, or the stack's own where AWS asks who calls.

    Raises what ``token`` raises where it is needed and not there, and CallerUnknown where AWS let in nobody: while a
    deployment changes ApiAuth, the function may know of it before the API does.
    """
    if not asks_for_tokens():
        if not principal:
            raise CallerUnknown("AWS did not say who signed this request.")
        return StackReader(routes())
    return CallerReader(token(), _identifier(), _transport(), settings().portal_url, _discovery())


@cache
def request_queue() -> RequestQueue:
    """Return the queue of backups that were asked for."""
    chosen = settings()
    return RequestQueue(boto3.client("sqs", config=_in_reserve()), chosen.request_queue_url, chosen.failure_queue_url)


@cache
def _webhook_secret() -> CachedSecret:
    return CachedSecret(settings().webhook_secret, read_secret)


def webhook_secret() -> tuple[str, str]:
    """Return the name of the webhook's secret and its text; raise what `CachedSecret.read` raises, SettingsInvalid."""
    name = settings().webhook_secret
    if not name:
        raise SettingsInvalid("The function's environment is not usable: WEBHOOK_SECRET is missing.")
    return name, _webhook_secret().read()


@cache
def event_bus() -> EventBus:
    """Return the event bus."""
    is_webhook = bool(settings().webhook_secret)
    client = boto3.client("events", config=_soon() if is_webhook else _in_reserve())
    return EventBus(client, settings().event_bus_name, WEBHOOK_BUS_SECONDS if is_webhook else BUS_SECONDS)
