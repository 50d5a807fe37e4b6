"""The table that maps errors to what callers get: an HTTP status, an ArcGIS code, and a sentence.

The functions behind API Gateway send no other text about an error. API Gateway's own texts, for requests that it
itself refuses, are in `template.yaml` under GatewayResponses. With `ApiAuth=ArcGIS`, a caller gets 404 instead of 403
for a snapshot or a session, so that nobody learns what exists (`reading/authorization.py`, `hides_denials`).

An error's own message is for the operator, because it may name secrets and hosts. A caller gets it only if the table
says `{message}`, and never gets the remedy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from notebook_archive import errors


@dataclass(frozen=True, slots=True)
class Failure:
    """The response that a caller gets for an error.

    `code` is the code in ArcGIS's error envelope. In the table, `{message}` in a text stands for the error's message.
    """

    status: HTTPStatus
    code: int
    text: str


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
    # The message names the malformed id or parameter, and says what would be valid.
    errors.NotAnId: Failure(HTTPStatus.BAD_REQUEST, 400, "{message}"),
    errors.ParameterInvalid: Failure(HTTPStatus.BAD_REQUEST, 400, "{message}"),
    errors.MethodRefused: Failure(
        HTTPStatus.METHOD_NOT_ALLOWED,
        405,
        "A download needs the method POST. Use a method that the resource accepts. docs/openapi.json lists the "
        "methods.",
    ),
    errors.MediaTypeRefused: Failure(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        415,
        "The body is not of type application/x-www-form-urlencoded. Send the parameters as "
        "application/x-www-form-urlencoded, or in the query.",
    ),
    errors.CallerUnknown: Failure(
        HTTPStatus.FORBIDDEN,
        403,
        "AWS did not say who signed this request. Sign the request. If it was signed, a deployment that changes "
        "ApiAuth is under way. Try again in a few minutes.",
    ),
    errors.CallerTokenMissing: Failure(
        HTTPStatus.UNAUTHORIZED,
        499,
        "This resource needs an ArcGIS token. Send an ArcGIS token, either in the form field `token` or in the header "
        "`X-Esri-Authorization: Bearer TOKEN`.",
    ),
    # The message says whether ArcGIS refused the token, or the token belongs to another organization.
    errors.CallerTokenRejected: Failure(
        HTTPStatus.UNAUTHORIZED,
        498,
        "{message} Sign in to ArcGIS again. If the token is bound to a referer, send the same `Referer` header.",
    ),
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
    return replace(entry, text=entry.text.replace("{message}", str(error)))
