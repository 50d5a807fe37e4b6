"""Seeds: the users and items with which the organisations start."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

from local.arcgis.content import Content
from local.arcgis.organisation import Item, Organisation, Snapshot, User
from local.arcgis.sample_items import make_sample_items
from local.arcgis.sample_notebooks import plain

ADMIN = User("gis_admin", "gis-admin-password", "admin", "GIS Administrator")
OWNERS = (
    User("ana", "ana-password", full_name="Ana"),
    User("ben", "ben-password", full_name="Ben"),
    User("chi", "chi-password", full_name="Chi"),
)
# Among the samples, only the administrator can read chi's notebooks, and nobody can read dora's.
SAMPLE_OWNERS = (
    *OWNERS[:2],
    dataclasses.replace(OWNERS[2], has_secret=False),
    User("dora", "dora-password", full_name="Dora", has_secret=False),
)
MAX_BYTES_IN_MEMORY = 4 * 1024 * 1024
FIRST_CREATED_MS = 1_735_725_600_000
MINUTE_MS = 60_000


def _make_id(*parts: object) -> str:
    """Return an id that is the same in every run for the same parts."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


class Seed:
    """The users and items for each deployment's organisation.

    Ids are the same in every run. They differ between deployments.
    """

    def __init__(self, owners: tuple[User, ...], items: Callable[[], list[Item]]) -> None:
        self._owners = owners
        self._items = items

    def organisation(self, kind: str) -> Organisation:
        """Return a new organisation with the users and items of the seed."""
        users = [dataclasses.replace(user) for user in (ADMIN, *self._owners)]
        items = self._items()
        for number, item in enumerate(items):
            item.id = _make_id(kind, "item", number)
            item.created = item.modified = FIRST_CREATED_MS + number * MINUTE_MS
            for position, snapshot in enumerate(item.snapshots):
                snapshot.resource_key = f"snapshot-{_make_id(kind, 'snapshot', number, position)}.json"
                snapshot.created = item.created + (position + 1) * 1000
        organisation = Organisation(users, items)
        organisation.id = _make_id(kind, "organisation")[:16]
        for item in organisation.notebooks()[:2]:
            # The loop below opens the first notebook a second time: two people work on it in two containers.
            organisation.open_session(item.id, item.owner)
        for item in organisation.notebooks()[:1]:
            organisation.open_session(item.id, ADMIN.username)
        for number, session in enumerate(organisation.sessions):
            session.id, session.container_id = _make_id(kind, "session", number), _make_id(kind, "container", number)
        return organisation

    @classmethod
    def samples(cls) -> "Seed":
        """Return a seed with the notebooks of sample_items.py."""
        return cls(SAMPLE_OWNERS, make_sample_items)

    @classmethod
    def empty(cls) -> "Seed":
        """Return a seed with users but without items."""
        return cls(OWNERS, list)

    @classmethod
    def folder(cls, path: Path) -> "Seed":
        """Return a seed with one notebook for each `*.ipynb` file in the folder.

        Each notebook has one snapshot with the file's bytes. The notebooks are distributed evenly among the owners.
        Raise NotADirectoryError if the path is not a folder.
        """
        if not path.is_dir():
            raise NotADirectoryError(path)
        files = sorted(path.glob("*.ipynb"))
        contents: list[tuple[str, Content]] = [
            (file.stem, file if file.stat().st_size > MAX_BYTES_IN_MEMORY else file.read_bytes()) for file in files
        ]
        return cls(OWNERS, lambda: _make_items(contents, 1))

    @classmethod
    def many(cls, notebooks: int = 200, snapshots: int = 1, size: int = 20_000) -> "Seed":
        """Return a seed for load tests. Snapshots have `size` bytes, differ from each other, and never change."""
        contents: list[tuple[str, Content]] = [
            (f"Notebook {number}", plain(number, size)) for number in range(notebooks * snapshots)
        ]
        return cls(OWNERS, lambda: _make_items(contents, snapshots))


def _make_items(contents: list[tuple[str, Content]], snapshots: int) -> list[Item]:
    """Return items with `snapshots` snapshots each. The items are distributed evenly among the owners."""
    items = []
    for owner, group in zip(
        itertools.cycle(OWNERS), itertools.batched(contents, snapshots, strict=False), strict=False
    ):
        title, latest = group[0][0], group[-1][1]
        versions = [Snapshot(f"{title}, version {number}", content) for number, (_, content) in enumerate(group, 1)]
        items.append(Item(owner.username, title, latest, snapshots=versions))
    return items
