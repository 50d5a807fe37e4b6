"""The table that maps errors to what callers get: an HTTP status, an ArcGIS code, and a sentence.

The functions behind API Gateway send no other text about an error. API Gateway's own texts, for requests that it
itself refuses, are in `template.yaml` under GatewayResponses. With `ApiAuth=ArcGIS`, a caller gets 404 instead of 403
for a snapshot or a session, so that nobody learns what exists (`reading/authorization.py`, `hides_denials`).

An error's own message is for the operator, because it may name secrets and hosts. A caller gets it only if the table
says `{message}`, and never gets the remedy.

A person in a browser reads a title and a sentence that says what to do. It is the sentence for programs unless the
table has another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from notebook_archive import errors


@dataclass(frozen=True, slots=True)
class Failure:
    """The response that a caller gets for an error.

    `code` is the code in ArcGIS's error envelope, and `text` its message. `title` is the heading of the page, and
    `page_text` is the sentence below it, if it differs from `text`. In the table, `{message}` in a text stands for the
    error's message.
    """

    status: HTTPStatus
    code: int
    text: str
    title: str
    page_text: str = ""


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
        title="Something went wrong here",
        page_text="The request failed because of a defect in this service. Give the correlation id below to its "
        "operator.",
    ),
    # The message names the malformed id or parameter, and says what would be valid.
    errors.NotAnId: Failure(
        HTTPStatus.BAD_REQUEST,
        400,
        "{message}",
        title="An id is not valid",
        page_text="{message} Copy the whole id, and try again.",
    ),
    errors.ParameterInvalid: Failure(HTTPStatus.BAD_REQUEST, 400, "{message}", title="A value is missing or not valid"),
    errors.MethodRefused: Failure(
        HTTPStatus.METHOD_NOT_ALLOWED,
        405,
        "A download needs the method POST. Use a method that the resource accepts. docs/openapi.json lists the "
        "methods.",
        title="This address needs a form",
    ),
    errors.MediaTypeRefused: Failure(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        415,
        "The body is not of type application/x-www-form-urlencoded. Send the parameters as "
        "application/x-www-form-urlencoded, or in the query.",
        title="This address needs a form",
    ),
    errors.CallerUnknown: Failure(
        HTTPStatus.FORBIDDEN,
        403,
        "AWS did not say who signed this request. Sign the request. If it was signed, a deployment that changes "
        "ApiAuth is under way. Try again in a few minutes.",
        title="AWS did not say who you are",
    ),
    errors.CallerTokenMissing: Failure(
        HTTPStatus.UNAUTHORIZED,
        499,
        "This resource needs an ArcGIS token. Send an ArcGIS token, either in the form field `token` or in the header "
        "`X-Esri-Authorization: Bearer TOKEN`.",
        title="Sign in with an ArcGIS token",
        page_text="You see here what your ArcGIS account may see. Enter a token of your account. Your portal makes "
        "one at the address /sharing/rest/generateToken.",
    ),
    # The message says whether ArcGIS refused the token, or the token belongs to another organization.
    errors.CallerTokenRejected: Failure(
        HTTPStatus.UNAUTHORIZED,
        498,
        "{message} Sign in to ArcGIS again. If the token is bound to a referer, send the same `Referer` header.",
        title="ArcGIS did not accept the token",
        page_text="{message} Make a new token and enter it here. If you made it for a web app URL, enter the same URL.",
    ),
    errors.NotebookNotFound: Failure(
        HTTPStatus.NOT_FOUND,
        404,
        "The snapshot does not exist, or you may not read it. Check the item id and the resource key.",
        title="Snapshot not found",
    ),
    errors.SessionNotFound: Failure(
        HTTPStatus.NOT_FOUND,
        404,
        _NO_SESSION,
        title="Notebook not open",
        page_text="No open notebook that you may see has this id. A notebook is shown here only while somebody has it "
        "open. Look for it in the list of open notebooks.",
    ),
    errors.WebhookUnknown: Failure(
        HTTPStatus.NOT_FOUND, 404, "There is no such operation here.", title="Address not found"
    ),
    errors.WebhookUnsigned: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED, title="Delivery refused"),
    errors.WebhookForged: Failure(HTTPStatus.UNAUTHORIZED, 401, _UNSIGNED, title="Delivery refused"),
    errors.WebhookStale: Failure(
        HTTPStatus.UNAUTHORIZED,
        401,
        "The delivery was refused, because its time differs too much from this service's time.",
        title="Delivery refused",
    ),
    errors.WebhookTooLarge: Failure(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, "The request is too large.", title="Request too large"
    ),
    errors.WebhookRefused: Failure(
        HTTPStatus.BAD_REQUEST, 400, "The body is not the payload of a webhook.", title="Delivery refused"
    ),
    errors.EventRefused: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "The request could not be passed on. Send it again.",
        title="Try again in a moment",
    ),
    errors.PermissionDenied: Failure(
        HTTPStatus.FORBIDDEN,
        403,
        "ArcGIS does not allow this operation for the account that made the request.",
        title="Not allowed",
    ),
    errors.ConfigurationError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "This service is not configured for this request. The operator's log says what is missing.",
        title="This service is not set up for this",
        page_text="A setting of this service is missing or wrong. Give the correlation id below to its operator, "
        "whose log says which.",
    ),
    errors.SecretUnreadable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "This service cannot read its own configuration at the moment. Try again soon.",
        title="Try again in a moment",
    ),
    errors.ArcGISError: Failure(
        HTTPStatus.BAD_GATEWAY,
        502,
        "The response from ArcGIS was not as documented. The operator's log says why. Try again later.",
        title="ArcGIS sent something unexpected",
        page_text="The response from ArcGIS was not as documented. Try again later. If it happens again, give the "
        "correlation id below to the operator of this service.",
    ),
    errors.ArcGISUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "The request needs ArcGIS, which cannot be reached at the moment.",
        title="ArcGIS cannot be reached",
        page_text="This needs ArcGIS, which cannot be reached at the moment. Try again in a few minutes.",
    ),
    errors.DeadlineExceeded: Failure(
        HTTPStatus.GATEWAY_TIMEOUT,
        504,
        "ArcGIS did not respond in time. A large snapshot can be downloaded after an archive run has archived it.",
        title="ArcGIS took too long",
        page_text="ArcGIS did not respond in time. Try again. A large snapshot can be opened after an archive run has "
        "archived it.",
    ),
    errors.SnapshotInvalid: Failure(
        HTTPStatus.BAD_GATEWAY,
        502,
        "ArcGIS did not send a complete notebook, so nothing was returned.",
        title="ArcGIS sent an incomplete notebook",
        page_text="ArcGIS did not send a complete notebook, so nothing is shown. Try again.",
    ),
    errors.SnapshotTooLarge: Failure(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        413,
        "The snapshot is larger than this service accepts.",
        title="Snapshot too large",
    ),
    errors.ArchiveError: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "The archive could not be read. The operator's log says why.",
        title="The archive could not be read",
        page_text="The archive could not be read. Give the correlation id below to the operator of this service.",
    ),
    errors.ArchiveUnavailable: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        503,
        "The archive cannot be reached at the moment. Try again soon.",
        title="The archive cannot be reached",
    ),
    errors.ArchiveConflict: Failure(
        HTTPStatus.CONFLICT,
        409,
        "ArcGIS and the archive have different bytes under this key. For the archived copy, leave out source=arcgis.",
        title="ArcGIS and the archive differ",
        page_text="ArcGIS and the archive have different content for this snapshot. Go back to the form, and read it "
        "from the archive.",
    ),
    errors.ArchiveDamaged: Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        500,
        "The archived copy does not match its checksum, so it was not sent. To get ArcGIS's copy, add source=arcgis.",
        title="The archived version is damaged",
        page_text="The archived version does not match its checksum, so it is not shown. Go back to the form, and read "
        "the snapshot from ArcGIS. Tell the operator of this service.",
    ),
}


def find_failure(error: errors.NotebookArchiveError) -> Failure:
    """Return what a caller gets for an error: the entry of the error's class, or of its nearest base class."""
    entry = next(_TABLE[cls] for cls in type(error).__mro__ if cls in _TABLE)
    text, page_text = (each.replace("{message}", str(error)) for each in (entry.text, entry.page_text))
    return replace(entry, text=text, page_text=page_text)
