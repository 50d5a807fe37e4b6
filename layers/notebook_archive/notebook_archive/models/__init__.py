"""Define types for ids, items, sessions and snapshots. Values are checked once, when they are parsed."""

from notebook_archive.models.ids import (
    DIGEST_LENGTH,
    ITEM_ID,
    RESOURCE_KEY,
    STEM_LENGTH,
    ItemId,
    ResourceKey,
    SessionId,
    join_digests,
    split_digests,
)
from notebook_archive.models.items import MAX_NESTING, MAX_OWNER, MAX_TITLE, VOLATILE_PROPERTIES, NotebookItem
from notebook_archive.models.sessions import NotebookSession
from notebook_archive.models.sizes import format_size
from notebook_archive.models.snapshots import Snapshot, SnapshotListing, VerifiedCopy
from notebook_archive.models.values import (
    CUT,
    MAX_TEXT,
    is_unicode,
    parse_count,
    parse_epoch_milliseconds,
    parse_number,
    parse_text,
    replace_unprintable,
    truncate,
)

__all__ = [
    "CUT",
    "DIGEST_LENGTH",
    "ITEM_ID",
    "MAX_NESTING",
    "MAX_OWNER",
    "MAX_TEXT",
    "MAX_TITLE",
    "RESOURCE_KEY",
    "STEM_LENGTH",
    "VOLATILE_PROPERTIES",
    "ItemId",
    "NotebookItem",
    "NotebookSession",
    "ResourceKey",
    "SessionId",
    "Snapshot",
    "SnapshotListing",
    "VerifiedCopy",
    "format_size",
    "is_unicode",
    "join_digests",
    "parse_count",
    "parse_epoch_milliseconds",
    "parse_number",
    "parse_text",
    "replace_unprintable",
    "split_digests",
    "truncate",
]
