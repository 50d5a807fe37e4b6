"""Errors of ArcGIS."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not give what was asked for."""


class ArcGISUnavailable(ArcGISError):
    """There was no connection, or a 408, 429 or 5xx outlasted four tries."""

    # The seconds that the server asked to wait, or None if it did not say.
    retry_after: float | None = None
    # The code that ArcGIS or HTTP answered, or 0 if there was no answer.
    code: int = 0

    reason = "arcgis-unavailable"
    remedy = "Check that the server is up and reachable from the functions' subnets; the next run tries again."


class CertificateUntrusted(ArcGISError):
    """The server's certificate does not lead to an authority that is trusted, or does not fit its host name."""

    reason = "certificate-untrusted"
    remedy = "Put the private CA's PEM into the secret that CaBundleSecret names; docs/secrets.md shows how."


class DeadlineExceeded(ArcGISError):
    """The answer was not complete when the function had to end."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS refused the credential (401, 498, 499), also after one fresh token; or the sign-in failed."""

    # True if ArcGIS refused the credential earlier, and was not asked again.
    remembered: bool = False

    reason = "token-rejected"
    remedy = "Renew the credential in the secret that the message names, and check that its account may sign in."


class GoodTokenRejected(TokenRejected):
    """One call refused a fresh token (401, 498, 499) that the portal accepts.

    The credential is not at fault, and other notebooks are archived as usual.
    """

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """The credential is good, but its account may not do this (403), also when tried again."""

    # True if the answer does not have ArcGIS's own form, so a proxy may have refused instead.
    is_foreign: bool = False

    reason = "permission-denied"
    remedy = "Give the credential's account the privilege, or create a secret for the notebook's owner."


class NoContent(ArcGISError):
    """The notebook has no content yet.

    The portal sends an empty file twice or answers code 500, and the item's size is only that of its resources. The
    notebook is skipped; its snapshots, if there are any, are archived.
    """

    reason = "no-content"
    remedy = "Nothing; once the notebook is saved, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS has no such item or snapshot, or does not show it to this account. A second look agrees.

    It was deleted while the run was under way, and is skipped. If somebody asked for it by its id, it is a
    failure.
    """

    reason = "not-found"
    remedy = "Nothing, if it was deleted; what was archived of it stays in the archive."


class SessionNotFound(NotebookNotFound):
    """Nobody has a notebook open under the id that the proxy was asked for, or it is not the caller's to see."""

    reason = "session-not-found"
    remedy = "List the open notebooks again: a session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error code that has no name of its own here."""

    reason = "request-rejected"
    remedy = "Look the code up in the ArcGIS server's own log at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """ArcGIS answered with something other than the expected JSON.

    Examples are an HTML page, a redirect (one within the same host is followed on calls to the notebook server), a
    listing that does not say that it succeeded, a 404 that is not from ArcGIS, a portal that names no notebook
    server, and a snapshot's key of an unknown form.
    """

    # Where a redirect would lead; empty for all other answers.
    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy stands before them."


class AnswerTooLarge(UnexpectedAnswer):
    """A description or a listing of ArcGIS is larger than 8 MB.

    A search or a listing of resources is first asked for again with fewer entries. A single entry that is too large
    is left out.
    """

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing gave fewer usable entries than it counted, or never ended. What it gave is archived.

    If it was the portal's search, twice, this is a notice, which makes the run partial. If it was a notebook's own
    listing, that notebook failed.
    """

    reason = "listing-incomplete"
    remedy = "Run again when the portal is quiet; rebuild the portal's index if it recurs."


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a capture: the notebook has `SnapshotLimit` snapshots or more, and none may be deleted.

    Nothing else of it failed.
    """

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of it in ArcGIS; SlotRotation frees only slots of captures. All that is there is archived."
    )
