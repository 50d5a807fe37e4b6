"""Authorize the proxy's callers: which rights a request has, and which archived snapshots a caller may read."""

from dataclasses import dataclass, replace
from typing import Protocol

from notebook_archive.arcgis.caller_identity import Caller, CallerIdentifier, CallerToken
from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import ArchiveReader, OpenedSnapshot
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISUnavailable,
    CallerUnknown,
    DeadlineExceeded,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
)
from notebook_archive.models import ItemId
from notebook_archive.settings import ApiAuth

# Maximum time to wait until the portal names the owner of an archived item. After that, the archive's owner counts.
MAX_OWNER_LOOKUP_SECONDS = 5.0


class CallerCredentials(Protocol):
    """The caller's identity and token in a request."""

    @property
    def principal(self) -> str:
        """The ARN of the caller's AWS identity, or an empty string."""

    def read_caller_token(self) -> CallerToken:
        """Return the caller's ArcGIS token, or raise CallerTokenMissing."""


class Rights(Protocol):
    """The rights of one request. Every method may raise an ArcGISError."""

    @property
    def username(self) -> str:
        """The caller's ArcGIS user, or an empty string if AWS authenticated the caller."""

    @property
    def reads_everything(self) -> bool:
        """True if the caller may read the snapshots of all owners."""

    @property
    def hides_denials(self) -> bool:
        """True if PermissionDenied is reported as "not found", so that the caller does not learn what exists."""

    @property
    def portal(self) -> Portal:
        """A portal client with these rights."""

    def open_snapshots(self, item_id: ItemId) -> SnapshotAccess:
        """Return access to the notebook's snapshots in ArcGIS."""

    def find_notebook_server(self) -> NotebookServer:
        """Return a notebook server client with these rights."""


@dataclass(frozen=True, slots=True)
class StackRights:
    """The rights of the stack's own credentials. AWS has authenticated the caller, who may read everything."""

    routes: Routes
    deadline: Deadline
    username: str = ""
    reads_everything: bool = True
    hides_denials: bool = False

    @property
    def portal(self) -> Portal:
        """A portal client with the administrator's rights."""
        return self.routes.portal(self.deadline)

    def open_snapshots(self, item_id: ItemId) -> SnapshotAccess:
        """Return the access that an archive run would use."""
        return self.routes.choose(self.portal.get_item(item_id).owner, self.deadline)

    def find_notebook_server(self) -> NotebookServer:
        """Return the notebook server as the administrator sees it."""
        return self.routes.notebook_server(self.deadline)


@dataclass(frozen=True, slots=True)
class CallerRights:
    """The rights of the caller's own ArcGIS token. ArcGIS decides what the caller may read from ArcGIS."""

    caller: Caller
    portal: Portal
    discovery: Discovery
    hides_denials: bool = True

    @property
    def username(self) -> str:
        """The user that the token belongs to, according to the portal."""
        return self.caller.username

    @property
    def reads_everything(self) -> bool:
        """True if the user is an administrator."""
        return self.caller.is_administrator

    def open_snapshots(self, item_id: ItemId) -> SnapshotAccess:
        """Return access through the notebook server, or through the portal for another owner's notebook.

        The notebook server sends a notebook's snapshots only to the notebook's owner. So an administrator reads the
        snapshots of other owners from the portal.
        """
        if self.caller.is_administrator:
            owner = self.portal.get_item(item_id).owner
            if owner != self.caller.username:
                return SnapshotAccess(self.portal, owner=owner)
        return SnapshotAccess(self.portal, self.find_notebook_server())

    def find_notebook_server(self) -> NotebookServer:
        """Return a notebook server client with the caller's rights."""
        return self.discovery.find_notebook_server(self.portal)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Authorizes the proxy's callers in the way that the parameter ApiAuth selects."""

    api_auth: ApiAuth
    routes: Routes
    identifier: CallerIdentifier
    transport: Transport
    portal_url: str
    discovery: Discovery

    def authorize(self, credentials: CallerCredentials, deadline: Deadline) -> Rights:
        """Return the rights of a request.

        With IAM, raises CallerUnknown if the event does not name a caller. This can happen while a deployment changes
        ApiAuth: the function may use the new value before the API does. With ArcGIS tokens, the portal says who the
        caller is. Raises CallerTokenMissing or CallerTokenRejected, or another ArcGISError if the portal fails.
        """
        if self.api_auth == "IAM":
            if not credentials.principal:
                raise CallerUnknown("AWS did not say who signed this request.")
            return StackRights(self.routes, deadline)
        token = credentials.read_caller_token()
        caller = self.identifier.identify(token, deadline)
        client = ArcGISClient(self.transport.with_referer(token.referer), token, deadline)
        return CallerRights(caller, Portal(client, self.portal_url), self.discovery)


def may_read_archived(rights: Rights, item_id: ItemId, opened: OpenedSnapshot, archive_reader: ArchiveReader) -> bool:
    """Return whether the caller may read an archived snapshot, as an administrator or as the item's owner.

    The portal names the current owner. If it does not, the owner in the archive counts, because the portal may no
    longer have an archived item.
    """
    if rights.reads_everything:
        return True
    owner = _find_owner(rights.portal, item_id)
    if owner is None:
        owner = archive_reader.read_owner(item_id) or opened.owner
    return bool(rights.username) and rights.username == owner


def _find_owner(portal: Portal, item_id: ItemId) -> str | None:
    """Return the owner that the portal names, or None if it does not show the item or does not respond soon."""
    soon = Deadline(min(MAX_OWNER_LOOKUP_SECONDS, portal.client.deadline.remaining()))
    try:
        return Portal(replace(portal.client, deadline=soon), portal.url).get_item(item_id).owner
    except (NotebookNotFound, PermissionDenied, RequestRejected, ArcGISUnavailable, DeadlineExceeded):
        return None
