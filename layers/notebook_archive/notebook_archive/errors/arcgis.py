"""Define the errors that ArcGIS causes."""

from notebook_archive.errors.base import NotebookArchiveError


class ArcGISError(NotebookArchiveError):
    """A request to ArcGIS failed."""


class ArcGISUnavailable(ArcGISError):
    """There was no connection, or ArcGIS returned error 408, 413, 429 or 5xx, and retries did not help or had no time.

    `retry_after` is the number of seconds that the server asked to wait, or None. `code` is the ArcGIS or HTTP code in
    the response, or 0 if there was no response.
    """

    retry_after: float | None = None
    code: int = 0

    reason = "arcgis-unavailable"
    remedy = (
        "Check that the server is up and that the functions can reach it from their subnets. The next run repeats the "
        "backup."
    )


class CertificateUntrusted(ArcGISError):
    """No trusted authority signed the server's certificate, or the certificate is for another host name."""

    reason = "certificate-untrusted"
    remedy = (
        "Store the PEM certificate of your private CA in the secret that CaBundleSecret names. docs/secrets.md shows "
        "the command."
    )


class DeadlineExceeded(ArcGISError):
    """The response was not complete before the function's time ran out."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server is slow."


class TokenRejected(ArcGISError):
    """ArcGIS rejected the credential, or rejected a new token too (401, 498, 499).

    `remembered` is true if ArcGIS rejected the credential earlier, and this time no request was sent.
    """

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Check that the account can sign in. Then store its credential again in the secret that the message names."


class GoodTokenRejected(TokenRejected):
    """One operation rejects a new token (401, 498, 499) that the portal accepts.

    The credential is not the cause, and other notebooks are archived as usual.
    """

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If it opens, find out which ArcGIS server does not accept the "
        "portal's tokens."
    )


class PermissionDenied(ArcGISError):
    """ArcGIS accepts the credential, but its account may not do this (403).

    `is_foreign` is true if the response does not have ArcGIS's form, so that a proxy may have sent it.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = (
        "Give the credential's account the privilege, or create a secret for the owner. docs/secrets.md shows both."
    )


class NoContent(ArcGISError):
    """The notebook has no content yet.

    The portal sent an empty file twice or returned error code 500, and the item is not larger than its resources. The
    current content is skipped. The notebook's snapshots are archived.
    """

    reason = "no-content"
    remedy = "Nothing to do. After somebody saves the notebook, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """The item or snapshot does not exist, or this account may not see it. A second attempt had the same result.

    If the notebook was deleted during the run, it is skipped. If its id was requested, it counts as failed.
    """

    reason = "not-found"
    remedy = "Nothing to do if the item or snapshot was deleted. The archive keeps what was archived before."


class SessionNotFound(NotebookNotFound):
    """No open notebook has the requested id, or the caller may not see it."""

    reason = "session-not-found"
    remedy = "List the open notebooks again. A session ends when somebody closes its notebook."


class RequestRejected(ArcGISError):
    """ArcGIS returned an error code that no other error of this list describes."""

    reason = "request-rejected"
    remedy = "Search the ArcGIS server's log for the code, at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """ArcGIS did not return the expected JSON.

    Examples: an HTML page, a listing without the status "success", a 404 that is not from ArcGIS, a portal without a
    notebook server, a snapshot key of an unknown form. A redirect is another example. Only calls to the notebook server
    follow a redirect: one, within the same host.

    `location` is the target of a redirect, or an empty string.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl. Check that no sign-in page or proxy responds in place of ArcGIS."


class AnswerTooLarge(UnexpectedAnswer):
    """A description or a listing from ArcGIS is larger than 8 MB.

    A search or a listing of resources is first requested again with fewer entries. A single entry that is too large is
    skipped.
    """

    reason = "answer-too-large"
    remedy = "Find the item that has a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing returned fewer usable entries than its total, or did not end.

    The entries that it returned are archived.

    If the portal's search is incomplete twice, the report has a notice, and the run is partial. If the listing of a
    notebook is incomplete, that notebook fails.
    """

    reason = "listing-incomplete"
    remedy = "Start another run when the portal is less busy. If the error returns, rebuild the portal's index."


class ChangeSearchUnsupported(ArcGISError):
    """The portal's search cannot find notebooks by the time of their last change.

    It refused a range of times, ignored it, or found nothing in a range that contains the last change. So the poll for
    changes cannot work with this portal. Scheduled runs do not use such a range.
    """

    reason = "change-search-unsupported"
    remedy = (
        "Rebuild the portal's search index. If the error remains, leave ChangePoll empty. The scheduled runs still "
        "archive every change."
    )


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a capture, because the notebook has `SnapshotLimit` snapshots or more, and none may be deleted.

    Nothing else failed for this notebook.
    """

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of the notebook in ArcGIS. All of its snapshots are archived. SlotRotation deletes only "
        "snapshots that a capture made."
    )


class UploadTooLarge(ArcGISError):
    """A notebook is too large to be sent to ArcGIS: for ArcGIS itself, or for a server in front of it (HTTP 413)."""

    reason = "upload-too-large"
    remedy = (
        "Find out which server in front of ArcGIS limits the size of a request, for example the web adaptor or a load "
        "balancer. Let it accept requests of 12 MB. Notebooks above 10 MB are sent in parts of 8 MiB."
    )
