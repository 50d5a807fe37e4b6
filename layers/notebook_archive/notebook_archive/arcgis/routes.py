"""The two ways to a notebook's snapshots, and which of them its owner's notebooks take."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from notebook_archive.arcgis.callers import CallerToken
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Organisation, Portal
from notebook_archive.arcgis.tokens import ReadSecret, TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.deadline import Deadline
from notebook_archive.errors import NotebookNotFound, PermissionDenied, RequestRejected, SecretMissing, UnexpectedAnswer
from notebook_archive.models import ItemId, Listing, NotebookItem, ResourceKey, VerifiedCopy
from notebook_archive.settings import Route

MISSING_SECONDS = 300
"""How long a missing secret of an owner is believed to be missing."""

# How long the folders of an owner are believed to stay as they are.
FOLDERS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Access:
    """A way to the snapshots of one owner's notebooks.  ``route`` names it in metadata and reports."""

    route: Route
    tokens: TokenSource | CallerToken
    _server: Portal | NotebookServer
    _transport: Transport
    _portal: Portal

    def snapshots(self, item_id: ItemId, deadline: Deadline) -> Listing:
        """Return the notebook's snapshots, in one call.  Raises any ArcGISError."""
        return self.tokens.with_token(lambda token: self._server.snapshots(item_id, token, deadline), deadline)

    def download[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T], deadline: Deadline
    ) -> T:
        """Return what ``consume`` makes of the snapshot's bytes; it is called again for a new try after a passing
        fault."""

        def once(token: str) -> T:
            with closing(self._server.download(item_id, key, limit, token, deadline)) as chunks:
                return consume(chunks)

        return self._transport.patiently(lambda: self.tokens.with_token(once, deadline), deadline)

    def current[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T], deadline: Deadline) -> T:
        """Return what ``consume`` makes of the notebook's current content, which the portal has by either route."""

        def once(token: str) -> T:
            return self._portal.data(item_id, limit, token, consume, deadline)

        return self._transport.patiently(lambda: self.tokens.with_token(once, deadline), deadline)

    @property
    def as_owner(self) -> NotebookServer | None:
        """The notebook server, where the tokens are the owner's own, who alone may make snapshots; None elsewhere."""
        return self._server if isinstance(self._server, NotebookServer) else None

    def create(self, item_id: ItemId, name: str, deadline: Deadline) -> ResourceKey:
        """Make a snapshot, tried once, and return its key; ``NotebookServer.create`` says what its errors mean."""
        server = self._owner_server()
        return self.tokens.with_token(lambda token: server.create(item_id, name, token, deadline), deadline)

    def delete(self, copy: VerifiedCopy, deadline: Deadline) -> None:
        """Delete the snapshot that a copy is proved of.  Raises any ArcGISError."""
        server = self._owner_server()
        self.tokens.with_token(lambda token: server.delete(copy, token, deadline), deadline)

    def _owner_server(self) -> NotebookServer:
        if self.as_owner is None:
            raise PermissionDenied("Only the notebook's owner may make or delete its snapshots.")
        return self.as_owner


class NotebookServers:
    """Where the notebook server is, looked up once.  Threads may share it."""

    def __init__(self, notebook_admin_url: str) -> None:
        """An empty URL is discovered from the portal."""
        self._notebook_admin_url = notebook_admin_url
        self._lock = threading.Lock()

    def reach(
        self, transport: Transport, portal: Portal, tokens: TokenSource | CallerToken, deadline: Deadline
    ) -> NotebookServer:
        """Return the notebook server; raise UnexpectedAnswer where the token's user may not look it up."""
        with self._lock:
            if not self._notebook_admin_url:

                def discover(token: str) -> str:
                    organisation = portal.organisation(token, deadline)
                    return portal.notebook_admin_url(organisation, token, deadline)

                try:
                    self._notebook_admin_url = tokens.with_token(discover, deadline)
                except (NotebookNotFound, PermissionDenied, RequestRejected) as error:
                    # Said of the portal, not of a notebook, which would be skipped for it without anyone's notice.
                    raise UnexpectedAnswer(f"The notebook server could not be looked up: {error}") from None
        return NotebookServer(transport, self._notebook_admin_url)


class Routes:
    """Chooses the way for an owner, once per owner.  Threads may share it.

    ``notebook-server`` needs the owner's own token, for snapshot operations belong to the item's owner alone.
    ``portal`` reads the same snapshots as item resources with the administrator's.  ``auto`` takes the first where the
    owner has a secret, else the second.
    """

    def __init__(
        self,
        transport: Transport,
        portal: Portal,
        route: Route,
        servers: NotebookServers,
        prefix: str,
        read: ReadSecret,
    ) -> None:
        self._transport, self._portal, self._route, self._read = transport, portal, route, read
        self._servers, self._prefix = servers, prefix
        self.administrator = TokenSource(transport, portal.rest_url, f"{prefix}/admin", read)
        self._owners: dict[str, TokenSource] = {}
        self._missing: dict[str, float] = {}
        self._folders: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._lock, self._folders_lock = threading.Lock(), threading.Lock()

    def secret_of(self, owner: str) -> str:
        """Return the name of the owner's secret.  Characters that secret names do not have are written ``=XX``, in
        hexadecimal."""
        safe = "".join(
            c if c.isascii() and (c.isalnum() or c in "_.@-+") else "".join(f"={b:02X}" for b in c.encode())
            for c in owner
        )
        return f"{self._prefix}/owners/{safe}"

    def of(self, owner: str, deadline: Deadline) -> Access:
        """Return the way to an owner's notebooks.  Raises SecretMissing where the route needs a secret that is not
        there."""
        if self._route != "portal":
            try:
                tokens = self._owner(owner)
            except SecretMissing:
                if self._route == "notebook-server":
                    raise
            else:
                server = self.notebook_server(tokens, deadline)
                return Access("notebook-server", tokens, server, self._transport, self._portal)
        return Access("portal", self.administrator, self._portal, self._transport, self._portal)

    def organisation(self, deadline: Deadline) -> Organisation:
        """Return the organisation as the portal describes it to the administrator."""
        return self.administrator.with_token(lambda token: self._portal.organisation(token, deadline), deadline)

    def item(self, item_id: ItemId, deadline: Deadline) -> NotebookItem:
        """Return the notebook as the portal shows it to the administrator; raise NotebookNotFound where it does
        not."""
        return self.administrator.with_token(lambda token: self._portal.item(item_id, token, deadline), deadline)

    def groups(self, item_id: ItemId, deadline: Deadline) -> list[dict[str, str]]:
        """Return `id` and `title` of the groups that an item is shared with, as the administrator sees them."""
        return self.administrator.with_token(lambda token: self._portal.groups(item_id, token, deadline), deadline)

    def folders(self, owner: str, deadline: Deadline) -> Mapping[str, str]:
        """Return the titles of an owner's folders by their ids, asked for once in FOLDERS_SECONDS."""

        def ask(token: str) -> Mapping[str, str]:
            return self._portal.folders(owner, token, deadline)

        with self._folders_lock:
            asked, folders = self._folders.get(owner, (float("-inf"), {}))
            if time.monotonic() - asked > FOLDERS_SECONDS:
                folders = self.administrator.with_token(ask, deadline)
                self._folders[owner] = time.monotonic(), folders
            return folders

    def notebook_server(self, tokens: TokenSource, deadline: Deadline) -> NotebookServer:
        """Return the notebook server, looked up with these tokens where nobody has yet."""
        return self._servers.reach(self._transport, self._portal, tokens, deadline)

    def _owner(self, owner: str) -> TokenSource:
        with self._lock:
            if owner in self._owners:
                return self._owners[owner]
            name = self.secret_of(owner)
            if time.monotonic() - self._missing.get(owner, float("-inf")) < MISSING_SECONDS:
                raise SecretMissing(f"There is no secret {name!r}.")
            try:
                first = self._read(name)
            except SecretMissing:
                self._missing[owner] = time.monotonic()
                raise
            source = TokenSource(self._transport, self._portal.rest_url, name, self._read, first=first)
            self._owners[owner] = source
            return source
