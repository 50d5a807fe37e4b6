"""Test what the documents say about a deployment: the deployer's policy and the monthly costs."""

import json
import re
from fnmatch import fnmatchcase

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.docs.documents import COSTS, DEPLOY, ROOT, code_in
from tests.template.rendered import EVERYTHING, VARIANTS, render, template

# The action that CloudFormation needs to create a resource of each type in the template.
CREATE = {
    "AWS::ApiGateway::Account": "apigateway:PATCH",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch:PutCompositeAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::Events::Rule": "events:PutRule",
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy",
    "AWS::IAM::Policy": "iam:PutRolePolicy",
    "AWS::IAM::Role": "iam:CreateRole",
    "AWS::Lambda::EventSourceMapping": "lambda:CreateEventSourceMapping",
    "AWS::Lambda::Permission": "lambda:AddPermission",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::Logs::QueryDefinition": "logs:PutQueryDefinition",
    "AWS::S3::Bucket": "s3:CreateBucket",
    "AWS::S3::BucketPolicy": "s3:PutBucketPolicy",
    "AWS::SQS::Queue": "sqs:CreateQueue",
    "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes",
    "AWS::Scheduler::Schedule": "scheduler:CreateSchedule",
    "AWS::Serverless::Api": "apigateway:POST",
    "AWS::Serverless::Function": "lambda:CreateFunction",
    "AWS::Serverless::LayerVersion": "lambda:PublishLayerVersion",
    "AWS::Serverless::StateMachine": "states:CreateStateMachine",
}
POLICY = json.loads((ROOT / "docs/deployer-policy.json").read_text())
# IAM's limit for a managed policy, in characters without white space.
MAX_POLICY_CHARACTERS = 6144


def allowed(action: str, arn: str = "") -> bool:
    """Return whether the deployer's policy allows the action, on the resource if an ARN is given."""
    for statement in POLICY["Statement"]:
        actions, resources = (
            each if isinstance(each, list) else [each] for each in (statement["Action"], statement["Resource"])
        )
        if any(fnmatchcase(action, each) for each in actions) and (
            not arn or any(fnmatchcase(arn, each) for each in resources)
        ):
            return True
    return False


def test_deployer_may_create_each_type_of_resource() -> None:
    types = {resource["Type"] for resource in template()["Resources"].values()}
    assert types == CREATE.keys()
    assert all(allowed(action) for action in CREATE.values())


def test_deployer_may_create_each_log_group() -> None:
    for variant in VARIANTS.values():
        for resource in render(variant)["Resources"].values():
            if resource["Type"] == "AWS::Logs::LogGroup":
                name = resource["Properties"]["LogGroupName"]
                assert allowed("logs:CreateLogGroup", f"arn:aws:logs:eu-central-1:111122223333:log-group:{name}:*")


def test_deployer_may_create_each_state_machine() -> None:
    """CloudFormation makes the name of a state machine from its logical id (API reference, StateMachineName)."""
    machines = [
        name for name, each in template()["Resources"].items() if each["Type"] == "AWS::Serverless::StateMachine"
    ]
    assert len(machines) == 3
    for name in machines:
        arn = f"arn:aws:states:eu-central-1:111122223333:stateMachine:{name}-1A2B3C4D5E6F"
        assert allowed("states:CreateStateMachine", arn)


def test_deployer_may_pass_roles_to_each_service() -> None:
    trusted = set()
    for resource in render(EVERYTHING)["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                trusted.add(statement["Principal"]["Service"])
    # Who starts a job of Batch Replication passes its role, and not who deploys.
    trusted.remove("batchoperations.s3.amazonaws.com")
    (passing,) = [statement for statement in POLICY["Statement"] if statement["Action"] == "iam:PassRole"]
    assert trusted == set(passing["Condition"]["StringEquals"]["iam:PassedToService"])


def test_deployer_policy_fits_in_one_managed_policy() -> None:
    assert len("".join(json.dumps(POLICY).split())) <= MAX_POLICY_CHARACTERS


def test_deployer_may_tag_each_resource_that_takes_tags() -> None:
    """AWS publishes for each type of resource which permissions its tags need. cfn-lint has a copy."""
    sam = {
        "Api": "ApiGateway::RestApi",
        "Function": "Lambda::Function",
        "LayerVersion": "Lambda::LayerVersion",
        "StateMachine": "StepFunctions::StateMachine",
    }
    cannot = set()
    for resource in template()["Resources"].values():
        _, service, name = resource["Type"].split("::")
        real = f"AWS::{sam[name]}" if service == "Serverless" else resource["Type"]
        tagging = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", real).schema.get("tagging") or {}
        if not tagging.get("taggable"):
            cannot.add(real)
        for action in tagging.get("permissions", ()):
            # IAM has no action of this name. S3 asks for PutBucketTagging instead.
            assert allowed(action) or action == "s3:DeleteBucketTagging", action
    assert allowed("lambda:TagResource", "arn:aws:lambda:eu-central-1:111122223333:event-source-mapping:0a1b2c3d")
    assert {"AWS::Scheduler::Schedule", "AWS::Lambda::LayerVersion", "AWS::IAM::ManagedPolicy"} <= cannot


def test_irreversible_choices_are_marked() -> None:
    assert all("IRREVERSIBLE" in row[0] for row in DEPLOY.table("choice"))


def test_endpoints_and_their_sums_are_complete() -> None:
    package = ROOT / "layers/notebook_archive/notebook_archive"
    called = {
        name for path in package.rglob("*.py") for name in re.findall(r'boto3\.client\(\s*"(\w+)"', path.read_text())
    }
    rows = DEPLOY.section("VPC endpoints").table("service")
    assert called <= {code_in(row[1])[0] for row in rows if code_in(row[1])}
    total = 0.0
    for service, _, _, amount in rows:
        if "together" in service:
            assert float(amount.strip("*")) == round(total, 2)
        else:
            total += float(amount)


def test_costs_add_up_to_the_stated_sums() -> None:
    *rows, total = COSTS.section("The arithmetic").table("what")
    for column, shown in ((2, "A small organisation"), (3, "a large one")):
        amount = total[column].strip("*")
        # Each row is rounded, so the sum of the rows may differ from the total by some cents.
        assert abs(sum(float(row[column]) for row in rows) - float(amount)) <= 0.03
        assert amount in COSTS.prose.split("##")[0]
        assert amount in DEPLOY.prose[DEPLOY.prose.index(shown) :][:100]


def test_costs_of_the_alarms_are_stated() -> None:
    (row,) = [row for row in COSTS.section("What comes on top").table("what") if row[0] == "alarms"]
    made = render({"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]})["Resources"].values()
    count = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in made)
    assert f": {count}, and" in row[2]
    assert row[3] == f"{count / 10:.2f}"
    assert f"Alarms cost {count / 10:.2f} more" in DEPLOY.prose
