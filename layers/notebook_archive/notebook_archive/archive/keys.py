"""Build and parse the keys of the archive and of the ledger. Every object has its key from here.

A key is built only from ids that match their patterns completely, so nobody can choose a key through a title. The name
of an execution is encoded first.
"""

import hashlib
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Self

from notebook_archive.errors import NotAnId, SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

NOTEBOOKS = "notebooks/"
# Each item id begins with one of sixteen digits, so every key of a notebook begins with exactly one of these prefixes.
NOTEBOOK_PREFIXES = [f"{NOTEBOOKS}{digit}" for digit in "0123456789abcdef"]
RUNS = "runs/"
RESTORES = "restores/"
RECORDS = "records/"
VERIFICATIONS = "verifications/"
RESTORE_TESTS = "restore-tests/"
BULK_RESTORES = "bulk-restores/"
ACKNOWLEDGEMENTS = "acknowledgements/"
ERASURES = "erasures/"
LEDGER = "ledger/"
# The object with the result of the last poll for changes, in the bucket of the ledger.
LAST_POLL = "polls/last.json"
# The records of what was reported to operators, in the bucket of the ledger.
NOTIFICATIONS = "notifications/"
# The object that names the shards of the ledger that have no version.
EMPTY_SHARDS = "ledger/empty.json"
# The shards of the ledger: the first two digits of the item ids.
SHARDS = tuple(f"{number:02x}" for number in range(256))
_RUN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/(?!\.+\Z)[A-Za-z0-9_.\-]{1,80}")
_RESTORE = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.\-]{1,80}")
# Maximum number of characters of a run's name in a key. A longer name is cut, and ends in the mark and a digest.
MAX_RUN_NAME = 80
_CUT_MARK = ".-"
_CUT_DIGITS = 20
_SNAPSHOT = re.compile(r"notebooks/([0-9a-f]{32})/snapshots/(snapshot-[0-9a-f]{32}\.json)")
_ALTERED = re.compile(r"notebooks/([0-9a-f]{32})/snapshots/(snapshot-[0-9a-f]{32})\.([0-9a-f]{12})\.json")
_CURRENT = re.compile(r"notebooks/([0-9a-f]{32})/current/([0-9]{13}-[0-9a-f]{12})\.(ipynb|seen|captured)")
_COPY = re.compile(r"[0-9]{13}-[0-9a-f]{12}")
# The name of a copy in reports and events.
COPY_NAME = re.compile(r"current/([0-9]{13}-[0-9a-f]{12})\.ipynb")
_ITEM = re.compile(r"notebooks/([0-9a-f]{32})/(item|deleted)\.json")
_CAPTURE_RECORD = re.compile(r"notebooks/[0-9a-f]{32}/captures/snapshot-[0-9a-f]{32}\.json")
_TEST_OBJECT = re.compile(r"restore-tests/([^/]+/[^/]+)/(plan|removed)\.json")
_ACKNOWLEDGEMENT = re.compile(r"acknowledgements/([0-9a-f]{12})\.json")
_EVIDENCE = re.compile(
    r"records/([^/]+/[^/]+)/[0-9a-f]{12}\.json"
    r"|verifications/([^/]+/[^/]+)/results/[^/]+\.json"
    r"|restore-tests/([^/]+/[^/]+)/results\.json"
)


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
        """Return the key of one of the run's own objects. The functions below have the names."""
        return f"{RUNS}{self}/{name}"


class RestoreId(str):
    """The id of one restore: the id of its request in the form that keys contain.

    The keys of the restore's objects begin with `restores/` and this id.
    """

    __slots__ = ()

    @classmethod
    def from_request(cls, request_id: str) -> Self:
        """Return the restore id of a request. Different request ids give different ids; see `_encode_name`.

        Raises NotAnId if the request id is empty.
        """
        return cls.parse(_encode_name(request_id))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the restore id, or raise NotAnId."""
        if _RESTORE.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not the id of a restore: {text[:40]!r}.")

    def key(self, name: str) -> str:
        """Return the key of one of the restore's objects."""
        return f"{RESTORES}{self}/{name}"


def _encode_name(name: str) -> str:
    """Return a name in the form that keys contain. Different names give different results.

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

    @classmethod
    def from_content(cls, key: ResourceKey, digest: bytes) -> Self:
        """Return another body, with this SHA-256, of a snapshot."""
        return cls(key, _shorten(digest))


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
        return cls.parse(f"{modified:013d}-{_shorten(digest)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id, or raise NotAnId."""
        if _COPY.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not a copy id: {text[:40]!r}.")

    @classmethod
    def from_resource_key(cls, name: str) -> Self | None:
        """Return the copy that has this name in reports and events, or None if it is the name of a snapshot."""
        match = COPY_NAME.fullmatch(name)
        return cls(match[1]) if match else None

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


def _shorten(digest: bytes) -> str:
    """Return the digits of a SHA-256 that are part of a key."""
    return digest.hex()[:12]


def item_of(key: str) -> ItemId:
    """Return the item that a key below `notebooks/` belongs to. For other keys, the result is not the id of an item."""
    return ItemId(key.removeprefix(NOTEBOOKS).partition("/")[0])


def notebook_prefix(item_id: ItemId) -> str:
    """Return the prefix of the keys of everything that the archive holds of a notebook."""
    return f"{NOTEBOOKS}{item_id}/"


def snapshots_prefix(item_id: ItemId) -> str:
    """Return the key prefix of a notebook's archived snapshots."""
    return f"{notebook_prefix(item_id)}snapshots/"


def snapshot_key(item_id: ItemId, key: ResourceKey) -> str:
    """Return the key of an archived snapshot."""
    return f"{snapshots_prefix(item_id)}{key}"


def altered_key(item_id: ItemId, altered: AlteredSnapshot) -> str:
    """Return the key of an altered snapshot. It begins like the key of the first archived body."""
    stem = altered.resource_key.removesuffix(".json")
    return f"{snapshots_prefix(item_id)}{stem}.{altered.short_digest}.json"


def item_key(item_id: ItemId) -> str:
    """Return the key of the item's properties."""
    return f"{notebook_prefix(item_id)}item.json"


def deletion_key(item_id: ItemId) -> str:
    """Return the key of the note that the portal no longer has the item."""
    return f"{notebook_prefix(item_id)}deleted.json"


def capture_record_key(item_id: ItemId, key: ResourceKey) -> str:
    """Return the key of the capture record, which names the run that created a snapshot."""
    return f"{notebook_prefix(item_id)}captures/{key}"


def copy_key(item_id: ItemId, copy: CopyId) -> str:
    """Return the key of a copy of a notebook's content, or of a note about the content."""
    return f"{notebook_prefix(item_id)}current/{copy}.{copy.kind}"


def content_key(item_id: ItemId, name: ResourceKey | CopyId) -> str:
    """Return the key of an archived snapshot or of a copy."""
    return copy_key(item_id, name) if isinstance(name, CopyId) else snapshot_key(item_id, name)


def parse(key: str) -> tuple[ItemId, ResourceKey | AlteredSnapshot | CopyId | ItemNote] | None:
    """Return the item and the object that a key identifies, or None for other keys.

    Capture records give None too, because a listing of a notebook does not need them.
    """
    if match := _SNAPSHOT.fullmatch(key):
        return ItemId(match[1]), ResourceKey(match[2])
    if match := _ALTERED.fullmatch(key):
        return ItemId(match[1]), AlteredSnapshot(ResourceKey(f"{match[2]}.json"), match[3])
    if match := _CURRENT.fullmatch(key):
        return ItemId(match[1]), _KINDS[match[3]](match[2])
    if match := _ITEM.fullmatch(key):
        return ItemId(match[1]), ItemNote(match[2])
    return None


def version_key(item_id: ItemId, name: str) -> str:
    """Return the key of a snapshot, an altered snapshot or a copy that has this name. Raises NotAnId for other names.

    The name of a snapshot is its resource key. The name of a copy begins with `current/`.
    """
    path = f"{notebook_prefix(item_id)}{name}" if name.startswith("current/") else f"{snapshots_prefix(item_id)}{name}"
    if parse_version(path) is None:
        raise NotAnId(f"Not the name of an archived version (snapshot-….json or current/….ipynb): {name[:60]!r}.")
    return path


def restore_plan_key(restore: RestoreId) -> str:
    """Return the key of the plan of a restore, which is written before anything is changed."""
    return restore.key("plan.json")


def restore_note_key(restore: RestoreId, step: str) -> str:
    """Return the key of the note that a step of a restore or of its undo was completed."""
    return restore.key(f"notes/{step}.json")


def restore_result_key(restore: RestoreId) -> str:
    """Return the key of the result of a restore. If it exists, the restore has ended."""
    return restore.key("result.json")


def undo_plan_key(restore: RestoreId) -> str:
    """Return the key of the plan of an undo, which is written before anything is changed."""
    return restore.key("undo/plan.json")


def undo_result_key(restore: RestoreId) -> str:
    """Return the key of the result of an undo."""
    return restore.key("undo/result.json")


def parse_version(key: str) -> tuple[ItemId, ResourceKey | AlteredSnapshot | CopyId] | None:
    """Return the item and the version that a key identifies, or None if it is not the key of a version.

    A version is a snapshot, an altered snapshot or a copy of the content.
    """
    item_id, name = parse(key) or (None, None)
    if item_id and (isinstance(name, ResourceKey | AlteredSnapshot) or type(name) is CopyId):
        return item_id, name
    return None


def is_document(key: str) -> bool:
    """Return whether a key below `notebooks/` is that of one of the archive's own JSON documents."""
    if _CAPTURE_RECORD.fullmatch(key):
        return True
    return parse(key) is not None and parse_version(key) is None


def describe_version(key: str) -> tuple[ItemId, str] | None:
    """Return the item and the name in reports of a version, or None if the key is not that of a version.

    The name of a snapshot is its resource key. That of an altered snapshot is the last part of its key.
    """
    parsed = parse_version(key)
    if parsed is None:
        return None
    item_id, name = parsed
    return item_id, name.resource_key if isinstance(name, CopyId) else key.rpartition("/")[2]


def record_key(run: RunId, digest: bytes) -> str:
    """Return the key of a store record of a run. `digest` is the SHA-256 of the record."""
    return f"{RECORDS}{run}/{_shorten(digest)}.json"


def parse_evidence(key: str) -> RunId | None:
    """Return the run that wrote a document of evidence for the ledger, or None for other keys.

    Evidence is a store record, the results of a batch of a verification, or the results of a restore test.
    """
    match = _EVIDENCE.fullmatch(key)
    text = match[match.lastindex or 0] if match else ""
    return RunId(text) if _RUN.fullmatch(text) and _is_day(text[:10]) else None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def shard_key(shard: str) -> str:
    """Return the key of a shard in the bucket of the ledger."""
    return f"{LEDGER}{shard}.jsonl"


def shard_of(key: str) -> str:
    """Return the shard of the ledger that a version belongs to."""
    return key.removeprefix(NOTEBOOKS)[:2]


def listed_with(key: str) -> str:
    """Return the shard of the ledger with which a key below `notebooks/` is listed, whatever the key is."""
    return SHARDS[max(0, bisect_left(SHARDS, key.removeprefix(NOTEBOOKS)) - 1)]


def shard_range(first: str, last: str) -> tuple[str, str]:
    """Return the range of keys below `notebooks/` that are listed with the shards from `first` to `last`.

    The keys of the range come after the first value, and up to and including the second. An empty value sets
    no limit. Together, the ranges of all shards contain every possible key once.
    """
    start, place = SHARDS.index(first), SHARDS.index(last)
    end = f"{NOTEBOOKS}{SHARDS[place + 1]}" if place + 1 < len(SHARDS) else ""
    return f"{NOTEBOOKS}{first}" if start else "", end


def claim_key(run: RunId) -> str:
    """Return the key of the object that says which execution a run id belongs to."""
    return run.key("run.json")


def plan_key(run: RunId, earlier_attempts: int = 0) -> str:
    """Return the key of the plan that an attempt to plan a run writes."""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return run.key(f"plan{again}.jsonl")


def outcomes_prefix(run: RunId) -> str:
    """Return the prefix of the keys of all outcomes of a run."""
    return run.key("outcomes/")


def batch_outcomes_key(run: RunId, number: int, part: int = 0, earlier_attempts: int = 0) -> str:
    """Return the key of the outcomes that an attempt to archive a part of a batch writes."""
    rest = f"-{part}" if part else ""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return f"{outcomes_prefix(run)}{number:06d}{rest}{again}.json"


def refused_outcomes_key(run: RunId) -> str:
    """Return the key of the outcomes of chosen ids that are not readable notebooks, which no batch has."""
    return f"{outcomes_prefix(run)}plan.json"


def crashed_outcomes_key(run: RunId) -> str:
    """Return the key of the outcomes that the report adds for the notebooks of crashed batches."""
    return f"{outcomes_prefix(run)}crashed.json"


def report_key(run: RunId) -> str:
    """Return the key of a run's report."""
    return run.key("report.json")


def _verification_key(run: RunId, name: str) -> str:
    return f"{VERIFICATIONS}{run}/{name}"


def verification_claim_key(run: RunId) -> str:
    """Return the key of the object that says which execution the run id of a verification belongs to."""
    return _verification_key(run, "run.json")


def verification_plan_key(run: RunId, earlier_attempts: int = 0) -> str:
    """Return the key of the plan that an attempt to plan a verification writes."""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return _verification_key(run, f"plan{again}.jsonl")


def results_prefix(run: RunId) -> str:
    """Return the prefix of the keys of all results of a verification."""
    return _verification_key(run, "results/")


def batch_results_key(run: RunId, number: int, part: int = 0, earlier_attempts: int = 0) -> str:
    """Return the key of the results that an attempt to verify a part of a batch writes."""
    rest = f"-{part}" if part else ""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return f"{results_prefix(run)}{number:06d}{rest}{again}.json"


def findings_key(run: RunId) -> str:
    """Return the key of the open findings after a verification."""
    return _verification_key(run, "findings.jsonl")


def unreplicated_key(run: RunId) -> str:
    """Return the key of what the comparison with the second place found."""
    return _verification_key(run, "not-replicated.jsonl")


def verification_report_key(run: RunId) -> str:
    """Return the key of the report of a verification."""
    return _verification_key(run, "report.json")


def parse_acknowledgement(key: str) -> str | None:
    """Return the id of the finding that an acknowledgement is for, or None for other keys."""
    match = _ACKNOWLEDGEMENT.fullmatch(key)
    return match[1] if match else None


def erasure_key(day: date, erasure_id: str) -> str:
    """Return the key of the record of an erasure that began on this day (UTC). The id has 12 hexadecimal digits."""
    return f"{ERASURES}{day}/{erasure_id}.json"


def notifications_prefix(kind: str) -> str:
    """Return the prefix of the keys of all records of notifications of one kind."""
    return f"{NOTIFICATIONS}{kind}/"


def notification_key(kind: str, name: str) -> str:
    """Return the key of the record of a notification. The name begins with a day (UTC), like a run id."""
    return f"{notifications_prefix(kind)}{name}.json"


def _bulk_restore_key(run: RunId, name: str) -> str:
    return f"{BULK_RESTORES}{run}/{name}"


def bulk_claim_key(run: RunId) -> str:
    """Return the key of the object that says which execution the run id of a bulk restore belongs to."""
    return _bulk_restore_key(run, "run.json")


def bulk_plan_key(run: RunId, earlier_attempts: int = 0) -> str:
    """Return the key of the plan that an attempt to plan a bulk restore writes."""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return _bulk_restore_key(run, f"plan{again}.jsonl")


def bulk_plans_prefix(run: RunId) -> str:
    """Return the prefix of the keys of all plans of a bulk restore."""
    return _bulk_restore_key(run, "plan")


def bulk_results_prefix(run: RunId) -> str:
    """Return the prefix of the keys of all results of a bulk restore."""
    return _bulk_restore_key(run, "results/")


def bulk_results_key(run: RunId, number: int, part: int = 0, earlier_attempts: int = 0) -> str:
    """Return the key of the results that an attempt to restore a part of a batch writes."""
    rest = f"-{part}" if part else ""
    again = f"-again-{earlier_attempts}" if earlier_attempts else ""
    return f"{bulk_results_prefix(run)}{number:06d}{rest}{again}.json"


def unplanned_results_key(run: RunId) -> str:
    """Return the key of the results of notebooks without a version to restore, which no batch has."""
    return f"{bulk_results_prefix(run)}plan.json"


def bulk_items_key(run: RunId) -> str:
    """Return the key of the list that maps each archived item to its new item."""
    return _bulk_restore_key(run, "items.jsonl")


def bulk_report_key(run: RunId) -> str:
    """Return the key of the report of a bulk restore."""
    return _bulk_restore_key(run, "report.json")


def restore_test_plan_key(run: RunId) -> str:
    """Return the key of the plan of a restore test, which is written before anything is restored."""
    return f"{RESTORE_TESTS}{run}/plan.json"


def restore_test_results_key(run: RunId) -> str:
    """Return the key of the results of a restore test. They are evidence for the ledger."""
    return f"{RESTORE_TESTS}{run}/results.json"


def restore_test_removed_key(run: RunId) -> str:
    """Return the key of the note that nothing is left in ArcGIS of a restore test."""
    return f"{RESTORE_TESTS}{run}/removed.json"


def parse_restore_test(key: str) -> tuple[RunId, str] | None:
    """Return the restore test and the name of its plan or of its note of removal, or None for other keys."""
    match = _TEST_OBJECT.fullmatch(key)
    return (RunId(match[1]), match[2]) if match and _RUN.fullmatch(match[1]) else None
