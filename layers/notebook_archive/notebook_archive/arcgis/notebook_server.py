"""Call the notebook server's admin API: snapshots, which need their owner's token, and open notebooks.

ArcGIS Notebook Server and ArcGIS Online serve `<admin>/notebooks` on a separate host. Enterprise on Kubernetes serves
it below the portal's `/admin`. The snapshot operations are the same everywhere, and all are POST requests.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.envelopes import is_success, parse_answer
from notebook_archive.arcgis.transport import ANSWER_BYTES
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    ListingIncomplete,
    NotAnId,
    NotANotebook,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SessionNotFound,
    SnapshotTooLarge,
    UnexpectedAnswer,
)
from notebook_archive.models import (
    ItemId,
    NotebookSession,
    ResourceKey,
    SessionId,
    SnapshotListing,
    VerifiedCopy,
    parse_count,
)

# Maximum number of sessions in one response.
SESSIONS_PER_PAGE = 100
# Maximum number of open sessions that are collected. A listing that never ends would fill the memory.
MAX_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """Some of the open sessions, and the number of all open sessions.

    `unreadable` is the number of entries without a usable session id or item id. They are not in `sessions`, but
    `total` includes them.
    """

    sessions: tuple[NotebookSession, ...]
    total: int
    unreadable: int = 0

    @classmethod
    def parse(cls, entries: list[Any], total: int) -> Self:
        """Return the sessions that a listing's entries describe."""
        sessions = []
        for entry in entries:
            with contextlib.suppress(UnexpectedAnswer):
                sessions.append(NotebookSession.from_answer(entry if isinstance(entry, dict) else {}))
        return cls(tuple(sessions), total, len(entries) - len(sessions))


class NotebookServer:
    """The operations below `notebooks` for one client. Every method may raise an ArcGISError."""

    def __init__(self, client: ArcGISClient, admin_url: str, *, is_on_kubernetes: bool | None = None) -> None:
        """`is_on_kubernetes` is None if it is not known yet."""
        self.is_on_kubernetes = is_on_kubernetes
        self.admin_url = admin_url
        self._client = client.with_redirects()
        self._notebooks_url = f"{admin_url}/notebooks"
        self._snapshots_url = f"{self._notebooks_url}/snapshots"

    def is_answering(self) -> bool:
        """Send one request, and return whether a notebook server answers at this address.

        A refusal in ArcGIS's form counts as an answer, because the server understood the request. Listing open
        notebooks may need more privileges than reading snapshots. A refusal in another form may come from a proxy.
        """
        client, what = self._client, "The notebook server"
        # A rejected token is not renewed here, because a server that is not ArcGIS may reject any token.
        token = client.tokens.get_token(client.deadline)
        fields = {"f": "json", "start": "1", "num": "1"}
        stream = client.transport.stream(
            "GET", self._notebooks_url, what, client.deadline, ANSWER_BYTES, token=token, fields=fields
        )
        try:
            with closing(stream) as chunks:
                return "notebooks" in parse_answer(b"".join(chunks), what)
        except RequestRejected:
            return True
        except PermissionDenied as error:
            return not error.is_foreign
        except DeadlineExceeded:
            raise
        except (ArcGISError, SnapshotTooLarge):
            return False

    def list_snapshots(self, item_id: ItemId) -> SnapshotListing:
        """Return the notebook's snapshots. Raises UnexpectedAnswer if the response's `status` is not `success`."""
        what = f"The snapshots of notebook {item_id}"
        fields = {"itemId": item_id, "f": "json"}
        answer = self._client.call("POST", f"{self._snapshots_url}/list", what, fields)
        entries = answer.get("snapshots")
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{what}: the response has no list of snapshots.")
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the response does not have the status 'success'.")
        return SnapshotListing.from_entries(entries, answer.get("total"))

    def read_snapshot[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T]
    ) -> T:
        """Return the result of `consume` for the snapshot's bytes. Each attempt calls `consume` again.

        Only one sample in Esri's documentation shows the response of `snapshots/download` to `f=json`. So if the
        response is not a notebook, the snapshot is requested once more without `f`, as Esri's own clients do. The
        parameter table on Esri's page for Kubernetes has `resourceKeys`, but its sample and Esri's client use
        `resourceKey`.
        """
        fields = {"itemId": item_id, "resourceKey": key}

        def read(fields: Mapping[str, str]) -> T:
            url, what = f"{self._snapshots_url}/download", f"Snapshot {key} of item {item_id}"
            return self._client.read("POST", url, what, limit, consume, fields)

        def read_either_form() -> T:
            try:
                return read({**fields, "f": "json"})
            except (NotANotebook, UnexpectedAnswer) as first:
                try:
                    return read(fields)
                except (NotANotebook, UnexpectedAnswer):
                    raise first from None

        return self._client.retry(read_either_form)

    def create_snapshot(self, item_id: ItemId, name: str, content: str) -> ResourceKey:
        """Create a snapshot that only the notebook's owner can see, and return its key.

        The snapshot contains `content`, or the notebook's saved state if `content` is empty. Transient faults are not
        retried. After ArcGISUnavailable, DeadlineExceeded or UnexpectedAnswer, the snapshot may exist anyway, which
        only a listing shows. An error response in ArcGIS's form, even with code 500, means that it was not created.
        Such a response raises RequestRejected, unless its code has a more specific error class.
        """
        url, what = f"{self._snapshots_url}/create", f"A new snapshot of notebook {item_id}"
        fields = {"itemId": item_id, "name": name, "privateAccess": "true", "notebookJSON": content, "f": "json"}

        def parse_body(chunks: Iterator[bytes]) -> dict[str, Any]:
            body = b"".join(chunks)
            try:
                return parse_answer(body, what)
            except ArcGISUnavailable as error:
                raise RequestRejected(str(error)) from None

        try:
            answer = self._client.read("POST", url, what, ANSWER_BYTES, parse_body, fields)
        except SnapshotTooLarge as error:
            raise UnexpectedAnswer(str(error)) from None
        try:
            key = ResourceKey.parse(answer.get("snapshotResourceKey", answer.get("resourceKey")))
        except NotAnId:
            raise UnexpectedAnswer(f"{what}: the response has no valid snapshot key.") from None
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the response does not have the status 'success'.")
        return key

    def delete_snapshot(self, copy: VerifiedCopy) -> None:
        """Delete a snapshot that has a verified copy in the archive.

        Whether or not an error is raised, only a listing shows whether the snapshot was deleted.
        """
        what = f"Deleting snapshot {copy.resource_key} of item {copy.item_id}"
        fields = {"itemId": copy.item_id, "resourceKeys": copy.resource_key, "f": "json"}
        answer = self._client.call("POST", f"{self._snapshots_url}/delete", what, fields)
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the response does not have the status 'success'.")

    def list_sessions(self, start: int, num: int) -> Sessions:
        """Return up to `num` open sessions, beginning with number `start`. The first session has number 1.

        Notebook Server returns a page of up to SESSIONS_PER_PAGE sessions, with `start` and `total`. Kubernetes returns
        all sessions at once. A response without `start` and `total` may be a page or the whole list. So all sessions
        are collected, and the requested ones are selected from them.
        """
        answer, entries = self._fetch_page(start, num)
        if "start" not in answer or "total" not in answer:
            has_all = len(entries) > num or (start == 1 and len(entries) < num)
            if not has_all:
                entries = self._fetch_all_sessions()
            return Sessions.parse(entries[start - 1 : start - 1 + num], len(entries))
        total = parse_count(answer["total"]) or 0
        if entries:  # an empty page may start after the last session, so it says nothing about the total
            total = max(total, start - 1 + len(entries))
        return Sessions.parse(entries[:num], total)

    def find_sessions(self, item_id: ItemId) -> Sessions:
        """Return the open sessions of one notebook. `unreadable` counts unreadable entries of any notebook.

        Raises ListingIncomplete if there are more than MAX_SESSIONS open sessions.
        """
        found: list[NotebookSession] = []
        unreadable = 0
        for start in range(1, MAX_SESSIONS + 1, SESSIONS_PER_PAGE):
            page = self.list_sessions(start, SESSIONS_PER_PAGE)
            found += [session for session in page.sessions if session.item_id == item_id]
            unreadable += page.unreadable
            if page.total < start + SESSIONS_PER_PAGE:
                return Sessions(tuple(found), len(found), unreadable)
        raise ListingIncomplete(f"The open notebooks: there are more than {MAX_SESSIONS}.")

    def _fetch_all_sessions(self) -> list[Any]:
        """Return the entries of all open sessions, whether the server returns pages or all sessions at once.

        Raises ListingIncomplete if there are more than MAX_SESSIONS.
        """
        found: dict[str, Any] = {}
        while True:
            _, page = self._fetch_page(len(found) + 1, SESSIONS_PER_PAGE)
            known = len(found)
            found |= {str(entry.get("id") or entry) if isinstance(entry, dict) else str(entry): entry for entry in page}
            if len(page) < SESSIONS_PER_PAGE or len(found) == known:
                return list(found.values())
            if len(found) > MAX_SESSIONS:
                raise ListingIncomplete(f"The open notebooks: there are more than {MAX_SESSIONS}.")

    def _fetch_page(self, start: int, num: int) -> tuple[dict[str, Any], list[Any]]:
        what = "The open notebooks"
        fields = {"f": "json", "start": str(start), "num": str(num)}
        answer = self._client.call("GET", self._notebooks_url, what, fields)
        entries = answer.get("notebooks")
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{what}: the response has no list of notebooks.")
        return answer, entries

    def get_session(self, session_id: SessionId) -> NotebookSession:
        """Return one open session. Raises SessionNotFound if it is not open.

        Esri does not document the response for a closed session. So if the server refuses the request, the list of open
        sessions is checked.
        """
        url, what = f"{self._notebooks_url}/{session_id}", f"Session {session_id}"
        try:
            answer = self._client.call("GET", url, what, {"f": "json"})
        except NotebookNotFound:
            raise SessionNotFound(f"{what} is not open.") from None
        except RequestRejected:
            if self._may_be_open(session_id):
                raise
            raise SessionNotFound(f"{what} is not open.") from None
        if answer.setdefault("id", session_id) != session_id:
            raise UnexpectedAnswer(f"{what}: the server described another session.")
        return NotebookSession.from_answer(answer)

    def _may_be_open(self, session_id: SessionId) -> bool:
        start = 1
        while True:
            page = self.list_sessions(start, SESSIONS_PER_PAGE)
            if page.unreadable or any(session.session_id == session_id for session in page.sessions):
                return True
            start += SESSIONS_PER_PAGE
            if not page.sessions or start > page.total:
                return False
