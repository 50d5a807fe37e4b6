"""Errors of ArcGIS."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not do what was asked of it."""


class ArcGISUnavailable(ArcGISError):
    """There was no connection, or a 408, 429 or 5xx outlasted four tries.

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
    """The server's certificate does not lead to an authority that is trusted, or does not fit its host name."""

    reason = "certificate-untrusted"
    remedy = (
        "Store the PEM of your private CA in the secret that CaBundleSecret names; docs/secrets.md shows the command."
    )


class DeadlineExceeded(ArcGISError):
    """The answer was not complete when the function had to end."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS refused the credential (401, 498, 499), also after one fresh token; or the sign-in failed.

    `remembered` says that ArcGIS rejected it earlier and was not asked again.
    """

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Check that the account can sign in, and store its credential again in the secret that the message names."


class GoodTokenRejected(TokenRejected):
    """One call refused a fresh token (401, 498, 499) that the portal accepts.

    The credential is not at fault, and other notebooks are archived as usual.
    """

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """The credential is good, but its account may not do this (403), also when tried again.

    `is_foreign` says that the answer does not have ArcGIS's form, so a proxy may have sent it.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = (
        "Give the account of the credential the privilege, or create a secret for the owner; docs/secrets.md says how."
    )


class NoContent(ArcGISError):
    """The notebook has no content yet.

    The portal sends an empty file twice or answers code 500, and the item's size is only that of its resources. The
    notebook is skipped; its snapshots, if there are any, are archived.
    """

    reason = "no-content"
    remedy = "Nothing to do: once somebody saves the notebook, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS has no such item or snapshot, or does not show it to this account. A second look agrees.

    It was deleted while the run was under way, and is skipped. If somebody asked for it by its id, it is a failure.
    """

    reason = "not-found"
    remedy = "Nothing to do if it was deleted. The archive keeps what it has of it."


class SessionNotFound(NotebookNotFound):
    """Nobody has a notebook open under the id that the proxy was asked for, or it is not the caller's to see."""

    reason = "session-not-found"
    remedy = "List the open notebooks again. A session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error code that has no name of its own here."""

    reason = "request-rejected"
    remedy = "Look for the code in the log of the ArcGIS server at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """ArcGIS answered with something other than the expected JSON.

    Examples are an HTML page, a redirect (one within the same host is followed on calls to the notebook server), a
    listing that does not say that it succeeded, a 404 that is not from ArcGIS, a portal that names no notebook server,
    and a snapshot's key of an unknown form.

    `location` is the target of a redirect, or an empty text.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy answers in place of ArcGIS."


class AnswerTooLarge(UnexpectedAnswer):
    """A description or a listing of ArcGIS is larger than 8 MB.

    A search or a listing of resources is first asked for again with fewer entries. A single entry that is too large is
    left out.
    """

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing gave fewer usable entries than it counted, or never ended. What it gave is archived.

    If it was the portal's search, twice, this is a notice, which makes the run partial. If it was a notebook's own
    listing, that notebook failed.
    """

    reason = "listing-incomplete"
    remedy = "Run again when the portal is less busy. If it happens again, rebuild the portal's index."


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a capture: the notebook has `SnapshotLimit` snapshots or more, and none may be deleted.

    Nothing else of it failed.
    """

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of the notebook in ArcGIS; all of them are archived. SlotRotation deletes only snapshots "
        "that a capture made."
    )
