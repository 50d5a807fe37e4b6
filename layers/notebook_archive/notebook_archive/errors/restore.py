"""Define the errors of restores and of their undo."""

from notebook_archive.errors.base import NotebookArchiveError


class RestoreError(NotebookArchiveError):
    """A restore or an undo was refused, or stopped before its end."""


class RestoreInputInvalid(RestoreError):
    """A request to restore or to undo, or the input of a bulk restore, has an unknown, missing or wrong field.

    Nothing was changed.
    """

    reason = "restore-input-invalid"
    remedy = "Correct the request. docs/restore.md describes all fields."


class RestoreIdTaken(RestoreError):
    """The request id belongs to another restore, or to one that was undone. Nothing was changed."""

    reason = "restore-id-taken"
    remedy = "Send the request again with another requestId."


class VersionMissing(RestoreError):
    """The archive does not have the requested version. Nothing was changed."""

    reason = "version-missing"
    remedy = (
        "List the versions of the notebook, as docs/restore.md shows. If somebody deleted the object, give the "
        "versionId of an older S3 version."
    )


class SecondPlaceMissing(RestoreError):
    """A request reads from the second place, but the stack has none. Nothing was changed."""

    reason = "second-place-missing"
    remedy = (
        "Leave out the field 'from' of the request. Or set the parameter SecondBucket and deploy, as "
        "docs/second-place.md shows."
    )


class VersionReplaced(RestoreError):
    """The version is undamaged, but the ledger recorded other bytes for it. So somebody replaced the object.

    Nothing was changed.
    """

    reason = "version-replaced"
    remedy = (
        "Find out who replaced the object. Restore an older S3 version of it, with its versionId, as docs/restore.md "
        "shows."
    )


class RestoreForbidden(RestoreError):
    """No credential of the stack may make the restore.

    The message names the secret that is missing, and the privilege that the other account does not have.
    """

    reason = "restore-forbidden"
    remedy = "Create the secret or give the privilege that the message names. docs/secrets.md shows both."


class OwnerMissing(RestoreError):
    """The portal has no member with the owner's name. Nothing was changed."""

    reason = "owner-missing"
    remedy = "Add the member to the portal, or name another owner in the request's field owner."


class ItemMissing(RestoreError):
    """The item that should be replaced, or get a snapshot, does not exist any more. Nothing was changed."""

    reason = "item-missing"
    remedy = 'Restore the version as a new item, with "as": "new".'


class SessionOpen(RestoreError):
    """Somebody has the notebook open, and could save the old content over the restored content.

    The message names each user and the time of the last activity. The content was not replaced.
    """

    reason = "session-open"
    remedy = (
        "Ask the users to close the notebook without saving, then send the request again. Or replace the content "
        'anyway, with "force": true.'
    )


class SessionsUnknown(RestoreError):
    """The notebook server did not list the open notebooks, so that the notebook may be open. Nothing was replaced."""

    reason = "sessions-unknown"
    remedy = 'Make sure that nobody has the notebook open. Then restore it with "force": true.'


class SnapshotNameTaken(RestoreError):
    """The notebook already has a snapshot with the requested name. Nothing was changed."""

    reason = "snapshot-name-taken"
    remedy = "Give another name in the request's field title."


class SnapshotsFull(RestoreError):
    """The notebook has as many snapshots as ArcGIS allows. Nothing was changed."""

    reason = "snapshots-full"
    remedy = (
        "Delete a snapshot in ArcGIS, after you checked that the archive has it. Or restore the version as a new item, "
        'with "as": "new".'
    )


class SnapshotUnsendable(RestoreError):
    """The notebook is too large for the form field in which ArcGIS takes a snapshot, or is not strict UTF-8.

    Nothing was changed.
    """

    reason = "snapshot-unsendable"
    remedy = 'Restore the version as a new item ("as": "new") or over the item ("as": "replace").'


class RestoreInterrupted(RestoreError):
    """A restore stopped after it had changed something. The message says what it had changed, and why it stopped."""

    reason = "restore-interrupted"
    remedy = (
        "Remove the cause. Then send the same request with the same id again, which ends it. Or undo the restore, as "
        "docs/restore.md shows."
    )


class RestoreTouched(RestoreError):
    """Somebody changed the item or the snapshot after the restore, or between its steps.

    A further step, or an undo, would destroy their work, so nothing else was changed. The message says what differs.
    """

    reason = "restore-touched"
    remedy = (
        "Look at the item in ArcGIS. If the change is not wanted, undo the restore by hand, as docs/restore.md shows."
    )


class UndoImpossible(RestoreError):
    """A restore cannot be undone.

    The item had no content before, the archive does not have the content any more, or the stack has another portal now.
    Nothing was changed.
    """

    reason = "undo-impossible"
    remedy = "Undo the restore by hand in ArcGIS, as docs/restore.md shows."


class RestoreUnknown(RestoreError):
    """The archive has no record of a restore with this id. Nothing was changed."""

    reason = "restore-unknown"
    remedy = "Send the restoreId that the restore returned. The restore's log line and event contain it too."


class RestoreTestFailed(RestoreError):
    """A version that was restored as a test could not be restored, was not as archived, or could not be removed.

    The message names the first of them. The results, the log and the event name all.
    """

    reason = "restore-test-failed"
    remedy = (
        "Read restore-tests/DATE/RUN/results.json in the archive bucket, which has the reason and the remedy for each. "
        "docs/restore.md explains restore tests."
    )
