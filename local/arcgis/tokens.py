"""Tokens of a deployment: who holds one, which client it is bound to, when it expires."""

import secrets
import time
from dataclasses import dataclass
from typing import Literal

type Issuer = Literal["portal", "notebook-server"]
type Client = Literal["referer", "ip", ""]


@dataclass(frozen=True, slots=True)
class Token:
    """One issued token. `expires` is in seconds since 1970; `bound_to` is the referer or address of the client."""

    value: str
    username: str | None
    privileges: tuple[str, ...]
    expires: float
    issuer: Issuer = "portal"
    client: Client = ""
    bound_to: str = ""

    @property
    def expires_ms(self) -> int:
        """Its expiration as ArcGIS writes it: milliseconds since 1970."""
        return int(self.expires * 1000)

    def is_valid_for(self, referer: str, address: str) -> bool:
        """Whether the token has not expired and comes from the client that it is bound to."""
        if time.time() >= self.expires:
            return False
        if self.client == "referer":
            return referer == self.bound_to
        return self.client != "ip" or address == self.bound_to


class Tokens:
    """The tokens that one deployment issued and did not revoke."""

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
        """Make a token. Without a username, it is the token of an application."""
        value = secrets.token_urlsafe(48)
        token = Token(value, username, privileges, time.time() + seconds, issuer, client, bound_to)
        self._tokens[value] = token
        self.issued += 1
        return token

    def find(self, value: str) -> Token | None:
        """Return the token with this text, expired or not; None if it was never issued or was revoked."""
        return self._tokens.get(value)

    def revoke(self, value: str) -> None:
        """Revoke one token."""
        self._tokens.pop(value, None)

    def revoke_all(self) -> None:
        """Revoke every token, as an administrator does by changing the shared key."""
        self._tokens.clear()
