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

Each class has a `reason`, the word under which reports and metrics count it, and a `remedy`, what an administrator does
next. Its docstring says what the error means; `make docs` writes all three into docs/errors.md. A paragraph of a
docstring that begins with a backtick is for programmers and stays out of that table.

Messages are logged and reported whole, so they are made of safe parts only: names, ids, codes, hosts. Never a secret,
never an upstream body.
"""

from notebook_archive.errors.arcgis import (
    AnswerTooLarge,
    ArcGISError,
    ArcGISUnavailable,
    CertificateUntrusted,
    DeadlineExceeded,
    GoodTokenRejected,
    ListingIncomplete,
    NoContent,
    NoFreeSlot,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SessionNotFound,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.errors.archive import (
    ArchiveConflict,
    ArchiveDamaged,
    ArchiveDenied,
    ArchiveError,
    ArchiveUnavailable,
    SnapshotAltered,
)
from notebook_archive.errors.base import (
    NotAnId,
    NotebookArchiveError,
)
from notebook_archive.errors.configuration import (
    ConfigurationError,
    NewTokenRejected,
    RotationRefused,
    SecretMalformed,
    SecretMissing,
    SecretNotRotated,
    SecretUnreadable,
    SecretUnwritable,
    SettingsInvalid,
)
from notebook_archive.errors.request import (
    CallerTokenMissing,
    CallerTokenRejected,
    CallerUnknown,
    MediaTypeRefused,
    MethodRefused,
    ParameterInvalid,
    RequestRefused,
    WebhookForeign,
    WebhookForged,
    WebhookMalformed,
    WebhookRefused,
    WebhookStale,
    WebhookTooLarge,
    WebhookUnknown,
    WebhookUnsigned,
)
from notebook_archive.errors.run import (
    EventRefused,
    RequestInvalid,
    RunIdTaken,
    RunInputInvalid,
)
from notebook_archive.errors.snapshot import (
    NotANotebook,
    SnapshotInvalid,
    SnapshotTooLarge,
)

__all__ = [
    "AnswerTooLarge",
    "ArcGISError",
    "ArcGISUnavailable",
    "ArchiveConflict",
    "ArchiveDamaged",
    "ArchiveDenied",
    "ArchiveError",
    "ArchiveUnavailable",
    "CallerTokenMissing",
    "CallerTokenRejected",
    "CallerUnknown",
    "CertificateUntrusted",
    "ConfigurationError",
    "DeadlineExceeded",
    "EventRefused",
    "GoodTokenRejected",
    "ListingIncomplete",
    "MediaTypeRefused",
    "MethodRefused",
    "NewTokenRejected",
    "NoContent",
    "NoFreeSlot",
    "NotANotebook",
    "NotAnId",
    "NotebookArchiveError",
    "NotebookNotFound",
    "ParameterInvalid",
    "PermissionDenied",
    "RequestInvalid",
    "RequestRefused",
    "RequestRejected",
    "RotationRefused",
    "RunIdTaken",
    "RunInputInvalid",
    "SecretMalformed",
    "SecretMissing",
    "SecretNotRotated",
    "SecretUnreadable",
    "SecretUnwritable",
    "SessionNotFound",
    "SettingsInvalid",
    "SnapshotAltered",
    "SnapshotInvalid",
    "SnapshotTooLarge",
    "TokenRejected",
    "UnexpectedAnswer",
    "WebhookForeign",
    "WebhookForged",
    "WebhookMalformed",
    "WebhookRefused",
    "WebhookStale",
    "WebhookTooLarge",
    "WebhookUnknown",
    "WebhookUnsigned",
]
