"""Errors of callers of the proxy and of webhooks."""

from notebook_archive.errors.base import NotebookArchiveError


class RequestRefused(NotebookArchiveError):
    """The caller of the proxy sent a wrong request.

    The message is sent to the caller, so it repeats only short values.
    """


class ParameterInvalid(RequestRefused):
    """A parameter is missing, given twice or not valid."""

    reason = "parameter-invalid"
    remedy = "Correct the parameter that the message names; docs/openapi.json describes all of them."


class MethodRefused(RequestRefused):
    """The resource exists, but does not have this method."""

    reason = "method-refused"
    remedy = "Use a method that the resource has; docs/openapi.json lists them."


class MediaTypeRefused(RequestRefused):
    """The body has a media type that ArcGIS operations do not accept."""

    reason = "media-type-refused"
    remedy = "Send the parameters as application/x-www-form-urlencoded, or in the query."


class CallerUnknown(RequestRefused):
    """AWS let the request in, but did not say who signed it."""

    reason = "caller-unknown"
    remedy = (
        "Sign the request. If it was signed, a deployment that changes ApiAuth is under way: try again in a few "
        "minutes."
    )


class CallerTokenMissing(RequestRefused):
    """The request has no ArcGIS token, which the proxy requires."""

    reason = "caller-token-missing"
    remedy = "Send an ArcGIS token: as token in the form body, or in the header X-Esri-Authorization after Bearer."


class CallerTokenRejected(RequestRefused):
    """ArcGIS rejected the token that the caller sent."""

    reason = "caller-token-rejected"
    remedy = "Sign in to ArcGIS again. If the token is bound to a referer, send the same Referer header."


class WebhookRefused(RequestRefused):
    """A delivery of a webhook was refused, and nothing was started.

    The message says nothing of the path, the keys or the body.
    """


class WebhookUnknown(WebhookRefused):
    """The last part of the path is not the one in the secret."""

    reason = "webhook-unknown"
    remedy = (
        "Compare the address that is registered in ArcGIS with the secret's path. If they are equal, somebody is "
        "guessing addresses."
    )


class WebhookUnsigned(WebhookRefused):
    """The secret has requireSignature, but the delivery has neither a signature nor the key."""

    reason = "webhook-unsigned"
    remedy = "Let the sender sign with the secret's key or send the key, or remove requireSignature from the secret."


class WebhookForged(WebhookRefused):
    """No key of the secret gives the signature of the delivery."""

    reason = "webhook-forged"
    remedy = "Register the webhook again with the secret's key. If the key was right, somebody is forging deliveries."


class WebhookStale(WebhookRefused):
    """The time in the payload is too far from ours: a clock is wrong, or an old delivery was sent again."""

    reason = "webhook-stale"
    remedy = (
        "Compare the two times in the message, and correct the portal's clock. A single old delivery needs nothing."
    )


class WebhookTooLarge(WebhookRefused):
    """The body is larger than any payload of ArcGIS."""

    reason = "webhook-too-large"
    remedy = "Nothing to do if a portal did not send it: a payload of ArcGIS has a few kilobytes."


class WebhookMalformed(WebhookRefused):
    """The body is neither JSON nor a form that holds JSON."""

    reason = "webhook-malformed"
    remedy = "Let the sender send JSON, or a form with JSON in the field payload."


class WebhookForeign(WebhookRefused):
    """The body is JSON, but not of a form that ArcGIS documents."""

    reason = "webhook-foreign"
    remedy = "Send the payload of an ArcGIS organization webhook; docs/webhook.md shows one."
