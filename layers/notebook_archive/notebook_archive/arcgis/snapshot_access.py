"""Read, create and delete the snapshots of one notebook, by the owner's route or by the administrator's."""

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

# Seconds for which an owner's refused route is not tried again; the administrator's route is used meanwhile.
REFUSED_ROUTE_SECONDS = 300


@dataclass(slots=True)
class OwnerCredential:
    """An owner's tokens, and when ArcGIS last refused them the snapshot operations."""

    tokens: TokenSource
    refusal: PermissionDenied | None = None
    _refused_until: float = 0.0

    def note_refusal(self, refusal: PermissionDenied) -> None:
        """Do not use this credential for snapshots for a while."""
        self.refusal, self._refused_until = refusal, time.monotonic() + REFUSED_ROUTE_SECONDS

    @property
    def is_refused(self) -> bool:
        """Whether the credential was refused a short time ago."""
        return self.refusal is not None and time.monotonic() < self._refused_until


@dataclass(frozen=True, slots=True)
class Fallback:
    """The administrator's portal, which is used if ArcGIS refuses the owner's `credential`."""

    portal: Portal
    credential: OwnerCredential


@dataclass(slots=True)
class SnapshotAccess:
    """The snapshots of one notebook, read with one credential until one deadline.

    With a `notebook_server`, the credential is the owner's. Without one, the snapshots are read from the portal as
    resources of the item, as an administrator may.

    If the first operation is refused and there is a `fallback`, the fallback is used instead, and `route` changes. Once
    an operation has succeeded, the route does not change. `refusal` is ArcGIS's refusal of the owner's credential, if
    the administrator's is used for that reason.
    """

    portal: Portal
    notebook_server: NotebookServer | None = None
    owner: str = ""
    fallback: Fallback | None = None
    refusal: PermissionDenied | None = None
    _has_file: bool | None = field(default=None, init=False)

    @property
    def route(self) -> Route:
        """The name of the route in metadata and reports."""
        return "notebook-server" if self.notebook_server else "portal"

    @property
    def can_create(self) -> bool:
        """Whether snapshots can be created and deleted: only with the owner's own token."""
        return self.notebook_server is not None

    def list_snapshots(self, item_id: ItemId) -> SnapshotListing:
        """Return the notebook's snapshots, in one call. Raises any ArcGISError."""
        listed = self._run_with_fallback(lambda: self._list_snapshots(item_id))
        if listed.lookalikes:
            _log.warning(
                "Item %s has resources that are named like snapshots but were not archived: %s",
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
        """Return the result of `consume` for the snapshot's bytes; each new try calls it again."""
        return self._run_with_fallback(
            lambda: (self.notebook_server or self.portal).read_snapshot(item_id, key, limit, consume)
        )

    def read_content[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the notebook's current content, which comes from the portal on any route.

        Raises NoContent if the portal sends an empty file or answers code 500, and the item's size is only that of its
        resources. The size is checked because a proxy, while its server restarts, may answer any request with no bytes.
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
                raise ArcGISUnavailable(f"{error} By its size, the item has content.") from None
            raise

    def _is_larger_than_resources(self, item_id: ItemId) -> bool:
        """Return whether the item may have a file: whether its size may exceed that of its resources."""
        try:
            size = self.portal.get_item(item_id).size
            if size is not None and size <= 0:
                return False
            return size is None or size > max(0, self.portal.sum_resource_sizes(item_id))
        except ArcGISError:
            return True

    def is_on_kubernetes(self) -> bool:
        """Return whether this is ArcGIS Enterprise on Kubernetes. The portal is asked if that is not known yet."""
        server = self._require_notebook_server()
        if server.is_on_kubernetes is None:
            server.is_on_kubernetes = self.portal.get_organization().is_on_kubernetes
        return server.is_on_kubernetes

    def create_snapshot(self, item_id: ItemId, name: str, content: str) -> ResourceKey:
        """Create a snapshot, tried once, and return its key. See `NotebookServer.create_snapshot` for its errors."""
        return self._require_notebook_server().create_snapshot(item_id, name, content)

    def delete_snapshot(self, copy: VerifiedCopy) -> None:
        """Delete the snapshot whose archived copy was verified. Raises any ArcGISError."""
        self._require_notebook_server().delete_snapshot(copy)

    def _require_notebook_server(self) -> NotebookServer:
        if self.notebook_server is None:
            raise PermissionDenied("Only the notebook's owner may make or delete its snapshots.")
        return self.notebook_server

    def _run_with_fallback[T](self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns. If the first route is refused, try once more by the fallback."""
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
        """Raise the refusal if the credential is another user's, or TokenRejected if the portal rejects its token.

        A wrong secret has to be corrected. The fallback would hide it.
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
        _log.warning("ArcGIS refused the route of owner %s, so the administrator's is used. %s", self.owner, refusal)
        return result
