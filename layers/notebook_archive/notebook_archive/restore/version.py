"""Read the archived version that is restored, and check that it is undamaged."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

from notebook_archive.arcgis.item_editor import ItemProperties
from notebook_archive.archive import ArchiveReader
from notebook_archive.archive.bucket import OpenedObject
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.backup.staging import Staged, stage
from notebook_archive.errors import ArcGISError, ArchiveDamaged, NotANotebook, VersionMissing
from notebook_archive.notebook import NotebookFacts
from notebook_archive.restore.request import RestoreRequest

RUNTIME_NAME = "notebookRuntimeName"
RUNTIME_VERSION = "notebookRuntimeVersion"
# The keywords that every notebook has in ArcGIS. They are used if the archive does not have the item's properties.
DEFAULT_KEYWORDS = ("Notebook", "Python")
# A new item has this keyword, followed by the restore id, until it is complete.
MARK_PREFIX = "notebook-archive-restore-"


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """One archived version of a notebook, which was read whole and is undamaged.

    `file` contains its bytes, and its position is 0. `sha256` is hexadecimal. `metadata` was stored with it.
    `properties` are the item's archived properties, or empty if the archive does not have them, or if they are
    damaged. Then `damage` says what is wrong with them.
    """

    key: str
    file: IO[bytes]
    size: int
    sha256: str
    facts: NotebookFacts
    metadata: Mapping[str, str]
    properties: Mapping[str, Any]
    damage: str = ""

    @property
    def owner(self) -> str:
        """The archived owner, or an empty string."""
        return _get_text(self.properties, "owner") or self.metadata.get("owner", "")

    @property
    def title(self) -> str:
        """The archived title."""
        return _get_text(self.properties, "title") or self.metadata.get("title", "") or "Untitled notebook"

    @property
    def folder(self) -> str:
        """The title of the archived folder, or an empty string for the owner's root folder."""
        folder = self.properties.get("folder")
        return _get_text(folder, "title") if isinstance(folder, Mapping) else ""

    @property
    def access(self) -> str:
        """The archived access: `private`, `shared`, `org` or `public`. It is `private` if it is not known."""
        return _get_text(self.properties, "access") or "private"

    @property
    def groups(self) -> Mapping[str, str]:
        """The titles of the groups that the item was shared with, by their ids."""
        groups = self.properties.get("groups")
        entries = [each for each in groups if isinstance(each, Mapping)] if isinstance(groups, list) else []
        return {_get_text(each, "id"): _get_text(each, "title") for each in entries if _get_text(each, "id")}

    def list_unknown(self) -> list[str]:
        """Return a sentence if the item's archived properties are not known, or else an empty list."""
        if self.properties:
            return []
        why = self.damage or "The archive has no item.json of the notebook."
        return [f"{why} So tags and description are not restored."]

    def describe_item(self, title: str) -> ItemProperties:
        """Return the properties of an item like the archived one, with this title.

        If an unfinished restore was archived, its mark is left out, because only the unfinished item may have it.
        """
        archived = ItemProperties.from_item(self.properties)
        keywords = tuple(each for each in archived.type_keywords or () if not each.startswith(MARK_PREFIX))
        keywords = keywords or DEFAULT_KEYWORDS
        return replace(archived, title=title, type_keywords=keywords, runtime=self.runtime_properties)

    @property
    def runtime_properties(self) -> dict[str, Any]:
        """The item's archived `properties`, with the runtime that this version of the notebook names, if it names one.

        An older version may have been made with another runtime than the item has now.
        """
        archived = ItemProperties.from_item(self.properties).runtime or {}
        own = {RUNTIME_NAME: self.facts.runtime, RUNTIME_VERSION: self.facts.runtime_version}
        return {**archived, **{name: text for name, text in own.items() if text}}


@contextmanager
def opened_version(request: RestoreRequest, reader: ArchiveReader) -> Iterator[ArchivedVersion]:
    """Provide the version that the request names. It is read whole, and closed at the end.

    Raises VersionMissing if the archive does not have it. Raises ArchiveDamaged if its bytes do not match the SHA-256
    that S3 or the metadata has, or are not a notebook.
    """
    key = request.key
    stored = reader.open_version(key, request.version_id)
    if stored is None:
        version = f" with the version id {request.version_id[:60]!r}" if request.version_id else ""
        place = "archive" if request.place == "archive" else "second place"
        raise VersionMissing(f"The {place} has no object {key}{version}.")
    with closing(stored):
        staged = stage_stored(stored)
    with closing(staged.file):
        metadata, sha256 = decode_metadata(stored.metadata), staged.digest.hex()
        if metadata.get("sha256") != sha256:
            raise ArchiveDamaged(f"{key} does not have the SHA-256 that was recorded when it was archived.")
        try:
            properties, damage = reader.read_properties(request.item_id), ""
        except ArchiveDamaged as error:
            properties, damage = {}, str(error)  # the notebook is worth more than its tags
        yield ArchivedVersion(key, staged.file, staged.size, sha256, staged.facts, metadata, properties, damage)


def stage_stored(stored: OpenedObject) -> Staged:
    """Return an archived version as a staged notebook. Raises ArchiveDamaged if it is not a notebook."""
    try:
        return stage(stored.read_pieces(), stored.key)
    except (ArcGISError, NotANotebook):
        raise ArchiveDamaged(f"{stored.key} is not a notebook. So it was altered after it was archived.") from None


def _get_text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""
