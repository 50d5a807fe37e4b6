"""The tokens of a deployment: the user of each token, the client that it is bound to, and its expiration."""

import secrets
import time
from dataclasses import dataclass
from typing import Literal

type Issuer = Literal["portal", "notebook-server"]
type Client = Literal["referer", "ip", ""]


@dataclass(frozen=True, slots=True)
class Token:
    """One issued token. `expires` is in epoch seconds. `bound_to` is the client's referer or IP address."""

    value: str
    username: str | None
    privileges: tuple[str, ...]
    expires: float
    issuer: Issuer = "portal"
    client: Client = ""
    bound_to: str = ""

    @property
    def expires_ms(self) -> int:
        """The expiration in epoch milliseconds, as ArcGIS writes it."""
        return int(self.expires * 1000)

    def is_valid_for(self, referer: str, address: str) -> bool:
        """Return whether the token has not expired and comes from the client that it is bound to."""
        if time.time() >= self.expires:
            return False
        if self.client == "referer":
            return referer == self.bound_to
        return self.client != "ip" or address == self.bound_to


class Tokens:
    """The tokens of one deployment that were issued and not revoked."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self.issued = 0

    def issue(
        self,
        username: str | None,
        privileges: tuple[str, ...],
        seconds: float,
        *,
        issuer: Issuer = "portal",
        client: Client = "",
        bound_to: str = "",
    ) -> Token:
        """Issue a token. If the username is None, the token belongs to an application."""
        value = secrets.token_urlsafe(48)
        token = Token(value, username, privileges, time.time() + seconds, issuer, client, bound_to)
        self._tokens[value] = token
        self.issued += 1
        return token

    def find(self, value: str) -> Token | None:
        """Return the token with this value, even if it has expired. Return None if it was revoked or never issued."""
        return self._tokens.get(value)

    def revoke(self, value: str) -> None:
        """Revoke one token."""
        self._tokens.pop(value, None)

    def revoke_all(self) -> None:
        """Revoke every token. An administrator does this by changing the shared key."""
        self._tokens.clear()
