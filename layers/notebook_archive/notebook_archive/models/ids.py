"""The ids of ArcGIS: matched whole when they arrive, and trusted afterwards."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import ClassVar, Self

from notebook_archive.errors import NotAnId

ITEM_ID = re.compile(r"[0-9a-f]{32}")
RESOURCE_KEY = re.compile(r"snapshot-[0-9a-f]{32}\.json")
# Characters of a resource key before its ending: `snapshot-` and the 32 digits.
STEM_LENGTH = 41
# Characters of a ResourceKey's `key_digest`.
DIGEST_LENGTH = 12


class _Id(str):
    """A text that matches a pattern as a whole. Each kind of id has its pattern and its description."""

    __slots__ = ()
    _pattern: ClassVar[re.Pattern[str]] = ITEM_ID
    _description: ClassVar[str]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the text as an id, or raise NotAnId, whose message repeats at most 60 characters of the text."""
        if isinstance(text, str) and cls._pattern.fullmatch(text):
            return cls(text)
        raise NotAnId(f"Not {cls._description}: {str(text)[:60]!r}.")


class ItemId(_Id):
    """The id of a portal item: 32 lower-case hexadecimal digits."""

    __slots__ = ()
    _description = "an item id (32 lower-case hexadecimal digits)"


class SessionId(_Id):
    """The id of an open session, a notebook that is open in a container: 32 lower-case hexadecimal digits."""

    __slots__ = ()
    _description = "a session's id (32 lower-case hexadecimal digits)"


class ResourceKey(_Id):
    """The key of a snapshot among its item's resources: `snapshot-<32 hex>.json`."""

    __slots__ = ()
    _pattern = RESOURCE_KEY
    _description = "a snapshot's resource key (snapshot-<32 hex>.json)"

    @property
    def key_digest(self) -> str:
        """Twelve characters that stand for the key in a plan: 72 bits of its SHA-256 in base64url.

        A collision would hide a snapshot from the archive, so the digest is not shorter. If the archive has a million
        snapshots of one notebook, the chance that a new one collides with one of them is below 1e-15.
        """
        return urlsafe_b64encode(hashlib.sha256(self.encode()).digest()[:9]).decode()


def join_digests(keys: Iterable[ResourceKey]) -> str:
    """Return the digests of the keys as one string for a line of the plan, DIGEST_LENGTH characters each."""
    return "".join(key.key_digest for key in keys)


def split_digests(digests: str) -> list[str]:
    """Return the single digests of a string that `join_digests` made, in its order."""
    return [digests[start : start + DIGEST_LENGTH] for start in range(0, len(digests), DIGEST_LENGTH)]
