"""Define all errors of the package.

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
    │       ├── WebhookUnsigned      the secret requires a signature or key, and there is none
    │       ├── WebhookForged        the signature was not made with a key in the secret
    │       ├── WebhookStale         the payload's time is too far from the time of arrival
    │       ├── WebhookTooLarge      the body is larger than any payload of ArcGIS
    │       ├── WebhookMalformed     the body is not JSON, and not a form that contains JSON
    │       └── WebhookForeign       the body is JSON, but not in a form that ArcGIS documents
    ├── ConfigurationError           the configuration is wrong
    │   ├── SettingsInvalid          settings of a function are missing or wrong
    │   ├── SecretMissing            Secrets Manager does not have the secret
    │   ├── SecretUnreadable         Secrets Manager did not return the secret
    │   ├── SecretUnwritable         Secrets Manager did not store a new token or label
    │   ├── SecretMalformed          the secret does not have one of the three JSON forms
    │   ├── SecretNotRotated         no rotation has stored a token in the secret yet
    │   ├── RotationRefused          the call is outside a rotation in progress
    │   └── NewTokenRejected         the portal rejects a new token, or the token belongs to another user
    ├── ArcGISError                  a request to ArcGIS failed
    │   ├── ArcGISUnavailable        no connection, or error 408, 413, 429 or 5xx, and retries did not help
    │   ├── CertificateUntrusted     the server's certificate is not signed by a trusted authority
    │   ├── DeadlineExceeded         the response was not complete before the function's time ran out
    │   ├── TokenRejected            error 401, 498 or 499, also for a new token
    │   │   └── GoodTokenRejected    one operation rejects a token that the portal accepts
    │   ├── PermissionDenied         the token is accepted, but its user may not do this
    │   ├── NoContent                the item has no content to archive
    │   ├── NotebookNotFound         the item or snapshot does not exist, or this user may not see it
    │   │   └── SessionNotFound      no open notebook has this id
    │   ├── RequestRejected          ArcGIS returned any other error code
    │   ├── UnexpectedAnswer         the response is HTML, a redirect, or JSON in another form
    │   │   └── AnswerTooLarge       a listing or a description is larger than 8 MB
    │   ├── ListingIncomplete        a listing returned fewer entries than its total, or did not end
    │   ├── ChangeSearchUnsupported  the portal's search cannot find notebooks by the time of their last change
    │   ├── NoFreeSlot               the notebook has as many snapshots as ArcGIS allows
    │   └── UploadTooLarge           a notebook is too large to be sent to ArcGIS
    ├── SnapshotInvalid              the body cannot be archived
    │   ├── NotANotebook             the body is not one complete notebook
    │   └── SnapshotTooLarge         the body is larger than MaxSnapshotMegabytes
    ├── ArchiveError                 S3 did not store or return an object
    │   ├── ArchiveConflict          the archived bytes differ from those that ArcGIS sends now
    │   │   └── SnapshotAltered      a snapshot changed in ArcGIS; both bodies are archived
    │   ├── ArchiveDamaged           an archived object does not match its checksum
    │   ├── ArchiveDenied            S3 or KMS denied the function's role
    │   └── ArchiveUnavailable       S3 did not respond as expected, and retries did not help
    ├── RestoreError                 a restore or an undo was refused, or stopped before its end
    │   ├── RestoreInputInvalid      a field of the request is unknown, missing or wrong
    │   ├── RestoreIdTaken           the request id belongs to another restore, or to one that was undone
    │   ├── VersionMissing           the archive does not have the version
    │   ├── SecondPlaceMissing       the request reads from the second place, and there is none
    │   ├── VersionReplaced          the ledger recorded other bytes for the version
    │   ├── RestoreForbidden         no credential of the stack may make the restore
    │   ├── OwnerMissing             the portal has no member with the owner's name
    │   ├── ItemMissing              the item does not exist any more
    │   ├── SessionOpen              somebody has the notebook open
    │   ├── SessionsUnknown          the notebook server did not list the open notebooks
    │   ├── SnapshotNameTaken        the notebook has a snapshot with this name
    │   ├── SnapshotsFull            the notebook has as many snapshots as ArcGIS allows
    │   ├── SnapshotUnsendable       the notebook is too large for a form field, or is not strict UTF-8
    │   ├── RestoreInterrupted       the restore stopped after it had changed something
    │   ├── RestoreTouched           somebody changed what the restore made
    │   ├── UndoImpossible           the restore cannot be undone
    │   ├── RestoreUnknown           there is no record of the restore
    │   └── RestoreTestFailed        a restore test found something wrong
    ├── RequestInvalid               an event that requests a backup does not have the documented form
    ├── EventRefused                 EventBridge did not accept an event
    └── NotificationRefused          SNS did not accept a notification

Each class has a `reason`, a `remedy` and a docstring. Reports and metrics count errors by `reason`. The `remedy` says
what an administrator does next. The docstring says what the error means. `make docs` writes all three to
docs/errors.md. It omits paragraphs that begin with a backtick, because they are for programmers.

Messages are logged and reported in full. They contain only names, ids, codes and hosts. A message never contains a
secret or a body that ArcGIS sent.
"""

from notebook_archive.errors.arcgis import (
    AnswerTooLarge,
    ArcGISError,
    ArcGISUnavailable,
    CertificateUntrusted,
    ChangeSearchUnsupported,
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
    UploadTooLarge,
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
from notebook_archive.errors.restore import (
    ItemMissing,
    OwnerMissing,
    RestoreError,
    RestoreForbidden,
    RestoreIdTaken,
    RestoreInputInvalid,
    RestoreInterrupted,
    RestoreTestFailed,
    RestoreTouched,
    RestoreUnknown,
    SecondPlaceMissing,
    SessionOpen,
    SessionsUnknown,
    SnapshotNameTaken,
    SnapshotsFull,
    SnapshotUnsendable,
    UndoImpossible,
    VersionMissing,
    VersionReplaced,
)
from notebook_archive.errors.run import (
    EventRefused,
    NotificationRefused,
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
    "ChangeSearchUnsupported",
    "ConfigurationError",
    "DeadlineExceeded",
    "EventRefused",
    "GoodTokenRejected",
    "ItemMissing",
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
    "NotificationRefused",
    "OwnerMissing",
    "ParameterInvalid",
    "PermissionDenied",
    "RequestInvalid",
    "RequestRefused",
    "RequestRejected",
    "RestoreError",
    "RestoreForbidden",
    "RestoreIdTaken",
    "RestoreInputInvalid",
    "RestoreInterrupted",
    "RestoreTestFailed",
    "RestoreTouched",
    "RestoreUnknown",
    "RotationRefused",
    "RunIdTaken",
    "RunInputInvalid",
    "SecondPlaceMissing",
    "SecretMalformed",
    "SecretMissing",
    "SecretNotRotated",
    "SecretUnreadable",
    "SecretUnwritable",
    "SessionNotFound",
    "SessionOpen",
    "SessionsUnknown",
    "SettingsInvalid",
    "SnapshotAltered",
    "SnapshotInvalid",
    "SnapshotNameTaken",
    "SnapshotTooLarge",
    "SnapshotUnsendable",
    "SnapshotsFull",
    "TokenRejected",
    "UndoImpossible",
    "UnexpectedAnswer",
    "UploadTooLarge",
    "VersionMissing",
    "VersionReplaced",
    "WebhookForeign",
    "WebhookForged",
    "WebhookMalformed",
    "WebhookRefused",
    "WebhookStale",
    "WebhookTooLarge",
    "WebhookUnknown",
    "WebhookUnsigned",
]
