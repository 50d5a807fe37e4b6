"""Test the replication of the archive's bucket, and the template for the bucket of the second place."""

import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]
from cfnlint.decode import decode  # type: ignore[import-untyped]

from notebook_archive_cli.doctor.second_place import RULE_ID
from tests.template.rendered import EVERYTHING, ROOT, VARIANTS, render, template

SECOND = {"SecondBucket": "gis-second-place"}
PLACE: Path = ROOT / "docs" / "second-place.yaml"


def _rule(given: dict[str, str]) -> dict[str, Any]:
    (rule,) = render(given)["Resources"]["ArchiveBucket"]["Properties"]["ReplicationConfiguration"]["Rules"]
    return rule  # type: ignore[no-any-return]


def _alarms(given: dict[str, str]) -> dict[str, Any]:
    resources = render({"AlarmTopicArn": EVERYTHING["AlarmTopicArn"], **given})["Resources"]
    return {name: resources[name]["Properties"] for name in resources if name.startswith("Replication")}


def test_default_stack_replicates_nothing() -> None:
    rendered = render()
    assert "ReplicationConfiguration" not in rendered["Resources"]["ArchiveBucket"]["Properties"]
    assert not [name for name in (*rendered["Resources"], *rendered["Outputs"]) if "Replication" in name]


def test_bucket_in_same_account_is_replicated_whole() -> None:
    assert _rule(SECOND) == {
        "Id": RULE_ID,
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": "arn:aws:s3:::gis-second-place", "Metrics": {"Status": "Enabled"}},
    }


def test_other_account_owns_encrypted_replicas() -> None:
    rule = _rule(EVERYTHING)
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    destination = rule["Destination"]
    assert (destination["Account"], destination["AccessControlTranslation"]) == (
        "444455556666",
        {"Owner": "Destination"},
    )
    assert destination["EncryptionConfiguration"] == {"ReplicaKmsKeyID": EVERYTHING["SecondBucketKmsKeyArn"]}


def test_existing_bucket_is_left_alone_but_gets_a_role() -> None:
    rendered = render(VARIANTS["existing bucket with a second place"])
    assert "ArchiveBucket" not in rendered["Resources"]
    assert {"ReplicationRole", "ReplicationPolicy", "BatchReplicationRole"} <= rendered["Resources"].keys()


def test_second_place_can_delete_nothing_for_the_archive() -> None:
    for given in (SECOND, EVERYTHING):
        assert "Delete" not in json.dumps(render(given)["Resources"]["ReplicationPolicy"])


def test_readers_of_replicas_use_the_other_region() -> None:
    resources = render(EVERYTHING)["Resources"]
    names = ("RestoreNotebook", "PlanVerification", "PlanRestores", "RestoreNotebooks")
    for name in (f"{each}Function" for each in names):
        variables = resources[name]["Properties"]["Environment"]["Variables"]
        assert [variables[f"SECOND_BUCKET{each}"] for each in ("", "_OWNER", "_REGION")] == [
            "gis-second-place",
            "444455556666",
            "eu-west-1",
        ]
    (policy,) = resources["RestoreNotebookRole"]["Properties"]["Policies"]
    statements = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    decrypt = statements["DecryptReplicas"]
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert statements["ReadSecondPlace"]["Condition"] == {"StringEquals": {"aws:ResourceAccount": "444455556666"}}


def test_alarms_exist_with_a_topic_and_a_second_place() -> None:
    assert not [name for name in _alarms({}) if name.endswith("Alarm")]
    alarms = _alarms(SECOND)
    assert {name for name in alarms if name.endswith("Alarm")} == {"ReplicationFailedAlarm", "ReplicationLateAlarm"}
    dimensions = {each["Name"]: each["Value"] for each in alarms["ReplicationFailedAlarm"]["Dimensions"]}
    assert dimensions == {
        "SourceBucket": "ArchiveBucket",
        "DestinationBucket": "gis-second-place",
        "RuleId": _rule(SECOND)["Id"],
    }


@pytest.mark.parametrize("name", ["ReplicationFailedAlarm", "ReplicationLateAlarm"])
def test_alarm_keeps_its_state_between_data_points(name: str) -> None:
    assert _alarms(SECOND)[name]["TreatMissingData"] == "ignore"


def test_key_of_replicas_goes_with_key_of_archive() -> None:
    rules = template()["Rules"]
    given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "SecondBucketKmsKeyArn"}, ""]}]}
    assert [each["Assert"] for each in rules["ReplicasNeedKeyToo"]["Assertions"]] == [given]
    assert rules["KeyOfReplicasNeedsKey"]["RuleCondition"] == given


# ---------------------------------------------------------------------- docs/second-place.yaml


def _place() -> dict[str, Any]:
    loaded, errors = decode(str(PLACE))
    assert not errors
    return json.loads(json.dumps(loaded))  # type: ignore[no-any-return]


def test_template_of_second_place_has_no_lint() -> None:
    found = lint(PLACE.read_text(encoding="utf-8"), config=ManualArgs(regions=["eu-central-1", "us-gov-west-1"]))
    assert [f"{match.rule.id} line {match.linenumber}: {match.message}" for match in found] == []


def test_bucket_of_second_place_keeps_locked_versions() -> None:
    bucket = _place()["Resources"]["SecondBucket"]
    properties = bucket["Properties"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["ObjectLockEnabled"] is True
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    expiring = [each for each in properties["LifecycleConfiguration"]["Rules"] if "NoncurrentVersionExpiration" in each]
    assert [each["TagFilters"] for each in expiring] == [[{"Key": "kind", "Value": "item"}]]


def test_policy_of_second_place_lets_one_role_replicate() -> None:
    statements = _place()["Resources"]["SecondBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {each["Sid"]: each for each in statements if isinstance(each, dict) and each.get("Effect") == "Allow"}
    assert set(allowed["Replicate"]["Action"]) == {
        "s3:ReplicateObject",
        "s3:ReplicateTags",
        "s3:ObjectOwnerOverrideToBucketOwner",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
    }
    assert "ArnLike" in allowed["Replicate"]["Condition"]
    others = [action for sid, each in allowed.items() if sid != "Replicate" for action in each["Action"]]
    assert [each for each in others if not each.startswith(("s3:Get", "s3:List"))] == []
