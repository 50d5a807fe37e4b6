"""Render the template as CloudFormation does: fill in parameters, decide conditions, replace intrinsic functions."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import decode  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
# The file of each state machine, by its logical id.
STATE_MACHINES = {
    "ArchiveRun": ROOT / "statemachines" / "archive_run.asl.yaml",
    "ArchiveVerification": ROOT / "statemachines" / "archive_verification.asl.yaml",
    "ArchiveRestore": ROOT / "statemachines" / "archive_restore.asl.yaml",
}

# Parameters that switch on every optional part of the stack.
EVERYTHING = {
    "CaBundleSecret": "notebook-archive/ca-bundle",
    "BucketNamePrefix": "gis",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d",
    "KmsKeyScope": "ALL",
    "BreakGlassRoleArn": "arn:aws:iam::111122223333:role/archive/break-glass",
    "SubnetIds": "subnet-0a,subnet-0b",
    "SecurityGroupIds": "sg-0a",
    "PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/boundary",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:111122223333:operators",
    "ApiVpcEndpointIds": "vpce-0a,vpce-0b",
    "ApiAccessLogs": "CREATE",
    "WebhookSecret": "notebook-archive-webhook",
    "RestoreSecretPrefix": "notebook-archive-restore",
    "RestoreTestSchedule": "rate(1 day)",
    "ChangePoll": "rate(15 minutes)",
    "SecondBucket": "gis-second-place",
    "SecondBucketAccount": "444455556666",
    "SecondBucketRegion": "eu-west-1",
    "SecondBucketKmsKeyArn": "arn:aws:kms:eu-west-1:444455556666:key/4d5e6f7a",
    "SavedQueries": "true",
    "CompositeAlarm": "ON",
    "ChatTopicArn": "arn:aws:sns:eu-central-1:111122223333:chat",
    "DigestSchedule": "cron(0 7 ? * MON *)",
}
VARIANTS: dict[str, dict[str, str]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "everything with ArcGIS tokens": {**EVERYTHING, "ApiAuth": "ArcGIS"},
    "ArcGIS tokens": {"ApiAuth": "ArcGIS"},
    "webhooks": {"WebhookSecret": "notebook-archive-webhook"},
    "existing bucket": {
        "ExistingBucket": "gis-archive",
        "ExistingLedgerBucket": "gis-ledger",
        "ApiAccessLogs": "ACCOUNT",
    },
    "existing bucket with key in a VPC": {
        "ExistingBucket": "gis-archive",
        **{name: EVERYTHING[name] for name in ("KmsKeyArn", "SubnetIds", "SecurityGroupIds")},
    },
    "existing bucket with a second place": {"ExistingBucket": "gis-archive", "SecondBucket": "gis-second-place"},
    "nothing locked": {"ObjectLockMode": "OFF", "TransitionStorageClass": "NONE", "ArchiveCurrent": "false"},
}
_PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "notebook-archive",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()


def template() -> dict[str, Any]:
    """Return the content of template.yaml, with short forms such as `!Ref` written out."""
    return json.loads(_decoded())  # type: ignore[no-any-return]


@functools.cache
def _decoded() -> str:
    """Return the template as JSON. The file is read once, and each caller makes a separate object from the JSON."""
    loaded, errors = decode(str(TEMPLATE))
    assert not errors, errors
    return json.dumps(loaded)


def render(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the template with these parameters and the defaults of all others, without parts that conditions exclude.

    A reference to a log group becomes its name, and one to another resource its logical id. Its ARN becomes an ARN of
    the right service that ends in that id.
    """
    raw = template()
    values = {name: str(parameter.get("Default", "")) for name, parameter in raw["Parameters"].items()}
    values |= {"PortalUrl": "https://gis.example.com/portal"} | dict(given or {})
    resolver = _Resolver(raw, values)
    there = {
        part: {
            name: resolver.resolve(item)
            for name, item in raw[part].items()
            if "Condition" not in item or resolver.is_true(item["Condition"])
        }
        for part in ("Resources", "Outputs")
    }
    return {**raw, "Globals": resolver.resolve(raw["Globals"]), **there}


def functions(given: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the properties of each function by its logical id, with webhooks and notifications enabled."""
    topic = {"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]}
    resources = render({**VARIANTS["webhooks"], **topic, **(given or {})})["Resources"]
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def routes(given: Mapping[str, str] | None = None) -> dict[tuple[str, str], str]:
    """Return the function of each route of the API, by method and path such as `("get", "/admin/notebooks")`.

    The route of webhooks is included only if the parameters switch webhooks on.
    """
    paths = render(given)["Resources"]["ProxyApi"]["Properties"]["DefinitionBody"]["paths"]
    uris = {
        (method, path): operation["x-amazon-apigateway-integration"]["uri"]
        for path, item in paths.items()
        for method, operation in item.items()
        if method != "parameters"
    }
    return {route: uri.rpartition(":")[2].removesuffix("/invocations") for route, uri in uris.items()}


def state_machine(given: Mapping[str, str] | None = None, name: str = "ArchiveRun") -> dict[str, Any]:
    """Return a state machine's definition as Step Functions would receive it with these parameters."""
    substitutions = render(given)["Resources"][name]["Properties"]["DefinitionSubstitutions"]
    text = STATE_MACHINES[name].read_text(encoding="utf-8")
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", str(value))
    return json.loads(text)  # type: ignore[no-any-return]


class _Resolver:
    def __init__(self, raw: dict[str, Any], values: dict[str, str]) -> None:
        self._resources = raw["Resources"]
        self._conditions = raw["Conditions"]
        self._types = {name: parameter["Type"] for name, parameter in raw["Parameters"].items()}
        self._values = values

    def is_true(self, condition: str) -> bool:
        return self._test(self._conditions[condition])

    def _test(self, expression: dict[str, Any]) -> bool:
        ((function, argument),) = expression.items()
        if function == "Condition":
            return self.is_true(argument)
        if function == "Fn::And":
            return all(self._test(each) for each in argument)
        if function == "Fn::Or":
            return any(self._test(each) for each in argument)
        if function == "Fn::Not":
            return not self._test(argument[0])
        assert function == "Fn::Equals", function
        return bool(self.resolve(argument[0]) == self.resolve(argument[1]))

    def resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [value for item in node if (value := self.resolve(item)) is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        return {key: value for key, item in node.items() if (value := self.resolve(item)) is not _NOTHING}

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._arn(name) if attribute == "Arn" else name
            case "Fn::If":
                return self.resolve(argument[1 if self.is_true(argument[0]) else 2])
            case "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Fn::Select":
                return self.resolve(argument[1])[int(argument[0])]
            case "Fn::Split":
                return self.resolve(argument[1]).split(argument[0])
            case "Fn::Sub":
                text, names = argument if isinstance(argument, list) else (argument, {})
                local = {name: self.resolve(value) for name, value in names.items()}
                return re.sub(r"\$\{([^}]+)\}", lambda match: str(local.get(match[1]) or self._named(match[1])), text)
        raise NotImplementedError(function)

    def _named(self, name: str) -> Any:
        resource, _, attribute = name.partition(".")
        return self._call("Fn::GetAtt", [resource, attribute]) if attribute else self._reference(name)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._values:
            value = self._values[name]
            return value.split(",") if self._types[name] == "CommaDelimitedList" else value
        if name in _PSEUDO:
            return _PSEUDO[name]
        kind = self._resources[name]["Type"]
        if kind == "AWS::Events::Rule":
            bus = self.resolve(self._resources[name]["Properties"].get("EventBusName", "default"))
            return name if bus == "default" else f"{bus}|{name}"
        if kind == "AWS::Logs::LogGroup":
            return self.resolve(self._resources[name]["Properties"]["LogGroupName"])
        return self._arn(name) if kind.endswith(("StateMachine", "ManagedPolicy")) else name

    def _arn(self, name: str) -> str:
        kind = self._resources[name]["Type"]
        region_and_account = f"{_PSEUDO['AWS::Region']}:{_PSEUDO['AWS::AccountId']}"
        return {
            "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{region_and_account}:alarm:{name}",
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{region_and_account}:{name}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{region_and_account}:log-group:{name}:*",
            "AWS::Events::Rule": f"arn:aws:events:{region_and_account}:rule/{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{_PSEUDO['AWS::AccountId']}:role/{name}",
            "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{_PSEUDO['AWS::AccountId']}:policy/{name}",
            "AWS::Serverless::Function": f"arn:aws:lambda:{region_and_account}:function:{name}",
            "AWS::Serverless::StateMachine": f"arn:aws:states:{region_and_account}:stateMachine:{name}",
        }[kind]
