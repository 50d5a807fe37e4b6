"""Test that the archive bucket is private, encrypted, versioned and locked, and that no snapshot is overwritten."""

from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, VARIANTS, render, template

_OWN = [variant for variant, given in VARIANTS.items() if "ExistingBucket" not in given]


def _bucket(given: dict[str, str] | None = None) -> dict[str, Any]:
    return render(given)["Resources"]["ArchiveBucket"]["Properties"]  # type: ignore[no-any-return]


def _rules(given: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    return {rule["Id"]: rule for rule in _bucket(given)["LifecycleConfiguration"]["Rules"]}


@pytest.mark.parametrize("variant", _OWN)
def test_bucket_is_private_versioned_and_outlives_the_stack(variant: str) -> None:
    resource = render(VARIANTS[variant])["Resources"]["ArchiveBucket"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    properties = resource["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_bucket_is_encrypted_with_s3_key_or_given_kms_key() -> None:
    (own,) = _bucket()["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert own == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    (given,) = _bucket(EVERYTHING)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert given["BucketKeyEnabled"] is True
    assert given["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": EVERYTHING["KmsKeyArn"],
    }


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_objects_are_locked(mode: str) -> None:
    bucket = _bucket({"ObjectLockMode": mode, "ObjectLockDays": "30"})
    assert bucket["ObjectLockEnabled"] is True
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": mode, "Days": "30"}


def test_object_lock_can_be_switched_off() -> None:
    assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & _bucket({"ObjectLockMode": "OFF"}).keys()
    assert "ObjectLockEnabled" in _bucket(), "Object Lock is on by default"


def test_name_prefix_uses_the_namespace_of_the_account() -> None:
    assert not {"BucketName", "BucketNamePrefix", "BucketNamespace"} & _bucket().keys()
    own = _bucket(EVERYTHING)
    assert (own["BucketNamespace"], own["BucketNamePrefix"]) == ("account-regional", "gis")


def test_lifecycle_rules_never_expire_snapshots() -> None:
    rules = _rules()
    moves = {"move-snapshots", "move-current-copies"}
    assert set(rules) == {"abort-unfinished-uploads", "expire-replaced-item-properties"} | moves
    for rule in rules.values():
        assert not {"ExpirationInDays", "ExpirationDate", "NoncurrentVersionExpirationInDays"} & rule.keys()
    (expiring,) = [rule for rule in rules.values() if "NoncurrentVersionExpiration" in rule]
    assert expiring["TagFilters"] == [{"Key": "kind", "Value": "item"}]


@pytest.mark.parametrize(("rule", "kind"), [("move-snapshots", "snapshot"), ("move-current-copies", "current")])
def test_snapshots_and_copies_move_to_the_given_class(rule: str, kind: str) -> None:
    moving = _rules({"TransitionStorageClass": "GLACIER_IR", "TransitionDays": "90"})[rule]
    assert moving["TagFilters"] == [{"Key": "kind", "Value": kind}]
    assert moving["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": "90"}]
    assert rule not in _rules({"TransitionStorageClass": "NONE"})


def _policy(given: dict[str, str]) -> list[dict[str, Any]]:
    resource = render(given)["Resources"]["ArchiveBucketPolicy"]
    return resource["Properties"]["PolicyDocument"]["Statement"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("variant", _OWN)
def test_policy_is_kept_or_deleted_with_the_bucket(variant: str) -> None:
    resources = render(VARIANTS[variant])["Resources"]
    policies = {
        tuple(resources[name][policy] for policy in ("DeletionPolicy", "UpdateReplacePolicy"))
        for name in ("ArchiveBucket", "ArchiveBucketPolicy")
    }
    assert len(policies) == 1


@pytest.mark.parametrize("variant", _OWN)
def test_bucket_policy_requires_tls_and_conditional_writes(variant: str) -> None:
    tls, once = _policy(VARIANTS[variant])[:2]
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "s3:*")
    assert tls["Resource"] == ["arn:aws:s3:::ArchiveBucket", "arn:aws:s3:::ArchiveBucket/*"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (once["Effect"], once["Principal"], once["Action"]) == ("Deny", "*", "s3:PutObject")
    kept = "arn:aws:s3:::ArchiveBucket/notebooks/*"
    records = [f"arn:aws:s3:::ArchiveBucket/{prefix}/*" for prefix in ("records", "restores", "restore-tests")]
    assert once["Resource"] == [f"{kept}/snapshots/*", f"{kept}/current/*", f"{kept}/captures/*", *records]
    assert once["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_only_the_break_glass_role_deletes_notebooks() -> None:
    """AWS services are denied too, because S3 evaluates a negated condition as true if its key is missing."""
    role = EVERYTHING["BreakGlassRoleArn"]
    (deny,) = _policy({"BreakGlassRoleArn": role})[2:]
    assert deny == {
        "Sid": "OnlyBreakGlassDeletes",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject*",
        "Resource": "arn:aws:s3:::ArchiveBucket/notebooks/*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": role}},
    }


def test_without_break_glass_role_no_deletion_is_denied() -> None:
    assert len(_policy({})) == 2


def test_break_glass_role_needs_a_new_bucket() -> None:
    rule = template()["Rules"]["BreakGlassNeedsNewBucket"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "BreakGlassRoleArn"}, ""]}]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "ExistingBucket"}, ""]}


def test_ledger_bucket_is_private_and_can_be_rewritten() -> None:
    for given in ({}, EVERYTHING):
        ledger, archive = render(given)["Resources"]["LedgerBucket"]["Properties"], _bucket(given)
        for name in ("BucketEncryption", "PublicAccessBlockConfiguration", "OwnershipControls"):
            assert ledger[name] == archive[name]
        assert not {"ObjectLockEnabled", "ObjectLockConfiguration", "VersioningConfiguration"} & ledger.keys()
        (policy,) = render(given)["Resources"]["LedgerBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (policy["Effect"], policy["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_existing_bucket_is_not_changed() -> None:
    rendered = render({"ExistingBucket": "gis-archive", "ExistingLedgerBucket": "gis-ledger"})
    assert not {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"} & {item["Type"] for item in rendered["Resources"].values()}
    assert rendered["Outputs"]["ArchiveBucket"]["Value"] == "gis-archive"
    assert rendered["Outputs"]["LedgerBucket"]["Value"] == "gis-ledger"
    assert rendered["Globals"]["Function"]["Environment"]["Variables"]["ARCHIVE_BUCKET"] == "gis-archive"


@pytest.mark.parametrize(
    ("given", "archived"),
    [({}, "true"), ({"ArchiveCurrent": "true"}, "true"), ({"ArchiveCurrent": "false"}, "false")],
)
def test_current_content_is_archived_by_default(given: dict[str, str], archived: str) -> None:
    functions = render(given)["Resources"]
    for name in ("ArchiveNotebooksFunction", "ArchiveRequestsFunction"):
        assert functions[name]["Properties"]["Environment"]["Variables"]["ARCHIVE_CURRENT"] == archived


def test_alarms_need_a_topic_and_start_if_runs_are_missing() -> None:
    assert not [item for item in render()["Resources"].values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    resources = render(EVERYTHING)["Resources"]
    assert resources["NoSuccessfulRunAlarm"]["Properties"]["TreatMissingData"] == "breaching"
    assert resources["RunFailedAlarm"]["Properties"]["TreatMissingData"] == "notBreaching"


def test_alarm_starts_for_unprotected_notebooks() -> None:
    resources, variables = render(EVERYTHING)["Resources"], render()["Globals"]["Function"]["Environment"]["Variables"]
    alarm = resources["NotebooksUnprotectedAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("NotebookArchive", "NotebooksUnprotected")
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    # A run publishes its metrics only once, and the next run may start a day later.
    assert (alarm["DatapointsToAlarm"], alarm["TreatMissingData"]) == (1, "notBreaching")


def test_outputs_are_described() -> None:
    outputs = template()["Outputs"]
    assert {"ArchiveBucket", "StateMachine", "AdminSecretName", "OwnerSecretPrefix"} <= outputs.keys()
    assert all(output["Description"] for output in outputs.values())
