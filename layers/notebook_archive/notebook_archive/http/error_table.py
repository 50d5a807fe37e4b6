"""The table that maps errors to what callers get: an HTTP status, an ArcGIS code, and a sentence.

An error's own message is for the operator, because it may name secrets and hosts. A caller gets it only if the caller
can correct the request. `template.yaml` lists, under GatewayResponses, the responses to requests that API Gateway
itself refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from notebook_archive import errors


@dataclass(frozen=True, slots=True)
class Failure:
    """The response that a caller gets for an error.

    `code` is the code in ArcGIS's error envelope. If `text` is empty, the caller gets the error's message and remedy.
    """

    status: HTTPStatus
    code: int
    text: str = ""


_NO_SESSION = (
    "No open notebook that you may see has this id. A notebook resource describes an open session: a notebook that "
    "somebody has open in a container now. A session id is not an item id. It is valid until the notebook is closed."
)
_UNSIGNED = "The request's signature is missing or wrong."
_TABLE: Mapping[type[errors.NotebookArchiveError], Failure] = {
    errors.NotebookArchiveError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "The request failed because of a defect. Give the correlation id to the operator of this service.",
    ),
    errors.NotAnId: Failure(HTTPStatus.BAD_REQUEST, 400),
    errors.ParameterInvalid: Failure(HTTPStatus.BAD_REQUEST, 400),
    errors.MethodRefused: Failure(HTTPStatus.METHOD_NOT_ALLOWED, 405),
    errors.MediaTypeRefused: Failure(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 415),
    errors.CallerUnknown: Failure(HTTPStatus.FORBIDDEN, 403),
    errors.CallerTokenMissing: Failure(HTTPStatus.UNAUTHORIZED, 499),
    errors.CallerTokenRejected: Failure(HTTPStatus.UNAUTHORIZED, 498),
    errors.NotebookNotFound: Failure(
        HTTPStatus.NOT_FOUND,
        404,
        "The snapshot does not exist, or you may not read it. Check the item id and the resource key.",
    ),
    errors.SessionNotFound: Failure(HTTPStatus.NOT_FOUND, 404, _NO_SESSION),
    errors.WebhookUnknown: Failure(HTTPStatus.NOT_FOUND, 404, "There is no such operation here."),
    errors.WebhookUnsigned: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED),
    errors.WebhookForged: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED),
    errors.WebhookStale: Failure(
        HTTPStatus.UNAUTHORIZED,
        401,
        "The delivery was refused, because its time differs too much from this service's time.",
    ),
    errors.WebhookTooLarge: Failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, "The request is too large."),
    errors.WebhookRefused: Failure(HTTPStatus.BAD_REQUEST, 400, "The body is not the payload of a webhook."),
    errors.EventRefused: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE, 503, "The request could not be passed on. Send it again."
    ),
    errors.PermissionDenied: Failure(
        HTTPStatus.FORBIDDEN, 403, "ArcGIS does not allow this operation for the account that made the request."
    ),
    errors.ConfigurationError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "This service is not configured for this request. The operator's log says what is missing.",
    ),
    errors.SecretUnreadable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "This service cannot read its own configuration at the moment. Try again soon.",
    ),
    errors.ArcGISError: Failure(
        HTTPStatus.BAD_GATEWAY,
        502,
        "The response from ArcGIS was not as documented. The operator's log says why. Try again later.",
    ),
    errors.ArcGISUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE, 503, "The request needs ArcGIS, which cannot be reached at the moment."
    ),
    errors.DeadlineExceeded: Failure(
        HTTPStatus.GATEWAY_TIMEOUT,
        504,
        "ArcGIS did not respond in time. A large snapshot can be downloaded after an archive run has archived it.",
    ),
    errors.SnapshotInvalid: Failure(
        HTTPStatus.BAD_GATEWAY, 502, "ArcGIS did not send a complete notebook, so nothing was returned."
    ),
    errors.SnapshotTooLarge: Failure(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, "The snapshot is larger than this service accepts."
    ),
    errors.ArchiveError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, 500, "The archive could not be read. The operator's log says why."
    ),
    errors.ArchiveUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE, 503, "The archive cannot be reached at the moment. Try again soon."
    ),
    errors.ArchiveConflict: Failure(
        HTTPStatus.CONFLICT,
        409,
        "ArcGIS and the archive have different bytes under this key. For the archived copy, leave out source=arcgis.",
    ),
    errors.ArchiveDamaged: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "The archived copy does not match its checksum, so it was not sent. To get ArcGIS's copy, add source=arcgis.",
    ),
}


def find_failure(error: errors.NotebookArchiveError) -> Failure:
    """Return what a caller gets for an error: the entry of the error's class, or of its nearest base class."""
    entry = next(_TABLE[cls] for cls in type(error).__mro__ if cls in _TABLE)
    if entry.text:
        return entry
    # The message about a malformed id or parameter says what would be valid.
    advice = "" if isinstance(error, errors.NotAnId | errors.ParameterInvalid) else f" {error.remedy}"
    return Failure(entry.status, entry.code, f"{error}{advice}")
