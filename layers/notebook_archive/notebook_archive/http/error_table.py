"""The one table from errors to what a caller is told: HTTP status, ArcGIS code, and a sentence.

What an error's own message says is for the administrator: it may name secrets and hosts.  Callers get it only where
they are themselves at fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from notebook_archive import errors


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller is told.  ``code`` is the one in ArcGIS's error envelope; an empty ``text`` means the error's own
    message and remedy."""

    status: HTTPStatus
    code: int
    text: str = ""


_NO_SESSION = (
    "No notebook that you may see is open under this id. A notebook resource describes an open session: a notebook "
    "that somebody has open in a container now. When it is closed its address ends, and its id was never the item's id."
)
_UNSIGNED = "The signature of the request is missing or not right."
_TABLE: Mapping[type[errors.NotebookArchiveError], Failure] = {
    errors.NotebookArchiveError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, 500, "This request met a defect. Give the correlation id to whoever runs it."
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
        "There is no such snapshot, or it is not yours to read. Check the item id and the resource key.",
    ),
    errors.SessionNotFound: Failure(HTTPStatus.NOT_FOUND, 404, _NO_SESSION),
    errors.WebhookUnknown: Failure(HTTPStatus.NOT_FOUND, 404, "There is no such operation here."),
    errors.WebhookUnsigned: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED),
    errors.WebhookForged: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED),
    errors.WebhookStale: Failure(HTTPStatus.UNAUTHORIZED, 401, "The delivery is of another time. It was not taken."),
    errors.WebhookTooLarge: Failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, "The request is too large."),
    errors.WebhookRefused: Failure(HTTPStatus.BAD_REQUEST, 400, "The body is not the payload of a webhook."),
    errors.EventRefused: Failure(HTTPStatus.SERVICE_UNAVAILABLE, 503, "This could not be passed on. Send it again."),
    errors.PermissionDenied: Failure(
        HTTPStatus.FORBIDDEN, 403, "ArcGIS does not allow this to the account that the request was made with."
    ),
    errors.ConfigurationError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "This service is not set up for that. Its operator's log says what lacks.",
    ),
    errors.SecretUnreadable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE, 503, "This service cannot read its own configuration just now. Try again soon."
    ),
    errors.ArcGISError: Failure(
        HTTPStatus.BAD_GATEWAY, 502, "ArcGIS did not answer as documented. The operator's log says how; try later."
    ),
    errors.ArcGISUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "ArcGIS cannot be reached just now, and this cannot be answered without it.",
    ),
    errors.DeadlineExceeded: Failure(
        HTTPStatus.GATEWAY_TIMEOUT,
        504,
        "ArcGIS did not answer in time. A large snapshot is there as soon as the next archive run has archived it.",
    ),
    errors.SnapshotInvalid: Failure(
        HTTPStatus.BAD_GATEWAY, 502, "ArcGIS answered with something that is not one whole notebook, so it is withheld."
    ),
    errors.SnapshotTooLarge: Failure(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, "The snapshot is larger than this service is set up to take."
    ),
    errors.ArchiveError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, 500, "The archive refused to be read. The operator's log says why."
    ),
    errors.ArchiveUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE, 503, "The archive does not answer just now. Try again soon."
    ),
    errors.ArchiveConflict: Failure(
        HTTPStatus.CONFLICT, 409, "ArcGIS and the archive hold different bytes under this key. Leave source=arcgis out."
    ),
    errors.ArchiveDamaged: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "The archived copy is not what its checksum says, so it is withheld. With source=arcgis, ArcGIS's own is sent.",
    ),
}


def failure_of(error: errors.NotebookArchiveError) -> Failure:
    """Return what a caller is told of an error: the entry of its class, or of the nearest of its bases."""
    entry = next(_TABLE[cls] for cls in type(error).__mro__ if cls in _TABLE)
    if entry.text:
        return entry
    # What is wrong with an id or a parameter says itself what would be right.
    advice = "" if isinstance(error, errors.NotAnId | errors.ParameterInvalid) else f" {error.remedy}"
    return Failure(entry.status, entry.code, f"{error}{advice}")
