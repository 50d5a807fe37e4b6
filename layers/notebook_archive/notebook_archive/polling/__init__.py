"""Find the notebooks that changed in ArcGIS since the last poll, and request their backup."""

from notebook_archive.polling.poll_changes import Poll, poll_changes

__all__ = ["Poll", "poll_changes"]
