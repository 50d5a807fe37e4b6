"""Restore notebooks, take restores back, and test restores."""
