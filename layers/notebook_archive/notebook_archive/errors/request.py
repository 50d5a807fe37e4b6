"""Errors of callers of the proxy and of webhooks."""

from notebook_archive.errors.base import NotebookArchiveError


class RequestRefused(NotebookArchiveError):
    """The caller of the proxy sent a wrong request.

    The message is sent to the caller, so it repeats only short values.
    """


class ParameterInvalid(RequestRefused):
    """A parameter of a request to the proxy is missing, given twice or not valid, or its query has a token."""

    reason = "parameter-invalid"
    remedy = "Correct the parameter that the message names; docs/openapi.json describes all of them."


class MethodRefused(RequestRefused):
    """A program sent a GET to a resource of the proxy that has only a form for people."""

    reason = "method-refused"
    remedy = "Use a method that the resource has; docs/openapi.json lists them."


class MediaTypeRefused(RequestRefused):
    """The body of a request to the proxy is not a form."""

    reason = "media-type-refused"
    remedy = "Send the parameters as application/x-www-form-urlencoded, or in the query."


class CallerUnknown(RequestRefused):
    """With `ApiAuth=IAM`, a request arrived without a signature. Nothing was read.

    This can happen while a deployment changes ApiAuth.
    """

    reason = "caller-unknown"
    remedy = (
        "Sign the request. If it was signed, a deployment that changes ApiAuth is under way: try again in a few "
        "minutes."
    )


class CallerTokenMissing(RequestRefused):
    """With `ApiAuth=ArcGIS`, a request to the proxy has no ArcGIS token."""

    reason = "caller-token-missing"
    remedy = "Send an ArcGIS token: as token in the form body, or in the header X-Esri-Authorization after Bearer."


class CallerTokenRejected(RequestRefused):
    """ArcGIS rejected the token of a request to the proxy."""

    reason = "caller-token-rejected"
    remedy = "Sign in to ArcGIS again. If the token is bound to a referer, send the same Referer header."


class WebhookRefused(RequestRefused):
    """A delivery of a webhook was refused, and nothing was started.

    The message says nothing of the path, the keys or the body.
    """


class WebhookUnknown(WebhookRefused):
    """A delivery was sent to an address below `/webhooks/` that is not the one in the secret."""

    reason = "webhook-unknown"
    remedy = (
        "Compare the address that is registered in ArcGIS with the secret's path. If they are equal, somebody is "
        "guessing addresses."
    )


class WebhookUnsigned(WebhookRefused):
    """The secret has `requireSignature`, but a delivery has neither a signature nor the key in its payload."""

    reason = "webhook-unsigned"
    remedy = "Let the sender sign with the secret's key or send the key, or remove requireSignature from the secret."


class WebhookForged(WebhookRefused):
    """The signature of a delivery does not match its body with either of the two keys."""

    reason = "webhook-forged"
    remedy = "Register the webhook again with the secret's key. If the key was right, somebody is forging deliveries."


class WebhookStale(WebhookRefused):
    """The payload's time is more than 15 minutes from the time of arrival. The message has both.

    A clock is wrong, or somebody sent an old delivery again.
    """

    reason = "webhook-stale"
    remedy = (
        "Compare the two times in the message, and correct the portal's clock. A single old delivery needs nothing."
    )


class WebhookTooLarge(WebhookRefused):
    """A delivery has more than 262,144 bytes. It was not read."""

    reason = "webhook-too-large"
    remedy = "Nothing to do if a portal did not send it: a payload of ArcGIS has a few kilobytes."


class WebhookMalformed(WebhookRefused):
    """A delivery is neither JSON nor a form with JSON in its field `payload`.

    Or its `crc_token` is not valid.
    """

    reason = "webhook-malformed"
    remedy = "Let the sender send JSON, or a form with JSON in the field payload."


class WebhookForeign(WebhookRefused):
    """A delivery is JSON, but not of the form that ArcGIS documents.

    No event in it is readable, or a signed time is not a time, or the secret has `requireSignature` and the payload has
    no time.
    """

    reason = "webhook-foreign"
    remedy = "Send the payload of an ArcGIS organization webhook; docs/webhook.md shows one."
