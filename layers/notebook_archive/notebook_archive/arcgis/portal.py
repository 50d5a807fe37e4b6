"""The portal: who the token is, which notebooks there are, and an administrator's way to their snapshots."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.item_data import read_item_data
from notebook_archive.arcgis.transport import SHARING_API
from notebook_archive.errors import (
    AnswerTooLarge,
    ListingIncomplete,
    NotAnId,
    NotebookNotFound,
    UnexpectedAnswer,
)
from notebook_archive.models import (
    ItemId,
    NotebookItem,
    ResourceKey,
    SnapshotListing,
    is_unicode,
    parse_count,
    parse_epoch_milliseconds,
    parse_number,
)
from notebook_archive.settings import HTTPS_URL

PAGE = 100
"""Most results that one search request gives."""
CEILING = 10_000
"""Results of one search that can be paged through; the rest needs another window."""
RESOURCES_PAGE = 1000
# Resources of one item that are read. A listing that never ends would fill the memory.
MAX_RESOURCES = 20_000
# Entries of one listing that may be skipped because each alone is larger than an answer may be.
MAX_OVERSIZED = 20
NOTEBOOK = "Notebook"


@dataclass(frozen=True, slots=True)
class Organization:
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
    """The notebooks that a search gave, by item id, and the error if it did not give all that it counted."""

    notebooks: dict[ItemId, NotebookItem]
    incomplete: ListingIncomplete | None
    uncounted: bool = False
    """Whether the search gave no total. If so, nothing proves that it is complete."""


@dataclass(frozen=True, slots=True)
class _Pages:
    """A listing that comes in pages of up to `size` entries.

    `member` is the field that holds them, and `key` identifies each. Entries beyond the `last` cannot be requested.
    """

    path: str
    what: str
    member: str
    key: str
    size: int
    last: int
    fields: Mapping[str, str] = field(default_factory=dict)


class _Walk:
    """What the pages of one listing have given so far, by key."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.given = 0
        """Number of entries, with repeated ones and those that are too large to be read."""
        self.total: int | None = None
        """The highest total that a page gave: if an entry is deleted between two pages, the next page skips another
        one.
        """
        self.oversized = 0
        """Entries that are too large to be read."""
        self.is_circular = False
        """Whether a page led back to itself or to an earlier one."""
        self.is_cut = False
        """Whether there is more beyond the last entry that is asked for."""

    def take(self, page: Mapping[str, Any], pages: _Pages, start: int) -> int:
        """Add the entries of the page at `start`, and return the start of the next page, -1 after the last."""
        entries, known = _objects(page, pages.member, pages.what), len(self.entries)
        self.given += len(entries)
        for entry in entries:
            key = entry.get(pages.key)
            self.entries[key if isinstance(key, str) else ""] = entry
        total = parse_count(page.get("total"))
        if total is not None:
            self.total = max(total, self.total or 0)
        following = parse_number(page.get("nextStart")) or -1
        if following > 0 and (following <= start or len(self.entries) == known):
            self.is_circular = True
            return -1
        return following

    def pass_over(self, start: int) -> int:
        """Note that the entry at `start` is too large to be read, and return the next start, -1 after the last."""
        self.given += 1
        self.oversized += 1
        at_end = self.total is not None and start >= self.total
        return -1 if at_end or self.oversized == MAX_OVERSIZED else start + 1


class Portal:
    """The portal's sharing API for one client. Every method may raise any ArcGISError."""

    def __init__(self, client: ArcGISClient, url: str) -> None:
        self.client = client
        self.url = url
        self.rest_url = f"{url}{SHARING_API}"

    @property
    def secret(self) -> str:
        """The name of the secret that the client's tokens come from, or an empty text if they come from none."""
        return self.client.tokens.secret

    def within(self, share: float) -> Self:
        """Return the portal for the same user with only this share of the remaining time."""
        return type(self)(self.client.within(share), self.url)

    def get_organization(self) -> Organization:
        """Return the organisation that the token belongs to, and what the token's user may see there."""
        answer = self._get("portals/self", "The portal's description")
        if not _keep_text(answer.get("id")):
            raise UnexpectedAnswer("The portal's description names no organisation: check PortalUrl.")
        user = _object(answer, "user")
        privileges = user.get("privileges") or _object(answer, "appInfo").get("privileges")
        if not isinstance(privileges, list):
            privileges = []
        hosts = [_keep_text(answer.get(name)) for name in ("urlKey", "customBaseUrl")]
        return Organization(
            id=answer["id"],
            on_kubernetes=answer.get("portalDeploymentType") == "ArcGISEnterpriseOnKubernetes",
            is_online=answer.get("isPortal") is False,
            username=_keep_text(user.get("username")),
            sees_everything="portal:admin:viewItems" in privileges,
            reads_everything="portal:admin:updateItems" in privileges,
            host=".".join(host for host in hosts if host).lower(),
        )

    def find_notebook_admin_urls(self, organization: Organization) -> list[str]:
        """Return the addresses below which `/notebooks/snapshots` may lie, in the order in which to try them.

        Kubernetes: the portal's own `/admin`. Online: the hosts in `portals/self/urls`. Enterprise: the addresses of
        the federated servers whose function contains NotebookServer. Esri's clients took `adminUrl` and then `url`
        before they took `adminPublicUrl`. Raises UnexpectedAnswer if the portal names no address.
        """
        if organization.on_kubernetes:
            return [f"{self.url}/admin"]
        if organization.is_online:
            urls = _object(self._get("portals/self/urls", "The organisation's hosts"), "urls")
            hosts = _object(urls, "notebooks").get("https")
            roots = [f"https://{host}" for host in (hosts if isinstance(hosts, list) else ()) if isinstance(host, str)]
        else:
            path = f"portals/{quote(organization.id, safe='')}/servers"
            what = "The portal's federated servers"
            servers = _objects(self._get(path, what), "servers", what)
            notebook_servers = [s for s in servers if "notebookserver" in str(s.get("serverFunction", "")).lower()]
            names = ("adminPublicUrl", "adminUrl", "url")
            roots = [str(server.get(name)) for server in notebook_servers for name in names]
        usable = list(dict.fromkeys(f"{root.rstrip('/')}/admin" for root in roots if HTTPS_URL.fullmatch(root)))
        if usable:
            return usable
        raise UnexpectedAnswer("The portal names no notebook server: federate one, or set NotebookAdminUrl.")

    def list_notebooks(self, organization_id: str) -> Enumeration:
        """Return every Notebook item that the token may see.

        Windows of creation time pass the ceiling of 10,000 results; each starts at the last moment of the one before,
        so there is no gap.  The search's type match is fuzzy, so the type is compared exactly here.  A search that
        gives fewer items than it counts (the index changed while it was paged) is made once more, and what both gave
        is returned.
        """
        found: dict[ItemId, NotebookItem] = {}
        for _ in range(2):
            missing, oversized, uncounted = self._enumerate(organization_id, found)
            if not missing:
                return Enumeration(found, None, uncounted)
        message = f"The portal's search for notebooks gave {missing} usable items fewer than it counted, twice."
        if oversized:
            message += f" Too large to be read: {oversized}."
        return Enumeration(found, ListingIncomplete(message), uncounted)

    def _enumerate(self, organization_id: str, found: dict[ItemId, NotebookItem]) -> tuple[int, int, bool]:
        """Add to `found`.

        Return the number of missing results, the number that are too large among them, and whether a window had no
        total.
        """
        missing, oversized, since, uncounted = 0, 0, 0, False
        while True:
            walk = self._search_window(organization_id, since)
            given = len(walk.entries)
            missing += max(min(walk.total or 0, CEILING) - given, walk.oversized, int(walk.is_circular))
            oversized += walk.oversized
            uncounted = uncounted or walk.total is None or walk.total < given
            for result in walk.entries.values():
                if result.get("type") == NOTEBOOK:
                    try:
                        item = NotebookItem.from_portal(result)
                    except (NotAnId, UnexpectedAnswer):
                        missing += 1  # without a usable id or an owner; the others are archived all the same
                    else:
                        found[item.item_id] = item
                elif not isinstance(result.get("type"), str):
                    missing += 1  # it may be a notebook
            latest = max((parse_epoch_milliseconds(r.get("created")) for r in walk.entries.values()), default=0)
            if walk.given < CEILING:
                return missing, oversized, uncounted
            if latest <= since:
                return missing + 1, oversized, uncounted  # more items of one millisecond than a search can page through
            since = latest

    def _search_window(self, organization_id: str, since: int) -> _Walk:
        query = f'type:"{NOTEBOOK}" AND orgid:{organization_id}'
        if since:
            query += f" AND created:[{since:019d} TO {10**18:019d}]"
        order = {"q": query, "sortField": "created", "sortOrder": "asc"}
        pages = _Pages("search", "The search for notebooks", "results", "id", PAGE, CEILING, order)
        return self._walk(pages)

    def _walk(self, pages: _Pages) -> _Walk:
        """Return the entries of all pages of a listing.

        A page that is too large to be read is requested again with half as many entries. A single entry that is too
        large is skipped; after MAX_OVERSIZED of them the listing ends.
        """
        walk = _Walk()
        start, num = 1, pages.size
        while 0 < start <= pages.last:
            place = {"start": str(start), "num": str(min(num, pages.last - start + 1))}
            try:
                page = self._get(pages.path, pages.what, **pages.fields, **place)
            except AnswerTooLarge:
                if num > 1:
                    num //= 2
                else:
                    start, num = walk.pass_over(start), pages.size
            else:
                start = walk.take(page, pages, start)
        walk.is_cut = start > 0
        return walk

    def get_item(self, item_id: ItemId) -> NotebookItem:
        """Return one item; raise NotebookNotFound where it does not exist or is no notebook."""
        what = f"Item {item_id}"
        answer = self._get(f"content/items/{item_id}", what)
        if not isinstance(answer.get("type"), str):
            raise UnexpectedAnswer(f"{what}: the portal gave an item without a type.")
        if answer["type"] != NOTEBOOK:
            raise NotebookNotFound(f"{what} is not a notebook.")
        item = NotebookItem.from_portal(answer)
        if item.item_id != item_id:
            raise UnexpectedAnswer(f"{what}: the portal gave another item, {item.item_id}.")
        return item

    def list_groups(self, item_id: ItemId) -> list[dict[str, str]]:
        """Return `id` and `title` of the groups that the item is shared with and the token's user can see.

        Source: Esri's page "Item groups", `content/items/<itemID>/groups`.
        """
        answer = self._get(f"content/items/{item_id}/groups", f"The groups of item {item_id}")
        return [each for name in ("admin", "member", "other") for each in _parse_titles(answer.get(name))]

    def list_folders(self, owner: str) -> dict[str, str]:
        """Return the titles of an owner's folders by their ids.  Source: Esri's page "User content"."""
        what = f"The folders of {owner}"
        answer = self._get(f"content/users/{quote(owner, safe='')}", what, start="1", num="1")
        return {each["id"]: each["title"] for each in _parse_titles(answer.get("folders"))}

    def list_snapshots(self, item_id: ItemId, *, owner: str = "") -> SnapshotListing:
        """Return the snapshots among the item's resources, as an administrator may read them.

        With its `owner`, they are requested at the second address that Esri documents.
        """
        walk = self._resources(item_id, owner)
        return SnapshotListing.from_entries(list(walk.entries.values()), walk.total, walk.oversized)

    def sum_resource_sizes(self, item_id: ItemId) -> int:
        """Return the total size, in bytes, of the item's resources that the token's user can see."""
        walk = self._resources(item_id, "")
        return sum(max(0, parse_number(entry.get("size")) or 0) for entry in walk.entries.values())

    def _resources(self, item_id: ItemId, owner: str) -> _Walk:
        of_owner = f"users/{quote(owner, safe='', errors='replace')}/" if owner else ""
        path, what = f"content/{of_owner}items/{item_id}/resources", f"The resources of item {item_id}"
        walk = self._walk(_Pages(path, what, "resources", "resource", RESOURCES_PAGE, MAX_RESOURCES))
        if walk.is_circular:
            raise ListingIncomplete(f"{what}: a page leads back to itself or to an earlier one.")
        if walk.is_cut:
            raise ListingIncomplete(f"{what}: there are more than {MAX_RESOURCES}.")
        return walk

    def read_snapshot[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T]
    ) -> T:
        """Return the result of `consume` for the snapshot's bytes; each new try calls it again.

        No `f` is sent, so that the resource comes as it is.
        """
        url, what = f"{self.rest_url}/content/items/{item_id}/resources/{key}", f"Snapshot {key} of item {item_id}"
        return self.client.retry(lambda: self.client.read("GET", url, what, limit, consume))

    def read_content[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the item's current content. Passing faults are not retried.

        A redirect to storage is followed once, without the token.
        """
        url, what = f"{self.rest_url}/content/items/{item_id}/data", f"The current content of item {item_id}"
        return read_item_data(self.client, url, what, limit, consume)

    def _get(self, path: str, what: str, **fields: str) -> dict[str, Any]:
        return self.client.call("GET", f"{self.rest_url}/{path}", what, {**fields, "f": "json"})


def _object(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object, an empty one where it is none."""
    member = answer.get(name)
    return member if isinstance(member, dict) else {}


def _keep_text(value: object) -> str:
    """Return the value if it is a text, and an empty text otherwise."""
    return value if isinstance(value, str) and is_unicode(value) else ""


def _parse_titles(entries: object) -> list[dict[str, str]]:
    """Return `id` and `title` of each entry that has both."""
    found = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    pairs = [(each.get("id"), each.get("title")) for each in found]
    return [{"id": name, "title": title} for name, title in pairs if isinstance(name, str) and isinstance(title, str)]


def _objects(answer: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    """Return a member that is a list of objects; raise UnexpectedAnswer where it is none, for that is no empty list."""
    member = answer.get(name)
    if not isinstance(member, list) or not all(isinstance(entry, dict) for entry in member):
        raise UnexpectedAnswer(f"{what}: the answer holds no list of {name}.")
    return member
