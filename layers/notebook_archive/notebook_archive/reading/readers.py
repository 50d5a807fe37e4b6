"""On whose behalf a snapshot is read: the stack's own credentials, or the caller's token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from notebook_archive.arcgis.caller_identity import Caller, CallerIdentifier, CallerToken
from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
)
from notebook_archive.models import ItemId, NotebookItem

OWNER_LOOKUP_SECONDS = 5.0
"""For the portal to say whose an archived item is, before the archive's own word is taken."""


class Reader(Protocol):
    """Somebody's rights.  Every method may raise any ArcGISError."""

    def may_read(self, item_id: ItemId, archived_owner: Callable[[], str], deadline: Deadline) -> bool:
        """Return whether archived snapshots of this item may be read.

        ``archived_owner`` returns the owner's name as the archive has it, empty where it does not know.
        """

    def item(self, item_id: ItemId, deadline: Deadline) -> NotebookItem:
        """Return the notebook's item."""

    def access(self, item_id: ItemId, deadline: Deadline) -> SnapshotAccess:
        """Return the way to the notebook's snapshots."""

    def sessions(self, deadline: Deadline) -> NotebookServer:
        """Return the way to the open sessions."""

    def hides(self, error: ArcGISError) -> bool:
        """Return whether the error is to look like "not found", so that nobody learns what is there."""

    @property
    def username(self) -> str:
        """Whom the portal said the caller is, for the log; empty where nobody asked it."""


@dataclass(frozen=True, slots=True)
class StackReader:
    """Reads with the stack's own credentials, for callers whom AWS has let in: they may read everything."""

    routes: Routes

    def may_read(
        self,
        item_id: ItemId,  # noqa: ARG002 - whoever is let in may read everything
        archived_owner: Callable[[], str],  # noqa: ARG002
        deadline: Deadline,  # noqa: ARG002
    ) -> bool:
        """Return True."""
        return True

    def item(self, item_id: ItemId, deadline: Deadline) -> NotebookItem:
        """Return the item as the administrator sees it."""
        return self.routes.portal(deadline).get_item(item_id)

    def access(self, item_id: ItemId, deadline: Deadline) -> SnapshotAccess:
        """Return the way that an archive run would take."""
        return self.routes.choose(self.item(item_id, deadline).owner, deadline)

    def sessions(self, deadline: Deadline) -> NotebookServer:
        """Return the administrator's way."""
        return self.routes.notebook_server(deadline)

    def hides(self, error: ArcGISError) -> bool:  # noqa: ARG002 - whoever is let in may know everything
        """Hide nothing."""
        return False

    @property
    def username(self) -> str:
        """Nobody: AWS has let the caller in."""
        return ""


class CallerReader:
    """Reads with the caller's token, so that ArcGIS itself decides; the archive asks the portal who the caller is."""

    def __init__(
        self,
        token: CallerToken,
        identifier: CallerIdentifier,
        transport: Transport,
        portal_url: str,
        discovery: Discovery,
    ) -> None:
        self._token, self._identifier, self._discovery = token, identifier, discovery
        self._transport, self._portal_url = transport.with_referer(token.referer), portal_url
        self.username = ""

    def may_read(self, item_id: ItemId, archived_owner: Callable[[], str], deadline: Deadline) -> bool:
        """Return whether the caller is the item's owner, or an administrator.

        The owner is whom the portal names now.  Where it does not show the item to the caller, or does not answer, it
        is whom the archive names: the items of the archive are there because they may be gone from the portal.
        """
        caller = self._caller(deadline)
        if caller.is_administrator:
            return True
        try:
            owner = self.item(item_id, Deadline(min(OWNER_LOOKUP_SECONDS, deadline.remaining()))).owner
        except (NotebookNotFound, PermissionDenied, RequestRejected, ArcGISUnavailable, DeadlineExceeded):
            owner = archived_owner()
        return bool(caller.username) and caller.username == owner

    def item(self, item_id: ItemId, deadline: Deadline) -> NotebookItem:
        """Return the item as the caller sees it."""
        return self._portal(deadline).get_item(item_id)

    def access(self, item_id: ItemId, deadline: Deadline) -> SnapshotAccess:
        """Return the owner's way, and for an administrator, to whom that of others is closed, the one through the
        portal."""
        caller = self._caller(deadline)
        if caller.is_administrator:
            owner = self.item(item_id, deadline).owner
            if owner != caller.username:
                return SnapshotAccess(self._portal(deadline), owner=owner)
        return SnapshotAccess(self._portal(deadline), self._notebook_server(deadline))

    def sessions(self, deadline: Deadline) -> NotebookServer:
        """Return the caller's own way."""
        self._caller(deadline)
        return self._notebook_server(deadline)

    def hides(self, error: ArcGISError) -> bool:
        """Hide that something is there which the caller may not read."""
        return isinstance(error, PermissionDenied)

    def _notebook_server(self, deadline: Deadline) -> NotebookServer:
        return self._discovery.find_notebook_server(self._portal(deadline))

    def _portal(self, deadline: Deadline) -> Portal:
        return Portal(ArcGISClient(self._transport, self._token, deadline), self._portal_url)

    def _caller(self, deadline: Deadline) -> Caller:
        caller = self._identifier.identify(self._token, deadline)
        self.username = caller.username
        return caller
