"""Everything that can go wrong, by name.

::

    NotebookArchiveError
    ├── NotAnId                      an item id, session id or resource key of the wrong form
    ├── RunInputInvalid              the input of a run has an unknown field, or unusable item ids
    ├── RunIdTaken                   another execution has the run's name and date
    ├── RequestRefused               the proxy's caller is at fault
    │   ├── ParameterInvalid         a parameter is missing, doubled or garbled
    │   ├── MethodRefused            this resource does not know the method
    │   ├── MediaTypeRefused         the body is not a form
    │   ├── CallerUnknown            AWS did not say who signed the request
    │   ├── CallerTokenMissing       the caller brought no ArcGIS token
    │   ├── CallerTokenRejected      ArcGIS refused the caller's token
    │   └── WebhookRefused           a webhook's delivery is not taken
    │       ├── WebhookUnknown       the path is not that of the secret
    │       ├── WebhookUnsigned      no signature and no key, but the secret demands one
    │       ├── WebhookForged        the signature is not one of our keys'
    │       ├── WebhookStale         the payload's time is too far from ours
    │       ├── WebhookTooLarge      the body is larger than a payload needs to be
    │       ├── WebhookMalformed     the body is neither JSON nor a form that holds some
    │       └── WebhookForeign       JSON, but of no shape that ArcGIS documents
    ├── ConfigurationError
    │   ├── SettingsInvalid          the function's environment lacks or garbles a value
    │   ├── SecretMissing            Secrets Manager has no such secret
    │   ├── SecretUnreadable         Secrets Manager refused, or did not answer
    │   ├── SecretUnwritable         Secrets Manager did not take a new token, or a label
    │   ├── SecretMalformed          the secret is not one of the three JSON forms
    │   ├── SecretNotRotated         the secret of a token holds none yet
    │   ├── RotationRefused          what is asked for is no step of a rotation under way
    │   └── NewTokenRejected         the portal refuses a new token, or says that it is another user's
    ├── ArcGISError
    │   ├── ArcGISUnavailable        no connection, a 429 or 5xx that outlasted its retries, a throttle
    │   ├── CertificateUntrusted     TLS: the server's certificate does not lead to a trusted CA
    │   ├── DeadlineExceeded         the answer was not complete before the invocation had to end
    │   ├── TokenRejected            498, 499 or 401, and again after a fresh token
    │   │   └── GoodTokenRejected    the same, of a token that the portal accepts
    │   ├── PermissionDenied         the token is good, its user may not do this
    │   ├── NoContent                the item has no content yet
    │   ├── NotebookNotFound         no such item or snapshot, or not visible to this token
    │   │   └── SessionNotFound      the notebook is not open, or not visible to this token
    │   ├── RequestRejected          any other error answer
    │   ├── UnexpectedAnswer         HTML, a redirect, something other than the expected JSON
    │   │   └── AnswerTooLarge       a listing or a description is larger than 8 MB
    │   ├── ListingIncomplete        a listing ended before its own total, or would not end
    │   └── NoFreeSlot               the notebook has as many snapshots as ArcGIS allows
    ├── SnapshotInvalid
    │   ├── NotANotebook             the body is not one complete notebook
    │   └── SnapshotTooLarge         the body is larger than MaxSnapshotMegabytes
    ├── ArchiveError
    │   ├── ArchiveConflict          the key holds other bytes than ArcGIS sent now
    │   │   └── SnapshotAltered      a snapshot changed in ArcGIS; both bodies are archived
    │   ├── ArchiveDamaged           an archived snapshot is not what its checksum says
    │   ├── ArchiveDenied            S3 or KMS refused the function's role
    │   └── ArchiveUnavailable       S3 did not answer well within its retries
    ├── RequestInvalid               an event that asks for a backup is not of the documented form
    └── EventRefused                 EventBridge did not accept an event

Each class carries ``reason``, the word under which reports and metrics count it, and ``remedy``, what an
administrator does next.  Messages are logged and reported whole, so they are made of safe parts only: names, ids,
codes, hosts.  Never a secret, never an upstream body.
"""

from typing import ClassVar, Self


class NotebookArchiveError(Exception):
    """The base of every error this package raises on purpose."""

    reason: ClassVar[str] = "internal-error"
    remedy: ClassVar[str] = "Read the function's log for this run id and report the defect."

    secret: str = ""
    """The name of the secret whose credential is at fault, where one is."""

    def of_secret(self, name: str) -> Self:
        """Return this error, which is the fault of a credential."""
        self.secret = name
        return self


class NotAnId(NotebookArchiveError):
    """Names the id, cut to its beginning."""

    reason = "not-an-id"
    remedy = "Give item ids as ArcGIS shows them, 32 lower-case hexadecimal digits, in a list."


class RunInputInvalid(NotebookArchiveError):
    """The input of a run is not valid; the message names the field and what is allowed."""

    reason = "run-input-invalid"
    remedy = 'Start the run again with {} for every notebook, or {"itemIds": [...]} for some, each id once.'


class RunIdTaken(NotebookArchiveError):
    """Another execution with this name and date uses the same archive, for example one of another stack."""

    reason = "run-id-taken"
    remedy = "Start the run again under another name; the objects of the other run were left as they are."


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


class ConfigurationError(NotebookArchiveError):
    """The operator's configuration is at fault; nothing is retried."""


class SettingsInvalid(ConfigurationError):
    """Names every variable that is missing or wrong, in one message."""

    reason = "settings-invalid"
    remedy = "Correct the stack's parameters and deploy again."


class SecretMissing(ConfigurationError):
    """Names the secret that Secrets Manager does not have."""

    reason = "secret-missing"
    remedy = "Create the secret that the message names; README, 'Secrets', has the JSON."


class SecretUnreadable(ConfigurationError):
    """Names the secret and the code that Secrets Manager answered."""

    reason = "secret-unreadable"
    remedy = "Check that it lies under SecretPrefix (or CredentialPrefix), and that the role may use its KMS key."


class SecretUnwritable(ConfigurationError):
    """Names the secret and the code that Secrets Manager answered; the token that was current still is."""

    reason = "secret-unwritable"
    remedy = "Check that the secret lies under SecretPrefix, and its resource policy, against the function's role."


class SecretMalformed(ConfigurationError):
    """Names the secret and the keys it lacks, never a value."""

    reason = "secret-malformed"
    remedy = "Write the secret again in one of the three JSON forms; README, 'Secrets', has them."


class SecretNotRotated(ConfigurationError):
    """Names the secret, which is to hold a token once its credential has worked."""

    reason = "secret-not-rotated"
    remedy = (
        "Run scripts.add_owner again with the right password; the log of rotate_token says why the last try failed."
    )


class RotationRefused(ConfigurationError):
    """Names the secret and why this is no step of a rotation of it; nothing was changed."""

    reason = "rotation-refused"
    remedy = "Let Secrets Manager call the function: start a rotation with aws secretsmanager rotate-secret."


class NewTokenRejected(ConfigurationError):
    """Names the secret; its new token was dropped, and the one that was current still is."""

    reason = "new-token-rejected"
    remedy = "Check whose credential it is, and that the portal is the right one; then rotate the secret again."


class ArcGISError(NotebookArchiveError):
    """ArcGIS did not give what was asked for."""


class ArcGISUnavailable(ArcGISError):
    """A passing fault that outlasted its retries; the next run tries again.

    ``retry_after`` is the seconds that the server asked to wait, None where it did not say.  ``code`` is what it
    answered, of ArcGIS or HTTP, 0 where there was no answer.
    """

    retry_after: float | None = None
    code: int = 0

    reason = "arcgis-unavailable"
    remedy = "Check that the server is up and reachable from the functions' subnets; the next run tries again."


class CertificateUntrusted(ArcGISError):
    """The TLS handshake failed on the certificate."""

    reason = "certificate-untrusted"
    remedy = "Put the private CA's PEM into the secret that CaBundleSecret names; README, 'A private CA', shows how."


class DeadlineExceeded(ArcGISError):
    """The wall clock ran out before the answer was complete."""

    reason = "deadline-exceeded"
    remedy = "Lower BatchSize or MaxConcurrency, or find out why the server answers slowly."


class TokenRejected(ArcGISError):
    """ArcGIS refused the credential, also after one fresh token.  ``remembered``: it did so earlier, and was not
    asked again."""

    remembered: bool = False

    reason = "token-rejected"
    remedy = "Renew the credential in the secret that the message names, and check that its account may sign in."


class GoodTokenRejected(TokenRejected):
    """One call refuses a fresh token that the portal accepts, so the credential is not at fault."""

    reason = "good-token-rejected"
    remedy = (
        "Open the notebook in ArcGIS as its owner. If that works, look for a server that does not trust the portal."
    )


class PermissionDenied(ArcGISError):
    """The token's user may not do this.

    `is_foreign`: the answer is not in the form of ArcGIS's own, so a proxy may have refused in its place.
    """

    is_foreign: bool = False

    reason = "permission-denied"
    remedy = "Give the credential's account the privilege, or create a secret for the notebook's owner."


class NoContent(ArcGISError):
    """The item has no content: the portal sends no file, or code 500, and the item's size has no bytes of a file."""

    reason = "no-content"
    remedy = "Nothing; once the notebook is saved, the next run archives its content."


class NotebookNotFound(ArcGISError):
    """ArcGIS has no such item, snapshot or session, or does not show it to this user."""

    reason = "not-found"
    remedy = "Nothing, if it was deleted; what was archived of it stays in the archive."


class SessionNotFound(NotebookNotFound):
    """Nobody has the notebook open under this id."""

    reason = "session-not-found"
    remedy = "List the open notebooks anew: a session ends when its notebook is closed."


class RequestRejected(ArcGISError):
    """ArcGIS answered with an error that has no name of its own here."""

    reason = "request-rejected"
    remedy = "Look the code up in the ArcGIS server's own log at the time of the run."


class UnexpectedAnswer(ArcGISError):
    """The answer is not what this operation answers: HTML, a redirect, something that is not JSON.

    ``location`` is where a redirect would lead, empty for all else.
    """

    location: str = ""

    reason = "unexpected-answer"
    remedy = "Check PortalUrl and NotebookAdminUrl, and that no sign-in page or proxy stands before them."


class AnswerTooLarge(UnexpectedAnswer):
    """The answer to a listing or a description exceeds the limit; its contents are unknown."""

    reason = "answer-too-large"
    remedy = "Look for an item with a very long description or very many properties, and shorten them."


class ListingIncomplete(ArcGISError):
    """A listing did not reach its own total; what it did show is still archived."""

    reason = "listing-incomplete"
    remedy = "Run again when the portal is quiet; rebuild the portal's index if it recurs."


class NoFreeSlot(ArcGISError):
    """ArcGIS refused a new snapshot of a notebook that has as many as it allows, and none may be deleted."""

    reason = "no-free-slot"
    remedy = (
        "Delete a snapshot of it in ArcGIS; SlotRotation frees only slots of captures. All that is there is archived."
    )


class SnapshotInvalid(NotebookArchiveError):
    """The body may not be stored."""


class NotANotebook(SnapshotInvalid):
    """The body is not one complete notebook; says what is missing, not what it holds."""

    reason = "not-a-notebook"
    remedy = "Open the snapshot in ArcGIS; if it is broken there too, delete it, else run again."


class SnapshotTooLarge(SnapshotInvalid):
    """The body is larger than the parameter allows."""

    reason = "snapshot-too-large"
    remedy = "Raise MaxSnapshotMegabytes, or clear the notebook's outputs before taking snapshots."


class ArchiveError(NotebookArchiveError):
    """S3 did not take or give an object."""


class ArchiveConflict(ArchiveError):
    """The key already holds different bytes; nothing was overwritten."""

    reason = "archive-conflict"
    remedy = "Compare both: ArcGIS snapshots do not change, so one of the two was altered."


class SnapshotAltered(ArchiveConflict):
    """ArcGIS serves another body under the key of an archived snapshot.  The archive has both."""

    reason = "snapshot-altered"
    remedy = "Find out who altered the snapshot in ArcGIS. Both bodies are archived, so nothing else needs to be done."


class ArchiveDamaged(ArchiveError):
    """What S3 gave does not have the SHA-256 that was noted when it was archived."""

    reason = "archive-damaged"
    remedy = "Read an earlier version of the object, or ask the proxy with source=arcgis; find out who altered it."


class ArchiveDenied(ArchiveError):
    """S3 or KMS refused the function's role."""

    reason = "archive-denied"
    remedy = "Check the bucket's policy, the KMS key's policy and any endpoint policy against the function's role."


class ArchiveUnavailable(ArchiveError):
    """S3 did not answer well within its retries."""

    reason = "archive-unavailable"
    remedy = "The next run tries again; check the S3 endpoint and the account's quotas if it recurs."


class RequestInvalid(NotebookArchiveError):
    """Says which member of the event's detail is missing or of a wrong type."""

    reason = "request-invalid"
    remedy = "Send SnapshotArchiveRequested as docs/events.md describes it; this one is kept in the failure queue."


class EventRefused(NotebookArchiveError):
    """EventBridge did not take an event; says which code it answered."""

    reason = "event-refused"
    remedy = "Check that the event bus of EventBusName exists and lets the function's role put events."
