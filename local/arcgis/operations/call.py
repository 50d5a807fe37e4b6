"""One call of a REST operation: its parameters, its caller, and what the caller may do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request

from local.arcgis.deployment import Deployment
from local.arcgis.organisation import Item, Organisation
from local.arcgis.responses import OperationError, Payload, Response
from local.arcgis.switches import Shape, Switches
from local.arcgis.tokens import Token

NO_PERMISSION = "You do not have permissions to access this resource or perform this operation."

type Area = Literal["portal", "notebook-server", "kubernetes"]
type Handler = Callable[["Call"], Payload | Response]


@dataclass(frozen=True)
class Operation:
    """One REST operation: its path, its name in the log and in faults, and the function that handles a call."""

    name: str
    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET", "POST")
    needs_token: bool = True


@dataclass(slots=True)
class Call:
    """One request for an operation. If a parameter is in both query and body, the body takes precedence."""

    deployment: Deployment
    area: Area
    request: Request
    query: dict[str, str]
    body: dict[str, str]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    token: Token | None = None

    @property
    def organisation(self) -> Organisation:
        """The organisation that the call reads and changes."""
        return self.deployment.organisation

    @property
    def switches(self) -> Switches:
        """The deployment's switches."""
        return self.deployment.switches

    @property
    def username(self) -> str | None:
        """The caller's user name. It is None for an application, and for a call without a token."""
        return self.token.username if self.token else None

    @property
    def item_id(self) -> str | None:
        """The item id in the parameters or in the path, or None."""
        return self.get("itemId") or self.request.path_params.get("item_id")

    @property
    def format(self) -> str:
        """The parameter `f`. The default is `html`."""
        return self.get("f") or "html"

    def get(self, name: str, default: str = "") -> str:
        """Return a parameter from the body or the query."""
        return self.body.get(name) or self.query.get(name, default)

    def require(self, name: str, shape: Shape = "A") -> str:
        """Return a parameter. Raise OperationError with code 400 if it is missing."""
        value = self.get(name)
        if not value:
            raise OperationError(400, f"'{name}' must be specified.", shape=shape)
        return value

    def get_number(self, name: str, default: int, largest: int) -> int:
        """Return a parameter that is a positive whole number, but at most `largest`.

        Return the default if the parameter is missing or is not a positive whole number.
        """
        value = self.get(name)
        return min(int(value), largest) if value.isascii() and value.isdigit() and int(value) > 0 else default

    def paginate[T](
        self, entries: Sequence[T], *, default: int = 10, largest: int = 100
    ) -> tuple[dict[str, Any], list[T]]:
        """Return the paging fields of the response, and the entries of the page that `start` and `num` ask for.

        As in the portal, `start` counts from 1, and `nextStart` is -1 at the end.
        """
        start = self.get_number("start", 1, 2**31)
        number = self.get_number("num", default, largest)
        chosen = list(entries[start - 1 : start - 1 + number])
        following = start + len(chosen)
        next_start = following if chosen and following <= len(entries) else -1
        return {"total": len(entries), "start": start, "num": number, "nextStart": next_start}, chosen

    def has_privilege(self, privilege: str) -> bool:
        """Return whether the caller has the privilege."""
        return self.token is not None and privilege in self.token.privileges

    def can_see(self, item: Item) -> bool:
        """Return whether the caller may see the item."""
        if item.access == "public" or (self.token and item.owner == self.username):
            return True
        if self.token is None:
            return False
        return item.access == "org" or self.username in item.shared_with or self.has_privilege("portal:admin:viewItems")

    def fire_webhooks(self, operation: str, item: Item) -> None:
        """Send an event to the webhooks that listen for this operation on this item."""
        self.deployment.fire_webhooks(self.username, operation, item)
