"""Tokens: minted from a secret, kept in memory, renewed before they expire and once when they are refused."""

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

RENEW_BEFORE_SECONDS = 300
TOKEN_MINUTES = 60
"""Asked for; the server may shorten it and says so in its answer."""
MAX_MINUTES = {"username": 21_600, "clientId": 20_160}
"""The most that Esri documents, of generateToken and of oauth2/token, by the member that tells their secrets apart."""
KEPT_SECONDS = 60
"""A token is used this long at least, so that a server whose clock is wrong is not asked for one at every call."""
REFUSED_SECONDS = 3600
"""How long a refused credential is left alone, unless its secret changes: trying on would lock the account."""
UNANSWERED_SECONDS = 60
"""The same, after a sign-in that got no proper answer."""
# Number of fresh tokens that the portal itself refuses before the credential counts as refused. With the first token,
# this is three sign-ins.
STRIKES = 2


class ReadSecret(Protocol):
    """Where secrets come from; this package does not know."""

    def __call__(self, name: str) -> str:
        """Return the secret's text as it is now; raise SecretMissing or SecretUnreadable."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token, until when it is used, and when it expires: both in seconds since the epoch.

    ``expires`` is 0 where nobody said.
    """

    value: str
    good_until: float
    expires: float


@dataclass(frozen=True, slots=True, repr=False)
class FixedToken:
    """One token that nothing can renew, so that a rejection is raised at once. It may be empty, for no token."""

    value: str
    secret: str = ""

    def current(self, _: Deadline) -> str:
        """Return the token."""
        return self.value

    def call_with_token[T](self, call: Callable[[str], T], _: Deadline) -> T:
        """Return what `call` returns for the token."""
        return call(self.value)


class TokenSource:
    """The tokens of one secret.  Threads may share it; only one of them mints.

    The secret is JSON of one of three forms: ``{"token"}``, ``{"username", "password"}``, ``{"clientId",
    "clientSecret"}``.  The token may be one that `rotation.rotate_token` wrote.
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
        """``first`` is the secret's text where it has just been read."""
        self._transport, self._read, self._clock = transport, read, clock
        self._rest_url = f"{portal_url}{SHARING_API}"
        self.secret = secret
        self._first = first
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._text = self._refused = ""
        self._refused_until = self._look_again = 0.0
        self._why: tuple[type[ArcGISError], str] = TokenRejected, ""
        self._strikes = 0
        self._struck = ""
        # Whether the portal accepted the last token that a call refused. If so, a fresh token would not help either.
        self._is_proved = False

    def current(self, deadline: Deadline) -> str:
        """Return the token to use now. It is kept in memory, and made when there is none or it is about to expire."""
        with self._lock:
            if self._token is None or self._token.good_until <= self._clock():
                self._token = self._mint(deadline)
            return self._token.value

    def call_with_token[T](self, call: Callable[[str], T], deadline: Deadline) -> T:
        """Return what `call` returns for a token; if it raises TokenRejected, try once more with a fresh one.

        Raises TokenRejected, naming the secret, if the fresh one is refused too. Then the portal is asked whether it
        accepts that token. If so, the refusal concerns this call only, and the next call needs no sign-in. If the
        portal does not say, ArcGISUnavailable is raised. After STRIKES tokens that the portal refused, or a refused
        sign-in, TokenRejected is raised at once for REFUSED_SECONDS.
        """
        token = self.current(deadline)
        try:
            return call(token)
        except TokenRejected as error:
            if self._is_proved:
                if self._is_good(token, deadline):
                    raise self._reject_call(error) from None
                self._is_proved = False
            fresh = self._renewed(token, deadline)
            if fresh == token:
                why = "The secret still holds the token that was refused."
                raise self._judge(error, fresh, why, deadline, strikes=1) from None
        try:
            return call(fresh)
        except TokenRejected as error:
            raise self._judge(error, fresh, str(error), deadline) from None

    def fresh(self, seconds: float, deadline: Deadline) -> Token:
        """Return a token that is minted now, and asked to live that long, or as long as Esri documents at most.

        One sign-in, and none where this very credential was refused within REFUSED_SECONDS, or a sign-in was not
        answered within UNANSWERED_SECONDS: then it raises what that one did.  Raises SecretMalformed where the secret
        holds a token, which cannot mint another.
        """
        with self._lock:
            self._look_again = 0.0  # this is asked for rarely, so a changed secret is noticed at once
            return self._sign_in(require_credential(self.secret, self._credential()), deadline, seconds / 60)

    def _renewed(self, refused: str, deadline: Deadline) -> str:
        with self._lock:
            if self._token is not None and self._token.value != refused:
                return self._token.value  # another thread was here first
            self._token = self._mint(deadline)
            return self._token.value

    def _judge(
        self, error: TokenRejected, token: str, why: str, deadline: Deadline, *, strikes: int = STRIKES
    ) -> ArcGISError:
        """Return the error for a fresh token that was refused. The portal decides whether the credential is at fault.

        It is asked without the lock: while it hangs, other threads go on with the token. If it does not say, the fault
        is nobody's, and there is no sign-in for UNANSWERED_SECONDS.
        """
        try:
            is_good = self._is_good(token, deadline)
        except ArcGISUnavailable as outage:
            with self._lock:
                self._leave_alone(UNANSWERED_SECONDS, outage)
            return outage
        with self._lock:
            if is_good:
                self._is_proved, self._strikes = True, 0
                return self._reject_call(error)
            if token != self._struck:  # threads that share a token count once
                self._struck, self._strikes = token, self._strikes + 1
            if self._strikes < strikes:
                return self._rejected(f"{error} The token was fresh, from secret {self.secret!r}.")
            return self._refuse(why)

    def _reject_call(self, error: TokenRejected) -> GoodTokenRejected:
        """Return a refusal that does not count against the credential."""
        return GoodTokenRejected(
            f"{error} The token was fresh, from secret {self.secret!r}, and the portal accepts it."
        )

    def _is_good(self, token: str, deadline: Deadline) -> bool:
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

    def _refuse(self, why: str) -> TokenRejected:
        refusal = self._rejected(f"The credential in secret {self.secret!r} was refused. {why}")
        self._leave_alone(REFUSED_SECONDS, refusal)
        self._token, self._strikes = None, 0
        return refusal

    def _rejected(self, message: str) -> TokenRejected:
        return TokenRejected(message).of_secret(self.secret)

    def _leave_alone(self, seconds: float, error: ArcGISError) -> None:
        """Try the secret as it is now no more for a while, and look only now and then whether it has changed."""
        now, self._why = self._clock(), (type(error), str(error))
        self._refused, self._refused_until, self._look_again = self._text, now + seconds, now + UNANSWERED_SECONDS

    def _left_alone(self) -> ArcGISError:
        """Return the error for which the secret is left alone; an outage must not look like a refusal."""
        kind, message = self._why
        error = kind(f"{message} It is not tried again yet.")
        if isinstance(error, TokenRejected):
            error.of_secret(self.secret).remembered = True
        return error

    def _credential(self) -> dict[str, str]:
        """Return the secret as it is now; while it is to be left alone, raise why."""
        now = self._clock()
        if now < min(self._refused_until, self._look_again):
            raise self._left_alone()
        text, self._first = self._first or self._read(self.secret), None
        if text == self._refused and now < self._refused_until:
            self._look_again = now + UNANSWERED_SECONDS
            raise self._left_alone()
        self._text = text
        return parse_secret(self.secret, text)

    def _mint(self, deadline: Deadline) -> Token:
        secret = self._credential()
        if "token" not in secret:
            return self._sign_in(secret, deadline, TOKEN_MINUTES)
        expires = parse_epoch_milliseconds(secret.get("expires")) / 1000
        good_until = max(expires - RENEW_BEFORE_SECONDS, self._clock() + KEPT_SECONDS)
        return Token(secret["token"], good_until if expires else float("inf"), expires)

    def _sign_in(self, secret: Mapping[str, str], deadline: Deadline, minutes: float) -> Token:
        try:
            return self._ask(secret, f"Sign-in with secret {self.secret!r}", minutes, deadline)
        except (TokenRejected, PermissionDenied, RequestRejected, NotebookNotFound) as error:
            raise self._refuse(str(error)) from None
        except (UnexpectedAnswer, ArcGISUnavailable) as error:
            self._leave_alone(UNANSWERED_SECONDS, error)
            raise

    def _ask(self, secret: Mapping[str, str], what: str, minutes: float, deadline: Deadline) -> Token:
        """Mint by ``generateToken`` or, for an application, ``oauth2/token``: two pages, two spellings of the same
        answer."""
        longest = min(most for member, most in MAX_MINUTES.items() if member in secret)
        asked = {"expiration": str(math.ceil(min(minutes, longest))), "f": "json"}
        if "username" in secret:
            fields = {"username": secret["username"], "password": secret["password"], "client": "referer"}
            fields |= {"referer": REFERER, **asked}
            answer = self._transport.call("POST", f"{self._rest_url}/generateToken", what, deadline, fields=fields)
            value, expires = answer.get("token"), parse_epoch_milliseconds(answer.get("expires")) / 1000
        else:
            fields = {"client_id": secret["clientId"], "client_secret": secret["clientSecret"]}
            fields |= {"grant_type": "client_credentials", **asked}
            answer = self._transport.call("POST", f"{self._rest_url}/oauth2/token", what, deadline, fields=fields)
            seconds = parse_epoch_milliseconds(answer.get("expires_in"))
            value, expires = answer.get("access_token"), self._clock() + seconds if seconds else 0.0
        if not isinstance(value, str) or not TOKEN.fullmatch(value):
            raise UnexpectedAnswer(f"{what}: the portal's answer holds no token.")
        lifetime = expires - self._clock()
        good_until = self._clock() + max(lifetime / 2, lifetime - RENEW_BEFORE_SECONDS, KEPT_SECONDS)
        return Token(value, good_until, expires)
