"""Define the ids of ArcGIS. An id is checked once, when it is parsed."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import ClassVar, Self

from notebook_archive.errors import NotAnId

ITEM_ID = re.compile(r"[0-9a-f]{32}")
RESOURCE_KEY = re.compile(r"snapshot-[0-9a-f]{32}\.json")
# Number of characters of a resource key before `.json`: `snapshot-` and the 32 digits.
STEM_LENGTH = 41
# Number of characters in a ResourceKey's `key_digest`.
DIGEST_LENGTH = 12


class _Id(str):
    """A string that matches a pattern completely. Each kind of id has its own pattern and description."""

    __slots__ = ()
    _pattern: ClassVar[re.Pattern[str]] = ITEM_ID
    _description: ClassVar[str]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the string as an id, or raise NotAnId. The message repeats at most 60 characters of the string."""
        if isinstance(text, str) and cls._pattern.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not {cls._description}: {str(text)[:60]!r}.")


class ItemId(_Id):
    """The id of a portal item: 32 lower-case hexadecimal digits."""

    __slots__ = ()
    _description = "an item id (32 lower-case hexadecimal digits)"


class SessionId(_Id):
    """The id of a session: 32 lower-case hexadecimal digits. A session is a notebook that is open in a container."""

    __slots__ = ()
    _description = "a session's id (32 lower-case hexadecimal digits)"


class ResourceKey(_Id):
    """The resource key of a snapshot: `snapshot-<32 hex>.json`. In ArcGIS, a snapshot is a resource of its item."""

    __slots__ = ()
    _pattern = RESOURCE_KEY
    _description = "a snapshot's resource key (snapshot-<32 hex>.json)"

    @property
    def key_digest(self) -> str:
        """Twelve characters that represent the key in a plan: 72 bits of its SHA-256 in base64url.

        If two digests were equal, one of the snapshots would not be archived, so the digest must not be shorter. If the
        archive contains a million snapshots of one notebook, the probability that a new digest equals one of theirs is
        below 1e-15.
        """
        return urlsafe_b64encode(hashlib.sha256(self.encode()).digest()[:9]).decode()


def join_digests(keys: Iterable[ResourceKey]) -> str:
    """Return the digests of the keys, joined to one string for a line of the plan.

    Each has DIGEST_LENGTH characters.
    """
    return "".join(key.key_digest for key in keys)


def split_digests(digests: str) -> list[str]:
    """Return the digests in a string that `join_digests` returned, in the same order."""
    return [digests[start : start + DIGEST_LENGTH] for start in range(0, len(digests), DIGEST_LENGTH)]
