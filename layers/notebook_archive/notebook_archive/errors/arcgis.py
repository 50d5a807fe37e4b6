"""Errors of ArcGIS."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not give what was asked for."""


class ArcGISUnavailable(ArcGISError):
    """A passing fault that outlasted its retries; the next run tries again.

    ``retry_after`` is the seconds that the server asked to wait, None where it did not say.  ``code`` is what it
    answered, of ArcGIS or HTTP, 0 where there was no answer.
    """

    retry_after: float | None = None
    code: int = 0

    reason = "arcgis-unavailable"
    remedy = "Check that the server is up and reachable from the functions' subnets; the next run tries again."


class CertificateUntrusted(ArcGISError):
    """The TLS handshake failed on the certificate."""

    reason = "certificate-untrusted"
    remedy = "Put the private CA's PEM into the secret that CaBundleSecret names; README, 'A private CA', shows how."


class DeadlineExceeded(ArcGISError):
    """The wall clock ran out before the answer was complete."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS refused the credential, also after one fresh token.  ``remembered``: it did so earlier, and was not
    asked again."""

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Renew the credential in the secret that the message names, and check that its account may sign in."


class GoodTokenRejected(TokenRejected):
    """One call refuses a fresh token that the portal accepts, so the credential is not at fault."""

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """The token's user may not do this.

    `is_foreign`: the answer is not in the form of ArcGIS's own, so a proxy may have refused in its place.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = "Give the credential's account the privilege, or create a secret for the notebook's owner."


class NoContent(ArcGISError):
    """The item has no content: the portal sends no file, or code 500, and the item's size has no bytes of a file."""

    reason = "no-content"
    remedy = "Nothing; once the notebook is saved, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS has no such item, snapshot or session, or does not show it to this user."""

    reason = "not-found"
    remedy = "Nothing, if it was deleted; what was archived of it stays in the archive."


class SessionNotFound(NotebookNotFound):
    """Nobody has the notebook open under this id."""

    reason = "session-not-found"
    remedy = "List the open notebooks anew: a session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error that has no name of its own here."""

    reason = "request-rejected"
    remedy = "Look the code up in the ArcGIS server's own log at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """The answer is not what this operation answers: HTML, a redirect, something that is not JSON.

    ``location`` is where a redirect would lead, empty for all else.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy stands before them."


class AnswerTooLarge(UnexpectedAnswer):
    """The answer to a listing or a description exceeds the limit; its contents are unknown."""

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing did not reach its own total; what it did show is still archived."""

    reason = "listing-incomplete"
    remedy = "Run again when the portal is quiet; rebuild the portal's index if it recurs."


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a new snapshot of a notebook that has as many as it allows, and none may be deleted."""

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of it in ArcGIS; SlotRotation frees only slots of captures. All that is there is archived."
    )
