"""Check the replication of the archive's bucket, and the bucket of the second place."""

from collections import Counter
from collections.abc import Mapping
from copy import copy
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from notebook_archive.errors import ArchiveError
from notebook_archive_cli.doctor.bucket import find_partition, read_setting
from notebook_archive_cli.doctor.checks import Check, bad, format_json, good, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.documents import read_lines
from notebook_archive_cli.running.executions import VERIFICATIONS
from notebook_archive_cli.running.runs import search_runs
from notebook_archive_cli.session import SecondPlace
from notebook_archive_cli.terminal.output import format_count

# The id of the template's rule, which is a dimension of the metrics of the replication.
RULE_ID = "second-place"
# Number of objects without a replica that S3 is asked about.
MAX_ASKED = 50
_PAGE = "docs/second-place.md"


def check_rule(target: Target) -> Check:
    """Check that S3 replicates the bucket to the second place, and only what it should."""
    name, bucket = "bucket replication", target.output("ArchiveBucket")
    answer = read_setting(target, "get_bucket_replication", "ReplicationConfigurationNotFoundError", bucket)
    rules: list[dict[str, Any]] = answer.get("ReplicationConfiguration", {}).get("Rules", [])
    place = target.session.stack.second_place
    if place is None:
        return _check_foreign_rules(target, name, bucket, rules)
    ours = next((each for each in rules if _read_destination(each) == place.bucket), None)
    if ours is None and target.is_local:
        return unknown(name, "the local AWS does not set replication from a template")
    problem = _find_problem(ours, place, has_key=bool(target.parameter("KmsKeyArn")))
    if not problem:
        return good(name, f"to {place.bucket}")
    configuration = format_json(build_configuration(target, place))
    words = ("put-bucket-replication", "--bucket", bucket, "--replication-configuration", configuration)
    fix = f"Write the rule of {_PAGE}. The command replaces all rules of the bucket."
    return bad(name, problem, fix, target.aws("s3api", *words))


def _check_foreign_rules(target: Target, name: str, bucket: str, rules: list[dict[str, Any]]) -> Check:
    """Check the rules of a bucket whose stack has no second place. Somebody else may have written them."""
    if not rules:
        return good(name, "not configured, so this bucket is the only copy")
    disabled = [str(each.get("ID")) for each in rules if each.get("Status") != "Enabled"]
    if disabled:
        show = target.aws("s3api", "get-bucket-replication", "--bucket", bucket)
        return bad(name, f"disabled rules: {', '.join(disabled)}", "Enable the rules. The command shows them.", show)
    return good(name, f"to {', '.join(sorted(map(_read_destination, rules)))}")


def _read_destination(rule: Mapping[str, Any]) -> str:
    return str(rule["Destination"]["Bucket"]).rpartition(":")[2]


def _find_problem(rule: Mapping[str, Any] | None, place: SecondPlace, *, has_key: bool) -> str:
    if rule is None:
        return f"no rule replicates to {place.bucket}"
    if rule.get("Status") != "Enabled":
        return f"the rule to {place.bucket} is disabled"
    markers = rule.get("DeleteMarkerReplication", {}).get("Status", "Disabled")
    if markers == "Enabled" or "Filter" not in rule:
        return "the rule also replicates delete markers, so what is deleted here is hidden there"
    if any(rule["Filter"].values()):
        return "the rule has a filter, so S3 does not replicate everything"
    encrypted = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status")
    if has_key and encrypted != "Enabled":
        return "the rule leaves out objects that are encrypted with a KMS key, as those of the archive are"
    if rule.get("ID") != RULE_ID or rule["Destination"].get("Metrics", {}).get("Status") != "Enabled":
        return f"the rule is not called {RULE_ID}, or has no metrics, so ReplicationFailedAlarm never goes off"
    return ""


def build_configuration(target: Target, place: SecondPlace) -> dict[str, Any]:
    """Return the replication configuration that the template gives a new bucket."""
    destination: dict[str, Any] = {
        "Bucket": f"arn:{find_partition(target)}:s3:::{place.bucket}",
        "Metrics": {"Status": "Enabled"},
    }
    rule: dict[str, Any] = {
        "ID": RULE_ID,
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": destination,
    }
    if target.parameter("SecondBucketAccount"):
        destination |= {"Account": place.account, "AccessControlTranslation": {"Owner": "Destination"}}
    if key := target.parameter("SecondBucketKmsKeyArn"):
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": key}
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    return {"Role": target.output("ReplicationRole"), "Rules": [rule]}


def check_bucket(target: Target) -> list[Check]:
    """Check that the bucket of the second place can receive replicas. Returns nothing if there is no second place."""
    place = target.session.stack.second_place
    return [_check_bucket(target, place)] if place else []


def _check_bucket(target: Target, place: SecondPlace) -> Check:
    name, s3 = "second place", target.client("s3", place.region)
    where = f"{place.bucket} of account {place.account}"
    address = {"Bucket": place.bucket, "ExpectedBucketOwner": place.account}
    try:
        versioning = s3.get_bucket_versioning(**address).get("Status", "")
        lock = _has_lock(s3, address)
    except ClientError as error:
        code = error.response["Error"].get("Code")
        if code not in ("NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed"):
            raise
        fix = f"Create it, or correct SecondBucket and SecondBucketRegion: {_PAGE}."
        return bad(name, f"bucket {where} does not exist in region {s3.meta.region_name}", fix)
    if versioning != "Enabled":
        words = ("put-bucket-versioning", "--bucket", place.bucket, "--versioning-configuration", "Status=Enabled")
        fix = "Turn versioning on, in the account of that bucket. S3 replicates nothing without it."
        return bad(name, f"{where} does not keep versions", fix, _aws_in(target, place, *words))
    if not lock and _has_lock(target.client("s3"), {"Bucket": target.output("ArchiveBucket")}):
        configuration = format_json({"ObjectLockEnabled": "Enabled"})
        words = (
            "put-object-lock-configuration",
            "--bucket",
            place.bucket,
            "--object-lock-configuration",
            configuration,
        )
        fix = "Turn it on, in the account of that bucket. It can never be turned off again."
        message = f"{where} has no Object Lock, so S3 does not replicate locked objects to it"
        return bad(name, message, fix, _aws_in(target, place, *words))
    return good(name, f"{where}, with versions{' and Object Lock' if lock else ''}")


def _has_lock(s3: Any, address: Mapping[str, str]) -> bool:  # noqa: ANN401 - a boto3 client
    try:
        answer = s3.get_object_lock_configuration(**address)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ObjectLockConfigurationNotFoundError":
            raise
        return False
    return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")


def _aws_in(target: Target, place: SecondPlace, *words: str) -> str:
    """Return a command line of the AWS CLI for the region of the second place."""
    options = copy(target.options)
    options.region = place.region or options.region
    return options.aws_command("s3api", *words)


def check_replicas(target: Target) -> list[Check]:
    """Check what the last verification found without a replica, and what S3 says of it.

    Returns nothing if there is no second place.
    """
    return [_check_replicas(target)] if target.session.stack.second_place else []


def _check_replicas(target: Target) -> Check:
    name, session = "second place replicas", target.session
    reports = (found.report for found in search_runs(session, VERIFICATIONS))
    report = next((each for each in reports if each and each.get("scope") != "chosen"), None)
    figures = report.get("secondPlace") if report else None
    place = session.stack.second_place
    if report is None or figures is None or place is None or figures["bucket"] != place.bucket:
        message = "the last verification did not compare the two places"
        return unknown(name, message, "Start a verification, and read its report.", target.command("verify"))
    objects, missing = format_count(figures["compared"], "object"), figures["notReplicated"]
    if not missing:
        return good(name, f"{objects} replicated (verification {report['runId']})")
    message = f"{missing:,} of {objects} without a replica (verification {report['runId']})"
    fix = f"Remove the cause. Then start Batch Replication with the command: {_PAGE}."
    return bad(name, f"{message}; {_ask(target, report)}", fix, build_batch_command(target))


def _ask(target: Target, report: Mapping[str, Any]) -> str:
    """Return in words what S3 says of the first objects without a replica."""
    bucket, s3 = target.output("ArchiveBucket"), target.client("s3")
    path = f"{VERIFICATIONS.prefix}{report['runId']}/findings.jsonl"
    counts: Counter[str] = Counter()
    try:
        lines = read_lines(target.session.archive, path, "kind", "key", "versionId")
        found = (each for each in lines if each["kind"] == "not-replicated")
        for finding in islice(found, MAX_ASKED):
            head = s3.head_object(Bucket=bucket, Key=finding["key"], VersionId=finding["versionId"])
            counts[head.get("ReplicationStatus", "never replicated")] += 1
    except (ClientError, ArchiveError) as error:
        return f"the reasons could not be read ({type(error).__name__})"
    return f"of the first {counts.total()}: {', '.join(f'{count} {status}' for status, count in counts.most_common())}"


def build_batch_command(target: Target) -> str:
    """Return the command that starts Batch Replication of what was never replicated, and of what failed."""
    account, partition = target.session.stack.account, find_partition(target)
    report = {
        "Bucket": f"arn:{partition}:s3:::{target.output('LedgerBucket')}",
        "Prefix": "batch-replication",
        "Format": "Report_CSV_20180820",
        "Enabled": True,
        "ReportScope": "FailedTasksOnly",
    }
    generator = {
        "S3JobManifestGenerator": {
            "ExpectedBucketOwner": account,
            "SourceBucket": f"arn:{partition}:s3:::{target.output('ArchiveBucket')}",
            "EnableManifestOutput": False,
            "Filter": {"EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE", "FAILED"]},
        }
    }
    words = (
        "create-job",
        "--account-id",
        account,
        "--operation",
        format_json({"S3ReplicateObject": {}}),
        "--report",
        format_json(report),
        "--manifest-generator",
        format_json(generator),
        "--priority",
        "10",
        "--role-arn",
        target.output("BatchReplicationRole"),
        "--no-confirmation-required",
    )
    return target.aws("s3control", *words)
