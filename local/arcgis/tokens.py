"""Tokens: who holds one, what it is bound to, when it ends."""

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
        """The end as ArcGIS writes it."""
        return int(self.expires * 1000)

    def holds(self, referer: str, address: str) -> bool:
        """Whether the token is unexpired and presented by the client to which it is bound."""
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
        """Makes a token; without a username it is an application's."""
        value = secrets.token_urlsafe(48)
        token = Token(value, username, privileges, time.time() + seconds, issuer, client, bound_to)
        self._tokens[value] = token
        self.issued += 1
        return token

    def find(self, value: str) -> Token | None:
        """The token of that text, expired or not."""
        return self._tokens.get(value)

    def revoke(self, value: str) -> None:
        """Ends one token now."""
        self._tokens.pop(value, None)

    def revoke_all(self) -> None:
        """Ends every token now, as an administrator does who changes the shared key."""
        self._tokens.clear()
