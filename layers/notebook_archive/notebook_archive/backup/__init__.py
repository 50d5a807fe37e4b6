"""Archive one notebook: its snapshots, its current content, and a snapshot that is made for it."""
