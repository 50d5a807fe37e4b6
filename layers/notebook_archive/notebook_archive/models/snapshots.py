"""Parse the snapshots that ArcGIS lists, and define the proof that a deletion requires."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.models.ids import RESOURCE_KEY, STEM_LENGTH, ItemId, ResourceKey
from notebook_archive.models.values import parse_count, parse_epoch_milliseconds, parse_text

_MAX_KEY_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot as ArcGIS lists it.

    `created` is in epoch milliseconds, or 0 if ArcGIS sent no time. `size` is in bytes. Only the portal sends a size.
    """

    resource_key: ResourceKey
    name: str = ""
    created: int = 0
    size: int | None = None

    @classmethod
    def from_entry(cls, key: ResourceKey, entry: Mapping[str, Any]) -> Self:
        """Return the snapshot that an entry of `snapshots/list`, or of an item's resources, describes."""
        properties = entry.get("properties")
        name = properties.get("name") if isinstance(properties, dict) else None
        return cls(
            key, parse_text(name), parse_epoch_milliseconds(entry.get("created")), parse_count(entry.get("size"))
        )


@dataclass(frozen=True, slots=True)
class VerifiedCopy:
    """The proof that a snapshot may be deleted in ArcGIS.

    It proves that this system created the snapshot, and that the archive has what ArcGIS serves under this key. Only
    `backup.slots` creates one, after it has read both, and the undo of a restore, which made the snapshot from the
    archive. A test in tests/architecture checks this rule.
    """

    item_id: ItemId
    resource_key: ResourceKey
    sha256: str


@dataclass(frozen=True, slots=True)
class SnapshotListing:
    """The snapshots of a notebook, and signs that the listing may be incomplete.

    `undocumented_keys` are keys in `snapshots/list` that do not have the documented form. `lookalikes` are resources
    with names that begin with `snapshot-`, but are not snapshot keys. A resource is not a lookalike if its name begins
    with the key of a listed snapshot without `.json`, because it is a preview of that snapshot. `missing_count` is the
    number of entries that the total includes, but the listing does not contain. `is_uncounted` is true if the listing
    has no usable total, so that nothing proves that it is complete.
    """

    snapshots: tuple[Snapshot, ...]
    undocumented_keys: tuple[str, ...]
    missing_count: int = 0
    is_uncounted: bool = False
    lookalikes: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether the listing seems to be incomplete. A missing total alone does not make it doubtful."""
        return bool(self.undocumented_keys or self.missing_count)

    @classmethod
    def from_entries(cls, entries: list[Any], total: object = None, oversized: int = 0) -> Self:
        """Return the listing that the entries of `snapshots/list`, or of an item's resources, describe.

        An entry of `snapshots/list` has `resourceKey`, and `created` as a string. It is a snapshot, even if its key
        does not have the documented form. An entry of an item's resources has `resource`, and `created` as a number.
        Resources include other files, which are skipped, and previews, for which Esri documents no names.

        An entry that is listed twice counts once. `oversized` is the number of entries that are too large to read.
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
