"""What the organisations hold when the server starts."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

from local.arcgis.content import Content
from local.arcgis.organisation import Item, Organisation, Snapshot, User
from local.arcgis.sample_items import varied_items
from local.arcgis.sample_notebooks import plain

ADMIN = User("gis_admin", "gis-admin-password", "admin", "GIS Administrator")
OWNERS = (
    User("ana", "ana-password", full_name="Ana"),
    User("ben", "ben-password", full_name="Ben"),
    User("chi", "chi-password", full_name="Chi"),
)
# In the varied set chi's notebooks can be read by the administrator alone, and dora's by nobody.
VARIED_OWNERS = (
    *OWNERS[:2],
    dataclasses.replace(OWNERS[2], has_secret=False),
    User("dora", "dora-password", full_name="Dora", has_secret=False),
)
IN_MEMORY = 4 * 1024 * 1024
FIRST_CREATED = 1_735_725_600_000
MINUTE = 60_000


def _id(*parts: object) -> str:
    """An id that is the same in every run."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


class Seed:
    """Users and items for one organisation per deployment; ids differ between deployments, but not between runs."""

    def __init__(self, owners: tuple[User, ...], items: Callable[[], list[Item]]) -> None:
        self._owners = owners
        self._items = items

    def organisation(self, kind: str) -> Organisation:
        """A new organisation with the users and items of the seed."""
        users = [dataclasses.replace(user) for user in (ADMIN, *self._owners)]
        items = self._items()
        for number, item in enumerate(items):
            item.id = _id(kind, "item", number)
            item.created = item.modified = FIRST_CREATED + number * MINUTE
            for position, snapshot in enumerate(item.snapshots):
                snapshot.resource_key = f"snapshot-{_id(kind, 'snapshot', number, position)}.json"
                snapshot.created = item.created + (position + 1) * 1000
        organisation = Organisation(users, items)
        organisation.id = _id(kind, "organisation")[:16]
        for item in organisation.notebooks()[:2]:
            # The first notebook is open twice, as two people working in two containers leave it.
            organisation.open_session(item.id, item.owner)
        for item in organisation.notebooks()[:1]:
            organisation.open_session(item.id, ADMIN.username)
        for number, session in enumerate(organisation.sessions):
            session.id, session.container_id = _id(kind, "session", number), _id(kind, "container", number)
        return organisation

    @classmethod
    def samples(cls) -> "Seed":
        """A small set in which every notebook is of another kind; see varied.py."""
        return cls(VARIED_OWNERS, varied_items)

    @classmethod
    def empty(cls) -> "Seed":
        """Users, and no items."""
        return cls(OWNERS, list)

    @classmethod
    def folder(cls, path: Path) -> "Seed":
        """One notebook with one snapshot for each `*.ipynb` of the folder, bytes unchanged, spread over the owners.

        Raises NotADirectoryError.
        """
        if not path.is_dir():
            raise NotADirectoryError(path)
        files = sorted(path.glob("*.ipynb"))
        contents: list[tuple[str, Content]] = [
            (file.stem, file if file.stat().st_size > IN_MEMORY else file.read_bytes()) for file in files
        ]
        return cls(OWNERS, lambda: _spread(contents, 1))

    @classmethod
    def many(cls, notebooks: int = 200, snapshots: int = 1, size: int = 20_000) -> "Seed":
        """Notebooks made for load: `size` bytes for each snapshot, all different, the same in every run."""
        contents: list[tuple[str, Content]] = [
            (f"Notebook {number}", plain(number, size)) for number in range(notebooks * snapshots)
        ]
        return cls(OWNERS, lambda: _spread(contents, snapshots))


def _spread(contents: list[tuple[str, Content]], snapshots: int) -> list[Item]:
    """Items with that many snapshots each, given to the owners in turn."""
    items = []
    for owner, group in zip(
        itertools.cycle(OWNERS), itertools.batched(contents, snapshots, strict=False), strict=False
    ):
        title, latest = group[0][0], group[-1][1]
        made = [Snapshot(f"{title}, version {number}", content) for number, (_, content) in enumerate(group, 1)]
        items.append(Item(owner.username, title, latest, snapshots=made))
    return items
