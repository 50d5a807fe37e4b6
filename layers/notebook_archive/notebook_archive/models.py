"""The words of the domain as types: parsed once at the edge, trusted inside."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from notebook_archive.errors import NotAnId, UnexpectedAnswer

ITEM_ID = re.compile(r"[0-9a-f]{32}")
RESOURCE_KEY = re.compile(r"snapshot-[0-9a-f]{32}\.json")
# Characters of a resource key before its ending: `snapshot-` and the 32 digits.
STEM_LENGTH = 41


class _Name(str):
    """A text of one form, matched whole.  Each kind says which, and what it is called."""

    __slots__ = ()
    _form: ClassVar[re.Pattern[str]] = ITEM_ID
    _called: ClassVar[str]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return it as of this kind, or raise NotAnId; the text is never echoed beyond its first 60 characters."""
        if isinstance(text, str) and cls._form.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not {cls._called}: {str(text)[:60]!r}.")


class ItemId(_Name):
    """The id of a portal item: 32 lower-case hexadecimal digits."""

    __slots__ = ()
    _called = "an item id (32 lower-case hexadecimal digits)"


class SessionId(_Name):
    """The id of an open session, a notebook that is open in a container: 32 lower-case hexadecimal digits."""

    __slots__ = ()
    _called = "a session's id (32 lower-case hexadecimal digits)"


class ResourceKey(_Name):
    """The key of a snapshot among its item's resources: ``snapshot-<32 hex>.json``."""

    __slots__ = ()
    _form = RESOURCE_KEY
    _called = "a snapshot's resource key (snapshot-<32 hex>.json)"

    @property
    def digest(self) -> str:
        """Twelve characters that stand for the key in a plan: 72 bits of its SHA-256, base64url.

        Collisions would hide a snapshot from the archive, so the digest is not shorter: among a million archived
        snapshots of one notebook the chance that a new one meets an old one is below 1e-15.
        """
        return urlsafe_b64encode(hashlib.sha256(self.encode()).digest()[:9]).decode()


# Maximum characters of a snapshot's name and of a session's texts; the rest is cut.
MAX_TEXT = 1000
DIGEST_LENGTH = 12
"""Characters of a ResourceKey's digest."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot as ArcGIS lists it.

    ``created`` is in epoch milliseconds, 0 where ArcGIS gave none.  ``size`` is in bytes, or None: only the portal
    tells it.
    """

    resource_key: ResourceKey
    name: str = ""
    created: int = 0
    size: int | None = None

    @classmethod
    def from_entry(cls, key: ResourceKey, entry: Mapping[str, Any]) -> Self:
        """Return the snapshot of an entry of a listing, in either of its two shapes."""
        properties = entry.get("properties")
        name = properties.get("name") if isinstance(properties, dict) else None
        return cls(key, _text(name), epoch_milliseconds(entry.get("created")), count(entry.get("size")))


@dataclass(frozen=True, slots=True)
class VerifiedCopy:
    """The proof that the archive holds, byte for byte, what ArcGIS serves under this key, and that this system made it.

    Nothing else lets a snapshot be deleted.  Only `backup.slots.prove_copy` may make one, after it has read
    both; tests/architecture holds it so.
    """

    item_id: ItemId
    resource_key: ResourceKey
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The snapshots of a notebook.

    `strange` are snapshots in `snapshots/list` whose keys have an undocumented form. `lookalikes` are resources whose
    names begin like a snapshot's, but are not a snapshot's key or an extension of one. A preview of a listed snapshot
    is neither.
    """

    snapshots: tuple[Snapshot, ...]
    strange: tuple[str, ...]
    missing: int = 0
    """How many entries the listing counted and did not give."""
    uncounted: bool = False
    """Whether the listing gave no total. If so, nothing proves that it is complete."""
    lookalikes: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether there is reason to believe that it leaves snapshots out.

        A missing total alone is not such a reason.
        """
        return bool(self.strange or self.missing)

    @classmethod
    def of(cls, entries: list[Any], total: object = None, oversized: int = 0) -> Self:
        """Return what the entries of `snapshots/list`, or of an item's resources, list.

        The two differ: the first has `resourceKey` and a string `created`, the second `resource` and a number. Other
        resources are skipped. A snapshot's key may not always have the documented form. An entry of
        `snapshots/list` is a snapshot whatever its key; among the resources there are previews too, whose names are
        documented nowhere. An entry that is listed twice counts once. `oversized` entries are too large to be read.
        """
        snapshots: dict[ResourceKey, Snapshot] = {}
        strange: list[str] = []
        lookalikes: list[str] = []
        names: set[str] = set()
        nameless = 0
        for entry in entries:
            key = entry.get("resourceKey", entry.get("resource")) if isinstance(entry, dict) else None
            if not isinstance(key, str):
                nameless += 1
                strange.append("(no text)")
                continue
            names.add(key)
            if RESOURCE_KEY.fullmatch(key):
                snapshots[ResourceKey(key)] = Snapshot.from_entry(ResourceKey(key), entry)
            elif "resourceKey" in entry:
                strange.append(_text(key)[:60])
            elif key.startswith("snapshot-"):
                lookalikes.append(_text(key)[:60])
        stems = {key.removesuffix(".json") for key in snapshots}
        lookalikes = [name for name in lookalikes if name[:STEM_LENGTH] not in stems]
        given, counted = len(names) + nameless, count(total)
        uncounted = counted is None or counted < given
        missing = max(oversized, 0 if counted is None else counted - given)
        return cls(tuple(snapshots.values()), tuple(strange), missing, uncounted, tuple(lookalikes))


# In characters.  Plans, reports and events hold both, and AWS limits their sizes. A longer title is cut; an item with a
# longer owner's name is not usable.
MAX_TITLE = 500
MAX_OWNER = 256
# Ends a text that was cut.
CUT = "..."

_VOLATILE = frozenset(
    ("numViews", "numRatings", "avgRating", "numComments", "scoreCompleteness", "lastViewed", "size", "score")
)


@dataclass(frozen=True, slots=True)
class NotebookItem:
    """A portal item of type Notebook.  Times are in epoch milliseconds."""

    item_id: ItemId
    owner: str
    title: str
    created: int = 0
    modified: int = 0
    size: int | None = None
    """Bytes of its content and resources together, None where the portal does not tell; 0 or -1 for an item that has
    neither."""
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The item as the portal gave it, without counters that change when somebody looks at it, and without values nested
    deeper than MAX_NESTING.
    """

    @classmethod
    def from_portal(cls, item: Mapping[str, Any]) -> Self:
        """Return the item of a search result or item resource.

        A title of more than 500 characters is cut; `properties` keeps it whole. Raises NotAnId, or UnexpectedAnswer if
        the item has no id or owner, or an owner whose name is too long or not valid Unicode: no secret can be named
        after one.
        """
        owner = item.get("owner")
        if not isinstance(item.get("id"), str) or not isinstance(owner, str) or not owner:
            raise UnexpectedAnswer("The portal gave an item without id or owner.")
        item_id = ItemId.parse(item["id"])
        if len(owner) > MAX_OWNER:
            raise UnexpectedAnswer(f"The portal gave item {item_id} an owner's name of {len(owner)} characters.")
        if not is_unicode(owner):
            raise UnexpectedAnswer(f"The portal gave item {item_id} an owner's name that is not valid Unicode.")
        return cls(
            item_id,
            owner,
            _text(item.get("title"), MAX_TITLE),
            epoch_milliseconds(item.get("created")),
            epoch_milliseconds(item.get("modified")),
            parse_number(item.get("size")),
            {name: value for name, value in item.items() if name not in _VOLATILE and _is_flat(value)},
        )


@dataclass(frozen=True, slots=True)
class NotebookSession:
    """A notebook that is open in a container.  Times are in epoch milliseconds.

    ``item_title`` and ``revision`` are None where the server does not tell: only Enterprise on Kubernetes tells both.
    ``username`` is whose session it is, which need not be the item's owner.
    """

    session_id: str
    item_id: ItemId
    notebook_url: str
    last_activity: int
    deployment_id: str
    username: str
    item_title: str | None = None
    revision: int | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Return the session of ``notebooks/<id>`` or of an entry of ``notebooks``, in either dialect.

        Notebook Server says ``containerId`` and sends times as strings, Kubernetes ``notebookDeploymentId`` and
        numbers.  ArcGIS Online names the item in ``filename`` alone.  Raises UnexpectedAnswer if it has no usable id or
        item.
        """
        session_id, title = answer.get("id"), answer.get("itemTitle")
        item_id = answer.get("itemId", _text(answer.get("filename")).removesuffix(".ipynb"))
        if not isinstance(session_id, str) or not session_id:
            raise UnexpectedAnswer("The notebook server gave a session without an id.")
        try:
            item = ItemId.parse(item_id)
        except NotAnId:
            raise UnexpectedAnswer("The notebook server gave a session without an item id.") from None
        return cls(
            session_id,
            item,
            _text(answer.get("notebookUrl")),
            epoch_milliseconds(answer.get("dateLastActivity")),
            _text(answer.get("notebookDeploymentId", answer.get("containerId"))),
            _text(answer.get("username")),
            _text(title) if isinstance(title, str) else None,
            epoch_milliseconds(answer["revision"]) if "revision" in answer else None,
        )


def _text(value: object, longest: int = MAX_TEXT) -> str:
    """Return a text of at most `longest` characters, or an empty text if the value is not a text.

    Halves of surrogate pairs cannot be encoded, so they become `?`.
    """
    return cut(value, longest).encode(errors="replace").decode() if isinstance(value, str) else ""


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded: JSON may hold halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


# Maximum depth of lists and objects. An item's properties are written as JSON again, and Python refuses to write them
# if they are nested about a thousand deep.
MAX_NESTING = 20


def _is_flat(value: object) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_MAX_NUMBER = 10**18


def parse_number(value: object) -> int | None:
    """Return a whole number that ArcGIS sends as a number or as text, or None.

    Fractions are cut off. Numbers of more than 18 digits are None, and so are booleans.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value.partition(".")[0])
    if isinstance(value, int | float) and not isinstance(value, bool) and -_MAX_NUMBER < value < _MAX_NUMBER:
        return int(value)  # a comparison with NaN is false
    return None


def count(value: object) -> int | None:
    """Return a number of bytes or entries, or None if the value is not a number or is negative."""
    number = parse_number(value)
    return number if number is not None and number >= 0 else None


def epoch_milliseconds(value: object) -> int:
    """Return a time that ArcGIS sends as a number or as text, in epoch milliseconds; 0 for anything else."""
    return parse_number(value) or 0


def split_digests(digests: str) -> list[str]:
    """Return the single digests of a string that `digests` made, in its order."""
    return [digests[start : start + DIGEST_LENGTH] for start in range(0, len(digests), DIGEST_LENGTH)]


def digests(keys: Iterable[ResourceKey]) -> str:
    """Return the digests of the keys as one string, ``DIGEST_LENGTH`` characters each, for a line of the plan."""
    return "".join(key.digest for key in keys)


def cut(text: str, length: int) -> str:
    """Return the text, or its beginning and `...` if it has more characters than `length`."""
    return text if len(text) <= length else text[: length - len(CUT)] + CUT
