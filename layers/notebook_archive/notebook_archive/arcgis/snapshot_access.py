"""Read, create and delete the snapshots of one notebook, with the owner's or the administrator's credential."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    NoContent,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, ResourceKey, SnapshotListing, VerifiedCopy
from notebook_archive.settings import Route

_log = logging.getLogger(__name__)

# Time after which an owner's refused credential is used again. Until then, the administrator's credential is used.
REFUSED_ROUTE_SECONDS = 300


@dataclass(slots=True)
class OwnerCredential:
    """An owner's tokens, and ArcGIS's last refusal of a snapshot operation with them."""

    tokens: TokenSource
    refusal: PermissionDenied | None = None
    _refused_until: float = 0.0

    def note_refusal(self, refusal: PermissionDenied) -> None:
        """Record that ArcGIS refused this credential. It is not used for snapshots for REFUSED_ROUTE_SECONDS."""
        self.refusal, self._refused_until = refusal, time.monotonic() + REFUSED_ROUTE_SECONDS

    @property
    def is_refused(self) -> bool:
        """Whether ArcGIS refused the credential within the last REFUSED_ROUTE_SECONDS."""
        return self.refusal is not None and time.monotonic() < self._refused_until


@dataclass(frozen=True, slots=True)
class Fallback:
    """The administrator's portal, which is used if ArcGIS refuses the owner's `credential`."""

    portal: Portal
    credential: OwnerCredential


@dataclass(slots=True)
class SnapshotAccess:
    """Access to the snapshots of one notebook, with one credential and one deadline.

    With a `notebook_server`, the credential is the owner's. Without a `notebook_server`, it is the administrator's, and
    the snapshots are read from the portal as resources of the item.

    If ArcGIS refuses the first operation, the `fallback` is used instead if there is one, and `route` changes. After an
    operation has succeeded, the route does not change. `refusal` is ArcGIS's refusal of the owner's credential. It is
    None if the administrator's credential is not used because of a refusal.
    """

    portal: Portal
    notebook_server: NotebookServer | None = None
    owner: str = ""
    fallback: Fallback | None = None
    refusal: PermissionDenied | None = None
    _has_file: bool | None = field(default=None, init=False)

    @property
    def route(self) -> Route:
        """The name of the route, as used in metadata and reports."""
        return "notebook-server" if self.notebook_server else "portal"

    @property
    def can_create(self) -> bool:
        """Whether snapshots can be created and deleted. Only the owner's own token allows that."""
        return self.notebook_server is not None

    def list_snapshots(self, item_id: ItemId) -> SnapshotListing:
        """Return the notebook's snapshots. Raises an ArcGISError."""
        listed = self._run_with_fallback(lambda: self._list_snapshots(item_id))
        if listed.lookalikes:
            _log.warning(
                "Item %s has resources with names like snapshots, which were not archived: %s",
                item_id,
                ", ".join(map(repr, listed.lookalikes)),
            )
        return listed

    def _list_snapshots(self, item_id: ItemId) -> SnapshotListing:
        if self.notebook_server:
            return self.notebook_server.list_snapshots(item_id)
        try:
            return self.portal.list_snapshots(item_id)
        except PermissionDenied as error:
            if not self.owner:
                raise
            try:
                return self.portal.list_snapshots(item_id, owner=self.owner)
            except (NotebookNotFound, PermissionDenied, RequestRejected, UnexpectedAnswer):
                raise error from None

    def read_snapshot[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T]
    ) -> T:
        """Return the result of `consume` for the snapshot's bytes. Each attempt calls `consume` again."""
        return self._run_with_fallback(
            lambda: (self.notebook_server or self.portal).read_snapshot(item_id, key, limit, consume)
        )

    def read_content[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the notebook's current content. Every route reads it from the portal.

        Raises NoContent if the portal sends an empty file or error code 500, and the item is not larger than its
        resources. The size is checked because a proxy may send empty responses while its server restarts.
        """
        return self._run_with_fallback(
            lambda: self.portal.client.retry(lambda: self._read_content(item_id, limit, consume))
        )

    def _read_content[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T]) -> T:
        try:
            return self.portal.read_content(item_id, limit, consume)
        except (ArcGISUnavailable, NoContent) as error:
            if isinstance(error, ArcGISUnavailable) and error.code != 500:
                raise
            if self._has_file is None:
                self._has_file = self._is_larger_than_resources(item_id)
            if not self._has_file:
                raise NoContent(f"Item {item_id} has no content.") from None
            if isinstance(error, NoContent):
                raise ArcGISUnavailable(f"{error} But the item's size shows that it has content.") from None
            raise

    def _is_larger_than_resources(self, item_id: ItemId) -> bool:
        """Return whether the item may be larger than its resources, so that it may have a file."""
        try:
            size = self.portal.get_item(item_id).size
            if size is not None and size <= 0:
                return False
            return size is None or size > max(0, self.portal.sum_resource_sizes(item_id))
        except ArcGISError:
            return True

    def is_on_kubernetes(self) -> bool:
        """Return whether this is ArcGIS Enterprise on Kubernetes. If that is not known yet, the portal is asked."""
        server = self._require_notebook_server()
        if server.is_on_kubernetes is None:
            server.is_on_kubernetes = self.portal.get_organization().is_on_kubernetes
        return server.is_on_kubernetes

    def create_snapshot(self, item_id: ItemId, name: str, content: str) -> ResourceKey:
        """Create a snapshot in one attempt, and return its key. See `NotebookServer.create_snapshot` for the errors."""
        return self._require_notebook_server().create_snapshot(item_id, name, content)

    def delete_snapshot(self, copy: VerifiedCopy) -> None:
        """Delete a snapshot that has a verified copy in the archive. Raises an ArcGISError."""
        self._require_notebook_server().delete_snapshot(copy)

    def _require_notebook_server(self) -> NotebookServer:
        if self.notebook_server is None:
            raise PermissionDenied("Only the notebook's owner may create or delete its snapshots.")
        return self.notebook_server

    def _run_with_fallback[T](self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns. If ArcGIS refuses the first route, call `attempt` again with the fallback."""
        try:
            result = attempt()
        except PermissionDenied as error:
            if self.fallback is None:
                raise
            self._check_credential_is_owners(error)
            result = self._use_fallback(attempt, self.fallback, error)
        self.fallback = None
        return result

    def _check_credential_is_owners(self, refusal: PermissionDenied) -> None:
        """Raise the refusal if the credential belongs to another user than the owner.

        Raises TokenRejected if the portal rejects the token. A wrong secret must be corrected, and the fallback would
        hide the fault.
        """
        try:
            user = self.portal.get_organization().username
        except TokenRejected:
            raise
        except ArcGISError:
            return
        if user and user.casefold() != self.owner.casefold():
            raise PermissionDenied(f"{refusal} The credential belongs to {user}, not to {self.owner}.") from None

    def _use_fallback[T](self, attempt: Callable[[], T], fallback: Fallback, refusal: PermissionDenied) -> T:
        owners = self.portal, self.notebook_server
        self.portal, self.notebook_server = fallback.portal, None
        try:
            result = attempt()
        except (PermissionDenied, SecretMissing):
            self.portal, self.notebook_server = owners
            raise refusal from None
        self.refusal = refusal
        fallback.credential.note_refusal(refusal)
        _log.warning("ArcGIS refused owner %s, so the administrator's credential is used. %s", self.owner, refusal)
        return result
