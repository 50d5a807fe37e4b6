"""Archiving the current content of one notebook."""

from notebook_archive.archive import Archive, CopyId
from notebook_archive.backup.current_content import CurrentContent
from notebook_archive.backup.outcome import StoredSnapshot
from notebook_archive.backup.storing import ItemReference, Provenance, store_copy


def archive_current(
    content: CurrentContent, item: ItemReference, provenance: Provenance, archive: Archive
) -> StoredSnapshot | None:
    """Return what was stored, None where the archive holds the notebook's content.

    Costs no call where the plan says so.  Raises what ``Content.staged`` raises, and any ArchiveError.
    """
    if content.is_held:
        return None
    staged, copy = content.staged(), content.copy
    held = CopyId.parse(content.planned["held"]) if content.planned["held"] else None
    # Twelve digits can be forged, so the whole SHA-256 is compared where they agree.
    if not (held and held.short_digest == copy.short_digest and archive.has_copy(item.item_id, held, staged.digest)):
        stored = store_copy(item, copy, staged, provenance, archive)
        if stored.state == "archived":
            sha256 = staged.digest.hex()
            return {"resourceKey": copy.resource_key, "key": stored.key, "bytes": staged.size, "sha256": sha256}
    content.note(archive, provenance.run)
    return None
