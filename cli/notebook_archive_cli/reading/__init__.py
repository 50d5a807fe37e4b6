"""Find, list, show, compare and download archived versions."""
