"""Tokens of a secret: kept in memory, renewed before they expire, and once after ArcGIS rejects one (code 498).

`envelopes` says which codes reject a token. `TokenSource.call_with_token` renews it and repeats the call.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from notebook_archive.arcgis.token_secrets import TOKEN, parse_secret, require_credential
from notebook_archive.arcgis.transport import REFERER, SHARING_API, Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    GoodTokenRejected,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import parse_epoch_milliseconds

# A token is renewed this long before it expires.
RENEW_BEFORE_SECONDS = 300
# The lifetime that a sign-in asks for. The server may shorten it, and says so in its answer.
TOKEN_MINUTES = 60
# The longest lifetimes that Esri documents, of generateToken and of oauth2/token. The keys are the members of a secret
# that show which of the two it is for.
MAX_MINUTES = {"username": 21_600, "clientId": 20_160}
# A token is used for this long at least. Otherwise each call would sign in if the server's clock is wrong.
MIN_USE_SECONDS = 60
# After the credential in a secret was refused, there is no sign-in with it for this long, unless the secret changes.
# Trying on would lock the account.
REFUSED_SECONDS = 3600
# The same after a sign-in that got no proper answer.
UNANSWERED_SECONDS = 60
# After so many fresh tokens that the portal itself rejects, the credential counts as refused. With the first token,
# this is three sign-ins.
MAX_REJECTED_TOKENS = 2


class ReadSecret(Protocol):
    """Where secrets come from. This package does not know that it is AWS."""

    def __call__(self, name: str) -> str:
        """Return the secret's text as it is now. Raises SecretMissing or SecretUnreadable."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token, when to stop using it, and when it expires, both in seconds since the epoch.

    `expires` is 0 if it is not known.
    """

    value: str
    good_until: float
    expires: float


@dataclass(frozen=True, slots=True, repr=False)
class FixedToken:
    """One token that nothing can renew. Without a token, `value` is empty."""

    value: str
    secret: str = ""

    def get_token(self, _: Deadline) -> str:
        """Return the token."""
        return self.value

    def call_with_token[T](self, call: Callable[[str], T], _: Deadline) -> T:
        """Return what `call` returns for the token. A rejection of the token is raised as it is."""
        return call(self.value)


class TokenSource:
    """The tokens of one secret. Threads may share it, and only one of them signs in at a time.

    The secret is JSON in one of three forms: `{"token"}`, `{"username", "password"}` or `{"clientId", "clientSecret"}`.
    The token may be one that `rotation.rotate_token` wrote.

    A secret may be blocked for a while: after a refusal, and after a sign-in that got no proper answer. Then the error
    is raised again without a request.
    """

    def __init__(
        self,
        transport: Transport,
        portal_url: str,
        secret: str,
        read: ReadSecret,
        *,
        first: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secret` is the name of the secret. `first` is its text, if it has just been read."""
        self._transport, self._read, self._clock = transport, read, clock
        self._rest_url = f"{portal_url}{SHARING_API}"
        self.secret = secret
        self._first = first
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._text = ""
        # The text that is blocked, until when, when to look whether the secret has changed, and the error to raise.
        self._blocked_text = ""
        self._blocked_until = self._look_again_at = 0.0
        self._block_reason: tuple[type[ArcGISError], str] = TokenRejected, ""
        # Fresh tokens that the portal rejected since it last accepted one, and the last of them.
        self._rejected_tokens = 0
        self._last_rejected = ""
        # Whether the portal accepted the last token that a call rejected. If so, a fresh token would not help either.
        self._is_proved = False

    def call_with_token[T](self, call: Callable[[str], T], deadline: Deadline) -> T:
        """Return what `call` returns for a token. If it raises TokenRejected, try once more with a fresh token.

        If the fresh token is rejected too, the portal is asked whether it accepts that token:

        - It does: the rejection concerns this call only. GoodTokenRejected is raised, and the next call needs no
          sign-in.
        - It does not: TokenRejected is raised, naming the secret. After MAX_REJECTED_TOKENS of them, or a refused
          sign-in, TokenRejected is raised at once for REFUSED_SECONDS.
        - It does not say: ArcGISUnavailable is raised.
        """
        token = self.get_token(deadline)
        try:
            return call(token)
        except TokenRejected as error:
            if self._is_proved:
                if self._is_accepted_by_portal(token, deadline):
                    raise self._blame_call(error) from None
                self._is_proved = False
            fresh = self._renew(token, deadline)
            if fresh == token:
                why = "The secret still holds the token that was refused."
                raise self._find_fault(error, fresh, why, deadline, max_rejected=1) from None
        try:
            return call(fresh)
        except TokenRejected as error:
            raise self._find_fault(error, fresh, str(error), deadline) from None

    def get_token(self, deadline: Deadline) -> str:
        """Return the token in memory, or a new one if there is none or it is about to expire."""
        with self._lock:
            if self._token is None or self._token.good_until <= self._clock():
                self._token = self._make_token(deadline)
            return self._token.value

    def sign_in(self, lifetime_seconds: float, deadline: Deadline) -> Token:
        """Return a new token that is asked to live that long, or as long as Esri documents at most.

        Signs in once. If the secret is blocked, the error that blocks it is raised without a sign-in. Raises
        SecretMalformed if the secret holds a token, because a token cannot sign in.
        """
        with self._lock:
            self._look_again_at = 0.0  # this is rare, so a changed secret is noticed at once
            return self._sign_in(require_credential(self.secret, self._read_secret()), deadline, lifetime_seconds / 60)

    def _renew(self, rejected: str, deadline: Deadline) -> str:
        """Return a token other than the rejected one, unless the secret still holds it."""
        with self._lock:
            if self._token is not None and self._token.value != rejected:
                return self._token.value  # another thread has renewed it
            self._token = self._make_token(deadline)
            return self._token.value

    def _find_fault(
        self,
        error: TokenRejected,
        token: str,
        why: str,
        deadline: Deadline,
        *,
        max_rejected: int = MAX_REJECTED_TOKENS,
    ) -> ArcGISError:
        """Return the error for a fresh token that was rejected. The portal decides whether the credential is at fault.

        The portal is asked without the lock: while it hangs, other threads go on with the token. If it does not say,
        nothing counts against the credential, and the secret is blocked for UNANSWERED_SECONDS.
        """
        try:
            is_accepted = self._is_accepted_by_portal(token, deadline)
        except ArcGISUnavailable as outage:
            with self._lock:
                self._block(UNANSWERED_SECONDS, outage)
            return outage
        with self._lock:
            if is_accepted:
                self._is_proved, self._rejected_tokens = True, 0
                return self._blame_call(error)
            if token != self._last_rejected:  # threads that share a token count once
                self._last_rejected, self._rejected_tokens = token, self._rejected_tokens + 1
            if self._rejected_tokens < max_rejected:
                message = f"{error} The token was fresh, from secret {self.secret!r}."
                return TokenRejected(message).of_secret(self.secret)
            return self._refuse_credential(why)

    def _blame_call(self, error: TokenRejected) -> GoodTokenRejected:
        """Return an error that does not count against the credential."""
        return GoodTokenRejected(
            f"{error} The token was fresh, from secret {self.secret!r}, and the portal accepts it."
        )

    def _is_accepted_by_portal(self, token: str, deadline: Deadline) -> bool:
        """Return whether the portal accepts the token.

        Raises ArcGISUnavailable or DeadlineExceeded if the portal does not say.
        """
        what = f"The portal's check of the token of secret {self.secret!r}"
        try:
            answer = self._transport.call(
                "GET", f"{self._rest_url}/portals/self", what, deadline, token=token, fields={"f": "json"}
            )
        except TokenRejected:
            return False
        except DeadlineExceeded:
            raise
        except ArcGISError as error:  # a throttle's 403, or a page of a portal under maintenance
            raise ArcGISUnavailable(str(error)) from None
        return bool(answer.get("user") or answer.get("appInfo"))

    def _refuse_credential(self, why: str) -> TokenRejected:
        """Block the secret for REFUSED_SECONDS, and return the error for it."""
        message = f"The credential in secret {self.secret!r} was refused. {why}"
        refusal = TokenRejected(message).of_secret(self.secret)
        self._block(REFUSED_SECONDS, refusal)
        self._token, self._rejected_tokens = None, 0
        return refusal

    def _block(self, seconds: float, error: ArcGISError) -> None:
        """Do not sign in with the secret's present text for a while."""
        now, self._block_reason = self._clock(), (type(error), str(error))
        self._blocked_text, self._blocked_until = self._text, now + seconds
        self._look_again_at = now + UNANSWERED_SECONDS

    def _build_block_error(self) -> ArcGISError:
        """Return the error that blocks the secret. An outage stays one, and must not look like a refusal."""
        kind, message = self._block_reason
        error = kind(f"{message} It is not tried again yet.")
        if isinstance(error, TokenRejected):
            error.of_secret(self.secret).remembered = True
        return error

    def _read_secret(self) -> dict[str, str]:
        """Return the members of the secret as it is now. Raises the error that blocks it, if it is blocked.

        While it is blocked, it is read every UNANSWERED_SECONDS to see whether it has changed.
        """
        now = self._clock()
        if now < min(self._blocked_until, self._look_again_at):
            raise self._build_block_error()
        text, self._first = self._first or self._read(self.secret), None
        if text == self._blocked_text and now < self._blocked_until:
            self._look_again_at = now + UNANSWERED_SECONDS
            raise self._build_block_error()
        self._text = text
        return parse_secret(self.secret, text)

    def _make_token(self, deadline: Deadline) -> Token:
        """Return the token that the secret holds, or sign in with the credential that it holds."""
        secret = self._read_secret()
        if "token" not in secret:
            return self._sign_in(secret, deadline, TOKEN_MINUTES)
        expires = parse_epoch_milliseconds(secret.get("expires")) / 1000
        good_until = max(expires - RENEW_BEFORE_SECONDS, self._clock() + MIN_USE_SECONDS)
        return Token(secret["token"], good_until if expires else float("inf"), expires)

    def _sign_in(self, secret: Mapping[str, str], deadline: Deadline, minutes: float) -> Token:
        """Request a token, and block the secret if that fails."""
        try:
            return self._request_token(secret, f"Sign-in with secret {self.secret!r}", minutes, deadline)
        except (TokenRejected, PermissionDenied, RequestRejected, NotebookNotFound) as error:
            raise self._refuse_credential(str(error)) from None
        except (UnexpectedAnswer, ArcGISUnavailable) as error:
            self._block(UNANSWERED_SECONDS, error)
            raise

    def _request_token(self, secret: Mapping[str, str], what: str, minutes: float, deadline: Deadline) -> Token:
        """Return a token from `generateToken` or, for an application, from `oauth2/token`.

        The two answer the same with different spellings.
        """
        max_minutes = min(most for member, most in MAX_MINUTES.items() if member in secret)
        common = {"expiration": str(math.ceil(min(minutes, max_minutes))), "f": "json"}
        if "username" in secret:
            fields = {"username": secret["username"], "password": secret["password"], "client": "referer"}
            fields |= {"referer": REFERER, **common}
            answer = self._transport.call("POST", f"{self._rest_url}/generateToken", what, deadline, fields=fields)
            value, expires = answer.get("token"), parse_epoch_milliseconds(answer.get("expires")) / 1000
        else:
            fields = {"client_id": secret["clientId"], "client_secret": secret["clientSecret"]}
            fields |= {"grant_type": "client_credentials", **common}
            answer = self._transport.call("POST", f"{self._rest_url}/oauth2/token", what, deadline, fields=fields)
            seconds = parse_epoch_milliseconds(answer.get("expires_in"))
            value, expires = answer.get("access_token"), self._clock() + seconds if seconds else 0.0
        if not isinstance(value, str) or not TOKEN.fullmatch(value):
            raise UnexpectedAnswer(f"{what}: the portal's answer has no token.")
        lifetime = expires - self._clock()
        good_until = self._clock() + max(lifetime / 2, lifetime - RENEW_BEFORE_SECONDS, MIN_USE_SECONDS)
        return Token(value, good_until, expires)
