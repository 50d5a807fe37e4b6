"""Identify the caller of the proxy by the ArcGIS token in the request, which the portal checks."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import CallerTokenRejected, TokenRejected

# Time for which the portal's response about a token is reused. A revoked token can read the archive for this much
# longer.
KNOWN_SECONDS = 300
MAX_KNOWN = 1000


@dataclass(frozen=True, slots=True, repr=False)
class CallerToken:
    """A token that a caller sent. It is passed on unchanged, with the referer that it may be bound to."""

    value: str
    referer: str

    @property
    def secret(self) -> str:
        """An empty string, because the token does not come from a secret."""
        return ""

    def get_token(self, _: Deadline) -> str:
        """Return the token."""
        return self.value

    def call_with_token[T](self, call: Callable[[str], T], _: Deadline) -> T:
        """Return what `call` returns for the token. Raises CallerTokenRejected if ArcGIS rejects it."""
        try:
            return call(self.value)
        except TokenRejected:
            raise CallerTokenRejected("ArcGIS refused the token that came with this request.") from None


@dataclass(frozen=True, slots=True)
class Caller:
    """A token's user. An administrator may read all users' items and private resources."""

    username: str
    is_administrator: bool


class CallerIdentifier:
    """Identifies callers by their tokens. Callers are cached for KNOWN_SECONDS, by a SHA-256 of token and referer."""

    def __init__(self, transport: Transport, portal_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._portal_url, self._clock = transport, portal_url, clock
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def identify(self, token: CallerToken, deadline: Deadline) -> Caller:
        """Return the token's user.

        Raises CallerTokenRejected if ArcGIS rejects the token. Raises an ArcGISError if the portal does not identify
        the user. ArcGIS Online accepts tokens from every organization, and returns the organization of the token's
        user. So the organization's host is compared, because an administrator of another organization has no rights
        here.
        """
        digest = hashlib.sha256(f"{token.value}\n{token.referer}".encode()).digest()
        identified_at, caller = self._known.get(digest, (0.0, None))
        if caller is None or self._clock() - identified_at > KNOWN_SECONDS:
            client = ArcGISClient(self._transport.with_referer(token.referer), token, deadline)
            organization = Portal(client, self._portal_url).get_organization()
            if organization.is_online and organization.host != urlsplit(self._portal_url).hostname:
                raise CallerTokenRejected("The token belongs to another ArcGIS Online organization.")
            can_read_all = organization.can_view_items and organization.can_update_items
            caller = Caller(organization.username, can_read_all)
            self._known.pop(digest, None)
            self._known[digest] = self._clock(), caller
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return caller
