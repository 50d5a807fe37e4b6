"""Archive a few notebooks at once when an event asks for it."""

from notebook_archive.backup_requests.archive_requests import archive_requests, fail_requests

__all__ = ["archive_requests", "fail_requests"]
