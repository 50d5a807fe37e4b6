"""One ArcGIS deployment: what distinguishes the three kinds, and its routes by port."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.arcgis import items, kubernetes, notebook_server, portal, token_operations, webhooks
from local.arcgis.answers import page
from local.arcgis.calls import Area, Operation
from local.arcgis.deliveries import Deliveries
from local.arcgis.endpoint import Endpoint
from local.arcgis.faults import Faults
from local.arcgis.organisation import Item, Organisation, User
from local.arcgis.recording import RecordedRequest, Requests
from local.arcgis.sending import send_answer
from local.arcgis.storage import Storage
from local.arcgis.switches import Switches
from local.arcgis.tokens import Tokens

type Kind = Literal["enterprise", "online", "kubernetes"]

# Where each kind has its portal and its notebook administration, below `https://localhost:<port>`.
PORTAL_CONTEXT: dict[Kind, str] = {"enterprise": "/portal", "online": "", "kubernetes": "/enterprise"}
ADMIN_CONTEXT: dict[Kind, str] = {
    "enterprise": "/notebooks/admin",
    "online": "/admin",
    "kubernetes": "/enterprise/admin",
}
VERSION: dict[Kind, str] = {"enterprise": "11.4", "online": "2025.2", "kubernetes": "12.0.0"}
DEPLOYMENT_TYPE: dict[Kind, str] = {
    "enterprise": "ArcGISEnterprise",
    "online": "ArcGISOnline",
    "kubernetes": "ArcGISEnterpriseOnKubernetes",
}
# Tried in this order: what an archive asks for most comes first.
PORTAL_OPERATIONS = (*items.OPERATIONS, *portal.OPERATIONS, *token_operations.PORTAL, *webhooks.OPERATIONS)


@dataclass
class Deployment:
    """One deployment with its state, its switches, its faults and what was asked of it."""

    kind: Kind
    organisation: Organisation
    portal_port: int
    notebook_port: int
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(init=False)
    deliveries: Deliveries = field(init=False)
    requests: Requests = field(default_factory=Requests)
    tokens: Tokens = field(default_factory=Tokens)
    storage: dict[str, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(self.operation_names())
        self.deliveries = Deliveries(self)

    def reset(self, organisation: Organisation) -> None:
        """Starts anew with the organisation, without its webhooks: switches at their defaults, no faults, no tokens, no
        recorded requests."""
        self.organisation = organisation
        self.switches = Switches()
        self.faults.clear()
        self.tokens.revoke_all()
        self.requests.clear()

    @property
    def portal_url(self) -> str:
        """The portal, to which clients append `/sharing/rest`."""
        return f"https://localhost:{self.portal_port}{PORTAL_CONTEXT[self.kind]}"

    @property
    def notebook_admin_url(self) -> str:
        """The administration root, to which clients append `/notebooks`."""
        return f"https://localhost:{self.notebook_port}{ADMIN_CONTEXT[self.kind]}"

    @property
    def version(self) -> str:
        """The version the deployment claims."""
        return VERSION[self.kind]

    @property
    def portal_deployment_type(self) -> str:
        """`portalDeploymentType` of portals/self."""
        return DEPLOYMENT_TYPE[self.kind]

    @property
    def users(self) -> list[User]:
        """The members."""
        return list(self.organisation.users.values())

    @property
    def admin(self) -> User:
        """An administrator."""
        return next(user for user in self.users if user.role == "admin")

    def user(self, username: str) -> User:
        """The member of that name."""
        return self.organisation.users[username]

    def token(self, username: str, *, seconds: float = 3600, referer: str = "") -> str:
        """A portal token for the member, as if someone had asked for one; bound to the referer if one is given."""
        privileges = self.user(username).privileges
        client: Literal["referer", ""] = "referer" if referer else ""
        return self.tokens.issue(username, privileges, seconds, client=client, bound_to=referer).value

    def federated_servers(self) -> list[dict[str, Any]]:
        """The servers of `portals/<id>/servers`: the Notebook Server, and one that is none. Empty for ArcGIS Online."""
        if self.kind == "online":
            return []
        url = self.notebook_admin_url.removesuffix("/admin")
        host = f"localhost:{self.notebook_port}"
        other = f"{self.portal_url.rpartition('/')[0]}/server"
        return [
            _server("server", other, host, "", "HOSTING_SERVER"),
            _server("notebooks", url, host, "NotebookServer", "FEDERATED_SERVER"),
        ]

    def storage_key(self, item: Item) -> str:
        """An unguessable name under which the item's content can be had without a token."""
        key = secrets.token_hex(16)
        self.storage[key] = item
        return key

    def _admin_operations(self) -> Sequence[Operation]:
        return kubernetes.OPERATIONS if self.kind == "kubernetes" else notebook_server.OPERATIONS

    def operation_names(self) -> list[str]:
        """The names under which calls are recorded and faults are asked for."""
        return sorted({operation.name for operation in (*PORTAL_OPERATIONS, *self._admin_operations())})

    def routes(self) -> dict[int, list[Route]]:
        """The routes of each port."""
        rest = f"{PORTAL_CONTEXT[self.kind]}/sharing/rest"
        routes = self._routes("portal", rest, PORTAL_OPERATIONS)
        routes.append(Route("/storage/{key}", Storage(self)))
        area: Area = "kubernetes" if self.kind == "kubernetes" else "notebook-server"
        admin = self._routes(area, ADMIN_CONTEXT[self.kind], self._admin_operations())
        if self.portal_port == self.notebook_port:
            return {self.portal_port: admin + routes}
        return {self.portal_port: routes, self.notebook_port: admin}

    def _routes(self, area: Area, root: str, operations: Sequence[Operation]) -> list[Route]:
        return [
            Route(root + operation.path, Endpoint(self, area, operation), methods=list(operation.methods))
            for operation in operations
        ]

    def nothing_here(self) -> ASGIApp:
        """The application for every other path: a page with a real 404, counted like the rest."""

        async def not_found(scope: Scope, _: Receive, send: Send) -> None:
            self.requests.begin(RecordedRequest(scope["method"], scope["path"], "unknown", status=404))
            self.requests.end()
            await send_answer(page("Not found", scope["path"], 404), send)

        return not_found


def _server(name: str, url: str, host: str, function: str, role: str) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "name": host,
        "serverFunction": function,
        "url": url,
        "adminUrl": url,
        "adminPublicUrl": url,
        "isHosted": role == "HOSTING_SERVER",
        "serverRole": role,
        "serverType": "ARCGIS_NOTEBOOK_SERVER" if function else "ArcGIS",
        "shortName": name,
    }
