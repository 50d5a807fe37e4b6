"""Choose the route to an owner's notebooks: the owner's notebook server, or the administrator's portal.

If ArcGIS refuses the owner's credential, `SnapshotAccess` (`snapshot_access.py`) changes the route. For a caller with
an ArcGIS token of their own, `CallerRights.open_snapshots` (`reading/authorization.py`) chooses instead.
"""

import threading
import time
from collections.abc import Mapping

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.snapshot_access import Fallback, OwnerCredential, SnapshotAccess
from notebook_archive.arcgis.token_renewal import ReadSecret, TokenSource
from notebook_archive.arcgis.token_secrets import name_owner_secret
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import SecretMissing
from notebook_archive.settings import Route

# Seconds for which a missing secret of an owner is believed to be missing.
MISSING_SECONDS = 300
# Seconds for which the folders of an owner are not read again.
FOLDERS_SECONDS = 300


class Routes:
    """Chooses the route to the notebooks of each owner. Threads may share it.

    `notebook-server` needs the owner's own token, because snapshot operations belong to the item's owner alone.
    `portal` reads the same snapshots as item resources with the administrator's token. `auto` takes the first if the
    owner has a secret. It takes the second if not, or if ArcGIS refuses the first: on Kubernetes, ArcGIS may ask owners
    for more privileges.
    """

    def __init__(
        self,
        transport: Transport,
        portal_url: str,
        route: Route,
        discovery: Discovery,
        secret_prefix: str,
        read: ReadSecret,
    ) -> None:
        self._transport, self._portal_url, self._route, self._read = transport, portal_url, route, read
        self._discovery, self._secret_prefix = discovery, secret_prefix
        self._administrator = TokenSource(transport, portal_url, f"{secret_prefix}/admin", read)
        self._owners: dict[str, OwnerCredential] = {}
        self._missing: dict[str, float] = {}
        self._folders: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._folders_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def choose(self, owner: str, deadline: Deadline) -> SnapshotAccess:
        """Return the access to an owner's notebooks. Raises SecretMissing if the route needs a missing secret."""
        administrators_portal = self.portal(deadline)
        administrators_access = SnapshotAccess(administrators_portal, owner=owner)
        if self._route == "portal":
            return administrators_access
        try:
            credential = self._find_credential(owner)
        except SecretMissing:
            if self._route == "notebook-server":
                raise
            return administrators_access
        if self._route == "auto" and credential.is_refused:
            administrators_access.refusal = credential.refusal
            return administrators_access
        portal = Portal(ArcGISClient(self._transport, credential.tokens, deadline), self._portal_url)
        server = self._discovery.find_notebook_server(portal, administrators_portal)
        fallback = Fallback(administrators_portal, credential) if self._route == "auto" else None
        return SnapshotAccess(portal, server, owner, fallback)

    def portal(self, deadline: Deadline) -> Portal:
        """Return the portal as the administrator sees it."""
        return Portal(ArcGISClient(self._transport, self._administrator, deadline), self._portal_url)

    def notebook_server(self, deadline: Deadline) -> NotebookServer:
        """Return the notebook server as the administrator sees it."""
        return self._discovery.find_notebook_server(self.portal(deadline))

    def folders(self, owner: str, deadline: Deadline) -> Mapping[str, str]:
        """Return the titles of an owner's folders by their ids, read once in FOLDERS_SECONDS."""
        with self._lock:
            lock = self._folders_locks.setdefault(owner, threading.Lock())
        with lock:  # only for this owner, so that a portal that hangs does not hold up the notebooks of others
            asked, folders = self._folders.get(owner, (float("-inf"), {}))
            if time.monotonic() - asked > FOLDERS_SECONDS:
                folders = self.portal(deadline).list_folders(owner)
                self._folders[owner] = time.monotonic(), folders
            return folders

    def secret_of(self, owner: str) -> str:
        """Return the name of the owner's secret."""
        return name_owner_secret(self._secret_prefix, owner)

    def _find_credential(self, owner: str) -> OwnerCredential:
        """Return the owner's credential. Raises SecretMissing, also if the secret was missing a short time ago."""
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
            source = TokenSource(self._transport, self._portal_url, name, self._read, first=first)
            self._owners[owner] = OwnerCredential(source)
            return self._owners[owner]
