"""Verify the archive."""
