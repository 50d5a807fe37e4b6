"""Print documents, tables, progress and errors, and format times, sizes and texts for people."""
