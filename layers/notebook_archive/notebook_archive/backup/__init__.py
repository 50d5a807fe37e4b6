"""Archive one notebook: its snapshots, its current content, and a snapshot that is made for it.

The modules, from what is planned for a notebook up to what became of it:

- `planned`: the plan of one notebook: its item, and what the archive holds of it.
- `job`: what archiving a notebook needs.
- `archive_each`: several notebooks at a time. `archive_notebook`: the steps for one.
- `archive_snapshot`: one snapshot. `archive_current`: the current content. `current_content`: the content itself,
  fetched once, and what the archive knows of it.
- `staging`: check and hash a body before it is stored. `storing`: store it, with its metadata and tags.
- `capture`: a snapshot that is made because none holds the content. `slots`: when one may be deleted to make room.
- `placement`: folder and groups of the item, for `item.json`.
- `classify`: whether an error skips a notebook or fails it. `protection`: the state of protection that a notebook has
  afterwards; it protects nothing itself.
- `outcome`: what has become of a notebook so far. `records`: the form of that in the archive and in reports.
"""
