"""The base of all errors, and an error that any part of the system may raise."""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """A defect of this program met one notebook. The others went on.

    `NotebookArchiveError` is the base of every error that this package raises on purpose.

    `secret` is the name of the secret whose credential caused the error, or an empty text.
    """

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = "This is a defect: find the run id in the function's log, and report what the log says."

    secret: str = ""

    def of_secret(self, name: str) -> Self:
        """Name the secret whose credential caused this error, and return the error."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """An id is not of the form that ArcGIS gives to items, sessions or snapshots. The message has its beginning."""

    reason = "not-an-id"
    remedy = "Give item ids in a list, as ArcGIS shows them: 32 lower-case hexadecimal digits."
