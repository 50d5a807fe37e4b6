"""The state of one ArcGIS deployment, and the differences between the three kinds."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from local.arcgis.faults import Faults
from local.arcgis.organisation import Item, Organisation, User, now_ms
from local.arcgis.request_log import RequestLog
from local.arcgis.switches import Switches
from local.arcgis.tokens import Tokens
from local.arcgis.webhook_deliveries import WebhookDeliveries

type Kind = Literal["enterprise", "online", "kubernetes"]

# The paths of the portal and of the notebook administration, after `https://localhost:<port>`.
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


@dataclass
class Deployment:
    """One deployment: its organisation, switches, faults, tokens and request log.

    `operation_names` are the names of operations in the request log and in faults. `storage` maps storage keys to
    items. A client that knows such a key gets the item's content without a token.
    """

    kind: Kind
    organisation: Organisation
    portal_port: int
    notebook_port: int
    operation_names: Sequence[str]
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(init=False)
    requests: RequestLog = field(default_factory=RequestLog)
    tokens: Tokens = field(default_factory=Tokens)
    deliveries: WebhookDeliveries = field(default_factory=WebhookDeliveries)
    storage: dict[str, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(self.operation_names)

    def reset(self, organisation: Organisation) -> None:
        """Replace the organisation, set the default switches, and delete all faults, tokens and logged requests."""
        self.organisation = organisation
        self.switches = Switches()
        self.faults.clear()
        self.tokens.revoke_all()
        self.requests.clear()

    @property
    def portal_url(self) -> str:
        """The portal's URL, to which clients append `/sharing/rest`."""
        return f"https://localhost:{self.portal_port}{PORTAL_CONTEXT[self.kind]}"

    @property
    def notebook_admin_url(self) -> str:
        """The URL of the notebook administration, to which clients append `/notebooks`."""
        return f"https://localhost:{self.notebook_port}{ADMIN_CONTEXT[self.kind]}"

    @property
    def version(self) -> str:
        """The ArcGIS version that the deployment reports."""
        return VERSION[self.kind]

    @property
    def portal_deployment_type(self) -> str:
        """The value of `portalDeploymentType` in `portals/self`."""
        return DEPLOYMENT_TYPE[self.kind]

    @property
    def users(self) -> list[User]:
        """The members of the organisation."""
        return list(self.organisation.users.values())

    @property
    def admin(self) -> User:
        """An administrator."""
        return next(user for user in self.users if user.role == "admin")

    def user(self, username: str) -> User:
        """Return the member with that name."""
        return self.organisation.users[username]

    def token(self, username: str, *, seconds: float = 3600, referer: str = "") -> str:
        """Issue a portal token for the member without a request. If a referer is given, the token is bound to it."""
        privileges = self.user(username).privileges
        client: Literal["referer", ""] = "referer" if referer else ""
        return self.tokens.issue(username, privileges, seconds, client=client, bound_to=referer).value

    def make_storage_key(self, item: Item) -> str:
        """Return a new random key. A client that knows it can download the item's content without a token."""
        key = secrets.token_hex(16)
        self.storage[key] = item
        return key

    def fire_webhooks(self, username: str | None, operation: str, item: Item) -> None:
        """Send an event to each webhook that listens for this operation on this item. Return without waiting."""
        event: dict[str, Any] = {
            "userId": hashlib.sha256((username or "").encode()).hexdigest()[:32],
            "username": username,
            "when": now_ms(),
            "operation": operation,
            "source": self.switches.webhook_source,
            "id": item.id,
            "properties": {},
        }
        settings = dict(self.organisation.webhook_settings)
        for webhook in list(self.organisation.webhooks.values()):
            if webhook.listens_for(operation, item.id):
                self.deliveries.start(webhook, event, settings, self.switches, self.portal_url)
