"""Define the errors that callers of the proxy and senders of webhooks cause."""

from notebook_archive.errors.base import NotebookArchiveError


class RequestRefused(NotebookArchiveError):
    """The caller of the proxy sent a wrong request.

    The message is sent to the caller, so it repeats only short values.
    """


class ParameterInvalid(RequestRefused):
    """A parameter of a request to the proxy is missing, given twice or not valid, or the query contains a token."""

    reason = "parameter-invalid"
    remedy = "Correct the parameter that the message names. docs/openapi.json describes all parameters."


class MethodRefused(RequestRefused):
    """A program sent a GET request to a resource of the proxy that accepts GET only from browsers."""

    reason = "method-refused"
    remedy = "Use a method that the resource accepts. docs/openapi.json lists the methods."


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
        "Sign the request. If it was signed, a deployment that changes ApiAuth is under way. Try again in a few "
        "minutes."
    )


class CallerTokenMissing(RequestRefused):
    """With `ApiAuth=ArcGIS`, a request to the proxy has no ArcGIS token."""

    reason = "caller-token-missing"
    remedy = (
        "Send an ArcGIS token, either in the form field `token` or in the header `X-Esri-Authorization: Bearer TOKEN`."
    )


class CallerTokenRejected(RequestRefused):
    """ArcGIS rejected the token of a request to the proxy."""

    reason = "caller-token-rejected"
    remedy = "Sign in to ArcGIS again. If the token is bound to a referer, send the same `Referer` header."


class WebhookRefused(RequestRefused):
    """A webhook delivery was refused, and no backup was started.

    The message does not repeat the path, the keys or the body.
    """


class WebhookUnknown(WebhookRefused):
    """A delivery was sent to an address below `/webhooks/` that is not the one in the secret."""

    reason = "webhook-unknown"
    remedy = (
        "Compare the address that is registered in ArcGIS with the path that is stored in the secret. If they match, "
        "somebody is guessing addresses."
    )


class WebhookUnsigned(WebhookRefused):
    """The secret has `requireSignature`, but a delivery has no signature, and its payload does not contain the key."""

    reason = "webhook-unsigned"
    remedy = (
        "Configure the sender to sign with the key that is stored in the secret, or to send that key. Or remove "
        "`requireSignature` from the secret."
    )


class WebhookForged(WebhookRefused):
    """The signature of a delivery does not match its body with any key in the secret."""

    reason = "webhook-forged"
    remedy = (
        "Register the webhook again with the key that is stored in the secret. If the key was right, somebody is "
        "forging deliveries."
    )


class WebhookStale(WebhookRefused):
    """The payload's time is more than 15 minutes from the time of arrival. The message contains both times.

    A clock is wrong, or somebody sent an old delivery again.
    """

    reason = "webhook-stale"
    remedy = (
        "Compare the two times in the message. If the portal's clock is wrong, correct it. If this happened only once, "
        "ignore it."
    )


class WebhookTooLarge(WebhookRefused):
    """A delivery has more than 262,144 bytes. It was not read."""

    reason = "webhook-too-large"
    remedy = "Nothing to do, unless a portal sent the delivery. A payload from ArcGIS has only a few kilobytes."


class WebhookMalformed(WebhookRefused):
    """A delivery is not JSON, and not a form with JSON in its field `payload`. Or its `crc_token` is not valid."""

    reason = "webhook-malformed"
    remedy = "Configure the sender to send JSON, or a form with JSON in the field `payload`."


class WebhookForeign(WebhookRefused):
    """A delivery is JSON, but not in the form that ArcGIS documents.

    Either it contains no readable event, or a signed time cannot be parsed. Or the secret has `requireSignature`, and
    the payload has no time.
    """

    reason = "webhook-foreign"
    remedy = "Send the payload of an ArcGIS organization webhook. docs/webhook.md shows an example."
