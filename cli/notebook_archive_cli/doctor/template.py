"""Resolve the deployed template, to compare it with what AWS has now."""

import re
from collections.abc import Mapping
from typing import Any

from notebook_archive_cli.doctor.target import Target

_NOTHING = object()
_NAME = re.compile(r"\$\{([^}!]+)\}")


class Unresolvable(Exception):
    """A part of the template refers to something whose value is not known here."""


class DeployedTemplate:
    """The template of the stack as CloudFormation processed it, with its parameters and resources filled in."""

    def __init__(self, target: Target) -> None:
        stack = target.session.stack
        answer = target.client("cloudformation").get_template(StackName=stack.name, TemplateStage="Processed")
        body = answer["TemplateBody"]
        if not isinstance(body, dict):
            raise Unresolvable("CloudFormation did not return the processed template as JSON.")
        self._target = target
        self._resources: Mapping[str, Any] = body["Resources"]
        self._conditions: Mapping[str, Any] = body.get("Conditions", {})
        self._parameters: Mapping[str, Any] = body.get("Parameters", {})
        _, self._partition, _, self._region, self._account, *_ = target.output("RotateTokenFunction").split(":")

    def list_resources(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties, not resolved yet, of the deployed resources of a type, by their logical ids."""
        return {
            name: each["Properties"]
            for name, each in self._resources.items()
            if each["Type"] == kind and self._target.find(name)
        }

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 - a part of a template
        """Return a part of the template with values in place of references. Raises Unresolvable."""
        if isinstance(node, list):
            return [value for each in node if (value := self.resolve(each)) is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        return {key: value for key, each in node.items() if (value := self.resolve(each)) is not _NOTHING}

    def _call(self, function: str, argument: Any) -> Any:  # noqa: ANN401 - a part of a template
        match function:
            case "Ref":
                return self._refer(argument)
            case "Fn::GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._find_attribute(name, attribute)
            case "Fn::If":
                return self.resolve(argument[1 if self._is_true(argument[0]) else 2])
            case "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Fn::Sub":
                text, names = argument if isinstance(argument, list) else (argument, {})
                local = {name: self.resolve(value) for name, value in names.items()}
                return _NAME.sub(
                    lambda found: str(local[found[1]] if found[1] in local else self._find(found[1])), text
                )
        raise Unresolvable(function)

    def _is_true(self, condition: str) -> bool:
        return self._test(self._conditions[condition])

    def _test(self, expression: Mapping[str, Any]) -> bool:
        ((function, argument),) = expression.items()
        match function:
            case "Condition":
                return self._is_true(argument)
            case "Fn::And":
                return all(map(self._test, argument))
            case "Fn::Or":
                return any(map(self._test, argument))
            case "Fn::Not":
                return not self._test(argument[0])
            case "Fn::Equals":
                return bool(self.resolve(argument[0]) == self.resolve(argument[1]))
        raise Unresolvable(function)

    def _find(self, name: str) -> Any:  # noqa: ANN401 - a parameter's value may be a list
        resource, dot, attribute = name.partition(".")
        return self._find_attribute(resource, attribute) if dot else self._refer(name)

    def _refer(self, name: str) -> Any:  # noqa: ANN401 - a parameter's value may be a list
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._parameters:
            value = self._target.parameter(name)
            return value.split(",") if "List" in self._parameters[name].get("Type", "") else value
        suffix = "amazonaws.com.cn" if self._partition == "aws-cn" else "amazonaws.com"
        known = {
            "AWS::AccountId": self._account, "AWS::Partition": self._partition, "AWS::Region": self._region,
            "AWS::StackName": self._target.session.stack.name, "AWS::URLSuffix": suffix,
        }  # fmt: skip
        value = known.get(name) or self._target.find(name)
        if not value:
            raise Unresolvable(name)
        return value

    def _find_attribute(self, name: str, attribute: str) -> str:
        kind, physical = self._target.resources.get(name, ("", ""))
        if kind == "AWS::StepFunctions::StateMachine" and physical and attribute in ("Arn", "Name"):
            return physical if attribute == "Arn" else physical.rpartition(":")[2]
        if attribute != "Arn" or not physical:
            raise Unresolvable(f"{name}.{attribute}")
        here = f"{self._region}:{self._account}"
        match kind:
            case "AWS::Lambda::Function":
                return f"arn:{self._partition}:lambda:{here}:function:{physical}"
            case "AWS::Logs::LogGroup":
                return f"arn:{self._partition}:logs:{here}:log-group:{physical}:*"
            case "AWS::SQS::Queue":
                return f"arn:{self._partition}:sqs:{here}:{physical.rpartition('/')[2]}"
            case "AWS::S3::Bucket":
                return f"arn:{self._partition}:s3:::{physical}"
            case "AWS::IAM::Role":
                return f"arn:{self._partition}:iam::{self._account}:role/{physical}"
        raise Unresolvable(f"{name}.{attribute}")
