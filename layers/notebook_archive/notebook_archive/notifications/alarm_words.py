"""Define the words for each alarm of the stack: what it means and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# The owners and notebooks that an alarm cannot name.
_EVERY_NOTEBOOK = "every notebook of the organization"
_REQUESTED = "the notebooks whose backup was requested"
_VERSIONS = "every archived version"
_PROXY = "everybody who reads the archive through the HTTP proxy"
# How a report's notification can cover an alarm: the report says the same, with the cause.
Coverage = Literal["run", "unprotected", "verification", "restore", "restore-test"]


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """What an alarm means, whom it concerns, and what to do.

    An alarm that is an `event` reports that something happened. A `state` lasts, so its end is reported too, with the
    words in `recovered`, and what is left to do in `left`. `command` is what follows `notebook-archive`. `folded_into`
    are what reports cover, or the logical ids of alarms: if one of these was reported at most `fold_hours` ago, it was
    the same failure. With 0, it is AlarmAfterHours. `awaits` is what has not succeeded for too long.
    """

    failure: str
    concerns: str
    cause: str
    remedy: str
    command: str
    more: str
    kind: Literal["event", "state"] = "event"
    recovered: str = ""
    left: str = ""
    folded_into: tuple[str, ...] = ()
    fold_hours: int = 1
    awaits: Literal["run", "verification"] | None = None


def _describe_execution(noun: str, kind: str, end: str, coverage: Coverage) -> AlarmWords:
    """Return the words for an execution that ended in this way. Its end, or its report, usually says more."""
    return AlarmWords(
        failure=f"{noun} {end}",
        concerns=_VERSIONS if coverage == "verification" else _EVERY_NOTEBOOK,
        cause=f"Step Functions reports that an execution {end}. Neither its report nor its end reached the notifier.",
        remedy="Look at the last executions. Read the report, if there is one, and start again when the cause is gone.",
        command=f"runs --kind {kind}",
        more="docs/operations.md, No report",
        folded_into=(coverage,),
    )


# By the logical id of the alarm in template.yaml.
ALARMS: Mapping[str, AlarmWords] = {
    "RunFailedAlarm": _describe_execution("An archive run", "run", "failed", "run"),
    "RunTimedOutAlarm": _describe_execution("An archive run", "run", "timed out", "run"),
    "RunAbortedAlarm": _describe_execution("An archive run", "run", "was aborted", "run"),
    "VerificationFailedAlarm": _describe_execution("A verification", "verification", "failed", "verification"),
    "VerificationTimedOutAlarm": _describe_execution("A verification", "verification", "timed out", "verification"),
    "VerificationAbortedAlarm": _describe_execution("A verification", "verification", "was aborted", "verification"),
    "BulkRestoreFailedAlarm": _describe_execution("A bulk restore", "restore", "failed", "restore"),
    "RestoreTimedOutAlarm": _describe_execution("A bulk restore", "restore", "timed out", "restore"),
    "RestoreAbortedAlarm": _describe_execution("A bulk restore", "restore", "was aborted", "restore"),
    "NoSuccessfulRunAlarm": AlarmWords(
        failure="No archive run has been complete for AlarmAfterHours hours",
        concerns=_EVERY_NOTEBOOK,
        cause="No failed run was reported in this time. So the schedule is disabled or deleted, a run is still under "
        "way, or no run has taken place since the stack was deployed.",
        remedy="The command checks the schedule and everything else that a run needs, and says how to correct it. Then "
        "start a run, with `notebook-archive run`.",
        command="doctor",
        more="docs/operations.md, No report",
        kind="state",
        recovered="An archive run over all notebooks was complete again",
        folded_into=("run", "RunNotStartedAlarm"),
        fold_hours=0,
        awaits="run",
    ),
    "NotebooksUnprotectedAlarm": AlarmWords(
        failure="Notebooks have nothing in the archive",
        concerns="the notebooks that the report of the last run lists as not protected",
        cause="The last archive run found notebooks without an archived version. Its report did not reach the "
        "notifier.",
        remedy="The report says for each of these notebooks why it is not protected, and what to do.",
        command="report",
        more="docs/operations.md, Unprotected notebooks",
        folded_into=("unprotected",),
    ),
    "VersionsUnprovedAlarm": AlarmWords(
        failure="Archived versions were not read for more than VerifyDays days",
        concerns="the versions whose proof is too old",
        cause="The verifications do not keep up with the archive, or they fail.",
        remedy="If the last reports have objects that were not reached in time, raise VerifyMaxHours or "
        "MaxConcurrency. Or read every version now, with `notebook-archive verify --all`.",
        command="runs --kind verification",
        more="docs/verify.md, Read the report",
    ),
    "NoVerificationAlarm": AlarmWords(
        failure="No verification of the archive has taken place for days",
        concerns=_VERSIONS,
        cause="The schedule of verifications is disabled or deleted, or verifications do not reach their end.",
        remedy="The command checks the schedule. Then start a verification, with `notebook-archive verify`.",
        command="doctor",
        more="docs/verify.md, Start one by hand",
        kind="state",
        recovered="The archive is verified again",
        folded_into=("verification",),
        fold_hours=26,
        awaits="verification",
    ),
    "RestoreTestFailedAlarm": AlarmWords(
        failure="A restore test failed",
        concerns="the archived versions that should have been restored as a test",
        cause="The test ended with an error, and its results did not reach the notifier.",
        remedy="Start a test by hand, which shows the error.",
        command="restore-test",
        more="docs/restore.md, Restore tests",
        folded_into=("restore-test",),
    ),
    "RestoreTestOverdueAlarm": AlarmWords(
        failure="Owners had no restore test for a month",
        concerns="the owners without a restore test in the last 31 days",
        cause="Restore tests do not take place, or they have too little time for all owners.",
        remedy="Start a test by hand, and let RestoreTestSchedule start tests more often.",
        command="restore-test",
        more="docs/restore.md, Restore tests",
        kind="state",
        recovered="Each owner had a restore test in the last month again",
        folded_into=("restore-test",),
        fold_hours=26,
    ),
    "BackupFailedAlarm": AlarmWords(
        failure="A requested backup failed",
        concerns=_REQUESTED,
        cause="Every attempt failed, so the request is in the failure queue, with its reason.",
        remedy="The command shows the failed requests by reason, with what to do. When the cause is gone, send them "
        "again, with `notebook-archive failed retry`. The next archive run archives these notebooks too.",
        command="failed list",
        more="docs/operations.md, The failure queue",
        kind="state",
        recovered="The failure queue is empty again",
        left="What was removed from the queue and not sent again is archived by the next run.",
        folded_into=("RequestsFailingAlarm",),
        fold_hours=6,
    ),
    "BackupLateAlarm": AlarmWords(
        failure="Requested backups have waited for an hour",
        concerns=_REQUESTED,
        cause="Nothing takes the requests out of their queue, or the function that does so cannot finish them.",
        remedy="The command checks the queue, and what reads it, and says how to correct it.",
        command="doctor",
        more="docs/operations.md, Metrics and alarms",
        kind="state",
        recovered="Requested backups are carried out again",
        folded_into=("RequestsFailingAlarm", "RequestsThrottledAlarm", "BackupFailedAlarm"),
        fold_hours=6,
    ),
    "RequestsFailingAlarm": AlarmWords(
        failure="The function that carries out backup requests fails",
        concerns=_REQUESTED,
        cause="archive_requests ended with an error, so no request of that batch was carried out. SQS delivers them "
        "again after half an hour.",
        remedy="The command checks the function, its role and its errors. The log of archive_requests has the error.",
        command="doctor",
        more="docs/operations.md, Logs",
        folded_into=("BackupFailedAlarm", "BackupLateAlarm"),
        fold_hours=6,
    ),
    "RequestsThrottledAlarm": AlarmWords(
        failure="The function that carries out backup requests is throttled",
        concerns=_REQUESTED,
        cause="Lambda does not start archive_requests, because the account has no free concurrency.",
        remedy="The command checks the account's limit of concurrent executions. Request a higher one, or find what "
        "uses it up.",
        command="doctor",
        more="docs/operations.md, Throttled functions",
        folded_into=("BackupLateAlarm",),
        fold_hours=6,
    ),
    "RequestNotDeliveredAlarm": AlarmWords(
        failure="Backup requests were lost",
        concerns=_REQUESTED,
        cause="EventBridge could put a request neither into the request queue nor into the failure queue.",
        remedy="The command checks the rule, the queues and their policies. The next archive run archives these "
        "notebooks.",
        command="doctor",
        more="docs/restricted-account.md, The key's policy",
    ),
    "RunNotStartedAlarm": AlarmWords(
        failure="A schedule could not start a run or a verification",
        concerns=_EVERY_NOTEBOOK,
        cause="Every attempt of the schedule failed. The message in its dead-letter queue has the reason.",
        remedy="The command checks the schedules and what they start. It also says how to empty the queue.",
        command="doctor",
        more="docs/operations.md, The dead-letter queue",
        kind="state",
        recovered="The dead-letter queue of the schedules is empty again",
        left="What could not be started is not started again by itself. If you have not started it, start it by hand, "
        "or wait for the next start.",
    ),
    "TokenRotationFailingAlarm": AlarmWords(
        failure="A token could not be rotated",
        concerns="the owner whose secret the log of rotate_token names",
        cause="The portal or Secrets Manager refused a step of the rotation. The current token works until it expires.",
        remedy="The command shows the last rotation of each owner. Add the owner again, with `notebook-archive owners "
        "add`, which says what is wrong.",
        command="owners list",
        more="docs/operations.md, When a rotation fails",
    ),
    "WebhookRefusedAlarm": AlarmWords(
        failure="Webhook deliveries were refused",
        concerns="the notebooks that were saved in the last hour",
        cause="The portal, or somebody who knows the webhook's address, sent deliveries that are not as expected. "
        "After five failed deliveries, a portal deactivates the webhook.",
        remedy="The command checks the webhook. The log of receive_webhook has the reason of each refusal.",
        command="doctor",
        more="docs/operations.md, The webhook",
    ),
    "WebhookFloodAlarm": AlarmWords(
        failure="Somebody sends many requests to the webhook's route",
        concerns="the notebooks that are saved now",
        cause="A caller who does not know the webhook's address sends ten or more requests a second. At fifty a "
        "second, the portal's own deliveries are refused too.",
        remedy="The command checks whether the webhook is still active.",
        command="doctor",
        more="docs/webhook.md, What a flood can do",
    ),
    "ProxyApiFailingAlarm": AlarmWords(
        failure="The HTTP proxy returns server errors",
        concerns=_PROXY,
        cause="The proxy returned 5XX in at least two of 15 minutes.",
        remedy="The command checks the functions and ArcGIS. The logs of the proxy's functions have the cause.",
        command="doctor",
        more="docs/proxy.md, What goes wrong",
        kind="state",
        recovered="The HTTP proxy works again",
    ),
    "ReplicationFailedAlarm": AlarmWords(
        failure="S3 could not replicate objects to the second place",
        concerns="the versions that S3 could not replicate",
        cause="S3 gave up, most often because of a permission, a KMS key or a setting of the second bucket.",
        remedy="S3 does not try again by itself. The command finds the fault. Then replicate what is missing, with S3 "
        "Batch Replication.",
        command="doctor",
        more="docs/second-place.md, Not replicated",
        kind="state",
        recovered="S3 replicates objects again",
        left="S3 does not replicate by itself what failed before. If you have not done so, start S3 Batch Replication: "
        "docs/second-place.md, Batch Replication.",
    ),
    "ReplicationLateAlarm": AlarmWords(
        failure="Archived objects are missing in the second place",
        concerns="the versions that only the archive's own bucket has",
        cause="The last verification found objects older than four hours that S3 has not replicated.",
        remedy="The command lists them, with what to do.",
        command="findings",
        more="docs/second-place.md, Not replicated",
        kind="state",
        recovered="The second place has everything again",
        folded_into=("verification", "ReplicationFailedAlarm"),
        fold_hours=26,
    ),
    "ChangePollFailingAlarm": AlarmWords(
        failure="The search for changed notebooks fails",
        concerns="the notebooks that were saved in this time",
        cause="For an hour, every poll for changes failed, so changed notebooks wait for the next archive run.",
        remedy="The command checks the portal, the secrets and the function. The log of poll_changes has the error. "
        "The next poll that succeeds finds everything that has changed since.",
        command="doctor",
        more="docs/polling.md, If a poll fails",
        kind="state",
        recovered="Changed notebooks are found again",
    ),
}
