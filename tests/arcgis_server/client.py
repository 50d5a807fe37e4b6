"""The ArcGIS client for these tests. It uses `requests`, so the tests do not depend on the archive's client."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from local.arcgis import Deployment, Item

REFERER = "https://archive.example.com"


class Client:
    """Calls one deployment as a user. GET sends the token in a header, POST in the form body."""

    def __init__(self, deployment: Deployment, ca_bundle: str) -> None:
        self.deployment = deployment
        self.session = requests.Session()
        self.session.verify = ca_bundle
        self.session.trust_env = False
        self.rest = f"{deployment.portal_url}/sharing/rest"
        self.admin = deployment.notebook_admin_url
        self.control = f"https://localhost:{deployment.portal_port}/_local"

    def token(self, user: str) -> str:
        return self.deployment.token(user)

    def raw_get(self, url: str, user: str | None = None, *, stream: bool = False, **params: Any) -> requests.Response:
        headers = {"X-Esri-Authorization": f"Bearer {self.token(user)}"} if user else {}
        return self.session.get(url, params=params, headers=headers, allow_redirects=False, stream=stream)

    def raw_post(self, url: str, user: str | None = None, **params: Any) -> requests.Response:
        data = {**params, "token": self.token(user)} if user else params
        return self.session.post(url, data=data, allow_redirects=False)

    def get(self, path: str, user: str | None = None, **params: Any) -> Any:
        """Return the JSON of the portal's response to a GET."""
        return self.raw_get(self.rest + path, user, **{"f": "json", **params}).json()

    def post(self, path: str, user: str | None = None, **params: Any) -> Any:
        """Return the JSON of the notebook host's response to a POST."""
        return self.raw_post(self.admin + path, user, **{"f": "json", **params}).json()

    def sessions(self, path: str, user: str, **params: Any) -> Any:
        """Return the JSON of the notebook host's response to a GET."""
        return self.raw_get(self.admin + path, user, **{"f": "json", **params}).json()

    def snapshots(self, operation: str, item: Item, user: str | None = None, **params: Any) -> Any:
        """Call a `snapshots/*` operation, by default as the owner. Return the JSON."""
        return self.post(f"/notebooks/snapshots/{operation}", user or item.owner, itemId=item.id, **params)

    def item(self, title: str) -> Item:
        """Return the item with a title that begins with this text."""
        return next(item for item in self.deployment.organisation.items.values() if item.title.startswith(title))


def query_of(url: str) -> dict[str, list[str]]:
    """Return the query parameters of a URL."""
    return parse_qs(urlsplit(url).query)
