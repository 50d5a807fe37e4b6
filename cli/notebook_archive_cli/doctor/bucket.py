"""Check the buckets of the archive and of the ledger."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from notebook_archive_cli.doctor.checks import Check, bad, format_json, good, unknown
from notebook_archive_cli.doctor.policies import list_statements, normalize
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

PUBLIC_ACCESS_BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# The objects that are written once. The template's statement NeverOverwriteSnapshots has the same list.
WRITTEN_ONCE = (
    "notebooks/*/snapshots/*", "notebooks/*/current/*", "notebooks/*/captures/*", "records/*", "restores/*",
    "restore-tests/*",
)  # fmt: skip
# Lifecycle rules may delete only old versions of objects with this tag: the items' properties.
EXPIRING_TAG = {"Key": "kind", "Value": "item"}


def check_existence(target: Target) -> Check:
    """Check that the archive's bucket exists, in this account."""
    bucket = target.output("ArchiveBucket")
    try:
        target.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=target.session.stack.account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return bad(
            "bucket", f"bucket {bucket} does not exist", *target.deploy_with("ExistingBucket", "NAME-OF-A-BUCKET")
        )
    return good("bucket", bucket)


def check_versioning(target: Target) -> Check:
    """Check that the bucket keeps versions."""
    name, bucket = "bucket versioning", target.output("ArchiveBucket")
    status = target.client("s3").get_bucket_versioning(Bucket=bucket).get("Status", "")
    if status == "Enabled":
        return good(name, "enabled")
    words = ("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    return bad(
        name,
        f"{status.lower() or 'off'}, so what is overwritten or deleted is gone",
        "Turn versioning on.",
        target.aws(*words),
    )


def check_encryption(target: Target) -> Check:
    """Check that the bucket is encrypted with the stack's key."""
    name, bucket, key = "bucket encryption", target.output("ArchiveBucket"), target.parameter("KmsKeyArn")
    rules = target.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    if key and default.get("KMSMasterKeyID") != key:
        wanted = {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
                    "BucketKeyEnabled": True,
                }
            ]
        }
        words = (
            "put-bucket-encryption",
            "--bucket",
            bucket,
            "--server-side-encryption-configuration",
            format_json(wanted),
        )
        return bad(name, "the bucket does not use the key in KmsKeyArn", "Set that key.", target.aws("s3api", *words))
    return good(name, f"{default.get('SSEAlgorithm', 'AES256')}{f', with {key}' if key else ''}")


def check_public_access(target: Target) -> Check:
    """Check that nobody can make the bucket public."""
    name, bucket = "bucket public access", target.output("ArchiveBucket")
    blocked = read_setting(target, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration", bucket)
    missing = [each for each in PUBLIC_ACCESS_BLOCK if not blocked.get("PublicAccessBlockConfiguration", {}).get(each)]
    if not missing:
        return good(name, "blocked")
    everything = ",".join(f"{each}=true" for each in PUBLIC_ACCESS_BLOCK)
    words = ("put-public-access-block", "--bucket", bucket, "--public-access-block-configuration", everything)
    return bad(name, f"not blocked: {', '.join(missing)}", "Block it.", target.aws("s3api", *words))


def check_policy(target: Target) -> Check:
    """Check that the bucket's policy allows only TLS, and refuses to overwrite what is written once."""
    name, bucket = "bucket policy", target.output("ArchiveBucket")
    text = read_setting(target, "get_bucket_policy", "NoSuchBucketPolicy", bucket).get("Policy", "")
    policy = json.loads(text) if text else {"Version": "2012-10-17", "Statement": []}
    statements = list_statements(policy)
    required = build_statements(bucket, find_partition(target), target.parameter("BreakGlassRoleArn"))
    missing = [each for each in required if not any(_is_same(each, present) for present in statements)]
    if not missing:
        return good(name, f"has {' and '.join(str(each['Sid']) for each in required)}")
    sids = {each["Sid"] for each in missing}
    complete = {**policy, "Statement": [each for each in statements if each.get("Sid") not in sids] + missing}
    command = target.aws("s3api", "put-bucket-policy", "--bucket", bucket, "--policy", format_json(complete))
    message = f"the policy does not have {' and '.join(str(each['Sid']) for each in missing)}"
    if target.parameter("ExistingBucket"):
        return unknown(
            name,
            f"{message} in the form of a new bucket's policy; yours may say the same in other words",
            "Compare your policy with docs/restricted-account.md. The command adds what is missing.",
            command,
        )
    return bad(name, message, "Write the policy again, with what is missing.", command)


def build_statements(bucket: str, partition: str, break_glass_role: str) -> list[dict[str, Any]]:
    """Return the statements of the policy that the template gives a new bucket."""
    arn = f"arn:{partition}:s3:::{bucket}"
    statements: list[dict[str, Any]] = [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "NeverOverwriteSnapshots",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": [f"{arn}/{each}" for each in WRITTEN_ONCE],
            "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        },
    ]
    if break_glass_role:
        statements.append(
            {
                "Sid": "OnlyBreakGlassDeletes",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:DeleteObject*",
                "Resource": f"{arn}/notebooks/*",
                "Condition": {"StringNotEquals": {"aws:PrincipalArn": break_glass_role}},
            }
        )
    return statements


def _is_same(required: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    """Return whether two statements say the same. `present` may name more resources."""
    if not _list_resources(required) <= _list_resources(present):
        return False
    return all(
        normalize(required[each]) == normalize(present.get(each)) for each in required.keys() - {"Sid", "Resource"}
    )


def _list_resources(statement: Mapping[str, Any]) -> set[str]:
    resources = statement.get("Resource", [])
    return set(resources if isinstance(resources, list) else [resources])


def check_object_lock(target: Target) -> Check:
    """Check the default lock of the bucket."""
    name, bucket = "bucket object lock", target.output("ArchiveBucket")
    mode, days = target.parameter("ObjectLockMode"), target.parameter("ObjectLockDays")
    answer = read_setting(target, "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", bucket)
    retention = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if retention:
        length = f"{retention['Days']} days" if "Days" in retention else f"{retention.get('Years')} years"
        return good(name, f"{retention['Mode']} for {length}")
    if target.is_local:
        return unknown(name, "the local AWS does not set locks from a template")
    if mode == "OFF":
        return good(name, "off, as ObjectLockMode says; nothing stops a person who may delete")
    wanted = {"Mode": mode or "GOVERNANCE", "Days": int(days or "365")}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": wanted}}
    words = (
        "put-object-lock-configuration",
        "--bucket",
        bucket,
        "--object-lock-configuration",
        format_json(configuration),
    )
    if target.parameter("ExistingBucket"):
        return unknown(
            name,
            "your bucket has no lock, so a person who may delete can delete versions; this may be intended",
            "If you want it, set the lock. It can never be switched off again.",
            target.aws("s3api", *words),
        )
    message = f"objects are not locked, although ObjectLockMode is {wanted['Mode']}"
    return bad(name, message, "Set the lock.", target.aws("s3api", *words))


def check_lifecycle(target: Target) -> Check:
    """Check that no lifecycle rule deletes archived versions."""
    name, bucket = "bucket lifecycle", target.output("ArchiveBucket")
    answer = read_setting(target, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", bucket)
    rules = [each for each in answer.get("Rules", ()) if each.get("Status") == "Enabled"]
    deleting = [str(each.get("ID")) for each in rules if _may_delete_versions(each)]
    show = target.aws("s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket)
    if deleting:
        return bad(
            name,
            f"these rules delete archived objects: {', '.join(deleting)}",
            "Remove them. The command shows all rules.",
            show,
        )
    if target.is_local and not rules:
        return unknown(name, "the local AWS does not set lifecycle rules from a template")
    if not rules and not target.parameter("ExistingBucket"):
        fix = "Deploy with another NoncurrentItemDays, and then with the old one. That writes the rules again."
        return bad(name, "the stack's rules are missing, so old versions of item.json are kept forever", fix, show)
    return good(name, f"{format_count(len(rules), 'rule')}, and none deletes an archived version")


def _may_delete_versions(rule: Mapping[str, Any]) -> bool:
    """Return whether a rule deletes anything but old versions of items' properties."""
    where = rule.get("Filter", {})
    tags = where.get("And", {}).get("Tags", []) or [where.get("Tag")]
    if rule.get("Expiration", {}).keys() & {"Days", "Date"}:
        return True
    return bool(rule.get("NoncurrentVersionExpiration")) and EXPIRING_TAG not in tags


def check_ledger(target: Target) -> Check:
    """Check that the ledger's bucket exists, is not public, and has no lock."""
    name, bucket, s3 = "ledger bucket", target.output("LedgerBucket"), target.client("s3")
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=target.session.stack.account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return bad(
            name, f"bucket {bucket} does not exist", *target.deploy_with("ExistingLedgerBucket", "NAME-OF-A-BUCKET")
        )
    lock = read_setting(target, "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", bucket)
    if lock.get("ObjectLockConfiguration", {}).get("Rule"):
        fix, command = target.deploy_with("ExistingLedgerBucket", "NAME-OF-A-BUCKET-WITHOUT-A-LOCK")
        return bad(name, f"{bucket} has Object Lock, but the ledger is written again every night", fix, command)
    return good(name, bucket)


def find_partition(target: Target) -> str:
    """Return the partition of AWS, which is a part of ARNs."""
    return str(target.client("s3").meta.partition)


def read_setting(target: Target, method: str, absent: str, bucket: str) -> dict[str, Any]:
    """Return a setting of a bucket, or an empty dictionary if the bucket does not have it."""
    try:
        answer: dict[str, Any] = getattr(target.client("s3"), method)(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") != absent:
            raise
        return {}
    return answer
