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
STEM_LENGTH = len("snapshot-") + 32
"""Characters of a resource key before its ending."""


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
        size = entry.get("size")
        return cls(
            key,
            name if isinstance(name, str) else "",
            epoch_milliseconds(entry.get("created")),
            size if isinstance(size, int) and size >= 0 else None,
        )


@dataclass(frozen=True, slots=True)
class VerifiedCopy:
    """The proof that the archive holds, byte for byte, what ArcGIS serves under this key, and that this system made it.

    Nothing else lets a snapshot be deleted.  Only ``pipeline.slots.verified_copy`` may make one, after it has read
    both; tests/architecture holds it so.
    """

    item_id: ItemId
    resource_key: ResourceKey
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The snapshots of a notebook.

    `strange` are entries of `snapshots/list` that are snapshots, but have keys of another form. `lookalikes` are
    resources of an item whose names begin like a snapshot's, but have another form and extend no snapshot's key. A
    preview of a listed snapshot is neither.
    """

    snapshots: tuple[Snapshot, ...]
    strange: tuple[str, ...]
    missing: int = 0
    """How many entries the listing counted and did not give."""
    lookalikes: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether there may be snapshots that it does not show."""
        return bool(self.strange or self.missing)

    @classmethod
    def of(cls, entries: list[Any], total: object = None) -> Self:
        """Return what the entries of ``snapshots/list``, or of an item's resources, list.

        The two differ: `resourceKey` and a string `created` against `resource` and a number. Other resources are passed
        over. That a snapshot's key always has the documented form is not sure. An entry of `snapshots/list` is a
        snapshot whatever its key; among the resources there are previews too, whose names are documented nowhere.
        """
        snapshots: dict[ResourceKey, Snapshot] = {}
        strange: list[str] = []
        lookalikes: list[str] = []
        for entry in entries:
            key = entry.get("resourceKey", entry.get("resource")) if isinstance(entry, dict) else None
            if isinstance(key, str) and RESOURCE_KEY.fullmatch(key):
                snapshots[ResourceKey(key)] = Snapshot.from_entry(ResourceKey(key), entry)
            elif not isinstance(key, str) or "resourceKey" in entry:
                strange.append(str(key)[:60])
            elif key.startswith("snapshot-"):
                lookalikes.append(key[:60])
        stems = {key.removesuffix(".json") for key in snapshots}
        lookalikes = [name for name in lookalikes if name[:STEM_LENGTH] not in stems]
        missing = total - len(entries) if isinstance(total, int) else 0
        return cls(tuple(snapshots.values()), tuple(strange), max(0, missing), tuple(lookalikes))


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
    """The item as the portal gave it, without counters that change by being looked at."""

    @classmethod
    def from_portal(cls, item: Mapping[str, Any]) -> Self:
        """Return the item of a search result or item resource; raise UnexpectedAnswer where it has no id or owner."""
        owner, title, size = item.get("owner"), item.get("title"), item.get("size")
        if not isinstance(item.get("id"), str) or not isinstance(owner, str) or not owner:
            raise UnexpectedAnswer("The portal gave an item without id or owner.")
        return cls(
            ItemId.parse(item["id"]),
            owner,
            title if isinstance(title, str) else "",
            epoch_milliseconds(item.get("created")),
            epoch_milliseconds(item.get("modified")),
            size if isinstance(size, int) else None,
            {name: value for name, value in item.items() if name not in _VOLATILE},
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
            raise UnexpectedAnswer("The notebook server gave a session without id.")
        try:
            item = ItemId.parse(item_id)
        except NotAnId:
            raise UnexpectedAnswer("The notebook server gave a session without the id of an item.") from None
        return cls(
            session_id,
            item,
            _text(answer.get("notebookUrl")),
            epoch_milliseconds(answer.get("dateLastActivity")),
            _text(answer.get("notebookDeploymentId", answer.get("containerId"))),
            _text(answer.get("username")),
            title if isinstance(title, str) else None,
            epoch_milliseconds(answer["revision"]) if "revision" in answer else None,
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def epoch_milliseconds(value: object) -> int:
    """Return a time that ArcGIS sends as a number here and as a string there; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return int(value) if value == value and abs(value) < 1e18 else 0
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) <= 18 else 0


def digests(keys: Iterable[ResourceKey]) -> str:
    """Return the digests of the keys as one string, ``DIGEST_LENGTH`` characters each, for a line of the plan."""
    return "".join(key.digest for key in keys)
