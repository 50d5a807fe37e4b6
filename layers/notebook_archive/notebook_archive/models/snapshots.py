"""Snapshots as ArcGIS lists them, and the proof that lets one be deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.models.ids import RESOURCE_KEY, STEM_LENGTH, ItemId, ResourceKey
from notebook_archive.models.values import parse_count, parse_epoch_milliseconds, parse_text

_MAX_KEY_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot as ArcGIS lists it.

    `created` is in epoch milliseconds, or 0 if ArcGIS gave no time. `size` is in bytes; only the portal gives it.
    """

    resource_key: ResourceKey
    name: str = ""
    created: int = 0
    size: int | None = None

    @classmethod
    def from_entry(cls, key: ResourceKey, entry: Mapping[str, Any]) -> Self:
        """Return the snapshot of an entry of `snapshots/list` or of an item's resources."""
        properties = entry.get("properties")
        name = properties.get("name") if isinstance(properties, dict) else None
        return cls(
            key, parse_text(name), parse_epoch_milliseconds(entry.get("created")), parse_count(entry.get("size"))
        )


@dataclass(frozen=True, slots=True)
class VerifiedCopy:
    """The proof that a snapshot may be deleted in ArcGIS.

    It says that this system made the snapshot, and that the archive holds, byte for byte, what ArcGIS serves under this
    key. Only `backup.slots` makes one, after it has read both; tests/architecture checks that.
    """

    item_id: ItemId
    resource_key: ResourceKey
    sha256: str


@dataclass(frozen=True, slots=True)
class SnapshotListing:
    """The snapshots of a notebook, and how complete the listing is.

    `undocumented_keys` are keys in `snapshots/list` that do not have the documented form. `lookalikes` are resources
    whose names begin like a snapshot's, but are not a snapshot's key or an extension of one. A preview of a listed
    snapshot is neither. `missing_count` says how many entries the listing counted and did not give. `is_uncounted` says
    that the listing gave no usable total, so nothing proves that it is complete.
    """

    snapshots: tuple[Snapshot, ...]
    undocumented_keys: tuple[str, ...]
    missing_count: int = 0
    is_uncounted: bool = False
    lookalikes: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether the listing seems to leave snapshots out. A missing total alone is not a sign of that."""
        return bool(self.undocumented_keys or self.missing_count)

    @classmethod
    def from_entries(cls, entries: list[Any], total: object = None, oversized: int = 0) -> Self:
        """Return what the entries of `snapshots/list`, or of an item's resources, list.

        The two differ: the first has `resourceKey` and a string `created`, the second `resource` and a number. Other
        resources are skipped. A snapshot's key may not always have the documented form. An entry of
        `snapshots/list` is a snapshot whatever its key. Resources include previews, whose names are not documented. An
        entry that is listed twice counts once. `oversized` is the number of entries that are too large to read.
        """
        snapshots: dict[ResourceKey, Snapshot] = {}
        undocumented: list[str] = []
        lookalikes: list[str] = []
        names: set[str] = set()
        nameless = 0
        for entry in entries:
            key = entry.get("resourceKey", entry.get("resource")) if isinstance(entry, dict) else None
            if not isinstance(key, str):
                nameless += 1
                undocumented.append("(no text)")
                continue
            names.add(key)
            if RESOURCE_KEY.fullmatch(key):
                snapshots[ResourceKey(key)] = Snapshot.from_entry(ResourceKey(key), entry)
            elif "resourceKey" in entry:
                undocumented.append(parse_text(key)[:_MAX_KEY_LENGTH])
            elif key.startswith("snapshot-"):
                lookalikes.append(parse_text(key)[:_MAX_KEY_LENGTH])
        stems = {key.removesuffix(".json") for key in snapshots}
        lookalikes = [name for name in lookalikes if name[:STEM_LENGTH] not in stems]
        given, counted = len(names) + nameless, parse_count(total)
        is_uncounted = counted is None or counted < given
        missing = max(oversized, 0 if counted is None else counted - given)
        return cls(tuple(snapshots.values()), tuple(undocumented), missing, is_uncounted, tuple(lookalikes))
