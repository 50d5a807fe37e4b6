"""Get tokens from a secret. A token is cached in memory, and renewed before it expires and after ArcGIS rejects it.

`envelopes` says which codes reject a token, such as 498. `TokenSource.call_with_token` renews it and repeats the call.
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
# The lifetime that a sign-in requests. The server may shorten it, and sends the actual lifetime in its response.
TOKEN_MINUTES = 60
# The maximum lifetimes that Esri documents for generateToken (with a user name) and oauth2/token (with a client id).
MAX_MINUTES = {"username": 21_600, "clientId": 20_160}
# A token is used for at least this long. Otherwise, each call would sign in if the server's clock is wrong.
MIN_USE_SECONDS = 60
# Time without a sign-in after ArcGIS refused a secret's credential. It ends early if the secret changes. Further
# sign-ins could lock the account.
REFUSED_SECONDS = 3600
# Time without a sign-in after a sign-in that got no valid response.
UNANSWERED_SECONDS = 60
# If the portal rejects this number of fresh tokens, the credential counts as refused. Including the sign-in for the
# first token, that makes three sign-ins.
MAX_REJECTED_TOKENS = 2


class ReadSecret(Protocol):
    """A function that reads secrets. This package does not depend on AWS."""

    def __call__(self, name: str) -> str:
        """Return the secret's current value. Raises SecretMissing or SecretUnreadable."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token, the time at which to stop using it, and the time at which it expires. Both are in epoch seconds.

    `expires` is 0 if it is not known.
    """

    value: str
    good_until: float
    expires: float


@dataclass(frozen=True, slots=True, repr=False)
class FixedToken:
    """One token that cannot be renewed. If `value` is empty, no token is sent."""

    value: str
    secret: str = ""

    def get_token(self, _: Deadline) -> str:
        """Return the token."""
        return self.value

    def call_with_token[T](self, call: Callable[[str], T], _: Deadline) -> T:
        """Return what `call` returns for the token. Raises TokenRejected if ArcGIS rejects it."""
        return call(self.value)


class TokenSource:
    """The tokens of one secret. Threads may share it, and only one of them signs in at a time.

    The secret is JSON in one of three forms: `{"token"}`, `{"username", "password"}` or `{"clientId", "clientSecret"}`.
    `rotation.rotate_token` may have written the token.

    A secret is blocked for some time after a refusal, and after a sign-in that got no valid response. While it is
    blocked, the same error is raised again without a request.
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
        """`secret` is the name of the secret. `first` is its value if the caller has just read it."""
        self._transport, self._read, self._clock = transport, read, clock
        self._rest_url = f"{portal_url}{SHARING_API}"
        self.secret = secret
        self._first = first
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._text = ""
        # The value that is blocked, the time until which it is blocked, the time at which to check whether the secret
        # has changed, and the error to raise.
        self._blocked_text = ""
        self._blocked_until = self._look_again_at = 0.0
        self._block_reason: tuple[type[ArcGISError], str] = TokenRejected, ""
        # The number of fresh tokens that the portal has rejected since it last accepted one, and the last of them.
        self._rejected_tokens = 0
        self._last_rejected = ""
        # Whether the portal accepted the last token that a call rejected. If so, a fresh token would not help.
        self._is_proved = False

    def call_with_token[T](self, call: Callable[[str], T], deadline: Deadline) -> T:
        """Return what `call` returns for a token. If it raises TokenRejected, call it again with a fresh token.

        If ArcGIS rejects the fresh token too, the portal is asked whether it accepts that token:

        - If it accepts the token, only this call rejects it. GoodTokenRejected is raised, and the next call needs no
          sign-in.
        - If it rejects the token, TokenRejected is raised, with the name of the secret. After MAX_REJECTED_TOKENS such
          tokens, or a refused sign-in, TokenRejected is raised without a request for REFUSED_SECONDS.
        - If it does not answer the question, ArcGISUnavailable is raised.
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
                why = "The secret still contains the token that was refused."
                raise self._find_fault(error, fresh, why, deadline, max_rejected=1) from None
        try:
            return call(fresh)
        except TokenRejected as error:
            raise self._find_fault(error, fresh, str(error), deadline) from None

    def get_token(self, deadline: Deadline) -> str:
        """Return the cached token. If there is none, or it is about to expire, return a new one."""
        with self._lock:
            if self._token is None or self._token.good_until <= self._clock():
                self._token = self._make_token(deadline)
            return self._token.value

    def sign_in(self, lifetime_seconds: float, deadline: Deadline) -> Token:
        """Sign in once, and return a new token.

        The request is for a token with this lifetime, or with the maximum in MAX_MINUTES. If the secret is blocked, the
        error that blocks it is raised without a sign-in. Raises SecretMalformed if the secret contains a token, because
        a token cannot sign in.
        """
        with self._lock:
            self._look_again_at = 0.0  # sign-ins of this kind are rare, so check at once whether the secret has changed
            return self._sign_in(require_credential(self.secret, self._read_secret()), deadline, lifetime_seconds / 60)

    def _renew(self, rejected: str, deadline: Deadline) -> str:
        """Return a token other than the rejected one, unless the secret still contains the rejected one."""
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
        """Return the error for a fresh token that was rejected. Ask the portal whether the credential is the cause.

        The lock is not held during this request, so other threads can use the token while the portal is slow. If the
        portal does not answer the question, the rejection is not counted, and the secret is blocked for
        UNANSWERED_SECONDS.
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
            if token != self._last_rejected:  # several threads may report the same token
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

        Raises ArcGISUnavailable or DeadlineExceeded if the portal's response does not show this.
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
        except ArcGISError as error:  # for example, a 403 from throttling, or the page of a portal under maintenance
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
        """Block sign-ins with the secret's current value for some seconds."""
        now, self._block_reason = self._clock(), (type(error), str(error))
        self._blocked_text, self._blocked_until = self._text, now + seconds
        self._look_again_at = now + UNANSWERED_SECONDS

    def _build_block_error(self) -> ArcGISError:
        """Return the error that blocks the secret.

        It has the original class, so an outage does not become a refusal.
        """
        kind, message = self._block_reason
        error = kind(f"{message} The sign-in is not repeated yet.")
        if isinstance(error, TokenRejected):
            error.of_secret(self.secret).remembered = True
        return error

    def _read_secret(self) -> dict[str, str]:
        """Return the fields of the secret's current value. If the secret is blocked, raise the error that blocks it.

        While the secret is blocked, it is read every UNANSWERED_SECONDS to check whether it has changed.
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
        """Return the token that is stored in the secret, or sign in with the credential that is stored there."""
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

        The responses of the two operations contain the same data in differently named fields.
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
            raise UnexpectedAnswer(f"{what}: the portal's response has no usable token.")
        lifetime = expires - self._clock()
        good_until = self._clock() + max(lifetime / 2, lifetime - RENEW_BEFORE_SECONDS, MIN_USE_SECONDS)
        return Token(value, good_until, expires)
