"""Archive the current content of one notebook."""

from notebook_archive.archive import Archive, CopyId
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.records import StoredVersion
from notebook_archive.backup.storing import ItemReference, Provenance, store_copy


def archive_current(
    content: CurrentContent, item: ItemReference, provenance: Provenance, archive: Archive
) -> StoredVersion | None:
    """Store a copy of the current content. Return what was stored, or None if the archive already has a copy.

    If the plan says that the archive has a copy, nothing is fetched. Raises what `CurrentContent.staged` raises, or an
    ArchiveError.
    """
    if content.is_copied:
        return None
    staged, copy = content.staged(), content.copy
    last = CopyId.parse(content.planned["held"]) if content.planned["held"] else None
    # Somebody can construct other content with the same twelve digits. So if they agree, compare the whole SHA-256.
    if not (last and last.short_digest == copy.short_digest and archive.has_copy(item.item_id, last, staged.digest)):
        result = store_copy(item, copy, staged, provenance, archive)
        if result.state == "archived":
            sha256 = staged.digest.hex()
            return {"resourceKey": copy.resource_key, "key": result.key, "bytes": staged.size, "sha256": sha256}
    content.note(archive, provenance.run)
    return None
