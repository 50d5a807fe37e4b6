"""The file of an item, from the portal or from the storage that it redirects to."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from notebook_archive.arcgis.envelopes import error_in_body
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

STORAGE_URL = re.compile(
    r"https://[A-Za-z0-9._\-]+(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/\-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?\-]*)?"
)
"""An address to which a portal may send for a file: no user, nothing that two parsers could read differently."""


def item_data[T](
    transport: Transport,
    url: str,
    what: str,
    limit: int,
    token: str,
    consume: Callable[[Iterator[bytes]], T],
    deadline: Deadline,
) -> T:
    """Return what `consume` makes of the file behind `url`.

    Raises NoContent if two answers in a row are empty and their headers prove that no byte is missing. Esri does not
    document whether the portal answers so, or with code 500, for an item without a file; Esri's clients handle both.
    """
    try:
        return _read_file(transport, url, what, limit, token, consume, deadline)
    except NoContent:
        return _read_file(transport, url, what, limit, token, consume, deadline)


def _read_file[T](
    transport: Transport,
    url: str,
    what: str,
    limit: int,
    token: str,
    consume: Callable[[Iterator[bytes]], T],
    deadline: Deadline,
) -> T:
    """Return what ``consume`` makes of the file behind ``url``.

    Raises any ArcGISError, and SnapshotTooLarge beyond ``limit`` bytes.  The portal may answer with the address of the
    storage that has the file.  That one redirect is followed, without the token and without a referer, for it leads to
    another's server.  Whatever storage refuses is ArcGISUnavailable, also where ``consume`` finds the refusal in a
    body: it tells nothing of a token that was not sent, nor of the item.  A link may have expired on the way, and the
    portal gives another.
    """
    try:
        with closing(_from_portal(transport, url, what, limit, token, deadline)) as chunks:
            return consume(chunks)
    except UnexpectedAnswer as error:
        if not error.location:
            raise
        location = error.location
    if not STORAGE_URL.fullmatch(location):
        raise UnexpectedAnswer(f"{what}: the portal redirects to something that is no plain https address.")
    stored = transport.with_referer("").stream(
        "GET", location, f"{what}, in storage", deadline, limit, refuse_empty=True
    )
    try:
        with closing(stored) as chunks:
            return consume(chunks)
    except (NotebookNotFound, PermissionDenied, RequestRejected, TokenRejected) as error:
        raise ArcGISUnavailable(f"The storage that the portal sent to refused. {error}") from None


def _from_portal(
    transport: Transport, url: str, what: str, limit: int, token: str, deadline: Deadline
) -> Generator[bytes]:
    """No ``f`` is sent, so that the file comes as it is.  An error may then be a page, which tells nothing, so it is
    asked for again as JSON."""
    with closing(transport.stream("GET", url, what, deadline, limit, token=token, refuse_empty=True)) as chunks:
        first = next(chunks, b"")
        if first.lstrip()[:1] != b"<":
            yield first
            yield from chunks
            return
    fields = {"f": "json"}
    try:
        with closing(transport.stream("GET", url, what, deadline, ANSWER_BYTES, token=token, fields=fields)) as chunks:
            body = b"".join(chunks)
    except SnapshotTooLarge:  # the file after all, in spite of f
        body = b""
    raise error_in_body(body, what) or UnexpectedAnswer(f"{what}: the server answered an HTML page.")
