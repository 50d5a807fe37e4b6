"""Whoever calls the proxy with an ArcGIS token: who the portal says that is."""

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

KNOWN_SECONDS = 300
"""How long the portal's word on a token is believed.  A token that is withdrawn reads the archive as much longer."""
MAX_KNOWN = 1000


@dataclass(frozen=True, slots=True, repr=False)
class CallerToken:
    """A token that a caller brought, passed on as it is, with the referer that it may be bound to."""

    value: str
    referer: str

    @property
    def secret(self) -> str:
        """An empty text: the token comes from no secret."""
        return ""

    def current(self, _: Deadline) -> str:
        """Return the token."""
        return self.value

    def call_with_token[T](self, call: Callable[[str], T], _: Deadline) -> T:
        """Return what ``call`` returns for the token; raise CallerTokenRejected where ArcGIS refuses it."""
        try:
            return call(self.value)
        except TokenRejected:
            raise CallerTokenRejected("ArcGIS refused the token that came with this request.") from None


@dataclass(frozen=True, slots=True)
class Caller:
    """A token's user.  ``is_administrator``: it may read everybody's items and their private resources."""

    username: str
    is_administrator: bool


class CallerIdentifier:
    """The users of the tokens that came lately, by the SHA-256 of the token and its referer."""

    def __init__(self, transport: Transport, portal_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._portal_url, self._clock = transport, portal_url, clock
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def identify(self, token: CallerToken, deadline: Deadline) -> Caller:
        """Return who the token's user is; raise CallerTokenRejected, or another ArcGISError where the portal does not
        say.

        ArcGIS Online knows the tokens of every organisation, and describes to each user the own one: an administrator
        elsewhere is nobody here.
        """
        name = hashlib.sha256(f"{token.value}\n{token.referer}".encode()).digest()
        asked, caller = self._known.get(name, (0.0, None))
        if caller is None or self._clock() - asked > KNOWN_SECONDS:
            client = ArcGISClient(self._transport.with_referer(token.referer), token, deadline)
            organization = Portal(client, self._portal_url).get_organization()
            if organization.is_online and organization.host != urlsplit(self._portal_url).hostname:
                raise CallerTokenRejected("The token is of another organisation of ArcGIS Online.")
            sees_all = organization.sees_everything and organization.reads_everything
            caller = Caller(organization.username, sees_all)
            self._known.pop(name, None)
            self._known[name] = self._clock(), caller
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return caller
