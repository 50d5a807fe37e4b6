"""Authorization of the proxy's callers: whose rights count, and which archived snapshots they may read."""

from dataclasses import dataclass
from typing import Protocol

from notebook_archive.arcgis.caller_identity import Caller, CallerIdentifier, CallerToken
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Access, NotebookServers, Routes
from notebook_archive.arcgis.tokens import TokenSource
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
from notebook_archive.models import ItemId, NotebookItem
from notebook_archive.settings import ApiAuth

# Time for the portal to name the owner of an archived item, before the owner that the archive names is used.
MAX_OWNER_LOOKUP_SECONDS = 5.0


class CallerCredentials(Protocol):
    """What a request says about its caller."""

    @property
    def principal(self) -> str:
        """The ARN of the caller's AWS identity, or an empty text."""

    def read_caller_token(self) -> CallerToken:
        """Return the caller's ArcGIS token, or raise CallerTokenMissing."""


class Rights(Protocol):
    """The rights that count for one request. Every method may raise any ArcGISError."""

    @property
    def username(self) -> str:
        """The caller's ArcGIS user, or an empty text if the caller was authenticated by AWS."""

    @property
    def reads_everything(self) -> bool:
        """Whether the caller may read the snapshots of all owners."""

    @property
    def hides_denials(self) -> bool:
        """Whether PermissionDenied must look like "not found", so that the caller does not learn what exists."""

    def get_item(self, item_id: ItemId) -> NotebookItem:
        """Return the notebook's item."""

    def find_owner(self, item_id: ItemId) -> str | None:
        """Return the owner that the portal names now, or None if it does not show the item or does not answer."""

    def open_snapshots(self, item_id: ItemId) -> Access:
        """Return the access to the notebook's snapshots in ArcGIS."""

    def open_sessions(self) -> tuple[TokenSource | CallerToken, NotebookServer]:
        """Return the access to the open sessions."""


@dataclass(frozen=True, slots=True)
class StackRights:
    """The rights of the stack's own credentials. AWS has authenticated the caller, who may read everything."""

    routes: Routes
    deadline: Deadline
    username: str = ""
    reads_everything: bool = True
    hides_denials: bool = False

    def get_item(self, item_id: ItemId) -> NotebookItem:
        """Return the item as the administrator sees it."""
        return self.routes.item(item_id, self.deadline)

    def find_owner(self, item_id: ItemId) -> str | None:
        """Return the owner that the administrator sees."""
        return self.get_item(item_id).owner

    def open_snapshots(self, item_id: ItemId) -> Access:
        """Return the access that an archive run would use."""
        return self.routes.of(self.get_item(item_id).owner, self.deadline)

    def open_sessions(self) -> tuple[TokenSource | CallerToken, NotebookServer]:
        """Return the administrator's access."""
        tokens = self.routes.administrator
        return tokens, self.routes.notebook_server(tokens, self.deadline)


@dataclass(frozen=True, slots=True)
class CallerRights:
    """The rights of the caller's own ArcGIS token. ArcGIS decides what it may read there."""

    caller: Caller
    token: CallerToken
    transport: Transport
    portal: Portal
    servers: NotebookServers
    deadline: Deadline
    hides_denials: bool = True

    @property
    def username(self) -> str:
        """The user whom the portal names for the token."""
        return self.caller.username

    @property
    def reads_everything(self) -> bool:
        """Whether the user is an administrator."""
        return self.caller.is_administrator

    def get_item(self, item_id: ItemId) -> NotebookItem:
        """Return the item as the caller sees it."""
        return self._get_item(item_id, self.deadline)

    def _get_item(self, item_id: ItemId, deadline: Deadline) -> NotebookItem:
        return self.token.with_token(lambda token: self.portal.item(item_id, token, deadline), deadline)

    def find_owner(self, item_id: ItemId) -> str | None:
        """Return the owner whom the caller sees, or None after MAX_OWNER_LOOKUP_SECONDS without an answer."""
        try:
            soon = Deadline(min(MAX_OWNER_LOOKUP_SECONDS, self.deadline.remaining()))
            return self._get_item(item_id, soon).owner
        except (NotebookNotFound, PermissionDenied, RequestRejected, ArcGISUnavailable, DeadlineExceeded):
            return None

    def open_snapshots(self, item_id: ItemId) -> Access:
        """Return the access of the owner.

        ArcGIS lets only the owner use the notebook server for a notebook. So an administrator reads the snapshots of
        others through the portal.
        """
        if self.caller.is_administrator:
            owner = self.get_item(item_id).owner
            if owner != self.caller.username:
                return Access("portal", self.token, self.portal, self.transport, self.portal, owner)
        _, server = self.open_sessions()
        return Access("notebook-server", self.token, server, self.transport, self.portal)

    def open_sessions(self) -> tuple[TokenSource | CallerToken, NotebookServer]:
        """Return the caller's own access."""
        return self.token, self.servers.reach(self.transport, self.portal, self.token, self.deadline)


@dataclass(frozen=True, slots=True)
class Authorization:
    """How the proxy authorizes its callers, as the parameter ApiAuth says."""

    api_auth: ApiAuth
    routes: Routes
    identifier: CallerIdentifier
    transport: Transport
    portal_url: str
    servers: NotebookServers

    def authorize(self, credentials: CallerCredentials, deadline: Deadline) -> Rights:
        """Return the rights that count for a request.

        With ArcGIS tokens, the portal says who the caller is. Raises CallerTokenMissing, CallerTokenRejected, or any
        other ArcGISError if the portal does not say so. With IAM, raises CallerUnknown if AWS names no caller: while a
        deployment changes ApiAuth, the function may know the new value before the API does.
        """
        if self.api_auth == "IAM":
            if not credentials.principal:
                raise CallerUnknown("AWS did not say who signed this request.")
            return StackRights(self.routes, deadline)
        token = credentials.read_caller_token()
        caller = self.identifier.of(token, deadline)
        transport = self.transport.with_referer(token.referer)
        return CallerRights(caller, token, transport, Portal(transport, self.portal_url), self.servers, deadline)


def may_read_archived(rights: Rights, item_id: ItemId, opened: OpenedSnapshot, archive_reader: ArchiveReader) -> bool:
    """Return whether the caller may read an archived snapshot: as an administrator, or as the item's owner.

    The owner is the one that the portal names now. If the portal names none, it is the one that the archive names,
    because an archived item may be gone from the portal.
    """
    if rights.reads_everything:
        return True
    owner = rights.find_owner(item_id)
    if owner is None:
        owner = archive_reader.owner(item_id) or opened.owner
    return bool(rights.username) and rights.username == owner
