"""Errors of callers of the proxy and of webhooks."""

from notebook_archive.errors.base import NotebookArchiveError


class RequestRefused(NotebookArchiveError):
    """The caller of the proxy is at fault.  The message is for the caller, so it repeats nothing but short values."""


class ParameterInvalid(RequestRefused):
    """Names the parameter and what it should be."""

    reason = "parameter-invalid"
    remedy = "Correct the parameter that the message names; docs/openapi.json describes each."


class MethodRefused(RequestRefused):
    """The resource exists and does not know this method."""

    reason = "method-refused"
    remedy = "Send a POST; docs/openapi.json has the methods of each resource."


class MediaTypeRefused(RequestRefused):
    """The body is of a type that ArcGIS operations do not take."""

    reason = "media-type-refused"
    remedy = "Send the parameters as application/x-www-form-urlencoded, or in the query."


class CallerUnknown(RequestRefused):
    """The proxy serves whom AWS lets in, and AWS did not say whom it let in."""

    reason = "caller-unknown"
    remedy = "Sign the request; if it was signed, a deployment that changes ApiAuth is under way: try again soon."


class CallerTokenMissing(RequestRefused):
    """The proxy asks its callers for ArcGIS tokens, and this one sent none."""

    reason = "caller-token-missing"
    remedy = "Send an ArcGIS token: as token in the form body, or as X-Esri-Authorization with Bearer."


class CallerTokenRejected(RequestRefused):
    """ArcGIS refused the token that the caller sent."""

    reason = "caller-token-rejected"
    remedy = "Sign in to ArcGIS anew; a token bound to a referer needs the same Referer header."


class WebhookRefused(RequestRefused):
    """A delivery is not taken, and nothing came of it.  Its message says nothing of the path, the keys or the body."""


class WebhookUnknown(WebhookRefused):
    """The last part of the path is not the one in the secret."""

    reason = "webhook-unknown"
    remedy = "Compare the registered address with the secret's path; if nobody registered it, somebody is guessing."


class WebhookUnsigned(WebhookRefused):
    """The secret says requireSignature, and the delivery has neither a signature nor the key in its payload."""

    reason = "webhook-unsigned"
    remedy = "Have the sender sign with the secret's key or send the key, or remove requireSignature from the secret."


class WebhookForged(WebhookRefused):
    """The signature does not fit the body under either key."""

    reason = "webhook-forged"
    remedy = "Register the webhook again with the key of the secret; if it was right, somebody is forging."


class WebhookStale(WebhookRefused):
    """Says the payload's time and ours: a clock may be wrong, or an old delivery was played again."""

    reason = "webhook-stale"
    remedy = "Compare the two times in the message and set the portal's clock; a single old delivery needs nothing."


class WebhookTooLarge(WebhookRefused):
    """Names the limit."""

    reason = "webhook-too-large"
    remedy = "Nothing, if it was no portal; a payload of ArcGIS is some kilobytes."


class WebhookMalformed(WebhookRefused):
    """The body cannot be read at all."""

    reason = "webhook-malformed"
    remedy = "Have the sender send JSON, or a form with JSON in its field payload."


class WebhookForeign(WebhookRefused):
    """The body is JSON of another sender's making."""

    reason = "webhook-foreign"
    remedy = "Send what ArcGIS organisation webhooks send; README, 'The webhook', shows it."
