"""Archive one notebook: its snapshots, its current content, and a new snapshot that the run takes of it."""
