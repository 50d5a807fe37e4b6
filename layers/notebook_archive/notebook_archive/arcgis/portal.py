"""The portal: who the token is, which notebooks there are, and an administrator's way to their snapshots."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from notebook_archive.arcgis.item_data import item_data
from notebook_archive.arcgis.transport import Transport
from notebook_archive.deadline import Deadline
from notebook_archive.errors import ListingIncomplete, NotAnId, NotebookNotFound, UnexpectedAnswer
from notebook_archive.models import ItemId, Listing, NotebookItem, ResourceKey, epoch_milliseconds
from notebook_archive.settings import HTTPS_URL

PAGE = 100
"""Most results that one search request gives."""
CEILING = 10_000
"""Results of one search that can be paged through; the rest needs another window."""
RESOURCES_PAGE = 1000
NOTEBOOK = "Notebook"


@dataclass(frozen=True, slots=True)
class Organisation:
    """What ``portals/self`` tells.

    ``sees_everything``: the token's user has ``portal:admin:viewItems``.  ``reads_everything``: it has
    ``portal:admin:updateItems``, without which private resources of others, as snapshots are, may not even be listed.
    ``host``: of the organisation's own URL, empty where it has none.  Only ArcGIS Online says.
    """

    id: str
    on_kubernetes: bool
    is_online: bool
    username: str
    sees_everything: bool
    reads_everything: bool
    host: str


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The notebooks that a search gave, by item id, and the error where it did not give all that it counted."""

    notebooks: dict[ItemId, NotebookItem]
    incomplete: ListingIncomplete | None


class Portal:
    """The portal's sharing API.  Every method may raise any ArcGISError."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self.url = url
        self.rest_url = f"{url}/sharing/rest"

    def organisation(self, token: str, deadline: Deadline) -> Organisation:
        """Return the organisation that the token belongs to, and what the token's user may see there."""
        answer = self._get("portals/self", "The portal's description", token, deadline)
        if not isinstance(answer.get("id"), str):
            raise UnexpectedAnswer("The portal's description names no organisation: check PortalUrl.")
        user = _object(answer, "user")
        privileges = user.get("privileges") or _object(answer, "appInfo").get("privileges") or ()
        return Organisation(
            id=answer["id"],
            on_kubernetes=answer.get("portalDeploymentType") == "ArcGISEnterpriseOnKubernetes",
            is_online=answer.get("isPortal") is False,
            username=str(user.get("username") or ""),
            sees_everything="portal:admin:viewItems" in privileges,
            reads_everything="portal:admin:updateItems" in privileges,
            host=".".join(str(answer[name]) for name in ("urlKey", "customBaseUrl") if answer.get(name)).lower(),
        )

    def notebook_admin_urls(self, organisation: Organisation, token: str, deadline: Deadline) -> list[str]:
        """Return the addresses below which `/notebooks/snapshots` may lie, in the order in which to try them.

        Kubernetes: the portal's own `/admin`. Online: the hosts in `portals/self/urls`. Enterprise: the addresses of
        the federated servers whose function contains NotebookServer. Esri's clients took `adminUrl` and then `url`
        before they took `adminPublicUrl`. Raises UnexpectedAnswer if the portal names no address.
        """
        if organisation.on_kubernetes:
            return [f"{self.url}/admin"]
        if organisation.is_online:
            urls = _object(self._get("portals/self/urls", "The organisation's hosts", token, deadline), "urls")
            hosts = _object(urls, "notebooks").get("https")
            roots = [f"https://{host}" for host in (hosts if isinstance(hosts, list) else ()) if isinstance(host, str)]
        else:
            path = f"portals/{quote(organisation.id, safe='')}/servers"
            what = "The portal's federated servers"
            servers = _objects(self._get(path, what, token, deadline), "servers", what)
            notebook_servers = [s for s in servers if "notebookserver" in str(s.get("serverFunction", "")).lower()]
            names = ("adminPublicUrl", "adminUrl", "url")
            roots = [str(server.get(name)) for server in notebook_servers for name in names]
        usable = list(dict.fromkeys(f"{root.rstrip('/')}/admin" for root in roots if HTTPS_URL.fullmatch(root)))
        if usable:
            return usable
        raise UnexpectedAnswer("The portal names no notebook server: federate one, or set NotebookAdminUrl.")

    def notebooks(self, organisation_id: str, token: str, deadline: Deadline) -> Enumeration:
        """Return every Notebook item that the token may see.

        Windows of creation time pass the ceiling of 10,000 results; each starts at the last moment of the one before,
        so there is no gap.  The search's type match is fuzzy, so the type is compared exactly here.  A search that
        gives fewer items than it counts (the index changed while it was paged) is made once more, and what both gave
        is returned.
        """
        found: dict[ItemId, NotebookItem] = {}
        for _ in range(2):
            missing = self._enumerate(organisation_id, token, deadline, found)
            if not missing:
                return Enumeration(found, None)
        message = f"The portal's search for notebooks gave {missing} usable items fewer than it counted, twice."
        return Enumeration(found, ListingIncomplete(message))

    def _enumerate(
        self, organisation_id: str, token: str, deadline: Deadline, found: dict[ItemId, NotebookItem]
    ) -> int:
        """Add to ``found``; return how many results the search counted and did not give."""
        missing, since = 0, 0
        while True:
            results, total = self._search_window(organisation_id, since, token, deadline)
            window = {str(result.get("id")): result for result in results}
            missing += max(0, min(total, CEILING) - len(window))
            for result in window.values():
                if result.get("type") == NOTEBOOK:
                    try:
                        item = NotebookItem.from_portal(result)
                    except (NotAnId, UnexpectedAnswer):
                        missing += 1  # without a usable id or an owner; the others are archived all the same
                    else:
                        found[item.item_id] = item
            latest = max((epoch_milliseconds(r.get("created")) for r in results), default=0)
            if len(results) < CEILING:
                return missing
            if latest <= since:
                return missing + 1  # more items of one millisecond than a search can page through
            since = latest

    def _search_window(
        self, organisation_id: str, since: int, token: str, deadline: Deadline
    ) -> tuple[list[dict[str, Any]], int]:
        what = "The search for notebooks"
        query = f'type:"{NOTEBOOK}" AND orgid:{organisation_id}'
        if since:
            query += f" AND created:[{since:019d} TO {10**18:019d}]"
        results: list[dict[str, Any]] = []
        start, total = 1, 0
        while 0 < start <= CEILING:
            fields = {"q": query, "start": str(start), "num": str(PAGE), "sortField": "created", "sortOrder": "asc"}
            page = self._get("search", what, token, deadline, **fields)
            given = _objects(page, "results", what)
            results += given
            counted = page.get("total")
            total = max(total, counted if isinstance(counted, int) else 0)
            try:
                start = _next_start(page, start, len(given), what)
            except ListingIncomplete:
                return results, len(results) + 1  # noted as short by one at least; what there is, is archived
        return results, total

    def item(self, item_id: ItemId, token: str, deadline: Deadline) -> NotebookItem:
        """Return one item; raise NotebookNotFound where it does not exist or is no notebook."""
        what = f"Item {item_id}"
        answer = self._get(f"content/items/{item_id}", what, token, deadline)
        if not isinstance(answer.get("type"), str):
            raise UnexpectedAnswer(f"{what}: the portal gave an item without a type.")
        if answer["type"] != NOTEBOOK:
            raise NotebookNotFound(f"{what} is not a notebook.")
        return NotebookItem.from_portal(answer)

    def snapshots(self, item_id: ItemId, token: str, deadline: Deadline, *, owner: str = "") -> Listing:
        """Return the snapshots among the item's resources, as an administrator may read them.

        With its `owner`, they are asked for at the second address that Esri documents.
        """
        listed, total = self._resources(item_id, owner, token, deadline)
        return Listing.of(listed, total)

    def resources_size(self, item_id: ItemId, token: str, deadline: Deadline) -> int:
        """Return the bytes of the item's resources together, as far as the token's user sees them."""
        listed, _ = self._resources(item_id, "", token, deadline)
        sizes = (entry.get("size") for entry in listed)
        return sum(size for size in sizes if isinstance(size, int) and size > 0)

    def _resources(
        self, item_id: ItemId, owner: str, token: str, deadline: Deadline
    ) -> tuple[list[dict[str, Any]], object]:
        """Return the entries of all pages, and the total that the last page gave."""
        what = f"The resources of item {item_id}"
        of_owner = f"users/{quote(owner, safe='', errors='replace')}/" if owner else ""
        path = f"content/{of_owner}items/{item_id}/resources"
        entries: dict[str, dict[str, Any]] = {}
        start = 1
        while start > 0:
            fields = {"start": str(start), "num": str(RESOURCES_PAGE)}
            page = self._get(path, what, token, deadline, **fields)
            known = len(entries)
            entries |= {str(entry.get("resource")): entry for entry in _objects(page, "resources", what)}
            start = _next_start(page, start, len(entries) - known, what)
        return list(entries.values()), page.get("total")

    def download(
        self, item_id: ItemId, key: ResourceKey, limit: int, token: str, deadline: Deadline
    ) -> Generator[bytes]:
        """Yield the snapshot's bytes; no ``f`` is sent, so that the resource comes as it is."""
        url = f"{self.rest_url}/content/items/{item_id}/resources/{key}"
        return self._transport.stream("GET", url, f"Snapshot {key} of item {item_id}", deadline, limit, token=token)

    def data[T](
        self, item_id: ItemId, limit: int, token: str, consume: Callable[[Iterator[bytes]], T], deadline: Deadline
    ) -> T:
        """Return what ``consume`` makes of the item's current content; a redirect to storage is followed once, without
        the token."""
        url, what = f"{self.rest_url}/content/items/{item_id}/data", f"The current content of item {item_id}"
        return item_data(self._transport, url, what, limit, token, consume, deadline)

    def _get(self, path: str, what: str, token: str, deadline: Deadline, **fields: str) -> dict[str, Any]:
        fields["f"] = "json"
        return self._transport.call("GET", f"{self.rest_url}/{path}", what, deadline, token=token, fields=fields)


def _object(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object, an empty one where it is none."""
    member = answer.get(name)
    return member if isinstance(member, dict) else {}


def _objects(answer: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    """Return a member that is a list of objects; raise UnexpectedAnswer where it is none, for that is no empty list."""
    member = answer.get(name)
    if not isinstance(member, list) or not all(isinstance(entry, dict) for entry in member):
        raise UnexpectedAnswer(f"{what}: the answer holds no list of {name}.")
    return member


def _next_start(page: dict[str, Any], start: int, given: int, what: str) -> int:
    """Return where the next page starts, -1 after the last; raise ListingIncomplete for a listing that goes in circles
    or gives nothing and yet goes on."""
    following = page.get("nextStart", -1)
    if not isinstance(following, int) or following <= 0:
        return -1
    if following <= start or not given:
        raise ListingIncomplete(f"{what}: the page after {start} starts at {following}, which would never end.")
    return following
