"""Read an item's file from the portal, or from the storage to which the portal redirects, and its resources."""

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.envelopes import find_error_in_body
from notebook_archive.arcgis.transport import ANSWER_BYTES, Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISUnavailable,
    NoContent,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SnapshotTooLarge,
    TokenRejected,
    UnexpectedAnswer,
)

# A storage address to which a portal may redirect. It has no user name, and no character that two parsers could read
# differently.
STORAGE_URL = re.compile(
    r"https://[A-Za-z0-9._\-]+(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/\-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?\-]*)?"
)


def read_item_data[T](
    client: ArcGISClient, url: str, what: str, limit: int, consume: Callable[[Iterator[bytes]], T]
) -> T:
    """Return the result of `consume` for the file at `url`. The file may have at most `limit` bytes.

    A rejected token is renewed once. Raises NoContent if two successive responses are empty, and their headers prove
    that no byte is missing. For an item without a file, the portal sends an empty response or error code 500. Esri does
    not document which, and Esri's clients handle both.
    """

    def read(token: str) -> T:
        file = _File(client.transport, client.deadline, token, url, what, limit)
        try:
            return file.read(consume)
        except NoContent:
            return file.read(consume)

    return client.tokens.call_with_token(read, client.deadline)


def read_item_resource[T](
    client: ArcGISClient, url: str, what: str, limit: int, consume: Callable[[Iterator[bytes]], T]
) -> T:
    """Return the result of `consume` for the resource at `url`. The resource may have at most `limit` bytes.

    A rejected token is renewed once. No redirect is followed, and an empty resource is read like every other one.
    """

    def read(token: str) -> T:
        file = _File(client.transport, client.deadline, token, url, what, limit)
        with closing(file.stream_from_portal(refuse_empty=False)) as chunks:
            return consume(chunks)

    return client.tokens.call_with_token(read, client.deadline)


@dataclass(frozen=True, slots=True, repr=False)
class _File:
    """The file or resource at a portal URL, read with one token."""

    transport: Transport
    deadline: Deadline
    token: str
    url: str
    what: str
    limit: int

    def read[T](self, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the file's bytes.

        Raises an ArcGISError, or SnapshotTooLarge if the file has more bytes than the limit. If the portal redirects to
        the storage that has the file, this one redirect is followed.
        """
        try:
            with closing(self.stream_from_portal(refuse_empty=True)) as chunks:
                return consume(chunks)
        except UnexpectedAnswer as error:
            if not error.location:
                raise
            location = error.location
        return self._read_from_storage(location, consume)

    def stream_from_portal(self, *, refuse_empty: bool) -> Generator[bytes]:
        """Yield the portal's response, or raise the error that it reports.

        The request has no parameter `f`, so that the portal sends the file unchanged. An error may then be an HTML
        page, which contains no error code. So the URL is requested again as JSON.
        """
        with closing(self._stream(self.limit, refuse_empty=refuse_empty)) as chunks:
            first = next(chunks, b"")
            if first.lstrip()[:1] != b"<":
                yield first
                yield from chunks
                return
        try:
            with closing(self._stream(ANSWER_BYTES, {"f": "json"})) as chunks:
                body = b"".join(chunks)
        except SnapshotTooLarge:  # the response to f=json was the file itself
            body = b""
        raise find_error_in_body(body, self.what) or UnexpectedAnswer(f"{self.what}: the server returned an HTML page.")

    def _stream(
        self, limit: int, fields: Mapping[str, str] | None = None, *, refuse_empty: bool = False
    ) -> Generator[bytes]:
        return self.transport.stream(
            "GET", self.url, self.what, self.deadline, limit, token=self.token, fields=fields, refuse_empty=refuse_empty
        )

    def _read_from_storage[T](self, location: str, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the file in storage.

        The request has no token and no referer, because the server is not part of ArcGIS. Its refusals therefore say
        nothing about the token or the item. All of them become ArcGISUnavailable, even if `consume` finds the refusal
        in a body. The link may have expired. The next attempt gets a new link from the portal.
        """
        if not STORAGE_URL.fullmatch(location):
            raise UnexpectedAnswer(
                f"{self.what}: the portal redirects to an address that is not a plain HTTPS address."
            )
        what = f"{self.what}, in storage"
        stream = self.transport.with_referer("").stream(
            "GET", location, what, self.deadline, self.limit, refuse_empty=True
        )
        try:
            with closing(stream) as chunks:
                return consume(chunks)
        except (NotebookNotFound, PermissionDenied, RequestRejected, TokenRejected) as error:
            raise ArcGISUnavailable(f"The storage to which the portal redirects refused the request. {error}") from None
