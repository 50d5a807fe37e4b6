"""The notebook server: snapshots with their owner's token, and the notebooks that are open now.

One class for both dialects.  ArcGIS Notebook Server and ArcGIS Online serve ``<admin>/notebooks`` on a host of their
own, Enterprise on Kubernetes below the portal's ``/admin``.  The snapshot operations are the same, and all are POST.
"""

import contextlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.arcgis.envelopes import is_success, parse
from notebook_archive.arcgis.transport import ANSWER_BYTES, Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    ListingIncomplete,
    NotAnId,
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

SESSIONS_PAGE = 100
"""Most sessions that one request gives."""
# Open sessions that are collected. A listing that never ends would fill the memory.
MAX_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """Some of the open sessions, and how many there are in all.

    `unreadable` counts the entries that name no usable session or item. They are left out of `sessions` and counted in
    `total`.
    """

    sessions: tuple[NotebookSession, ...]
    total: int
    unreadable: int = 0

    @classmethod
    def of(cls, entries: list[Any], total: int) -> Self:
        """Return the sessions of the entries of a listing."""
        sessions = []
        for entry in entries:
            with contextlib.suppress(UnexpectedAnswer):
                sessions.append(NotebookSession.from_answer(entry if isinstance(entry, dict) else {}))
        return cls(tuple(sessions), total, len(entries) - len(sessions))


class NotebookServer:
    """The operations below ``notebooks``.  Every method may raise any ArcGISError."""

    def __init__(self, transport: Transport, admin_url: str, *, on_kubernetes: bool | None = None) -> None:
        """`on_kubernetes` is None if nobody has looked it up yet."""
        self.on_kubernetes = on_kubernetes
        self._transport = transport.with_redirects()
        self._notebooks_url = f"{admin_url}/notebooks"
        self._snapshots_url = f"{self._notebooks_url}/snapshots"

    def answers(self, token: str, deadline: Deadline) -> bool:
        """Return whether a notebook server answers at this address, after one try.

        A refusal in ArcGIS's form counts as well, because only a server that understood the request refuses it so:
        listing open notebooks may need more rights than reading snapshots. A proxy that bars the address refuses too.
        """
        fields = {"f": "json", "start": "1", "num": "1"}
        what = "The notebook server"
        try:
            with closing(
                self._transport.stream(
                    "GET", self._notebooks_url, what, deadline, ANSWER_BYTES, token=token, fields=fields
                )
            ) as chunks:
                return "notebooks" in parse(b"".join(chunks), what)
        except RequestRejected:
            return True
        except PermissionDenied as error:
            return not error.is_foreign
        except DeadlineExceeded:
            raise
        except (ArcGISError, SnapshotTooLarge):
            return False

    def snapshots(self, item_id: ItemId, token: str, deadline: Deadline) -> SnapshotListing:
        """Return the notebook's snapshots; raise UnexpectedAnswer unless the listing says that it succeeded."""
        what = f"The snapshots of notebook {item_id}"
        fields = {"itemId": item_id, "f": "json"}
        answer = self._transport.call("POST", f"{self._snapshots_url}/list", what, deadline, token=token, fields=fields)
        entries = answer.get("snapshots")
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{what}: the answer holds no list of snapshots.")
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the answer does not say that it succeeded.")
        return SnapshotListing.from_entries(entries, answer.get("total"))

    def download(
        self, item_id: ItemId, key: ResourceKey, limit: int, token: str, deadline: Deadline
    ) -> Generator[bytes]:
        """Yield the snapshot's bytes as `f=json` gives them, the documented way.

        Esri's page for Kubernetes has `resourceKeys` in its table; its sample and Esri's client use `resourceKey`.
        """
        return self._download({"itemId": item_id, "resourceKey": key, "f": "json"}, limit, token, deadline)

    def download_file(
        self, item_id: ItemId, key: ResourceKey, limit: int, token: str, deadline: Deadline
    ) -> Generator[bytes]:
        """Yield the snapshot's bytes from the file that comes without `f`, as Esri's clients read it."""
        return self._download({"itemId": item_id, "resourceKey": key}, limit, token, deadline)

    def _download(self, fields: dict[str, str], limit: int, token: str, deadline: Deadline) -> Generator[bytes]:
        url, what = f"{self._snapshots_url}/download", f"Snapshot {fields['resourceKey']} of item {fields['itemId']}"
        return self._transport.stream("POST", url, what, deadline, limit, token=token, fields=fields)

    def create(self, item_id: ItemId, name: str, content: str, token: str, deadline: Deadline) -> ResourceKey:
        """Make a snapshot that only the notebook's owner can see, and return its key.

        It holds `content`, or the notebook's saved state if that is empty.
        Tried once: after ArcGISUnavailable, DeadlineExceeded or UnexpectedAnswer it may still have been made; a listing
        shows whether it was.  Any other refusal, even with code 500, raises RequestRejected unless it has its own error
        class.
        """
        url, what = f"{self._snapshots_url}/create", f"A new snapshot of notebook {item_id}"
        fields = {"itemId": item_id, "name": name, "privateAccess": "true", "notebookJSON": content, "f": "json"}
        stream = self._transport.stream("POST", url, what, deadline, ANSWER_BYTES, token=token, fields=fields)
        try:
            with closing(stream) as chunks:
                body = b"".join(chunks)
        except SnapshotTooLarge as error:
            raise UnexpectedAnswer(str(error)) from None
        try:
            answer = parse(body, what)
        except ArcGISUnavailable as error:
            raise RequestRejected(str(error)) from None
        try:
            key = ResourceKey.parse(answer.get("snapshotResourceKey", answer.get("resourceKey")))
        except NotAnId:
            raise UnexpectedAnswer(f"{what}: the answer names no snapshot.") from None
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the answer does not say that it succeeded.")
        return key

    def delete(self, copy: VerifiedCopy, token: str, deadline: Deadline) -> None:
        """Delete the one snapshot of which the archive is proved to hold a copy.  After any error, and after none, a
        listing tells whether it is gone."""
        what = f"Deleting snapshot {copy.resource_key} of item {copy.item_id}"
        fields = {"itemId": copy.item_id, "resourceKeys": copy.resource_key, "f": "json"}
        answer = self._transport.call(
            "POST", f"{self._snapshots_url}/delete", what, deadline, token=token, fields=fields
        )
        if not is_success(answer):
            raise UnexpectedAnswer(f"{what}: the answer does not say that it succeeded.")

    def sessions(self, start: int, num: int, token: str, deadline: Deadline) -> Sessions:
        """Return ``num`` open sessions from the ``start``-th on, which counts from 1.

        Notebook Server gives a page of up to SESSIONS_PAGE, and says ``start`` and ``total``.  Kubernetes has no pages
        and gives all.  An answer without the two may be either, so all sessions are collected and the page is cut here.
        """
        answer, entries = self._fetch_page(start, num, token, deadline)
        if "start" not in answer or "total" not in answer:
            gave_all = len(entries) > num or (start == 1 and len(entries) < num)
            if not gave_all:
                entries = self._fetch_all_sessions(token, deadline)
            return Sessions.of(entries[start - 1 : start - 1 + num], len(entries))
        total = parse_count(answer["total"]) or 0
        if entries:  # a page beyond the end is empty, and `start` does not give the number of sessions
            total = max(total, start - 1 + len(entries))
        return Sessions.of(entries[:num], total)

    def _fetch_all_sessions(self, token: str, deadline: Deadline) -> list[Any]:
        """Return the entries of all open sessions, whether the server gives pages or everything at once.

        Raises ListingIncomplete beyond MAX_SESSIONS.
        """
        found: dict[str, Any] = {}
        while True:
            _, page = self._fetch_page(len(found) + 1, SESSIONS_PAGE, token, deadline)
            known = len(found)
            found |= {str(entry.get("id") or entry) if isinstance(entry, dict) else str(entry): entry for entry in page}
            if len(page) < SESSIONS_PAGE or len(found) == known:
                return list(found.values())
            if len(found) > MAX_SESSIONS:
                raise ListingIncomplete(f"The open notebooks: there are more than {MAX_SESSIONS}.")

    def _fetch_page(self, start: int, num: int, token: str, deadline: Deadline) -> tuple[dict[str, Any], list[Any]]:
        what = "The open notebooks"
        fields = {"f": "json", "start": str(start), "num": str(num)}
        answer = self._transport.call("GET", self._notebooks_url, what, deadline, token=token, fields=fields)
        entries = answer.get("notebooks")
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{what}: the answer holds no list of notebooks.")
        return answer, entries

    def session(self, session_id: SessionId, token: str, deadline: Deadline) -> NotebookSession:
        """Return one open session; raise NotebookNotFound where it is not open.

        What a server answers for a session that is closed is documented nowhere, so a refused request is looked up in
        the list of those that are open.
        """
        url, what = f"{self._notebooks_url}/{session_id}", f"Session {session_id}"
        try:
            answer = self._transport.call("GET", url, what, deadline, token=token, fields={"f": "json"})
        except NotebookNotFound:
            raise SessionNotFound(f"{what} is not open.") from None
        except RequestRejected:
            if self._may_be_open(session_id, token, deadline):
                raise
            raise SessionNotFound(f"{what} is not open.") from None
        if answer.setdefault("id", session_id) != session_id:
            raise UnexpectedAnswer(f"{what}: the server described another session.")
        return NotebookSession.from_answer(answer)

    def _may_be_open(self, session_id: SessionId, token: str, deadline: Deadline) -> bool:
        start = 1
        while True:
            page = self.sessions(start, SESSIONS_PAGE, token, deadline)
            if page.unreadable or any(session.session_id == session_id for session in page.sessions):
                return True
            start += SESSIONS_PAGE
            if not page.sessions or start > page.total:
                return False
