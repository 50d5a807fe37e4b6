"""Errors of ArcGIS."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not do what was asked of it."""


class ArcGISUnavailable(ArcGISError):
    """There was no connection, or ArcGIS answered 408, 429 or 5xx, and four tries did not help.

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
    """No trusted authority signed the server's certificate, or the certificate is for another host name."""

    reason = "certificate-untrusted"
    remedy = (
        "Store the PEM of your private CA in the secret that CaBundleSecret names; docs/secrets.md shows the command."
    )


class DeadlineExceeded(ArcGISError):
    """The answer was not complete before the function's time ran out."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS rejected the credential, or rejected a new token too (401, 498, 499).

    `remembered` says that ArcGIS rejected the credential earlier and was not asked again.
    """

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Check that the account can sign in, and store its credential again in the secret that the message names."


class GoodTokenRejected(TokenRejected):
    """One operation rejects a new token (401, 498, 499) that the portal accepts.

    The credential is not the cause, and other notebooks are archived as usual.
    """

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """ArcGIS accepts the credential, but its account may not do this (403), also at a second try.

    `is_foreign` says that the answer does not have ArcGIS's form, so a proxy may have sent it.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = (
        "Give the account of the credential the privilege, or create a secret for the owner; docs/secrets.md says how."
    )


class NoContent(ArcGISError):
    """The notebook has no content yet.

    The portal sent an empty file twice or answered code 500, and the item's size is only that of its resources. The
    notebook is skipped; its snapshots are archived.
    """

    reason = "no-content"
    remedy = "Nothing to do: once somebody saves the notebook, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS does not have the item or snapshot, or does not show it to this account, also at a second try.

    If the notebook was deleted during the run, it is skipped. If its id was requested, it counts as failed.
    """

    reason = "not-found"
    remedy = "Nothing to do if it was deleted. The archive keeps what it has of it."


class SessionNotFound(NotebookNotFound):
    """No open notebook has the requested id, or the caller may not see it."""

    reason = "session-not-found"
    remedy = "List the open notebooks again. A session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error code that has no class of its own here."""

    reason = "request-rejected"
    remedy = "Look for the code in the log of the ArcGIS server at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """ArcGIS answered with something other than the expected JSON.

    Examples: an HTML page, a redirect (calls to the notebook server follow one within the same host), a listing that
    does not say that it succeeded, a 404 that is not from ArcGIS, a portal that names no notebook server, a snapshot
    with a key of an unknown form.

    `location` is the target of a redirect, or an empty text.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy answers in place of ArcGIS."


class AnswerTooLarge(UnexpectedAnswer):
    """A description or a listing of ArcGIS is larger than 8 MB.

    A search or a listing of resources is first requested again with fewer entries. A single entry that is too large is
    left out.
    """

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing gave fewer usable entries than it counted, or did not end. Its entries are archived.

    If this happens twice to the portal's search, it is a notice, and the run is partial. If it happens to the listing
    of a notebook, that notebook failed.
    """

    reason = "listing-incomplete"
    remedy = "Run again when the portal is less busy. If it happens again, rebuild the portal's index."


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a capture: the notebook has `SnapshotLimit` snapshots or more, and none may be deleted.

    Nothing else failed for this notebook.
    """

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of the notebook in ArcGIS; all of them are archived. SlotRotation deletes only snapshots "
        "that a capture made."
    )
