"""The base of all errors, and an error that any part of the system may raise."""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """A notebook met a defect of this program. The other notebooks were still archived.

    `NotebookArchiveError` is the base of every error that this package raises on purpose. `secret` is the name of the
    secret whose credential caused the error, or an empty text.
    """

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = "Search the function's log for the run id, and report the defect with what the log says."

    secret: str = ""

    def of_secret(self, name: str) -> Self:
        """Name the secret whose credential caused this error, and return the error."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """A text does not have the form of an ArcGIS id. The message repeats the beginning of the text."""

    reason = "not-an-id"
    remedy = "Give item ids in a list, as ArcGIS shows them: 32 lower-case hexadecimal digits."
