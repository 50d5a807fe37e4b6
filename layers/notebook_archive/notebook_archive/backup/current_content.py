"""The current content of a notebook, whether or not a snapshot contains it, and what the archive knows about it."""

import time
from collections.abc import Iterable
from contextlib import closing

from notebook_archive.arcgis.snapshot_access import SnapshotAccess
from notebook_archive.archive import Archive, ArchivedSnapshot, CapturedNote, CopyId, RunId, SeenNote
from notebook_archive.backup.planned import SETTLED_MS, PlannedContent, is_planned_as_archived
from notebook_archive.backup.staging import IN_MEMORY_BYTES, Staged, stage
from notebook_archive.errors import ArcGISUnavailable, NoContent
from notebook_archive.models import ItemId
from notebook_archive.notebook import is_same_notebook

# Milliseconds by which this function's clock may be ahead of S3's.
CLOCKS_MS = 60_000
# Maximum number of bytes of content that are sent in a form. URL encoding can triple this number.
MAX_FORM_BYTES = 10_000_000


class CurrentContent:
    """The current content of one notebook in one invocation.

    It is fetched once, when it is first needed. The caller must close it.
    """

    def __init__(self, item_id: ItemId, planned: PlannedContent, access: SnapshotAccess, limit: int) -> None:
        """Prepare to fetch the content. `limit` is the maximum number of bytes that are read."""
        self.item_id, self.planned = item_id, planned
        self._access, self._limit = access, limit
        self._staged: Staged | None = None
        self._is_noted = False
        # Whether the archive is known to have the content, as a copy or in a captured snapshot.
        self.is_archived = is_planned_as_archived(planned)
        # Seconds that fetching the content took.
        self.seconds = 0.0

    @property
    def is_copied(self) -> bool:
        """True if the plan says that the archive has a copy of the content."""
        return bool(self.planned.get("settled") and self.planned["held"])

    @property
    def is_captured(self) -> bool:
        """True if a snapshot is known to contain the content. If the plan does not say, the content is fetched."""
        if not self.planned["captured"]:
            return False
        known = self.planned.get("settled") or self.copy.short_digest
        return known == self.planned["captured"]

    @property
    def copy(self) -> CopyId:
        """The id that a copy of the content has in the archive."""
        return CopyId.from_content(self.planned["modified"], self.staged().digest)

    def staged(self) -> Staged:
        """Return the content as a staged notebook.

        Raises NoContent if the notebook has no content yet. ArcGIS then sends an empty file, or it returns error code
        500 and the item's size is only that of its resources. May also raise another ArcGISError, SnapshotInvalid or
        SnapshotTooLarge.
        """
        if self._staged is None:
            start = time.monotonic()
            self._staged = self._fetch()
            self.seconds = time.monotonic() - start
        return self._staged

    def text(self) -> str:
        """Return the content as a string for a form.

        Returns an empty string if the content is larger than MAX_FORM_BYTES or is not UTF-8. Raises what `staged`
        raises.
        """
        staged = self.staged()
        if staged.size > MAX_FORM_BYTES:
            return ""
        staged.file.seek(0)
        try:
            return staged.file.read().decode()
        except UnicodeDecodeError:
            return ""

    def is_in(self, snapshot: ArchivedSnapshot) -> bool | None:
        """Fetch the content again, and return whether an archived snapshot contains the same notebook.

        Returns None if the content has changed. Esri does not document that a snapshot has the same bytes as the
        content, so both are compared as JSON. If the content is larger than IN_MEMORY_BYTES, only its format, kernel
        and number of cells are compared. Raises what `staged` raises.
        """
        now = self._fetch()
        with closing(now.file):
            if now.digest != self.staged().digest:
                return None
            if snapshot.body is not None and now.size <= IN_MEMORY_BYTES:
                return is_same_notebook(now.file.read(), snapshot.body)
            facts = {"nbformat": now.facts.nbformat, "kernel": now.facts.kernel, "cells": str(now.facts.cells)}
            return facts == {name: snapshot.metadata.get(name, "") for name in facts}

    def _fetch(self) -> Staged:
        return self._access.read_content(self.item_id, self._limit, self._read)

    def _read(self, chunks: Iterable[bytes]) -> Staged:
        try:
            return stage(chunks, f"The current content of item {self.item_id}")
        except ArcGISUnavailable as error:
            if error.code == 500 and self.planned.get("empty"):
                raise NoContent(f"Item {self.item_id} has no content.") from None
            raise

    def note(self, archive: Archive, run: RunId, *, captured: bool = False) -> None:
        """Write a note about the content to the archive, so that the next run need not fetch the content.

        With `captured`, the note says that a snapshot contains the content. Otherwise, the note says that this run saw
        the content. Such a note is written only if the content was fetched, and some time after its last change:
        a later run must check newer content again.
        """
        self.is_archived |= captured
        if captured:
            archive.put_content_note(self.item_id, CapturedNote(self.copy), run)
        elif self._staged and not self._is_noted and self._is_settled():
            archive.put_content_note(self.item_id, SeenNote(self.copy), run)
            self._is_noted = True

    def _is_settled(self) -> bool:
        modified = self.planned["modified"]
        return bool(modified) and time.time() * 1000 > modified + SETTLED_MS + CLOCKS_MS

    def close(self) -> None:
        """Release the memory or disk space of the content."""
        if self._staged:
            self._staged.file.close()
