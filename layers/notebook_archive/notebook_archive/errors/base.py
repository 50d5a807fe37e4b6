"""The base of all errors, and what any part of the system may raise."""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """The base of every error this package raises on purpose."""

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = "Read the function's log for this run id and report the defect."

    secret: str = ""
    """The name of the secret whose credential is at fault, where one is."""

    def of_secret(self, name: str) -> Self:
        """Return this error, which is the fault of a credential."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """Names the id, cut to its beginning."""

    reason = "not-an-id"
    remedy = "Give item ids as ArcGIS shows them, 32 lower-case hexadecimal digits, in a list."
