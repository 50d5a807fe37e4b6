"""One call of one operation: its parameters, who calls, what they may do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request

from local.arcgis.answers import Answer, Payload, Refusal
from local.arcgis.organisation import Item, Organisation
from local.arcgis.switches import Shape, Switches
from local.arcgis.tokens import Token

if TYPE_CHECKING:
    from local.arcgis.deployment import Deployment

NO_PERMISSION = "You do not have permissions to access this resource or perform this operation."

type Area = Literal["portal", "notebook-server", "kubernetes"]
type Handler = Callable[["Call"], Payload | Answer]


@dataclass(frozen=True)
class Operation:
    """One REST operation: its name in records and faults, where it is, what answers it."""

    name: str
    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET", "POST")
    needs_token: bool = True


@dataclass(slots=True)
class Call:
    """One request for an operation. Parameters come from query and body alike; the body has the last word."""

    deployment: "Deployment"
    area: Area
    request: Request
    query: dict[str, str]
    body: dict[str, str]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    token: Token | None = None

    @property
    def organisation(self) -> Organisation:
        """The state the call works on."""
        return self.deployment.organisation

    @property
    def switches(self) -> Switches:
        """The guesses in force."""
        return self.deployment.switches

    @property
    def username(self) -> str | None:
        """Who calls; None for an application or nobody."""
        return self.token.username if self.token else None

    @property
    def item_id(self) -> str | None:
        """The item the call is about, as far as its parameters say so."""
        return self.get("itemId") or self.request.path_params.get("item_id")

    @property
    def format(self) -> str:
        """The parameter `f`; html when it is absent."""
        return self.get("f") or "html"

    def get(self, name: str, default: str = "") -> str:
        """A parameter of the query or the body."""
        return self.body.get(name) or self.query.get(name, default)

    def need(self, name: str, shape: Shape = "A") -> str:
        """A parameter without which the operation refuses with code 400."""
        value = self.get(name)
        if not value:
            raise Refusal(400, f"'{name}' must be specified.", shape=shape)
        return value

    def number(self, name: str, default: int, largest: int) -> int:
        """A positive whole number, clamped to the largest; the default if it is not one."""
        value = self.get(name)
        return min(int(value), largest) if value.isascii() and value.isdigit() and int(value) > 0 else default

    def may(self, privilege: str) -> bool:
        """Whether the caller has the privilege."""
        return self.token is not None and privilege in self.token.privileges

    def tell(self, operation: str, item: Item) -> None:
        """Fires the webhooks that listen for what the caller did to the item."""
        self.deployment.deliveries.fire(self.username, operation, item)

    def sees(self, item: Item) -> bool:
        """Whether the caller may see the item."""
        if item.access == "public" or (self.token and item.owner == self.username):
            return True
        if self.token is None:
            return False
        return item.access == "org" or self.username in item.shared_with or self.may("portal:admin:viewItems")
