"""All errors, by name.

::

    NotebookArchiveError
    ├── NotAnId                      a text does not have the form of an item id, session id or resource key
    ├── RunInputInvalid              the input of a run has an unknown field, or item ids that cannot be used
    ├── RunIdTaken                   another execution has the run's name and date
    ├── RequestRefused               the caller of the proxy sent a wrong request
    │   ├── ParameterInvalid         a parameter is missing, given twice or not valid
    │   ├── MethodRefused            the resource does not have the method
    │   ├── MediaTypeRefused         the body is not a form
    │   ├── CallerUnknown            AWS did not say who signed the request
    │   ├── CallerTokenMissing       the request has no ArcGIS token
    │   ├── CallerTokenRejected      ArcGIS rejected the caller's token
    │   └── WebhookRefused           a delivery of a webhook was refused
    │       ├── WebhookUnknown       the path is not the one in the secret
    │       ├── WebhookUnsigned      no signature and no key, but the secret requires one
    │       ├── WebhookForged        no key of the secret gives the signature
    │       ├── WebhookStale         the payload's time is too far from ours
    │       ├── WebhookTooLarge      the body is larger than any payload of ArcGIS
    │       ├── WebhookMalformed     the body is neither JSON nor a form that holds JSON
    │       └── WebhookForeign       JSON, but not of a form that ArcGIS documents
    ├── ConfigurationError           the configuration is wrong
    │   ├── SettingsInvalid          settings of a function are missing or wrong
    │   ├── SecretMissing            Secrets Manager does not have the secret
    │   ├── SecretUnreadable         Secrets Manager did not return the secret
    │   ├── SecretUnwritable         Secrets Manager did not store a new token or label
    │   ├── SecretMalformed          the secret does not have one of the three JSON forms
    │   ├── SecretNotRotated         no rotation has stored a token in the secret yet
    │   ├── RotationRefused          the request is not a step of a rotation that is under way
    │   └── NewTokenRejected         the portal rejects a new token, or says that it is another user's
    ├── ArcGISError                  ArcGIS did not do what was asked of it
    │   ├── ArcGISUnavailable        no connection, a 429 or 5xx, or a throttle, and retries did not help
    │   ├── CertificateUntrusted     the server's certificate is not signed by a trusted authority
    │   ├── DeadlineExceeded         the answer was not complete before the function's time ran out
    │   ├── TokenRejected            498, 499 or 401, and again with a new token
    │   │   └── GoodTokenRejected    the same, with a token that the portal accepts
    │   ├── PermissionDenied         the token is accepted, but its user may not do this
    │   ├── NoContent                the item has no content to archive
    │   ├── NotebookNotFound         the item or snapshot does not exist, or this user may not see it
    │   │   └── SessionNotFound      no open notebook has this id
    │   ├── RequestRejected          any other error answer
    │   ├── UnexpectedAnswer         HTML, a redirect, or other JSON than expected
    │   │   └── AnswerTooLarge       a listing or a description is larger than 8 MB
    │   ├── ListingIncomplete        a listing ended before its own total, or did not end
    │   └── NoFreeSlot               the notebook has as many snapshots as ArcGIS allows
    ├── SnapshotInvalid              the body may not be archived
    │   ├── NotANotebook             the body is not one complete notebook
    │   └── SnapshotTooLarge         the body is larger than MaxSnapshotMegabytes
    ├── ArchiveError                 S3 did not store or return an object
    │   ├── ArchiveConflict          the key holds other bytes than ArcGIS sent now
    │   │   └── SnapshotAltered      a snapshot changed in ArcGIS; both bodies are archived
    │   ├── ArchiveDamaged           an archived object does not have its checksum
    │   ├── ArchiveDenied            S3 or KMS denied the function's role
    │   └── ArchiveUnavailable       S3 did not answer as it should, and retries did not help
    ├── RequestInvalid               an event that asks for a backup is not of the documented form
    └── EventRefused                 EventBridge did not accept an event

Each class has a `reason`, under which reports and metrics count it, and a `remedy`, which says what an administrator
does next. Its docstring says what the error means. `make docs` writes all three to docs/errors.md, except paragraphs
that begin with a backtick, which are for programmers.

Messages are logged and reported whole, so they hold only safe parts: names, ids, codes and hosts. A message never holds
a secret or a body that ArcGIS sent.
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
