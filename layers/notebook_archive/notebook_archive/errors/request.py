"""Errors of callers of the proxy and of webhooks."""

from notebook_archive.errors.base import NotebookArchiveError


class RequestRefused(NotebookArchiveError):
    """The caller of the proxy is at fault.

    The message is for the caller, so it repeats nothing but short values.
    """


class ParameterInvalid(RequestRefused):
    """A parameter of a request to the proxy is missing, doubled or garbled, or a token stands in its query."""

    reason = "parameter-invalid"
    remedy = "Correct the parameter that the message names; docs/openapi.json describes each."


class MethodRefused(RequestRefused):
    """A program sent a GET to a resource of the proxy that has only a form for people."""

    reason = "method-refused"
    remedy = "Send a POST; docs/openapi.json has the methods of each resource."


class MediaTypeRefused(RequestRefused):
    """The body of a request to the proxy is not a form."""

    reason = "media-type-refused"
    remedy = "Send the parameters as application/x-www-form-urlencoded, or in the query."


class CallerUnknown(RequestRefused):
    """With `ApiAuth=IAM`, a request came through without a signature: the stack is just being changed.

    Nothing was read.
    """

    reason = "caller-unknown"
    remedy = "Sign the request; if it was signed, a deployment that changes ApiAuth is under way: try again soon."


class CallerTokenMissing(RequestRefused):
    """With `ApiAuth=ArcGIS`, a request to the proxy brought no token."""

    reason = "caller-token-missing"
    remedy = "Send an ArcGIS token: as token in the form body, or as X-Esri-Authorization with Bearer."


class CallerTokenRejected(RequestRefused):
    """ArcGIS refused the token that a request to the proxy brought."""

    reason = "caller-token-rejected"
    remedy = "Sign in to ArcGIS again; a token bound to a referer needs the same Referer header."


class WebhookRefused(RequestRefused):
    """A delivery of a webhook was refused, and nothing came of it.

    The message says nothing of the path, the keys or the body.
    """


class WebhookUnknown(WebhookRefused):
    """A delivery came to an address below `/webhooks/` that is not the one of the secret."""

    reason = "webhook-unknown"
    remedy = "Compare the registered address with the secret's path; if nobody registered it, somebody is guessing."


class WebhookUnsigned(WebhookRefused):
    """The secret says `requireSignature`, and a delivery has neither a signature nor the key in its payload."""

    reason = "webhook-unsigned"
    remedy = "Have the sender sign with the secret's key or send the key, or remove requireSignature from the secret."


class WebhookForged(WebhookRefused):
    """A delivery's signature fits its body under neither of the two keys."""

    reason = "webhook-forged"
    remedy = "Register the webhook again with the key of the secret; if it was right, somebody is forging."


class WebhookStale(WebhookRefused):
    """The payload's time is more than 15 minutes from that of its arrival. The message has both.

    A clock is wrong, or somebody sent an old delivery again.
    """

    reason = "webhook-stale"
    remedy = "Compare the two times in the message and set the portal's clock; a single old delivery needs nothing."


class WebhookTooLarge(WebhookRefused):
    """A delivery has more than 262,144 bytes. It was not read."""

    reason = "webhook-too-large"
    remedy = "Nothing, if the sender is not a portal; a payload of ArcGIS is some kilobytes."


class WebhookMalformed(WebhookRefused):
    """A delivery is neither JSON nor a form with JSON in its field `payload`, or its `crc_token` is not valid."""

    reason = "webhook-malformed"
    remedy = "Have the sender send JSON, or a form with JSON in its field payload."


class WebhookForeign(WebhookRefused):
    """A delivery is JSON, but not of the shape that ArcGIS documents.

    None of its events can be made out, or a signed time is not a time, or the secret says `requireSignature` and
    there is no time.
    """

    reason = "webhook-foreign"
    remedy = "Send what ArcGIS organisation webhooks send; docs/webhook.md shows it."
