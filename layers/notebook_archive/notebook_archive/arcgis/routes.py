"""Choose the route to an owner's notebooks: the notebook server as the owner, or the portal as the administrator.

If ArcGIS refuses the owner's credential, `SnapshotAccess` (`snapshot_access.py`) changes the route. For a caller with
their own ArcGIS token, `CallerRights.open_snapshots` (`reading/authorization.py`) chooses the route.
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

# Time after which a missing owner's secret is looked up again.
MISSING_SECONDS = 300
# Time after which an owner's folders are read again.
FOLDERS_SECONDS = 300


class Routes:
    """Chooses the route to the notebooks of each owner. Threads may share it.

    `notebook-server` needs the owner's own token, because only the item's owner may use snapshot operations. `portal`
    reads the same snapshots as item resources, with the administrator's token. `auto` uses `notebook-server` if the
    owner has a secret. It uses `portal` if the owner has no secret, or if ArcGIS refuses `notebook-server`. On
    Kubernetes, ArcGIS may require more privileges from owners.
    """

    def __init__(
        self,
        transport: Transport,
        portal_url: str,
        route: Route,
        discovery: Discovery,
        secret_prefix: str,
        read: ReadSecret,
        *,
        only_secret: str = "",
    ) -> None:
        """With `only_secret`, the credential in this secret is used for everybody, and no other secret is read."""
        self._transport, self._portal_url, self._route, self._read = transport, portal_url, route, read
        self._discovery, self._secret_prefix, self._only_secret = discovery, secret_prefix, only_secret
        self._administrator = TokenSource(transport, portal_url, only_secret or f"{secret_prefix}/admin", read)
        self._owners: dict[str, OwnerCredential] = {}
        self._missing: dict[str, float] = {}
        self._folders: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._folders_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def choose(self, owner: str, deadline: Deadline) -> SnapshotAccess:
        """Return the access to an owner's notebooks.

        Raises SecretMissing if the route needs a secret that is missing.
        """
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
        access = self.owner_access(owner, deadline)
        access.fallback = Fallback(administrators_portal, credential) if self._route == "auto" else None
        return access

    def owner_access(self, owner: str, deadline: Deadline) -> SnapshotAccess:
        """Return the access to an owner's notebooks with the owner's credential alone, whatever the route is.

        Raises SecretMissing if the owner has no secret.
        """
        portal = self.owner_portal(owner, deadline)
        return SnapshotAccess(portal, self._discovery.find_notebook_server(portal, self.portal(deadline)), owner)

    def owner_portal(self, owner: str, deadline: Deadline) -> Portal:
        """Return a portal client that uses the owner's credential. Raises SecretMissing if the owner has no secret."""
        tokens = self._find_credential(owner).tokens
        return Portal(ArcGISClient(self._transport, tokens, deadline), self._portal_url)

    def portal(self, deadline: Deadline) -> Portal:
        """Return a portal client that uses the administrator's credential."""
        return Portal(ArcGISClient(self._transport, self._administrator, deadline), self._portal_url)

    def notebook_server(self, deadline: Deadline) -> NotebookServer:
        """Return a notebook server client that uses the administrator's credential."""
        return self._discovery.find_notebook_server(self.portal(deadline))

    def folders(self, owner: str, deadline: Deadline) -> Mapping[str, str]:
        """Return the titles of an owner's folders by their ids. They are cached for FOLDERS_SECONDS."""
        with self._lock:
            lock = self._folders_locks.setdefault(owner, threading.Lock())
        with lock:  # one lock for each owner, so that a slow response delays only this owner's notebooks
            asked, folders = self._folders.get(owner, (float("-inf"), {}))
            if time.monotonic() - asked > FOLDERS_SECONDS:
                folders = self.portal(deadline).list_folders(owner)
                self._folders[owner] = time.monotonic(), folders
            return folders

    def secret_of(self, owner: str) -> str:
        """Return the name of the owner's secret."""
        return self._only_secret or name_owner_secret(self._secret_prefix, owner)

    def _find_credential(self, owner: str) -> OwnerCredential:
        """Return the owner's credential. Raises SecretMissing if the owner has no secret.

        A missing secret is looked up again only after MISSING_SECONDS.
        """
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
