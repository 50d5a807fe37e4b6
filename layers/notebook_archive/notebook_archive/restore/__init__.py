"""Restore archived notebooks to ArcGIS, and undo restores.

The modules, from the request to the result:

- `request` parses the event. `version` reads the archived version and checks that it is undamaged.
- `recorded_bytes` compares it with the ledger.
- `target` finds the portal and the credential. `sessions` checks that nobody has the notebook open.
- `restore_version` plans and carries out one restore. `as_new`, `as_replacement` and `as_snapshot` are its three ways.
- `read_back` compares what was made with the archive.
- `journal` writes the record of a restore to the archive: its plan, a note of each completed step, and its result. So a
  restore that was killed can be completed or undone.
- `undo_restore` takes a restore back, unless somebody changed what it made.
"""

from notebook_archive.restore.job import RestoreContext
from notebook_archive.restore.journal import RestoreRecord, UndoRecord
from notebook_archive.restore.request import OtherPortal, RestoreRequest
from notebook_archive.restore.restore_version import restore_version
from notebook_archive.restore.target import TargetPortal, TargetPortals
from notebook_archive.restore.undo_restore import UndoRequest, undo_restore

__all__ = [
    "OtherPortal",
    "RestoreContext",
    "RestoreRecord",
    "RestoreRequest",
    "TargetPortal",
    "TargetPortals",
    "UndoRecord",
    "UndoRequest",
    "restore_version",
    "undo_restore",
]
