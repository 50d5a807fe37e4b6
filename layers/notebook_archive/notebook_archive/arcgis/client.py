"""Call ArcGIS with one token source and one deadline.

A rejected token (code 401, 498 or 499) is renewed in `token_renewal`, if a secret can make another one.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, Self

from notebook_archive.arcgis.transport import FormFile, Transport
from notebook_archive.clock import Deadline


class Tokens(Protocol):
    """A source of tokens: a secret, the caller of the proxy, or one fixed token."""

    @property
    def secret(self) -> str:
        """The name of the secret that the tokens come from, or an empty string if they come from no secret."""

    def get_token(self, deadline: Deadline) -> str:
        """Return the token to use now."""

    def call_with_token[T](self, call: Callable[[str], T], deadline: Deadline) -> T:
        """Return what `call` returns for a token.

        If ArcGIS rejects the token, a source that can renew it calls again.
        """


@dataclass(frozen=True, slots=True)
class ArcGISClient:
    """A client for one user and one deadline. It is cheap to create, and threads may share it."""

    transport: Transport
    tokens: Tokens
    deadline: Deadline

    def within(self, share: float) -> Self:
        """Return a client for the same user with only this share of the remaining time."""
        return type(self)(self.transport, self.tokens, Deadline(self.deadline.remaining() * share))

    def with_redirects(self) -> Self:
        """Return a client for admin calls. It follows one redirect within the same host."""
        return type(self)(self.transport.with_redirects(), self.tokens, self.deadline)

    def call(
        self,
        method: str,
        url: str,
        what: str,
        fields: Mapping[str, str] | None = None,
        file: FormFile | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that ArcGIS sends.

        Transient faults are retried, and a rejected token is renewed once. See `Transport.call` for the errors.
        """

        def request(token: str) -> dict[str, Any]:
            return self.transport.call(method, url, what, self.deadline, token=token, fields=fields, file=file)

        return self.tokens.call_with_token(request, self.deadline)

    def call_once(
        self,
        method: str,
        url: str,
        what: str,
        fields: Mapping[str, str] | None = None,
        file: FormFile | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that ArcGIS sends. Use this for calls that have another effect if they are repeated.

        Transient faults are not retried. After a rejected token, the call is repeated once with a new token. That is
        safe, because ArcGIS does nothing for a token that it rejects. See `Transport.call_once` for the errors.
        """

        def request(token: str) -> dict[str, Any]:
            return self.transport.call_once(method, url, what, self.deadline, token=token, fields=fields, file=file)

        return self.tokens.call_with_token(request, self.deadline)

    def read[T](
        self,
        method: str,
        url: str,
        what: str,
        limit: int,
        consume: Callable[[Iterator[bytes]], T],
        fields: Mapping[str, str] | None = None,
    ) -> T:
        """Return the result of `consume` for the body. The body may have at most `limit` bytes.

        Transient faults are not retried. A rejected token is renewed once, and then `consume` is called again. It may
        be called twice, because the rejection may be in the body, which only `consume` reads.
        """

        def request(token: str) -> T:
            stream = self.transport.stream(method, url, what, self.deadline, limit, token=token, fields=fields)
            with closing(stream) as chunks:
                return consume(chunks)

        return self.tokens.call_with_token(request, self.deadline)

    def retry[T](self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns. Transient faults are retried; see `Retries.run`."""
        return self.transport.retries.run(attempt, self.deadline)
