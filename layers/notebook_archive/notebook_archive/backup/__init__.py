"""Archive one notebook: its snapshots, its current content, and a new snapshot that the run takes of it.

The modules, from the plan of a notebook to its record:

- `planned` describes what the archive has of a notebook before the run. `job` binds this to what archiving needs.
- `archive_each` archives several notebooks at a time. `archive_notebook` has the steps for one.
- `archive_snapshot` archives one snapshot. `archive_current` archives the current content, which `current_content`
  fetches once.
- `staging` checks and hashes a body before it is stored. `storing` stores it with its metadata and tags.
- `capture` makes a snapshot if none contains the content. `slots` decides whether a snapshot may be deleted for it.
- `placement` finds the item's folder and groups.
- `classify` decides whether an error skips a notebook or fails it.
- `protection` says how well the archive protects the notebook after the run. It is a state, not an action.
- `outcome` collects the results for one notebook. `records` has the form in which runs and reports store them.
"""
