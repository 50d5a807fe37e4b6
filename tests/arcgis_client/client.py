"""Build the client under test in the same way as the functions' composition root."""

from dataclasses import dataclass, field
from pathlib import Path

from local.arcgis import Deployment, Item
from notebook_archive.arcgis.client import ArcGISClient, Tokens
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.item_editor import ItemEditor
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.token_renewal import FixedToken, TokenSource
from notebook_archive.arcgis.transport import REFERER, Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import SecretMissing
from notebook_archive.models import ItemId
from notebook_archive.settings import Route

PREFIX = "notebook-archive"
LIMIT = 100_000_000


def soon(seconds: float = 30) -> Deadline:
    """Return a deadline that no test should meet."""
    return Deadline(seconds)


@dataclass
class Secrets:
    """A store of secrets that notes which secrets are read."""

    texts: dict[str, str] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> str:
        self.reads.append(name)
        if name not in self.texts:
            raise SecretMissing(f"There is no secret {name!r}.")
        return self.texts[name]


class Pauses(list[float]):
    """Replaces `sleep`: notes the seconds, and does not wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def transport(ca_pem: str, pauses: Pauses | None = None, *, strict: bool = True) -> Transport:
    """Return a transport that trusts the CA, never sleeps, and always takes the longest backoff."""
    taken = Pauses() if pauses is None else pauses
    return Transport(make_tls_context(ca_pem, strict=strict), sleep=taken, jitter=lambda: 1.0)


def portal_at(wire: Transport, url: str, token: str = "t", seconds: float = 30) -> Portal:
    """Return the portal at an address, for one token."""
    return Portal(ArcGISClient(wire, FixedToken(token), soon(seconds)), url)


def notebook_server_at(wire: Transport, url: str, token: str = "t", seconds: float = 30) -> NotebookServer:
    """Return the notebook server with its admin API at an address, for one token."""
    return NotebookServer(ArcGISClient(wire, FixedToken(token), soon(seconds)), url)


def editor_at(wire: Transport, url: str, token: str = "t0k3n", seconds: float = 30) -> ItemEditor:
    """Return the content of the member `ana` in the portal at an address, for one token."""
    return ItemEditor(ArcGISClient(wire, FixedToken(token), soon(seconds)), url, "ana")


class Client:
    """Everything that calls one deployment of the local ArcGIS."""

    def __init__(self, deployment: Deployment, ca_bundle: Path) -> None:
        self.deployment = deployment
        self.pauses = Pauses()
        self.transport = transport(ca_bundle.read_text(), self.pauses)
        self.secrets = Secrets()
        self.keep(f"{PREFIX}/admin", deployment.admin.username)
        for user in deployment.users:
            if user.role != "admin" and user.has_secret:
                self.keep(f"{PREFIX}/owners/{user.username}", user.username)

    def keep(self, name: str, username: str) -> None:
        """Put a member's user name and password into a secret."""
        password = self.deployment.user(username).password
        self.secrets.texts[name] = f'{{"username": "{username}", "password": "{password}"}}'

    def portal(self, tokens: Tokens | str = "gis_admin", seconds: float = 30) -> Portal:
        """Return the portal as a member, or the user of a token source, sees it."""
        return Portal(self._bind(tokens, seconds), self.deployment.portal_url)

    def notebook_server(self, tokens: Tokens | str = "gis_admin") -> NotebookServer:
        """Return the notebook server as a member, or the user of a token source, sees it."""
        return NotebookServer(self._bind(tokens, 30), self.deployment.notebook_admin_url)

    def editor(self, owner: str = "ana", tokens: Tokens | str = "ana", seconds: float = 30) -> ItemEditor:
        """Return the content of an owner, as a member or the user of a token source may change it."""
        return ItemEditor(self._bind(tokens, seconds), self.deployment.portal_url, owner)

    def _bind(self, tokens: Tokens | str, seconds: float) -> ArcGISClient:
        user = FixedToken(self.token(tokens)) if isinstance(tokens, str) else tokens
        return ArcGISClient(self.transport, user, soon(seconds))

    def token(self, username: str = "gis_admin") -> str:
        """Return a member's token, bound to the client's referer."""
        return self.deployment.token(username, referer=REFERER)

    def tokens(self, name: str = f"{PREFIX}/admin") -> TokenSource:
        """Return the tokens of a secret."""
        return TokenSource(self.transport, self.deployment.portal_url, name, self.secrets)

    def routes(self, route: Route = "auto", notebook_admin_url: str = "") -> Routes:
        """Return the routes. The notebook server is discovered unless it is given."""
        return Routes(
            self.transport, self.deployment.portal_url, route, Discovery(notebook_admin_url), PREFIX, self.secrets
        )

    def item(self, title: str = "Flood model") -> Item:
        """Return the seeded item whose title starts with this text."""
        return next(item for item in self.deployment.organisation.items.values() if item.title.startswith(title))

    def count(self, operation: str) -> int:
        """Return how often the operation was requested."""
        return self.deployment.requests.counts()[operation]


def id_of(item: Item) -> ItemId:
    """Return the item's id as the client expects it."""
    return ItemId.parse(item.id)
