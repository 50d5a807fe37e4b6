"""Test that SAM creates one stage of the HTTP proxy's API, with all its settings, and deploys it each time."""

import functools
import graphlib
import itertools
import json
import os
import re
import subprocess
import time
from typing import Any

import pytest

from tests.template.rendered import ROOT, routes, template

# SAM's translator expects the code in S3.
_PROGRAM = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
translator = Translator(managed_policy_map={}, sam_parser=Parser())
print(json.dumps(translator.translate(json.load(sys.stdin), {"PortalUrl": "https://gis.example.com/portal"})))
"""


def _translate() -> dict[str, dict[str, Any]]:
    raw = template()
    for resource in raw["Resources"].values():
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://artifacts/key"
    done = subprocess.run(
        [ROOT / ".venvs" / "sam" / "bin" / "python", "-c", _PROGRAM],
        input=json.dumps(raw),
        env={"PATH": os.defpath, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["Resources"]  # type: ignore[no-any-return]


_translated = functools.cache(_translate)


def _of_type(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == f"AWS::ApiGateway::{kind}"}


def _named_in(node: Any) -> set[str]:
    """Return the names of the resources that a part of a template refers to."""
    if isinstance(node, list):
        return set().union(*map(_named_in, node))
    if not isinstance(node, dict):
        return set()
    found = _named_in(list(node.values()))
    for function, argument in node.items():
        if function == "Ref":
            found.add(argument)
        elif function == "Fn::GetAtt":
            found.add(argument[0] if isinstance(argument, list) else argument.partition(".")[0])
        elif function == "Fn::Sub":
            text = argument[0] if isinstance(argument, list) else argument
            found |= {name.partition(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text)}
        elif function == "DependsOn":
            found |= {argument} if isinstance(argument, str) else set(argument)
    return found


def _dependencies(resources: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    return {name: _named_in(resource) & resources.keys() for name, resource in resources.items()}


def test_resources_have_no_circular_dependency() -> None:
    """cfn-lint cannot check this in template.yaml, where the API and not its stage names the log group."""
    waits = _dependencies(_translated())
    order = list(graphlib.TopologicalSorter(waits).static_order())
    chain = ["ProxyApi", "ApiGatewayAccount", "ProxyApiLogs", "ProxyApiv1Stage"]
    assert sorted(chain, key=order.index) == chain
    assert all(earlier in waits[later] for earlier, later in itertools.pairwise(chain))


def test_planted_circular_dependency_is_found() -> None:
    resources = {**_translated()}
    resources["ProxyApi"] = {**resources["ProxyApi"], "DependsOn": "ProxyApiLogs"}
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(_dependencies(resources)).prepare()


def test_only_one_stage_is_created_with_all_settings() -> None:
    (stage,) = _of_type(_translated(), "Stage").values()
    assert stage["StageName"] == "v1"
    assert {"MethodSettings", "AccessLogSetting", "TracingEnabled"} <= stage.keys()
    assert stage["MethodSettings"] == template()["Resources"]["ProxyApi"]["Properties"]["MethodSettings"]
    # A deployment with a StageName would create another stage, without throttling and without a log.
    (deployment,) = _of_type(_translated(), "Deployment").values()
    assert "StageName" not in deployment


def test_change_of_parameters_alone_is_deployed() -> None:
    first = _of_type(_translated(), "Deployment").keys()
    time.sleep(1)  # SAM makes the deployment's name from the current second
    assert _of_type(_translate(), "Deployment").keys() != first


def test_the_definition_keeps_conditions_and_gateway_responses() -> None:
    (api,) = _of_type(_translated(), "RestApi").values()
    body = api["Body"]
    assert body["paths"]["/admin/notebooks"]["post"]["security"] == {"Fn::If": ["IamAuth", [{"sigv4": []}], []]}
    assert body["components"] == template()["Resources"]["ProxyApi"]["Properties"]["DefinitionBody"]["components"]
    assert body["x-amazon-apigateway-policy"]["Fn::If"][0] == "PrivateApi"
    webhooks = body["paths"]["/webhooks/{key}"]["Fn::If"]
    assert (webhooks[0], webhooks[1].keys(), webhooks[2]) == (
        "Webhooks",
        {"parameters", "get", "post"},
        {"Ref": "AWS::NoValue"},
    )
    throttled = body["x-amazon-apigateway-gateway-responses"]["THROTTLED"]
    assert throttled["statusCode"] == "429"
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert json.loads(throttled["responseTemplates"]["application/json"])["error"]["code"] == 429


def test_functions_of_the_proxy_have_both_layers() -> None:
    resources = _translated()
    for name in set(routes().values()):
        shared, pages = (layer["Fn::If"][0] for layer in resources[name]["Properties"]["Layers"])
        assert (shared, pages) == ("Arm64", "Arm64")
        references = [layer["Fn::If"][1]["Ref"] for layer in resources[name]["Properties"]["Layers"]]
        assert [reference[: -len("0123456789")] for reference in references] == ["LayerArm64", "LayerPagesArm64"]
        variables = resources[name]["Properties"]["Environment"]["Variables"]
        assert variables["API_AUTH"] == {"Ref": "ApiAuth"}
        assert "SECRET_PREFIX" in variables


def test_every_function_logs_json_to_its_own_log_group() -> None:
    functions = [item for item in _translated().values() if item["Type"] == "AWS::Lambda::Function"]
    settings = [function["Properties"]["LoggingConfig"].copy() for function in functions]
    assert len({each.pop("LogGroup")["Ref"] for each in settings}) == len(functions)
    # Lambda treats a metric as a line of level INFO, so a higher level would drop it.
    assert all(each == {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"} for each in settings)
