"""Test that parameters have a description and reject invalid values, and that stages use existing parameters."""

import re
import tomllib
from typing import Any

import pytest

from notebook_archive.backup_requests.queue import MAX_ATTEMPTS, MAX_RECEIVES
from tests.template.rendered import ROOT, VARIANTS, render, template

_PARAMETERS: dict[str, dict[str, Any]] = template()["Parameters"]


@pytest.mark.parametrize("name", _PARAMETERS)
def test_parameter_has_a_description_and_allowed_values(name: str) -> None:
    parameter = _PARAMETERS[name]
    assert parameter["Description"].endswith((".", "/portal", "/admin"))
    if parameter["Type"] == "Number" and "AllowedValues" not in parameter:
        assert {"MinValue", "MaxValue"} <= set(parameter)
    elif "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"]
    else:
        assert parameter["AllowedValues"]


@pytest.mark.parametrize("name", _PARAMETERS)
def test_default_is_allowed(name: str) -> None:
    parameter = _PARAMETERS[name]
    if "Default" in parameter:
        _check(name, str(parameter["Default"]))


def test_only_the_portal_url_has_no_default() -> None:
    assert [name for name, parameter in _PARAMETERS.items() if "Default" not in parameter] == ["PortalUrl"]


def test_every_parameter_is_in_one_group() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    names = [name for group in groups for name in group["Parameters"]]
    assert sorted(names) == sorted(_PARAMETERS)


def test_every_parameter_is_used() -> None:
    raw = template()
    text = str([raw[part] for part in ("Conditions", "Globals", "Resources", "Outputs")])
    unused = [name for name in _PARAMETERS if f"'Ref': '{name}'" not in text and f"${{{name}}}" not in text]
    assert unused == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PortalUrl", "http://gis.example.com/portal"),
        ("PortalUrl", "https://gis.example.com/portal/"),
        ("PortalUrl", "https://user@gis.example.com"),
        ("PortalUrl", "https://gis.example.com\\@other.example.com"),
        ("PortalUrl", "https://gis.example.com/portal?token=x"),
        ("PortalUrl", ""),
        ("NotebookAdminUrl", "https://gis.example.com:11443/arcgis/admin#"),
        ("SecretPrefix", ""),
        ("SecretPrefix", "notebook-archive/"),
        ("SecretPrefix", "*"),
        ("CredentialPrefix", ""),
        ("CredentialPrefix", "notebook-archive/credentials"),
        ("RestoreSecretPrefix", "notebook-archive/restore"),
        ("RestoreSecretPrefix", "*"),
        ("RestoreTestSchedule", "daily"),
        ("CaBundleSecret", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:x"),
        ("ExistingBucket", "Gis_Archive"),
        ("KmsKeyArn", "alias/archive"),
        ("KmsKeyScope", "all"),
        ("BreakGlassRoleArn", "break-glass"),
        ("BreakGlassRoleArn", "arn:aws:iam::111122223333:role/*"),
        ("BreakGlassRoleArn", "arn:aws:iam::111122223333:user/ana"),
        ("BreakGlassRoleArn", "arn:aws:sts::111122223333:assumed-role/break-glass/ana"),
        ("BreakGlassRoleArn", "arn:aws:iam::111122223333:root"),
        ("Schedule", "every night"),
        ("SubnetIds", "vpc-0a"),
        ("SecurityGroupIds", "0a"),
        ("EventBusName", "arn:aws:events:eu-central-1:111122223333:event-bus/default"),
        ("AlarmTopicArn", "operators"),
        ("WebhookSecret", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:x"),
        ("WebhookSecret", "notebook-archive/webhook"),
        ("ApiAuth", "NONE"),
        ("ApiVpcEndpointIds", "vpc-0a"),
        ("ApiRateLimit", "0"),
        ("ApiBurstLimit", "0"),
        ("ApiAccessLogs", "ON"),
        ("Capture", "yes"),
        ("SlotRotation", "TRUE"),
    ],
)
def test_invalid_value_is_refused(name: str, value: str) -> None:
    with pytest.raises(AssertionError):
        _check(name, value)


@pytest.mark.parametrize(("capture", "rotation"), [("false", "false"), ("true", "false"), ("true", "true")])
def test_only_the_functions_that_archive_may_capture(capture: str, rotation: str) -> None:
    resolved = render({"Capture": capture, "SlotRotation": rotation})
    settings = {
        name: (variables["CAPTURE"], variables["SLOT_ROTATION"])
        for name, item in resolved["Resources"].items()
        if item["Type"] == "AWS::Serverless::Function"
        and "CAPTURE" in (variables := item["Properties"].get("Environment", {}).get("Variables", {}))
    }
    assert settings == dict.fromkeys(("ArchiveNotebooksFunction", "ArchiveRequestsFunction"), (capture, rotation))
    assert "CAPTURE" not in resolved["Globals"]["Function"]["Environment"]["Variables"]


def test_arcgis_is_not_changed_by_default() -> None:
    assert [_PARAMETERS[name]["Default"] for name in ("Capture", "SlotRotation")] == ["false", "false"]
    rule = template()["Rules"]["SlotRotationNeedsCapture"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "SlotRotation"}, "true"]}
    assert [each["Assert"] for each in rule["Assertions"]] == [{"Fn::Equals": [{"Ref": "Capture"}, "true"]}]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws-us-gov:iam::111122223333:role/break-glass",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_0a1b2c3d",
    ],
)
def test_break_glass_role_may_have_a_path(arn: str) -> None:
    _check("BreakGlassRoleArn", arn)


def test_account_wide_settings_are_not_changed_by_default() -> None:
    types = {item["Type"] for item in render()["Resources"].values()}
    assert "AWS::ApiGateway::Account" not in types
    assert _PARAMETERS["ApiAccessLogs"]["Default"] == "OFF"


def test_variants_of_these_tests_have_allowed_values() -> None:
    for variant in VARIANTS.values():
        for name, value in variant.items():
            _check(name, value)


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_stage_is_complete_and_sets_existing_parameters(stage: str) -> None:
    sections = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert sections[stage]["build"]["parameters"] == {"cached": True, "parallel": True}
    deploy = sections[stage]["deploy"]["parameters"]
    assert deploy["stack_name"].startswith("notebook-archive")
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    for override in deploy["parameter_overrides"]:
        _check(*override.split("=", 1))


def test_stages_use_different_secret_prefixes() -> None:
    sections = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    prefixes = []
    for stage in ("dev", "staging", "prod"):
        overrides = sections[stage]["deploy"]["parameters"]["parameter_overrides"]
        given = dict(each.split("=", 1) for each in overrides)
        prefixes += [given.get(name, _PARAMETERS[name]["Default"]) for name in ("SecretPrefix", "CredentialPrefix")]
    assert len(set(prefixes)) == len(prefixes) == 6


def test_credential_prefix_cannot_be_under_the_secret_prefix() -> None:
    """A template rule cannot check this, so the pattern of CredentialPrefix forbids a slash."""
    (assertion,) = template()["Rules"]["CredentialsStandApart"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CredentialPrefix"}, {"Ref": "SecretPrefix"}]}]}
    assert "/" not in _PARAMETERS["CredentialPrefix"]["AllowedPattern"]


def test_function_moves_a_failed_message_before_sqs_does() -> None:
    """SQS does not add the reason when it moves a message."""
    assert (
        MAX_ATTEMPTS
        < MAX_RECEIVES
        < template()["Resources"]["RequestQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    )


def test_environment_with_the_longest_values_fits_in_4_kb() -> None:
    longest = {
        name: "x" * parameter["MaxLength"] for name, parameter in _PARAMETERS.items() if "MaxLength" in parameter
    }
    resolved = render({**longest, "EventBusName": "x" * 256, "ExistingBucket": "x" * 63})
    shared = resolved["Globals"]["Function"]["Environment"]["Variables"]
    functions = [item for item in resolved["Resources"].values() if item["Type"] == "AWS::Serverless::Function"]
    assert functions
    for function in functions:
        environment = shared | function["Properties"].get("Environment", {}).get("Variables", {})
        assert sum(len(name) + len(value) for name, value in environment.items()) < 4096


def test_default_disk_fits_one_largest_snapshot_per_thread() -> None:
    largest, threads, disk = (
        _PARAMETERS[name]["Default"]
        for name in ("MaxSnapshotMegabytes", "ThreadsPerInvocation", "EphemeralStorageMegabytes")
    )
    assert largest * 10**6 * threads <= disk * 2**20


def _check(name: str, value: str) -> None:
    parameter = _PARAMETERS[name]
    if allowed := parameter.get("AllowedValues"):
        assert value in map(str, allowed)
    elif parameter["Type"] == "Number":
        assert parameter["MinValue"] <= int(value) <= parameter["MaxValue"]
    else:
        assert len(value) <= parameter.get("MaxLength", 4096)
        for part in value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]:
            assert re.fullmatch(parameter["AllowedPattern"], part)
