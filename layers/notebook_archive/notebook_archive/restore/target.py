"""The portals to which notebooks are restored, and the credentials that are used there."""

from collections.abc import Callable
from dataclasses import dataclass

from notebook_archive.arcgis.item_editor import ItemEditor
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ItemMissing,
    NotebookNotFound,
    PermissionDenied,
    RestoreForbidden,
    RestoreInputInvalid,
    SecretMissing,
)
from notebook_archive.models import ItemId, NotebookItem
from notebook_archive.restore.request import OtherPortal


@dataclass(frozen=True, slots=True)
class TargetPortal:
    """A portal to which notebooks are restored. `is_own` is True for the portal that the stack archives."""

    routes: Routes
    url: str
    secret_prefix: str
    is_own: bool

    @property
    def admin_secret(self) -> str:
        """The name of the secret with the administrator's credential."""
        return f"{self.secret_prefix}/admin"

    def find_item(self, item_id: ItemId, likely_owner: str, deadline: Deadline) -> NotebookItem:
        """Return an item, as its likely owner or else the administrator sees it. Raises ItemMissing."""
        try:
            return self.routes.owner_portal(likely_owner, deadline).get_item(item_id)
        except (NotebookNotFound, PermissionDenied, SecretMissing):
            pass  # the item may have another owner now
        try:
            return self.routes.portal(deadline).get_item(item_id)
        except NotebookNotFound:
            raise ItemMissing(f"The portal {self.url} has no notebook {item_id}.") from None


class TargetPortals:
    """Finds the portal of a request. Threads may share it.

    The stack's own secrets are sent only to its own portal. So a request cannot send them anywhere else.
    """

    def __init__(self, own: TargetPortal, other_prefix: str, make_routes: Callable[[str, str], Routes]) -> None:
        """`other_prefix` is the prefix of the secrets for other portals. If it is empty, there are no other portals.

        `make_routes` returns the routes of the portal at a URL, with the secrets below a prefix.
        """
        self._own, self._other_prefix, self._make_routes = own, other_prefix, make_routes
        self._others: dict[OtherPortal, TargetPortal] = {}

    def find(self, to: OtherPortal | None) -> TargetPortal:
        """Return the portal that a request names, or the stack's own portal. Raises RestoreInputInvalid."""
        if to is None or (to.portal_url, to.secret_prefix) == (self._own.url, self._own.secret_prefix):
            return self._own
        if not self._other_prefix:
            raise RestoreInputInvalid(
                "The stack has no RestoreSecretPrefix, so it restores only to its own portal. Set the parameter first."
            )
        if _is_below(to.secret_prefix, self._own.secret_prefix):
            raise RestoreInputInvalid(
                f"The secrets below {self._own.secret_prefix!r} are used only for the stack's portal, {self._own.url}."
            )
        if not _is_below(to.secret_prefix, self._other_prefix):
            raise RestoreInputInvalid(
                f"The secretPrefix of another portal must begin with RestoreSecretPrefix, {self._other_prefix!r}."
            )
        if to not in self._others:
            routes = self._make_routes(to.portal_url, to.secret_prefix)
            self._others[to] = TargetPortal(routes, to.portal_url, to.secret_prefix, is_own=False)
        return self._others[to]


class OwnerContent:
    """Reads and changes the content of one owner, with the owner's credential or else the administrator's.

    If ArcGIS refuses the first change with the owner's credential, the administrator's is used instead.
    """

    def __init__(self, target: TargetPortal, owner: str, deadline: Deadline) -> None:
        """Choose the credential. Raises RestoreForbidden if there is none that may change the owner's content."""
        self.owner = owner
        self._target, self._deadline = target, deadline
        self._secret = target.routes.secret_of(owner)
        self._can_fall_back = True
        try:
            self.portal = target.routes.owner_portal(owner, deadline)
        except SecretMissing:
            self._use_administrator(f"There is no secret {self._secret!r}")
        else:
            require_credential_of(owner, self.portal)

    @property
    def account(self) -> str:
        """Whose credential is used, for a sentence of the plan."""
        return "the administrator" if self.portal.secret == self._target.admin_secret else self.owner

    def read[T](self, look: Callable[[ItemEditor], T]) -> T:
        """Return what `look` returns for an editor of the owner's content.

        Raises RestoreForbidden if ArcGIS refuses each credential, or another ArcGISError.
        """
        try:
            return look(self._editor())
        except PermissionDenied as error:
            if not self._can_fall_back:
                raise RestoreForbidden(
                    f"{error} The account of secret {self.portal.secret!r} may not change the content of {self.owner}. "
                    "An owner needs the privilege to create content, an administrator portal:admin:updateItems."
                ) from None
            self._use_administrator(f"ArcGIS refuses the account of secret {self._secret!r}")
            return self.read(look)

    def edit[T](self, change: Callable[[ItemEditor], T]) -> T:
        """Return what `change` returns, like `read`. After the first change, the credential stays the same."""
        result = self.read(change)
        self._can_fall_back = False
        return result

    def _editor(self) -> ItemEditor:
        return ItemEditor(self.portal.client, self._target.url, self.owner)

    def _use_administrator(self, why: str) -> None:
        secret = self._target.admin_secret
        self.portal = self._target.routes.portal(self._deadline)
        self._can_fall_back = False
        try:
            organization = self.portal.get_organization()
        except SecretMissing:
            raise RestoreForbidden(f"{why}, and there is no secret {secret!r}.") from None
        if not organization.can_update_items and organization.username.casefold() != self.owner.casefold():
            raise RestoreForbidden(
                f"{why}, and the account of secret {secret!r} does not have the privilege portal:admin:updateItems."
            )


def require_credential_of(owner: str, portal: Portal) -> None:
    """Raise RestoreForbidden if the portal's credential belongs to somebody else than the owner."""
    user = portal.get_organization().username
    if user and user.casefold() != owner.casefold():
        raise RestoreForbidden(f"The credential in secret {portal.secret!r} belongs to {user}, not to {owner}.")


def _is_below(prefix: str, other: str) -> bool:
    return prefix == other or prefix.startswith(f"{other}/")
