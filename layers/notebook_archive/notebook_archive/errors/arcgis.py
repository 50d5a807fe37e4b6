"""Errors of ArcGIS."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not do what was asked of it."""


class ArcGISUnavailable(ArcGISError):
    """ArcGIS did not answer, or answered that it is busy, and retries did not help.

    `retry_after` is the number of seconds that the server asked to wait, or None. `code` is the code of ArcGIS or HTTP
    in the answer, or 0 if there was no answer.
    """

    retry_after: float | None = None
    code: int = 0

    reason = "arcgis-unavailable"
    remedy = (
        "Check that the server is up and that the functions can reach it from their subnets. The next run tries again."
    )


class CertificateUntrusted(ArcGISError):
    """The server's certificate is not signed by a trusted certificate authority."""

    reason = "certificate-untrusted"
    remedy = (
        "Store the PEM of your private CA in the secret that CaBundleSecret names; docs/deploy.md shows the command."
    )


class DeadlineExceeded(ArcGISError):
    """The answer was not complete before the function's time ran out."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS rejected the credential, or a token that was just made from it.

    `remembered` says that ArcGIS rejected it earlier and was not asked again.
    """

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Check that the account can sign in, and store its credential again in the secret that the message names."


class GoodTokenRejected(TokenRejected):
    """One operation rejects a new token that the portal accepts, so the credential is not the cause."""

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """ArcGIS accepts the token, but its user may not do this.

    `is_foreign` says that the answer does not have ArcGIS's form, so a proxy may have sent it.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = (
        "Give the account of the credential the privilege, or create a secret for the owner; docs/secrets.md says how."
    )


class NoContent(ArcGISError):
    """The item has no content to archive.

    The portal sends no file, or answers with code 500, and the item's size shows no file.
    """

    reason = "no-content"
    remedy = "Nothing to do: once somebody saves the notebook, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS does not have the item or snapshot, or this user may not see it."""

    reason = "not-found"
    remedy = "Nothing to do if it was deleted. The archive keeps what it has of it."


class SessionNotFound(NotebookNotFound):
    """No open notebook has this id."""

    reason = "session-not-found"
    remedy = "List the open notebooks again. A session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error that has no class of its own here."""

    reason = "request-rejected"
    remedy = "Look for the code in the log of the ArcGIS server at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """The answer is not one that ArcGIS gives to this operation: HTML, a redirect, or other JSON.

    `location` is the target of a redirect, or an empty text.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy answers in place of ArcGIS."


class AnswerTooLarge(UnexpectedAnswer):
    """A listing or a description is too large to read, so its content is unknown."""

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing ended before its own total. The entries that it gave are still archived."""

    reason = "listing-incomplete"
    remedy = "Run again when the portal is less busy. If it happens again, rebuild the portal's index."


class NoFreeSlot(ArcGISError):
    """The notebook has as many snapshots as ArcGIS allows, and none of them may be deleted."""

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of the notebook in ArcGIS; all of them are archived. SlotRotation deletes only snapshots "
        "that a capture made."
    )
