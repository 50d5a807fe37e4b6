"""The state of one ArcGIS organisation: users, items, snapshots, open notebooks, webhooks.

Operations change these objects. Tests may change them too while the server runs.
"""

import copy
import hashlib
import itertools
import json
import math
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from local.arcgis.content import Content, size_of

type Access = Literal["private", "shared", "org", "public"]
type Role = Literal["admin", "creator"]

CREATOR_PRIVILEGES = (
    "premium:publisher:createNotebooks",
    "portal:user:createItem",
    "portal:user:shareToGroup",
    "portal:user:shareToOrg",
)
ADMIN_PRIVILEGES = (
    *CREATOR_PRIVILEGES,
    "portal:user:shareToPublic",
    "portal:admin:viewItems",
    "portal:admin:updateItems",
    "portal:admin:deleteItems",
    "portal:admin:shareToGroup",
    "portal:admin:viewUsers",
)
RUNTIME = ("ArcGIS Notebook Python 3 Standard", "9.0")


def now_ms() -> int:
    """Return the current time as ArcGIS writes it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Return a new item, session or container id: 32 lower-case hexadecimal digits."""
    return secrets.token_hex(16)


def id_of(title: str) -> str:
    """Return the id of the folder or group with this title."""
    return hashlib.blake2b(title.encode(), digest_size=16).hexdigest()


@dataclass
class User:
    """A member of the organisation, who can sign in with the password.

    Programs that fill the archive's secret store read `has_secret`. If it is False, they must not store this user's
    password. Such a user stands for an owner who never gave the password to the archive's operator.
    """

    username: str
    password: str
    role: Role = "creator"
    full_name: str = ""
    has_secret: bool = True

    @property
    def privileges(self) -> tuple[str, ...]:
        """The ArcGIS privileges of the role."""
        return ADMIN_PRIVILEGES if self.role == "admin" else CREATOR_PRIVILEGES


@dataclass
class App:
    """A registered application. It gets tokens with the OAuth grant `client_credentials` and is not a user."""

    client_id: str
    client_secret: str
    privileges: tuple[str, ...] = ("portal:admin:viewItems", "portal:admin:updateItems")


@dataclass
class Snapshot:
    """One snapshot. `content` is either the bytes that are served, or the path of a file with these bytes."""

    name: str
    content: Content
    resource_key: str = field(default_factory=lambda: f"snapshot-{new_id()}.json")
    created: int = field(default_factory=now_ms)
    description: str = ""
    runtime: tuple[str, str] = RUNTIME
    private: bool = True

    @property
    def size(self) -> int:
        """The length of the content in bytes."""
        return size_of(self.content)

    @property
    def properties(self) -> dict[str, Any]:
        """Name, description and runtime in the form that `snapshots/list` and `/resources` return."""
        name, version = self.runtime
        runtime = {"notebookRuntimeName": name, "notebookRuntimeVersion": version}
        return {"name": self.name, "description": self.description, "runtime": runtime}


@dataclass
class Resource:
    """A file of an item that is not a snapshot, such as `notebook_preview.json`."""

    name: str
    content: Content
    created: int = field(default_factory=now_ms)
    access: Literal["private", "inherit"] = "inherit"


@dataclass
class Item:
    """A portal item. Its `content` is the notebook as last saved.

    If `resources_refused` is set, only the owner can list the resources. Even an administrator cannot. So nobody can
    read the snapshots without the owner's password. `content_refused` does the same for the content. `groups` are the
    titles of the groups that the item is shared with. `folder` is the title of its folder. An `unindexed` item exists,
    but a search never returns it. With `index_lag_seconds`, the search index shows changes of this item at least that
    much later. A `protected` item cannot be deleted. `name` is the name of the item's file, by default the item id with
    `.ipynb`.
    """

    owner: str
    title: str
    content: Content = b"{}"
    type: str = "Notebook"
    id: str = field(default_factory=new_id)
    created: int = field(default_factory=now_ms)
    modified: int = 0
    access: Access = "private"
    shared_with: tuple[str, ...] = ()
    folder: str | None = None
    description: str | None = None
    snippet: str | None = None
    license_info: str | None = None
    access_information: str | None = None
    tags: list[str] = field(default_factory=list)
    type_keywords: list[str] = field(default_factory=lambda: ["Notebook", "Python"])
    name: str = ""
    protected: bool = False
    runtime: tuple[str, str] = RUNTIME
    snapshots: list[Snapshot] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    resources_refused: bool = False
    content_refused: bool = False
    groups: tuple[str, ...] = ()
    unindexed: bool = False
    indexed_modified: int = 0
    index_lag_seconds: float = 0
    views: int = 0
    added_at: float = field(default_factory=time.time)
    removed_at: float | None = None
    # The time of each save in epoch seconds, and the `modified` since then. It does not count for equality.
    saves: list[tuple[float, int]] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        self.modified = self.modified or self.created
        self.name = self.name or f"{self.id}.ipynb"

    def touch(self, at: float | None = None) -> None:
        """Set a later `modified`, as a save does. `at` is in epoch seconds, by default the present time."""
        now = time.time() if at is None else at
        self.saves = self.saves or [(0.0, self.modified)]
        self.modified = max(int(now * 1000), self.modified + 1)
        self.saves.append((now, self.modified))

    def as_indexed(self, horizon: float) -> Self:
        """Return the item with the `modified` that a search index contains, which was updated at `horizon`.

        A `modified` that was set without `touch` is in the index at once, unless `indexed_modified` is set.
        """
        indexed = self.indexed_modified or self.modified
        if not self.indexed_modified and self.saves and self.saves[-1][1] == self.modified:
            indexed = max(modified for at, modified in self.saves if at <= horizon)
        if indexed == self.modified:
            return self
        shown = copy.copy(self)
        shown.modified = indexed
        return shown

    def snapshot(self, resource_key: str) -> Snapshot | None:
        """Return the snapshot with that key, or None."""
        return next((snapshot for snapshot in self.snapshots if snapshot.resource_key == resource_key), None)

    def add_snapshot(self, content: Content, name: str | None = None, **fields: Any) -> Snapshot:  # noqa: ANN401 - the fields of Snapshot
        """Add a snapshot, even beyond the limit of five, and return it."""
        snapshot = Snapshot(name or f"{self.title} {len(self.snapshots) + 1}", content, **fields)
        self.snapshots.append(snapshot)
        return snapshot


@dataclass
class Upload:
    """A file that a client uploads in parts. `parts` maps part numbers to bytes.

    `adds_item` is true if the upload belongs to `addItem`, so that the item exists only after the commit.
    """

    item: Item
    file_name: str
    adds_item: bool = False
    parts: dict[int, bytes] = field(default_factory=dict)
    status: Literal["partial", "processing", "completed", "failed"] = "partial"


@dataclass
class Session:
    """A notebook that is open in a container."""

    item_id: str
    username: str
    id: str = field(default_factory=new_id)
    container_id: str = field(default_factory=new_id)
    last_activity: int = field(default_factory=now_ms)
    revision: int = field(default_factory=now_ms)


@dataclass
class Webhook:
    """An organisation webhook: the URL that receives events, and the events that it receives.

    `deliveries` are the deliveries that `notificationStatus` returns, the latest first. `failures` contains a time for
    each delivery whose attempts all failed, in epoch milliseconds.
    """

    name: str
    url: str
    secret: str
    events: list[str]
    config: dict[str, Any]
    owner: str
    id: str = field(default_factory=new_id)
    created: int = field(default_factory=now_ms)
    modified: int = field(default_factory=now_ms)
    active: bool = True
    failures: list[int] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def listens_for(self, operation: str, item_id: str) -> bool:
        """Return whether the webhook is active and listens for this operation on this item."""
        matching = {"/", "/items", f"/items/{operation}", f"/items/{item_id}", f"/items/{item_id}/{operation}"}
        return self.active and not matching.isdisjoint(self.events)


class Organisation:
    """The users, items, sessions and webhooks of one deployment. `items` maps ids to items, in order of creation.

    `folders` are the titles of folders by their owners. They include empty folders. Folders of items need not be in it.
    `groups` are the titles of groups, which need not include those of items. `recycle_bin` contains deleted items by
    their ids. `uploads` are the uploads in parts by the ids of their items.
    """

    def __init__(self, users: list[User], items: list[Item] | None = None) -> None:
        self.id = secrets.token_hex(8)
        self.name = "Local organisation"
        self.users = {user.username: user for user in users}
        self.apps = {"archive-app": App("archive-app", "archive-app-secret")}
        self.items = {item.id: item for item in items or []}
        self.folders: dict[str, list[str]] = {}
        self.groups: list[str] = []
        self.recycle_bin: dict[str, Item] = {}
        self.uploads: dict[str, Upload] = {}
        self.sessions: list[Session] = []
        self.webhooks: dict[str, Webhook] = {}
        self.webhook_settings = {
            "notificationAttempts": 3,
            "notificationTimeOutInSeconds": 10,
            "notificationElapsedTimeInSeconds": 5,
        }
        # The clock of the search index, in epoch seconds. Tests replace it to simulate days.
        self.clock: Callable[[], float] = time.time
        self._removed: list[Item] = []

    def notebooks(self) -> list[Item]:
        """Return the items that are notebooks, in order of creation."""
        return [item for item in list(self.items.values()) if item.type == "Notebook"]

    def add(self, item: Item) -> Item:
        """Add an item and return it."""
        self.items[item.id] = item
        return item

    def remove(self, item_id: str) -> Item | None:
        """Remove an item with its snapshots and return it, or return None if it does not exist.

        A search still finds the item until the search index is updated.
        """
        item = self.items.pop(item_id, None)
        if item is not None:
            item.removed_at = self.clock()
            self._removed.append(item)
        return item

    def list_folders(self, owner: str) -> dict[str, str]:
        """Return the titles of an owner's folders by their ids, in the order of the titles."""
        titles = {item.folder for item in list(self.items.values()) if item.owner == owner and item.folder}
        return {id_of(title): title for title in sorted(titles | set(self.folders.get(owner, ())))}

    def list_groups(self) -> dict[str, str]:
        """Return the titles of the groups by their ids."""
        titles = {title for item in list(self.items.values()) for title in item.groups}
        return {id_of(title): title for title in sorted(titles | set(self.groups))}

    def indexed(self, lag: float) -> Iterator[Item]:
        """Return the items as a search index contains them if it is updated `lag` seconds late."""
        items = [item for item in list(self.items.values()) if not item.unindexed]
        horizon = self.clock() - lag if lag > 0 else math.inf
        removed = [item for item in self._removed if item.removed_at and item.removed_at > horizon]
        for item in itertools.chain(items, removed):
            known = min(horizon, self.clock() - item.index_lag_seconds) if item.index_lag_seconds else horizon
            if item.added_at <= known:
                yield item.as_indexed(known)

    def add_notebook(self, owner: str, title: str, content: Content | None = None, **fields: Any) -> Item:  # noqa: ANN401 - the fields of Item
        """Add a notebook item and return it. By default the notebook has no cells."""
        empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}
        return self.add(Item(owner, title, content or json.dumps(empty).encode(), **fields))

    def open_session(self, item_id: str, username: str) -> Session:
        """Open a notebook in a new container and return the session."""
        session = Session(item_id, username)
        self.sessions.append(session)
        return session


def snapshot_from_file(path: Path, name: str | None = None) -> Snapshot:
    """Return a snapshot that is read from the file each time it is served, so it needs no memory."""
    return Snapshot(name or path.stem, path)
