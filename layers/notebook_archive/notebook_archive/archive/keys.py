"""Build and parse the keys of the archive.

A key is built only from ids that match their patterns completely, so nobody can choose a key through a title or a name.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from typing import Self

from notebook_archive.errors import NotAnId, SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

NOTEBOOKS = "notebooks/"
RUNS = "runs/"
_RUN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/(?!\.+\Z)[A-Za-z0-9_.\-]{1,80}")
# Maximum number of characters of a run's name in a key. A longer name is cut, and ends in the mark and a digest.
MAX_RUN_NAME = 80
_CUT_MARK = ".-"
_CUT_DIGITS = 20
_SNAPSHOT = re.compile(r"notebooks/([0-9a-f]{32})/snapshots/(snapshot-[0-9a-f]{32}\.json)")
_ALTERED = re.compile(r"notebooks/([0-9a-f]{32})/snapshots/(snapshot-[0-9a-f]{32})\.([0-9a-f]{12})\.json")
_CURRENT = re.compile(r"notebooks/([0-9a-f]{32})/current/([0-9]{13}-[0-9a-f]{12})\.(ipynb|seen|captured)")
_COPY = re.compile(r"[0-9]{13}-[0-9a-f]{12}")
_ITEM = re.compile(r"notebooks/([0-9a-f]{32})/(item|deleted)\.json")


class RunId(str):
    """The id of an archive run: `{yyyy-mm-dd}/{name of the Step Functions execution}`.

    The keys of the run's objects begin with `runs/` and this id.
    """

    __slots__ = ()

    @classmethod
    def from_execution(cls, name: str, started_at: str) -> Self:
        """Return the run id of an execution. Different names give different ids; see `_encode_name`."""
        text = f"{started_at[:10]}/{_encode_name(name)}"
        if not _RUN.fullmatch(text):
            raise SettingsInvalid(
                "The execution has no usable name or start time. Start the run through its state machine."
            )
        return cls(text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the run id that is stored in a capture record, or raise SettingsInvalid."""
        if _RUN.fullmatch(text):
            return cls(text)
        raise SettingsInvalid("The text is not a run id.")

    def key(self, name: str) -> str:
        """Return the key of one of the run's own objects."""
        return f"{RUNS}{self}/{name}"


def _encode_name(name: str) -> str:
    """Return an execution's name in the form that keys contain. Different names give different results.

    Each byte of a character other than a letter, a digit, `_` and `-` becomes `.XX`: its two upper-case hexadecimal
    digits. The bytes are those of UTF-8. A result of more than 80 characters is cut. It then ends in `.-` and the first
    20 digits of the whole name's SHA-256. No other encoded name contains `.-`.
    """
    whole = name.encode(errors="surrogatepass")
    encoded = re.sub(rb"[^A-Za-z0-9_-]", lambda found: b".%02X" % found[0][0], whole).decode()
    if len(encoded) <= MAX_RUN_NAME:
        return encoded
    kept = encoded[: MAX_RUN_NAME - len(_CUT_MARK) - _CUT_DIGITS]
    return f"{kept}{_CUT_MARK}{hashlib.sha256(whole).hexdigest()[:_CUT_DIGITS]}"


@dataclass(frozen=True, slots=True)
class AlteredSnapshot:
    """A different body that ArcGIS served under the key of an archived snapshot.

    `short_digest` is the first 12 digits of this body's SHA-256.
    """

    resource_key: ResourceKey
    short_digest: str


class CopyId(str):
    """The id of one copy of a notebook's content: `{modified}-{first 12 digits of its SHA-256}`.

    `modified` is the item's modification time in epoch milliseconds, with 13 digits. If the portal sent no time, all
    digits are zero.
    """

    __slots__ = ()
    # The extension of its key.
    kind = "ipynb"

    @classmethod
    def from_content(cls, modified: int, digest: bytes) -> Self:
        """Return the id of content with this SHA-256, or raise NotAnId."""
        return cls.parse(f"{modified:013d}-{digest.hex()[:12]}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id, or raise NotAnId."""
        if _COPY.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not a copy id: {text[:40]!r}.")

    @property
    def modified(self) -> int:
        """The item's modification time in epoch milliseconds."""
        return int(self[:13])

    @property
    def short_digest(self) -> str:
        """The first 12 digits of the SHA-256."""
        return self[14:]

    @property
    def resource_key(self) -> str:
        """The name of the copy in reports and events. Snapshots have their resource keys there."""
        return f"current/{self}.ipynb"


class SeenNote(CopyId):
    """A note that the archive already has this content, under another `modified` or from an earlier time."""

    __slots__ = ()
    kind = "seen"


class CapturedNote(CopyId):
    """A note that a snapshot contains this content, so no run needs to create another snapshot."""

    __slots__ = ()
    kind = "captured"


class ItemNote(Enum):
    """The other objects that the archive keeps for an item. The value is the file name without `.json`."""

    PROPERTIES = "item"
    DELETION = "deleted"


_KINDS = {each.kind: each for each in (CopyId, SeenNote, CapturedNote)}


def snapshots_prefix(item_id: ItemId) -> str:
    """Return the key prefix of a notebook's archived snapshots."""
    return f"{NOTEBOOKS}{item_id}/snapshots/"


def snapshot_key(item_id: ItemId, key: ResourceKey) -> str:
    """Return the key of an archived snapshot."""
    return f"{snapshots_prefix(item_id)}{key}"


def altered_key(item_id: ItemId, altered: AlteredSnapshot) -> str:
    """Return the key of an altered snapshot. It begins like the key of the first archived body."""
    stem = altered.resource_key.removesuffix(".json")
    return f"{snapshots_prefix(item_id)}{stem}.{altered.short_digest}.json"


def item_key(item_id: ItemId) -> str:
    """Return the key of the item's properties."""
    return f"{NOTEBOOKS}{item_id}/item.json"


def deletion_key(item_id: ItemId) -> str:
    """Return the key of the note that the portal no longer has the item."""
    return f"{NOTEBOOKS}{item_id}/deleted.json"


def capture_record_key(item_id: ItemId, key: ResourceKey) -> str:
    """Return the key of the capture record, which names the run that created a snapshot."""
    return f"{NOTEBOOKS}{item_id}/captures/{key}"


def copy_key(item_id: ItemId, copy: CopyId) -> str:
    """Return the key of a copy of a notebook's content, or of a note about the content."""
    return f"{NOTEBOOKS}{item_id}/current/{copy}.{copy.kind}"


def parse(key: str) -> tuple[ItemId, ResourceKey | AlteredSnapshot | CopyId | ItemNote] | None:
    """Return the item and the object that a key below `notebooks/` identifies, or None for any other key."""
    if match := _SNAPSHOT.fullmatch(key):
        return ItemId(match[1]), ResourceKey(match[2])
    if match := _ALTERED.fullmatch(key):
        return ItemId(match[1]), AlteredSnapshot(ResourceKey(f"{match[2]}.json"), match[3])
    if match := _CURRENT.fullmatch(key):
        return ItemId(match[1]), _KINDS[match[3]](match[2])
    if match := _ITEM.fullmatch(key):
        return ItemId(match[1]), ItemNote(match[2])
    return None
