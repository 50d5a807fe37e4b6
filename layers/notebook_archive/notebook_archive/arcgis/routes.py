"""The two ways to a notebook's snapshots, and which of them its owner's notebooks take."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from notebook_archive.arcgis.caller_identity import CallerToken
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Organisation, Portal
from notebook_archive.arcgis.tokens import ReadSecret, TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    ConfigurationError,
    NoContent,
    NotANotebook,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMissing,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.models import ItemId, NotebookItem, ResourceKey, SnapshotListing, VerifiedCopy
from notebook_archive.settings import Route

_log = logging.getLogger(__name__)

MISSING_SECONDS = 300
"""How long a missing secret of an owner is believed to be missing."""
# Seconds for which an owner's refused route is not tried again; the administrator's route is used meanwhile.
REFUSED_SECONDS = 300
# Seconds for which an address of the notebook server is used although none answered.
UNPROVED_SECONDS = 60

# Seconds for which the folders of an owner are not read again.
FOLDERS_SECONDS = 300


@dataclass(slots=True)
class OwnerRoute:
    """An owner's credential, and when ArcGIS last refused it the snapshot operations."""

    tokens: TokenSource
    refusal: PermissionDenied | None = None
    refused_until: float = 0.0

    def note(self, refusal: PermissionDenied) -> None:
        """Do not use this route for a while."""
        self.refusal, self.refused_until = refusal, time.monotonic() + REFUSED_SECONDS

    @property
    def is_refused(self) -> bool:
        """Whether the route was refused a short time ago."""
        return self.refusal is not None and time.monotonic() < self.refused_until


@dataclass(slots=True)
class Access:
    """A way to read the snapshots of one notebook.

    `route` names it in metadata and reports. If the first operation is refused and there is an `alternative`, that way
    is taken instead and `route` changes. Once an operation has succeeded, the way does not change.

    `refusal` is ArcGIS's refusal of the owner's own route, if the administrator's is used for that reason.
    """

    route: Route
    tokens: TokenSource | CallerToken
    _server: Portal | NotebookServer
    _transport: Transport
    _portal: Portal
    owner: str = ""
    alternative: "Access | None" = None
    refusal: PermissionDenied | None = None
    _owner_route: OwnerRoute | None = None
    _has_file: bool | None = None

    def snapshots(self, item_id: ItemId, deadline: Deadline) -> SnapshotListing:
        """Return the notebook's snapshots, in one call. Raises any ArcGISError."""
        listed = self._try_allowed_way(lambda: self._list(item_id, deadline), deadline)
        if listed.lookalikes:
            _log.warning(
                "Item %s has resources that are named like snapshots but were not archived: %s",
                item_id,
                ", ".join(map(repr, listed.lookalikes)),
            )
        return listed

    def _list(self, item_id: ItemId, deadline: Deadline) -> SnapshotListing:
        try:
            return self.tokens.with_token(lambda token: self._server.snapshots(item_id, token, deadline), deadline)
        except PermissionDenied as error:
            if self.route != "portal" or not self.owner:
                raise
            try:
                return self.tokens.with_token(
                    lambda token: self._portal.snapshots(item_id, token, deadline, owner=self.owner), deadline
                )
            except (NotebookNotFound, PermissionDenied, RequestRejected, UnexpectedAnswer):
                raise error from None

    def download[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T], deadline: Deadline
    ) -> T:
        """Return the result of `consume` for the snapshot's bytes; each new try calls it again.

        Only one sample in Esri's documentation shows what `snapshots/download` answers to `f=json`. So if the answer is
        not a notebook, the snapshot is requested once more without `f`, as Esri's own clients do.
        """

        def once(token: str) -> T:
            with closing(self._server.download(item_id, key, limit, token, deadline)) as chunks:
                try:
                    return consume(chunks)
                except (NotANotebook, UnexpectedAnswer) as error:
                    first = error
            if not isinstance(self._server, NotebookServer):
                raise first
            with closing(self._server.download_file(item_id, key, limit, token, deadline)) as chunks:
                try:
                    return consume(chunks)
                except (NotANotebook, UnexpectedAnswer):
                    raise first from None

        return self._try_allowed_way(
            lambda: self._transport.patiently(lambda: self.tokens.with_token(once, deadline), deadline), deadline
        )

    def current[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T], deadline: Deadline) -> T:
        """Return the result of `consume` for the notebook's current content, which the portal serves on either route.

        Raises NoContent if the portal sends an empty file or answers code 500, and the item's size is only that of its
        resources. A proxy whose server restarts may answer anything with no bytes.
        """

        def once(token: str) -> T:
            try:
                return self._portal.data(item_id, limit, token, consume, deadline)
            except (ArcGISUnavailable, NoContent) as error:
                if isinstance(error, ArcGISUnavailable) and error.code != 500:
                    raise
                if self._has_file is None:
                    self._has_file = self._is_larger_than_resources(item_id, token, deadline)
                if not self._has_file:
                    raise NoContent(f"Item {item_id} has no content.") from None
                if isinstance(error, NoContent):
                    raise ArcGISUnavailable(f"{error} By its size, the item has content.") from None
                raise

        return self._try_allowed_way(
            lambda: self._transport.patiently(lambda: self.tokens.with_token(once, deadline), deadline), deadline
        )

    def _is_larger_than_resources(self, item_id: ItemId, token: str, deadline: Deadline) -> bool:
        """Return whether the item may have a file: whether its size may exceed that of its resources."""
        try:
            size = self._portal.item(item_id, token, deadline).size
            if size is not None and size <= 0:
                return False
            return size is None or size > max(0, self._portal.resources_size(item_id, token, deadline))
        except ArcGISError:
            return True

    def _try_allowed_way[T](self, attempt: Callable[[], T], deadline: Deadline) -> T:
        """Return what `attempt` returns; if the first way is refused, try once more by the alternative."""
        try:
            result = attempt()
        except PermissionDenied as error:
            if self.alternative is None:
                raise
            self._refuse_another_user(error, deadline)
            result = self._use_alternative(attempt, self.alternative, error)
        self.alternative = None
        return result

    def _refuse_another_user(self, refusal: PermissionDenied, deadline: Deadline) -> None:
        """Raise the refusal if the credential is not the owner's, or TokenRejected if the portal refuses it.

        A wrong secret is to be mended, not to be avoided.
        """
        try:
            user = self.tokens.with_token(lambda token: self._portal.organisation(token, deadline), deadline).username
        except TokenRejected:
            raise
        except ArcGISError:
            return
        if user and user.casefold() != self.owner.casefold():
            raise PermissionDenied(f"{refusal} The credential belongs to {user}, not to {self.owner}.") from None

    def _use_alternative[T](self, attempt: Callable[[], T], other: "Access", refusal: PermissionDenied) -> T:
        own = self.route, self.tokens, self._server
        self.route, self.tokens, self._server = other.route, other.tokens, other._server  # noqa: SLF001 - of this very class
        try:
            result = attempt()
        except (PermissionDenied, SecretMissing):
            self.route, self.tokens, self._server = own
            raise refusal from None
        self.refusal = refusal
        if self._owner_route:
            self._owner_route.note(refusal)
        _log.warning("ArcGIS refused the route of owner %s, so the administrator's is used. %s", self.owner, refusal)
        return result

    @property
    def as_owner(self) -> NotebookServer | None:
        """The notebook server, where the tokens are the owner's own, who alone may make snapshots; None elsewhere."""
        return self._server if isinstance(self._server, NotebookServer) else None

    def is_on_kubernetes(self, deadline: Deadline) -> bool:
        """Return whether this is ArcGIS Enterprise on Kubernetes. Asks the portal if nobody has yet."""
        server = self._owner_server()
        if server.on_kubernetes is None:
            organisation = self.tokens.with_token(lambda token: self._portal.organisation(token, deadline), deadline)
            server.on_kubernetes = organisation.on_kubernetes
        return server.on_kubernetes

    def create(self, item_id: ItemId, name: str, content: str, deadline: Deadline) -> ResourceKey:
        """Make a snapshot, tried once, and return its key; `NotebookServer.create` says what its errors mean."""
        server = self._owner_server()
        return self.tokens.with_token(lambda token: server.create(item_id, name, content, token, deadline), deadline)

    def delete(self, copy: VerifiedCopy, deadline: Deadline) -> None:
        """Delete the snapshot that a copy is proved of.  Raises any ArcGISError."""
        server = self._owner_server()
        self.tokens.with_token(lambda token: server.delete(copy, token, deadline), deadline)

    def _owner_server(self) -> NotebookServer:
        if self.as_owner is None:
            raise PermissionDenied("Only the notebook's owner may make or delete its snapshots.")
        return self.as_owner


class NotebookServers:
    """Where the notebook server is, looked up once. Threads may share it."""

    def __init__(self, notebook_admin_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """An empty URL is discovered from the portal."""
        self._url, self._good_until = notebook_admin_url, float("inf")
        self._on_kubernetes: bool | None = None
        self._clock = clock
        self._lock = threading.Lock()

    def reach(
        self,
        transport: Transport,
        portal: Portal,
        tokens: TokenSource | CallerToken,
        deadline: Deadline,
        administrator: TokenSource | None = None,
    ) -> NotebookServer:
        """Return the notebook server. Raises UnexpectedAnswer if it cannot be looked up.

        The `administrator` looks it up if the user of `tokens` may not.
        """
        with self._lock:
            if not self._url or self._clock() > self._good_until:
                self._look_up(transport, portal, tokens, deadline, administrator)
            return NotebookServer(transport, self._url, on_kubernetes=self._on_kubernetes)

    def _look_up(
        self,
        transport: Transport,
        portal: Portal,
        tokens: TokenSource | CallerToken,
        deadline: Deadline,
        administrator: TokenSource | None,
    ) -> None:
        def discover(token: str) -> None:
            organisation = portal.organisation(token, deadline)
            urls = portal.notebook_admin_urls(organisation, token, deadline)
            self._on_kubernetes = organisation.on_kubernetes
            self._url, self._good_until = _find_answering(transport, urls, token, deadline), float("inf")
            if not self._url:
                self._url, self._good_until = urls[0], self._clock() + UNPROVED_SECONDS

        try:
            tokens.with_token(discover, deadline)
        except (NotebookNotFound, PermissionDenied, RequestRejected, UnexpectedAnswer) as error:
            if administrator and administrator is not tokens:
                try:
                    return administrator.with_token(discover, deadline)
                except (ArcGISError, ConfigurationError):
                    pass  # the error of the owner's credential is reported
            if isinstance(error, UnexpectedAnswer):
                raise
            # The error is raised for the portal: PermissionDenied would skip each notebook without notice.
            raise UnexpectedAnswer(f"The notebook server could not be looked up: {error}") from None


def _find_answering(transport: Transport, urls: list[str], token: str, deadline: Deadline) -> str:
    """Return the first address at which a notebook server answers, or "" if none does.

    A single address is not tried.
    """
    if len(urls) == 1:
        return urls[0]
    return next((url for url in urls if NotebookServer(transport, url).answers(token, deadline)), "")


class Routes:
    """Chooses the way for an owner, once per owner. Threads may share it.

    `notebook-server` needs the owner's own token, for snapshot operations belong to the item's owner alone. `portal`
    reads the same snapshots as item resources with the administrator's. `auto` takes the first if the owner has a
    secret, and the second if not, or if ArcGIS refuses the first: on Kubernetes it may ask owners for more privileges.
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
        self._owners: dict[str, OwnerRoute] = {}
        self._missing: dict[str, float] = {}
        self._folders: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._folders_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def secret_of(self, owner: str) -> str:
        """Return the name of the owner's secret.  Characters that secret names do not have are written ``=XX``, in
        hexadecimal."""
        safe = "".join(
            c if c.isascii() and (c.isalnum() or c in "_.@-+") else "".join(f"={b:02X}" for b in c.encode())
            for c in owner
        )
        return f"{self._prefix}/owners/{safe}"

    def of(self, owner: str, deadline: Deadline) -> Access:
        """Return the way to a notebook of an owner. Raises SecretMissing if the route needs a secret that is not
        there."""
        administrators = Access("portal", self.administrator, self._portal, self._transport, self._portal, owner)
        if self._route == "portal":
            return administrators
        try:
            own = self._owner(owner)
        except SecretMissing:
            if self._route == "notebook-server":
                raise
            return administrators
        if self._route == "auto" and own.is_refused:
            administrators.refusal = own.refusal
            return administrators
        server = self.notebook_server(own.tokens, deadline)
        access = Access("notebook-server", own.tokens, server, self._transport, self._portal, owner)
        if self._route == "auto":
            access.alternative, access._owner_route = administrators, own  # noqa: SLF001 - made here
        return access

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
        """Return the titles of an owner's folders by their ids, read once in FOLDERS_SECONDS."""

        def ask(token: str) -> Mapping[str, str]:
            return self._portal.folders(owner, token, deadline)

        with self._lock:
            lock = self._folders_locks.setdefault(owner, threading.Lock())
        with lock:  # the owner's alone: a portal that does not answer holds up no other owner's notebooks
            asked, folders = self._folders.get(owner, (float("-inf"), {}))
            if time.monotonic() - asked > FOLDERS_SECONDS:
                folders = self.administrator.with_token(ask, deadline)
                self._folders[owner] = time.monotonic(), folders
            return folders

    def notebook_server(self, tokens: TokenSource, deadline: Deadline) -> NotebookServer:
        """Return the notebook server, looked up with these tokens where nobody has yet."""
        return self._servers.reach(self._transport, self._portal, tokens, deadline, self.administrator)

    def _owner(self, owner: str) -> OwnerRoute:
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
            self._owners[owner] = OwnerRoute(source)
            return self._owners[owner]
