"""Call the portal's sharing API: the organization, its notebooks, and their snapshots as item resources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.item_data import read_item_data, read_item_resource
from notebook_archive.arcgis.transport import SHARING_API
from notebook_archive.errors import (
    AnswerTooLarge,
    ChangeSearchUnsupported,
    ListingIncomplete,
    NotAnId,
    NotebookNotFound,
    RequestRejected,
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

# Maximum number of results in one response.
RESULTS_PER_PAGE = 100
# Maximum number of results of one search, over all its pages. Further results need another search.
MAX_SEARCH_RESULTS = 10_000
# Maximum number of resources in one response.
RESOURCES_PER_PAGE = 1000
# Maximum number of resources that are read for one item. A listing that never ends would fill the memory.
MAX_RESOURCES = 20_000
# Maximum number of items that are read from one folder. A listing that never ends would fill the memory.
MAX_ITEMS = 100_000
# Maximum number of entries in one listing that are skipped because a response with this entry alone is too large.
MAX_OVERSIZED = 20
# Milliseconds by which results may be earlier than the range, in case the index stores times less precisely.
RANGE_TOLERANCE_MS = 60_000
NOTEBOOK = "Notebook"


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization, and the privileges of the token's user, as `portals/self` describes them.

    `can_view_items` is the privilege `portal:admin:viewItems`. `can_update_items` is `portal:admin:updateItems`.
    Without the latter, other users' private resources, such as snapshots, cannot even be listed. `host` is the host of
    the organization's URL in ArcGIS Online. For other portals, it is empty.
    """

    id: str
    is_on_kubernetes: bool
    is_online: bool
    username: str
    can_view_items: bool
    can_update_items: bool
    host: str


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The notebooks that a search returned, by item id, and an error if it returned fewer than its total."""

    notebooks: dict[ItemId, NotebookItem]
    incomplete: ListingIncomplete | None
    # Whether the search had no usable total. If so, nothing proves that it is complete.
    is_uncounted: bool = False


@dataclass(frozen=True, slots=True)
class _PagedRequest:
    """A listing that is returned in pages of up to `size` entries.

    `member` is the name of the response field with the entries. `key` is the name of the field that identifies an
    entry. Entries after number `last` cannot be requested.
    """

    path: str
    what: str
    member: str
    key: str
    size: int
    last: int
    fields: Mapping[str, str] = field(default_factory=dict)


class _PagedEntries:
    """The entries from the pages of one listing that have been read so far."""

    def __init__(self) -> None:
        # The entries by their keys.
        self.entries: dict[str, dict[str, Any]] = {}
        # Number of entries, including repeated entries and entries that are too large to be read.
        self.given = 0
        # The highest total that any page reported. If an entry is deleted between two pages, the total falls, but the
        # next page skips an entry that still exists.
        self.total: int | None = None
        # Number of entries that are too large to be read.
        self.oversized = 0
        # Whether a page named itself or an earlier page as the next one.
        self.is_circular = False
        # Whether there are more entries after the last entry that can be requested.
        self.is_cut = False

    def add(self, page: Mapping[str, Any], request: _PagedRequest, start: int) -> int:
        """Add the entries of the page at `start`. Return the start of the next page, or -1 after the last page."""
        entries, known = _get_objects(page, request.member, request.what), len(self.entries)
        self.given += len(entries)
        for entry in entries:
            key = entry.get(request.key)
            self.entries[key if isinstance(key, str) else ""] = entry
        total = parse_count(page.get("total"))
        if total is not None:
            self.total = max(total, self.total or 0)
        next_start = parse_number(page.get("nextStart")) or -1
        if next_start > 0 and (next_start <= start or len(self.entries) == known):
            self.is_circular = True
            return -1
        return next_start

    def skip_oversized(self, start: int) -> int:
        """Count the entry at `start` as too large to be read. Return the next start, or -1 if the listing ends."""
        self.given += 1
        self.oversized += 1
        is_last = self.total is not None and start >= self.total
        return -1 if is_last or self.oversized == MAX_OVERSIZED else start + 1


@dataclass(slots=True)
class _Found:
    """The results of the searches for notebooks so far.

    `missing` is the number of results that may be notebooks and are not in `notebooks`. `oversized` is the number of
    these results that are too large to be read. `is_uncounted` is true if a search had no usable total.
    """

    notebooks: dict[ItemId, NotebookItem] = field(default_factory=dict)
    missing: int = 0
    oversized: int = 0
    is_uncounted: bool = False

    def add_window(self, window: _PagedEntries) -> None:
        """Add the results of one search."""
        given = len(window.entries)
        self.missing += max(
            min(window.total or 0, MAX_SEARCH_RESULTS) - given, window.oversized, int(window.is_circular)
        )
        self.oversized += window.oversized
        self.is_uncounted |= window.total is None or window.total < given
        for result in window.entries.values():
            if result.get("type") == NOTEBOOK:
                try:
                    item = NotebookItem.from_portal(result)
                except (NotAnId, UnexpectedAnswer):
                    self.missing += 1  # it has no usable id or owner; the other notebooks are still archived
                else:
                    self.notebooks[item.item_id] = item
            elif not isinstance(result.get("type"), str):
                self.missing += 1  # it may be a notebook


class Portal:
    """The portal's sharing API for one client. Every method may raise an ArcGISError."""

    def __init__(self, client: ArcGISClient, url: str) -> None:
        self.client = client
        self.url = url
        self.rest_url = f"{url}{SHARING_API}"

    @property
    def secret(self) -> str:
        """The name of the secret that the client's tokens come from, or an empty string if they come from no secret."""
        return self.client.tokens.secret

    def within(self, share: float) -> Self:
        """Return a portal client for the same user with only this share of the remaining time."""
        return type(self)(self.client.within(share), self.url)

    def get_organization(self) -> Organization:
        """Return the organization of the token's user, with the user's privileges."""
        answer = self._get("portals/self", "The portal's description")
        if not _get_text(answer.get("id")):
            raise UnexpectedAnswer("The portal's description does not name an organization. Check PortalUrl.")
        user = _get_object(answer, "user")
        privileges = user.get("privileges") or _get_object(answer, "appInfo").get("privileges")
        if not isinstance(privileges, list):
            privileges = []
        hosts = [_get_text(answer.get(name)) for name in ("urlKey", "customBaseUrl")]
        return Organization(
            id=answer["id"],
            is_on_kubernetes=answer.get("portalDeploymentType") == "ArcGISEnterpriseOnKubernetes",
            is_online=answer.get("isPortal") is False,
            username=_get_text(user.get("username")),
            can_view_items="portal:admin:viewItems" in privileges,
            can_update_items="portal:admin:updateItems" in privileges,
            host=".".join(host for host in hosts if host).lower(),
        )

    def find_notebook_admin_urls(self, organization: Organization) -> list[str]:
        """Return the addresses below which `/notebooks/snapshots` may be, in the order in which to test them.

        For Kubernetes, the address is the portal's `/admin`. ArcGIS Online lists hosts in `portals/self/urls`. Other
        portals list the addresses of their federated servers. Those of servers with the function NotebookServer are
        returned: first `adminPublicUrl`, which Esri's clients use, then `adminUrl` and `url`, which they used earlier.
        Raises UnexpectedAnswer if the portal does not list an address.
        """
        if organization.is_on_kubernetes:
            return [f"{self.url}/admin"]
        if organization.is_online:
            urls = _get_object(self._get("portals/self/urls", "The organization's hosts"), "urls")
            hosts = _get_object(urls, "notebooks").get("https")
            roots = [f"https://{host}" for host in (hosts if isinstance(hosts, list) else ()) if isinstance(host, str)]
        else:
            path = f"portals/{quote(organization.id, safe='')}/servers"
            what = "The portal's federated servers"
            servers = _get_objects(self._get(path, what), "servers", what)
            notebook_servers = [s for s in servers if "notebookserver" in str(s.get("serverFunction", "")).lower()]
            names = ("adminPublicUrl", "adminUrl", "url")
            roots = [str(server.get(name)) for server in notebook_servers for name in names]
        usable = list(dict.fromkeys(f"{root.rstrip('/')}/admin" for root in roots if HTTPS_URL.fullmatch(root)))
        if usable:
            return usable
        raise UnexpectedAnswer("The portal does not list a notebook server. Federate one, or set NotebookAdminUrl.")

    def list_notebooks(self, organization_id: str) -> Enumeration:
        """Return every Notebook item that the token's user may see.

        One search returns at most MAX_SEARCH_RESULTS items. The next search requests the items that were created in the
        same millisecond as the last item, or later, so there is no gap. The search does not match types exactly, so the
        type is compared here.

        The searches may return fewer items than their totals if the index changes while they run. If so, all searches
        are repeated once, and the items of both rounds are returned.
        """
        return self._enumerate(f'type:"{NOTEBOOK}" AND orgid:{organization_id}')

    def list_changed_notebooks(self, organization_id: str, since: int) -> Enumeration:
        """Return the Notebook items that were last changed at `since` or later, in epoch milliseconds.

        The range has no end, so it does not depend on any clock. Esri documents ranges of `modified`, padded with zeros
        to 19 digits. Otherwise this is like `list_notebooks`. Raises ChangeSearchUnsupported if the portal refuses the
        range or ignores it.
        """
        query = f'type:"{NOTEBOOK}" AND orgid:{organization_id} AND modified:[{since:019d} TO {10**18:019d}]'
        try:
            found = self._enumerate(query)
        except RequestRejected as error:
            raise ChangeSearchUnsupported(
                f"The portal refused a search by the time of the last change: {error}"
            ) from None
        ignored = sum(item.modified < since - RANGE_TOLERANCE_MS for item in found.notebooks.values())
        if ignored:
            raise ChangeSearchUnsupported(
                f"The portal's search ignored the range of times: it returned {len(found.notebooks)} notebooks, of "
                f"which {ignored} were last changed earlier."
            )
        return found

    def find_last_change(self, organization_id: str) -> int:
        """Return when a notebook was last changed, in epoch milliseconds, or 0 if there is no notebook.

        Makes one call, which uses no range of times.
        """
        fields = {"q": f'type:"{NOTEBOOK}" AND orgid:{organization_id}', "sortField": "modified", "sortOrder": "desc"}
        what = "The search for the last change"
        results = _get_objects(self._get("search", what, **fields, num=str(RESULTS_PER_PAGE)), "results", what)
        notebooks = [result for result in results if result.get("type") == NOTEBOOK]
        return max((parse_epoch_milliseconds(each.get("modified")) for each in notebooks), default=0)

    def _enumerate(self, query: str) -> Enumeration:
        """Return the Notebook items that a query finds."""
        found = self._search(query)
        if found.missing:
            again = self._search(query)
            again.notebooks = found.notebooks | again.notebooks
            found = again
        if not found.missing:
            return Enumeration(found.notebooks, None, found.is_uncounted)
        message = (
            f"The portal's search for notebooks returned too few usable items twice. Missing items: {found.missing}."
        )
        if found.oversized:
            message += f" Too large to be read: {found.oversized}."
        return Enumeration(found.notebooks, ListingIncomplete(message), found.is_uncounted)

    def _search(self, query: str) -> _Found:
        """Return the results of one round of searches for all notebooks that a query finds."""
        found, since = _Found(), 0
        while True:
            window = self._search_window(query, since)
            found.add_window(window)
            if window.given < MAX_SEARCH_RESULTS:
                return found
            latest = max((parse_epoch_milliseconds(r.get("created")) for r in window.entries.values()), default=0)
            if latest <= since:
                found.missing += 1  # more items were created in one millisecond than a search can return
                return found
            since = latest

    def _search_window(self, query: str, since: int) -> _PagedEntries:
        if since:
            query += f" AND created:[{since:019d} TO {10**18:019d}]"
        order = {"q": query, "sortField": "created", "sortOrder": "asc"}
        request = _PagedRequest(
            "search", "The search for notebooks", "results", "id", RESULTS_PER_PAGE, MAX_SEARCH_RESULTS, order
        )
        return self._read_pages(request)

    def _read_pages(self, request: _PagedRequest) -> _PagedEntries:
        """Return the entries of all pages of a listing.

        A page that is too large to be read is requested again with half as many entries. A single entry that is too
        large is skipped. After MAX_OVERSIZED such entries, no further page is requested.
        """
        listed = _PagedEntries()
        start, num = 1, request.size
        while 0 < start <= request.last:
            place = {"start": str(start), "num": str(min(num, request.last - start + 1))}
            try:
                page = self._get(request.path, request.what, **request.fields, **place)
            except AnswerTooLarge:
                if num > 1:
                    num //= 2
                else:
                    start, num = listed.skip_oversized(start), request.size
            else:
                start = listed.add(page, request, start)
        listed.is_cut = start > 0
        return listed

    def get_item(self, item_id: ItemId) -> NotebookItem:
        """Return one item. Raises NotebookNotFound if it does not exist or is not a notebook."""
        what = f"Item {item_id}"
        answer = self._get(f"content/items/{item_id}", what)
        if not isinstance(answer.get("type"), str):
            raise UnexpectedAnswer(f"{what}: the portal sent an item without a type.")
        if answer["type"] != NOTEBOOK:
            raise NotebookNotFound(f"{what} is not a notebook.")
        item = NotebookItem.from_portal(answer)
        if item.item_id != item_id:
            raise UnexpectedAnswer(f"{what}: the portal sent another item, {item.item_id}.")
        return item

    def list_groups(self, item_id: ItemId) -> list[dict[str, str]]:
        """Return `id` and `title` of the groups that the item is shared with, if the token's user can see them.

        Source: Esri's page "Item groups", `content/items/<itemID>/groups`.
        """
        answer = self._get(f"content/items/{item_id}/groups", f"The groups of item {item_id}")
        return [each for name in ("admin", "member", "other") for each in _parse_titles(answer.get(name))]

    def list_folders(self, owner: str) -> dict[str, str]:
        """Return the titles of an owner's folders by their ids. Source: Esri's page "User content"."""
        what = f"The folders of {owner}"
        answer = self._get(f"content/users/{quote(owner, safe='')}", what, start="1", num="1")
        return {each["id"]: each["title"] for each in _parse_titles(answer.get("folders"))}

    def list_items(self, owner: str, folder_id: str) -> list[dict[str, Any]]:
        """Return the items in an owner's folder, or the items in no folder, as the portal describes them.

        The search index is not used. Raises ListingIncomplete if the portal lists fewer items than its total, or does
        not end. Source: Esri's page "User content".
        """
        path = f"content/users/{quote(owner, safe='', errors='replace')}"
        if folder_id:
            path += f"/{quote(folder_id, safe='', errors='replace')}"
        what = f"The items of {owner}"
        listed = self._read_pages(_PagedRequest(path, what, "items", "id", RESULTS_PER_PAGE, MAX_ITEMS))
        if listed.is_circular or listed.is_cut:
            raise ListingIncomplete(f"{what}: the listing does not end.")
        missing = max(listed.oversized, (listed.total or 0) - len(listed.entries))
        if missing:
            raise ListingIncomplete(f"{what}: the portal did not list {missing} of {listed.total} items.")
        return list(listed.entries.values())

    def list_snapshots(self, item_id: ItemId, *, owner: str = "") -> SnapshotListing:
        """Return the snapshots among the item's resources, which an administrator may read.

        If the item's `owner` is given, the request uses the second address that Esri documents, below the owner's name.
        """
        listed = self._list_resources(item_id, owner)
        return SnapshotListing.from_entries(list(listed.entries.values()), listed.total, listed.oversized)

    def sum_resource_sizes(self, item_id: ItemId) -> int:
        """Return the total size, in bytes, of the item's resources that the token's user can see."""
        listed = self._list_resources(item_id, "")
        return sum(max(0, parse_number(entry.get("size")) or 0) for entry in listed.entries.values())

    def _list_resources(self, item_id: ItemId, owner: str) -> _PagedEntries:
        user_path = f"users/{quote(owner, safe='', errors='replace')}/" if owner else ""
        path, what = f"content/{user_path}items/{item_id}/resources", f"The resources of item {item_id}"
        listed = self._read_pages(_PagedRequest(path, what, "resources", "resource", RESOURCES_PER_PAGE, MAX_RESOURCES))
        if listed.is_circular:
            raise ListingIncomplete(f"{what}: a page names itself or an earlier page as the next one.")
        if listed.is_cut:
            raise ListingIncomplete(f"{what}: there are more than {MAX_RESOURCES}.")
        return listed

    def read_snapshot[T](
        self, item_id: ItemId, key: ResourceKey, limit: int, consume: Callable[[Iterator[bytes]], T]
    ) -> T:
        """Return the result of `consume` for the snapshot's bytes. Each attempt calls `consume` again.

        The request has no parameter `f`, so that the portal sends the resource unchanged.
        """
        url, what = f"{self.rest_url}/content/items/{item_id}/resources/{key}", f"Snapshot {key} of item {item_id}"
        return self.client.retry(lambda: read_item_resource(self.client, url, what, limit, consume))

    def read_content[T](self, item_id: ItemId, limit: int, consume: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of `consume` for the item's current content. Transient faults are not retried.

        One redirect to storage is followed, without the token.
        """
        url, what = f"{self.rest_url}/content/items/{item_id}/data", f"The current content of item {item_id}"
        return read_item_data(self.client, url, what, limit, consume)

    def _get(self, path: str, what: str, **fields: str) -> dict[str, Any]:
        return self.client.call("GET", f"{self.rest_url}/{path}", what, {**fields, "f": "json"})


def _get_object(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the field's value if it is an object, or else an empty object."""
    member = answer.get(name)
    return member if isinstance(member, dict) else {}


def _get_text(value: object) -> str:
    """Return the value if it is a valid Unicode string, or else an empty string."""
    return value if isinstance(value, str) and is_unicode(value) else ""


def _parse_titles(entries: object) -> list[dict[str, str]]:
    """Return `id` and `title` of each entry that has both."""
    found = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    pairs = [(each.get("id"), each.get("title")) for each in found]
    return [{"id": name, "title": title} for name, title in pairs if isinstance(name, str) and isinstance(title, str)]


def _get_objects(answer: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    """Return the list of objects in this field. Raises UnexpectedAnswer if the field is anything else."""
    member = answer.get(name)
    if not isinstance(member, list) or not all(isinstance(entry, dict) for entry in member):
        raise UnexpectedAnswer(f"{what}: the response has no list of {name}.")
    return member
