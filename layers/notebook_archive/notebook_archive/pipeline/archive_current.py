"""Archiving the current content of one notebook."""

from notebook_archive.archive import Archive, CopyId
from notebook_archive.pipeline.content import Content
from notebook_archive.pipeline.outcomes import StoredSnapshot
from notebook_archive.pipeline.storing import How, Whose, store_copy


def archive_current(content: Content, whose: Whose, how: How, archive: Archive) -> StoredSnapshot | None:
    """Return what was stored, None where the archive holds the notebook's content.

    Costs no call where the plan says so.  Raises what ``Content.staged`` raises, and any ArchiveError.
    """
    if content.is_held:
        return None
    staged, copy = content.staged(), content.copy
    held = CopyId.parse(content.planned["held"]) if content.planned["held"] else None
    # Twelve digits can be forged, so the whole SHA-256 is compared where they agree.
    if not (held and held.short_digest == copy.short_digest and archive.has_copy(whose.item_id, held, staged.digest)):
        stored = store_copy(whose, copy, staged, how, archive)
        if stored.state == "archived":
            sha256 = staged.digest.hex()
            return {"resourceKey": copy.resource_key, "key": stored.key, "bytes": staged.size, "sha256": sha256}
    content.note(archive, how.run)
    return None
