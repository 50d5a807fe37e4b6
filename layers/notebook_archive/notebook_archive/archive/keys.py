"""The keys of the archive.  They are built from whole-matched ids and run ids alone, so no text from outside can shape
one."""

import re
from typing import Self

from notebook_archive.errors import SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

NOTEBOOKS = "notebooks/"
RUNS = "runs/"
_RUN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[A-Za-z0-9_\-]{1,80}")
_SNAPSHOT = re.compile(r"notebooks/([0-9a-f]{32})/snapshots/(snapshot-[0-9a-f]{32}\.json)")
_ITEM = re.compile(r"notebooks/([0-9a-f]{32})/item\.json")


class RunId(str):
    """One archive run: ``{yyyy-mm-dd}/{name of the Step Functions execution}``, the place of the run below
    ``runs/``."""

    __slots__ = ()

    @classmethod
    def of_execution(cls, name: str, started_at: str) -> Self:
        """Return the run of an execution; characters of its name that keys do without become hyphens."""
        text = f"{started_at[:10]}/{re.sub(r'[^A-Za-z0-9_-]', '-', name)}"
        if not _RUN.fullmatch(text):
            raise SettingsInvalid(
                "The execution has no usable name or start time: start the run through its state machine."
            )
        return cls(text)

    def key(self, name: str) -> str:
        """Return the key of one of the run's own objects."""
        return f"{RUNS}{self}/{name}"


def snapshots_prefix(item_id: ItemId) -> str:
    """Return what the keys of all archived snapshots of a notebook begin with."""
    return f"{NOTEBOOKS}{item_id}/snapshots/"


def snapshot_key(item_id: ItemId, key: ResourceKey) -> str:
    """Return the key of an archived snapshot."""
    return f"{snapshots_prefix(item_id)}{key}"


def item_key(item_id: ItemId) -> str:
    """Return the key of the item's properties."""
    return f"{NOTEBOOKS}{item_id}/item.json"


def parse(key: str) -> tuple[ItemId, ResourceKey | None] | None:
    """Return what a key below ``notebooks/`` stands for: a snapshot, an item's properties (no resource key), or
    nothing of ours."""
    if match := _SNAPSHOT.fullmatch(key):
        return ItemId(match[1]), ResourceKey(match[2])
    if match := _ITEM.fullmatch(key):
        return ItemId(match[1]), None
    return None
