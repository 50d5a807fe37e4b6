"""Test the routes of the HTTP proxy's API, who may call them, the access log, and API Gateway's own responses."""

import copy
import fnmatch
import json
import re
from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, ROOT, VARIANTS, functions, render, routes

_WEBHOOKS = {
    ("get", "/webhooks/{key}"): "ReceiveWebhookFunction",
    ("post", "/webhooks/{key}"): "ReceiveWebhookFunction",
}
_WITH_WEBHOOKS = {"WebhookSecret": "notebook-archive-webhook"}
_API = "arn:aws:execute-api:eu-central-1:111122223333:ProxyApi"
_TOKENS = {"ApiAuth": "ArcGIS"}


def _resources(given: dict[str, str] | None = None) -> dict[str, Any]:
    return render(given)["Resources"]  # type: ignore[no-any-return]


def _api(given: dict[str, str] | None = None) -> dict[str, Any]:
    return _resources(given)["ProxyApi"]["Properties"]  # type: ignore[no-any-return]


def _operations(api: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in api["DefinitionBody"]["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def _unsigned(api: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the operations that API Gateway allows without a signature."""
    schemes = api["DefinitionBody"]["components"]["securitySchemes"]
    signed = {name for name, scheme in schemes.items() if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4"}
    return [
        route
        for route, operation in _operations(api).items()
        # A request must meet only one of the listed requirements, so each one must be a signature.
        if not operation["security"] or not all(requirement.keys() & signed for requirement in operation["security"])
    ]


def _functions_of_samples() -> dict[str, str]:
    """Return the function of each path of the API, from the sample requests in `events/`."""
    names = {properties["CodeUri"].removeprefix("functions/"): name for name, properties in functions().items()}
    samples = {path: json.loads(path.read_text()) for path in (ROOT / "events").iterdir()}
    return {event["resource"]: names[path.name.split(".")[0]] for path, event in samples.items() if "resource" in event}


def test_each_route_invokes_the_function_of_its_sample() -> None:
    runs = {(path, function) for (_, path), function in routes(_WITH_WEBHOOKS).items()}
    assert runs == set(_functions_of_samples().items())
    assert routes(_WITH_WEBHOOKS) == {**routes(), **_WEBHOOKS}


def test_openapi_document_has_the_routes_of_the_template() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    described = {(method, path) for path, item in document["paths"].items() for method in item.keys() - {"parameters"}}
    assert routes().keys() == described


def test_each_route_calls_lambda_with_post() -> None:
    lambdas = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/"
    for route, operation in _operations(_api(_WITH_WEBHOOKS)).items():
        integration = operation["x-amazon-apigateway-integration"]
        function = routes(_WITH_WEBHOOKS)[route]
        assert integration == {
            "type": "aws_proxy",
            # API Gateway always calls Lambda with POST. The caller's method does not matter.
            "httpMethod": "POST",
            "uri": f"{lambdas}arn:aws:lambda:eu-central-1:111122223333:function:{function}/invocations",
        }


def test_with_iam_all_routes_but_webhooks_require_a_signature() -> None:
    assert _unsigned(_api()) == []
    assert _unsigned(_api(EVERYTHING)) == list(_WEBHOOKS), "a portal cannot sign requests with SigV4"


def test_planted_unsigned_route_is_found() -> None:
    api = copy.deepcopy(_api())
    api["DefinitionBody"]["paths"]["/admin/notebooks"]["post"]["security"] = []
    api["DefinitionBody"]["paths"]["/admin/notebook/{notebookId}"]["get"]["security"].append({})
    assert _unsigned(api) == [("post", "/admin/notebooks"), ("get", "/admin/notebook/{notebookId}")]


def test_with_arcgis_tokens_the_functions_check_the_caller() -> None:
    assert set(_unsigned(_api(_TOKENS))) == set(routes())
    assert set(_unsigned(_api({**_TOKENS, **_WITH_WEBHOOKS}))) == {*routes(), *_WEBHOOKS}
    for auth in ("IAM", "ArcGIS"):
        for function in set(routes().values()):
            properties = _resources({"ApiAuth": auth})[function]["Properties"]
            assert properties["Environment"]["Variables"]["API_AUTH"] == auth


@pytest.mark.parametrize("function", sorted(set(routes().values())))
def test_proxy_functions_have_29_seconds_and_the_page_layer(function: str) -> None:
    properties = _resources()[function]["Properties"]
    assert properties["Timeout"] <= 29
    assert properties["Layers"] == ["LayerPagesArm64"]
    assert _resources({"Architecture": "x86_64"})[function]["Properties"]["Layers"] == ["LayerPagesX8664"]


@pytest.mark.parametrize("function", sorted(set(routes().values())))
def test_only_routes_of_this_api_may_invoke_its_functions(function: str) -> None:
    permissions = [
        item["Properties"]
        for item in _resources().values()
        if item["Type"] == "AWS::Lambda::Permission" and item["Properties"]["FunctionName"] == function
    ]
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["Action"] == "lambda:InvokeFunction"
        assert re.fullmatch(re.escape(_API) + r"/v1/(\*/admin/.+|GET/)", permission["SourceArn"])
    for (method, path), target in routes().items():
        if target == function:
            called = f"{_API}/v1/{method.upper()}{re.sub(r'{\w+}', 32 * '0', path)}"
            matching = [each for each in permissions if fnmatch.fnmatchcase(called, each["SourceArn"])]
            assert len(matching) == 1


def test_landing_page_is_made_by_the_function_without_s3() -> None:
    assert routes()["get", "/"] == "GetNotebookFunction"
    assert ("post", "/") not in routes()
    statements = _resources()["GetNotebookRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert "s3:" not in json.dumps(statements)


def test_webhook_resources_exist_only_with_a_webhook_secret() -> None:
    there = {name for name in _resources(_WITH_WEBHOOKS) if "Webhook" in name}
    assert there == {
        "ReceiveWebhookFunction",
        "ReceiveWebhookLogs",
        "ReceiveWebhookRole",
        "ProxyApiInvokesReceiveWebhook",
    }
    watched = {"WebhookRefusedAlarm", "WebhookFloodAlarm"}
    with_alarms = _resources({**_WITH_WEBHOOKS, "AlarmTopicArn": EVERYTHING["AlarmTopicArn"]})
    assert {name for name in with_alarms if "Webhook" in name} == there | watched
    without = render({"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]})
    assert not {name for part in ("Resources", "Outputs") for name in without[part] if "Webhook" in name}


def test_receiver_has_a_short_timeout_and_the_secret_name() -> None:
    properties = _resources(_WITH_WEBHOOKS)["ReceiveWebhookFunction"]["Properties"]
    assert properties["Timeout"] <= 5
    assert properties["Environment"]["Variables"] == {"WEBHOOK_SECRET": "notebook-archive-webhook"}
    assert "Layers" not in properties, "it makes no pages"
    (permission,) = [
        item["Properties"]
        for item in _resources(_WITH_WEBHOOKS).values()
        if item["Type"] == "AWS::Lambda::Permission" and item["Properties"]["FunctionName"] == "ReceiveWebhookFunction"
    ]
    assert permission["SourceArn"] == f"{_API}/v1/*/webhooks/*"


def test_flood_alarm_starts_below_the_throttling_limit() -> None:
    alarm = _resources(EVERYTHING)["WebhookFloodAlarm"]["Properties"]
    _, own = _api(_WITH_WEBHOOKS)["MethodSettings"]
    assert alarm["Threshold"] / alarm["Period"] == own["ThrottlingRateLimit"] / 5


def test_api_is_not_traced_if_it_has_webhooks() -> None:
    """API Gateway's traces contain the whole address, and the path of a webhook is secret."""
    assert _api()["TracingEnabled"] is True
    assert _api(_WITH_WEBHOOKS)["TracingEnabled"] is False


def test_request_and_response_bodies_are_bytes() -> None:
    assert _api()["BinaryMediaTypes"] == ["*/*"]
    assert "MinimumCompressionSize" not in _api()


def test_requests_are_throttled_and_their_data_is_not_logged() -> None:
    (settings,) = _api({"ApiRateLimit": "3", "ApiBurstLimit": "5"})["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*"), "the settings are for every operation"
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == ("3", "5")
    assert (settings["MetricsEnabled"], settings["DataTraceEnabled"], settings["LoggingLevel"]) == (True, False, "OFF")


def test_webhook_route_has_a_separate_rate_limit() -> None:
    """The setting names the webhook route, with `~1` for each slash, as API Gateway requires it."""
    general, own = _api({**_WITH_WEBHOOKS, "ApiRateLimit": "3"})["MethodSettings"]
    assert (own["HttpMethod"].lower(), own["ResourcePath"].lstrip("/").replace("~1", "/")) in _WEBHOOKS
    assert own["ResourcePath"] == "/~1webhooks~1{key}"
    assert (own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"]) == (50, 100)
    limits = {"ResourcePath", "HttpMethod", "ThrottlingRateLimit", "ThrottlingBurstLimit"}
    assert {name: own[name] for name in own.keys() - limits} == {
        name: general[name] for name in general.keys() - limits
    }, "the entry does not inherit settings"


def test_access_log_has_no_text_that_a_caller_chose() -> None:
    line = _api({"ApiAccessLogs": "CREATE"})["AccessLogSetting"]["Format"]
    assert "\n" not in line
    fields = json.loads(line)
    assert {"requestId", "time", "sourceIp", "caller", "method", "resourcePath", "status", "error"} <= fields.keys()
    # The path, the query, headers (including userAgent) and error messages may contain the caller's input.
    assert set(re.findall(r"\$context\.([\w.]+)", line)) == {
        "requestId",
        "requestTime",
        "identity.sourceIp",
        "identity.caller",
        "identity.userArn",
        "httpMethod",
        "resourcePath",
        "status",
        "error.responseType",
        "integration.status",
        "integration.latency",
        "responseLatency",
        "responseLength",
    }
    assert all(re.fullmatch(r"\$context\.[\w.]+", value) for value in fields.values())


def test_access_log_is_created_after_the_account_role() -> None:
    created = {"ApiAccessLogs": "CREATE"}
    resources = _resources(created)
    assert _api(created)["AccessLogSetting"]["DestinationArn"] == (
        "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/apigateway/notebook-archive-proxy-api"
    )
    assert resources["ProxyApiLogs"]["Properties"]["RetentionInDays"] == "90"
    assert resources["ProxyApiLogs"]["Metadata"]["After"] == "ApiGatewayAccount"
    assert resources["ApiGatewayAccount"]["DependsOn"] == "ProxyApi", (
        "an account that never had an API rejects the role"
    )
    # Other APIs of the account may still use the role for their logs after this stack is deleted.
    for name in ("ApiGatewayAccount", "ApiGatewayLogsRole"):
        assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize(("choice", "logged"), [("ACCOUNT", True), ("OFF", False)])
def test_account_role_is_created_only_with_create(choice: str, logged: bool) -> None:
    rendered = render({"ApiAccessLogs": choice})
    assert not {"ApiGatewayAccount", "ApiGatewayLogsRole"} & rendered["Resources"].keys()
    assert ("ProxyApiLogs" in rendered["Resources"]) is logged
    assert ("ProxyApiLogGroup" in rendered["Outputs"]) is logged
    assert ("AccessLogSetting" in rendered["Resources"]["ProxyApi"]["Properties"]) is logged


def test_api_gateway_responses_have_the_form_of_arcgis_errors() -> None:
    responses = _api()["GatewayResponses"]
    assert responses.keys() >= {
        "MISSING_AUTHENTICATION_TOKEN",
        "ACCESS_DENIED",
        "INVALID_SIGNATURE",
        "EXPIRED_TOKEN",
        "RESOURCE_NOT_FOUND",
        "REQUEST_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "THROTTLED",
        "QUOTA_EXCEEDED",
        "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    }
    for name, response in responses.items():
        ((kind, text),) = response["ResponseTemplates"].items()
        error = json.loads(text)["error"]
        assert kind == "application/json"
        assert error["details"] == ["Correlation id $context.requestId"]
        assert re.fullmatch(r"[A-Z][^$]*\.", error["message"])
        assert text.count("$") == 1, "only the id is filled in"
        headers = response["ResponseParameters"]["Headers"]
        assert headers["Cache-Control"] == "'no-store'"
        assert headers["X-Content-Type-Options"] == "'nosniff'"
        assert ("Retry-After" in headers) is (error["code"] == 429)
        # A status of the defaults would replace the status of every response that has no entry here.
        assert response.get("StatusCode") == (None if name.startswith("DEFAULT") else error["code"])


def test_api_is_private_only_with_vpc_endpoints() -> None:
    assert _api()["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert "x-amazon-apigateway-policy" not in _api()["DefinitionBody"]
    assert _api(EVERYTHING)["EndpointConfiguration"] == {"Type": "PRIVATE", "VPCEndpointIds": ["vpce-0a", "vpce-0b"]}


@pytest.mark.parametrize(("auth", "principal"), [("IAM", {"AWS": "arn:aws:iam::111122223333:root"}), ("ArcGIS", "*")])
def test_private_api_allows_only_its_vpc_endpoints(auth: str, principal: object) -> None:
    policy = _api({**EVERYTHING, "ApiAuth": auth})["DefinitionBody"]["x-amazon-apigateway-policy"]
    deny, allow, webhooks = policy["Statement"]
    assert webhooks == {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": [f"execute-api:/v1/{method.upper()}{path.replace('{key}', '*')}" for method, path in _WEBHOOKS],
    }
    without = _api({**EVERYTHING, "ApiAuth": auth, "WebhookSecret": ""})["DefinitionBody"]["x-amazon-apigateway-policy"]
    assert without["Statement"] == [deny, allow]
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "execute-api:Invoke")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": ["vpce-0a", "vpce-0b"]}}
    # With IAM, the principal "*" would allow everybody who can sign: no IAM policy of the caller is needed.
    assert allow == {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
    }
    assert deny["Resource"] == "execute-api:/*"


def test_proxy_alarm_watches_the_metric_of_this_api() -> None:
    alarm = _resources(EVERYTHING)["ProxyApiFailingAlarm"]["Properties"]
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert dimensions == {"ApiName": _api()["Name"], "Stage": _api()["StageName"]}
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApiGateway", "5XXError")


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_contain_the_api_url_and_id(variant: str) -> None:
    outputs = render(VARIANTS[variant])["Outputs"]
    assert outputs["ProxyApiUrl"]["Value"] == "https://ProxyApi.execute-api.eu-central-1.amazonaws.com/v1"
    assert outputs["ProxyApiId"]["Value"] == "ProxyApi"
