"""Call ArcGIS from this machine in the same way as the functions do."""

import http.client
import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.tls import limit_receives, make_tls_context
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.arcgis.transport import SHARING_API, Transport
from notebook_archive.clock import Deadline
from notebook_archive.secret_store import SecretStore
from notebook_archive_cli.session import Session

# Maximum time of one call to ArcGIS.
CALL_SECONDS = 15.0
# Maximum number of bytes of a response that are read. The description of a portal has some kilobytes.
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Response:
    """What a server sent: the HTTP status, two headers, the body's JSON object, and the server's certificate.

    `body` is empty if the server did not send a JSON object.
    """

    status: int
    date: str
    location: str
    body: dict[str, Any]
    certificate: dict[str, Any]


class ArcGIS:
    """The portal of the stack, its secrets, and one token for each secret."""

    def __init__(self, session: Session, secrets_manager: Any) -> None:  # noqa: ANN401 - a boto3 client
        stack = session.stack
        self.url = stack.parameter("PortalUrl").rstrip("/").removesuffix(SHARING_API)
        self.secret_prefix = stack.parameter("SecretPrefix")
        self.ca_bundle_secret = stack.parameter("CaBundleSecret")
        self.is_strict = stack.parameter("TlsStrict") != "false"
        self._store = SecretStore(secrets_manager)
        self._values: dict[str, str] = {}
        self.discovery = Discovery(stack.parameter("NotebookAdminUrl"))
        self._tokens: dict[str, TokenSource] = {}

    def read_secret(self, name: str) -> str:
        """Return the value of a secret. It is read once. Raises SecretMissing or SecretUnreadable."""
        if name not in self._values:
            self._values[name] = self._store.read(name)
        return self._values[name]

    @cached_property
    def ca_bundle(self) -> str | None:
        """The certificates of the private authority, or None if the public ones are trusted."""
        return self.read_secret(self.ca_bundle_secret) if self.ca_bundle_secret else None

    @cached_property
    def transport(self) -> Transport:
        """The connections to ArcGIS."""
        return Transport(make_tls_context(self.ca_bundle, strict=self.is_strict))

    def portal(self, secret: str, seconds: float = CALL_SECONDS) -> Portal:
        """Return a portal client that uses the credential in this secret, and ends after some seconds."""
        return Portal(ArcGISClient(self.transport, self.tokens(secret), Deadline(seconds)), self.url)

    def tokens(self, secret: str) -> TokenSource:
        """Return the tokens of this secret. Each secret signs in once."""
        if secret not in self._tokens:
            self._tokens[secret] = TokenSource(self.transport, self.url, secret, self.read_secret)
        return self._tokens[secret]

    @property
    def admin_secret(self) -> str:
        """The name of the secret with the administrator's credential."""
        return f"{self.secret_prefix}/admin"

    def find_notebook_server(self, secret: str) -> NotebookServer:
        """Return the notebook server for the user of this secret, discovered as the functions do it."""
        return self.discovery.find_notebook_server(self.portal(secret), self.portal(self.admin_secret))

    def describe_portal(self, secret: str) -> dict[str, Any]:
        """Return `portals/self` for the user of this secret."""
        portal = self.portal(secret)
        what = f"The portal's description for secret {secret!r}"
        return portal.client.call("GET", f"{portal.rest_url}/portals/self", what, {"f": "json"})


def request(url: str, context: ssl.SSLContext) -> Response:
    """Send a GET request without a token. Raises OSError, or HTTPException, if there is no response.

    The transport of the functions does not return headers, and hides the certificate.
    """
    parts = urlsplit(url)
    limit_receives(Deadline(CALL_SECONDS), MAX_BYTES)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=CALL_SECONDS)
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert() or {}
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        text = response.read(MAX_BYTES)
    finally:
        connection.close()
    return Response(
        response.status,
        response.headers.get("Date", ""),
        response.headers.get("Location", ""),
        _parse_object(text),
        dict(certificate),
    )


def _parse_object(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
