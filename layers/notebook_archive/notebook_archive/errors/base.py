"""The base of all errors, and what any part of the system may raise."""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """A defect of this program met one notebook. The others went on.

    `NotebookArchiveError` is the base of every error that this package raises on purpose.
    """

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = "Read the function's log for this run id and report the defect."

    # The name of the secret whose credential is at fault, if one is.
    secret: str = ""

    def of_secret(self, name: str) -> Self:
        """Return this error, which is the fault of a credential."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """An id is not of the form that ArcGIS gives to items, sessions or snapshots. The message has its beginning."""

    reason = "not-an-id"
    remedy = "Give item ids as ArcGIS shows them, 32 lower-case hexadecimal digits, in a list."
