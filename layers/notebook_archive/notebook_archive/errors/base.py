"""Define the base class of all errors, and an error that any part of the system may raise."""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """A defect in this program stopped the backup of a notebook. The other notebooks were still archived.

    `NotebookArchiveError` is the base of every error that this package raises on purpose. `secret` is the name of the
    secret whose credential caused the error, or an empty string.
    """

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = (
        "Search the function's log for the run id. Report the defect with the log lines that you find."
    )

    secret: str = ""

    def with_remedy(self) -> Self:
        """Return an error of the same class whose message ends with the remedy.

        It is for callers that see only the message.
        """
        return type(self)(f"{self} {self.remedy}").of_secret(self.secret)

    def of_secret(self, name: str) -> Self:
        """Name the secret whose credential caused this error, and return the error."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """A value does not have the form of an ArcGIS id. The message repeats the beginning of the value."""

    reason = "not-an-id"
    remedy = "Send item ids as a list. An item id has 32 lower-case hexadecimal digits."
