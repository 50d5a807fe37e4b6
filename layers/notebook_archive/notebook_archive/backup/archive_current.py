"""Archive the current content of one notebook."""

from notebook_archive.archive import Archive, CopyId
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.records import StoredVersion
from notebook_archive.backup.storing import ItemReference, Provenance, store_copy


def archive_current(
    content: CurrentContent, item: ItemReference, provenance: Provenance, archive: Archive
) -> StoredVersion | None:
    """Store a copy of the current content; return what was stored, or None if the archive held it.

    If the plan says that the archive holds it, nothing is fetched. Raises what `CurrentContent.staged` raises, and any
    ArchiveError.
    """
    if content.is_copied:
        return None
    staged, copy = content.staged(), content.copy
    last = CopyId.parse(content.planned["held"]) if content.planned["held"] else None
    # Twelve digits can be forged, so the whole SHA-256 is compared if they agree.
    if not (last and last.short_digest == copy.short_digest and archive.has_copy(item.item_id, last, staged.digest)):
        result = store_copy(item, copy, staged, provenance, archive)
        if result.state == "archived":
            sha256 = staged.digest.hex()
            return {"resourceKey": copy.resource_key, "key": result.key, "bytes": staged.size, "sha256": sha256}
    content.note(archive, provenance.run)
    return None
