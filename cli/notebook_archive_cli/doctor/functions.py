"""Check the functions: their state, their concurrency, their last errors, and their roles."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from notebook_archive_cli.doctor.checks import Check, bad, format_json, good, unknown
from notebook_archive_cli.doctor.policies import normalize
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.doctor.template import DeployedTemplate, Unresolvable
from notebook_archive_cli.terminal.output import format_count

FUNCTION, ROLE = "AWS::Lambda::Function", "AWS::IAM::Role"
HOUR_SECONDS = 3600
# A new account may have a limit of 10 invocations at the same time, for all functions together.
OTHER_INVOCATIONS = 3
# What the roles must be allowed to do: role, action, and what the action applies to. `_make_resource` explains the
# latter. The list has one entry for each kind of access, and not each permission of the template.
NEEDED = (
    ("PlanRunRole", "s3:PutObject", "bucket:runs/*/run.json"),
    ("PlanRunRole", "secretsmanager:GetSecretValue", "secret:*"),
    ("ArchiveNotebooksRole", "s3:PutObject", "bucket:notebooks/*"),
    ("ArchiveNotebooksRole", "secretsmanager:GetSecretValue", "secret:*"),
    ("ArchiveRequestsRole", "s3:PutObject", "bucket:notebooks/*"),
    ("ArchiveRequestsRole", "sqs:ReceiveMessage", "queue:RequestQueue"),
    ("ArchiveRequestsRole", "sqs:SendMessage", "queue:FailureQueue"),
    ("ReportRunRole", "s3:PutObject", "bucket:runs/*/report.json"),
    ("VerifyVersionsRole", "s3:GetObject", "bucket:notebooks/*"),
    ("ReportVerificationRole", "s3:PutObject", "ledger:ledger/*"),
    ("RestoreNotebookRole", "s3:PutObject", "bucket:restores/*"),
    ("RestoreNotebookRole", "secretsmanager:GetSecretValue", "secret:*"),
    ("RotateTokenRole", "secretsmanager:PutSecretValue", "secret:owners/*"),
    ("RotateTokenRole", "secretsmanager:GetSecretValue", "credential:*"),
    ("ReceiveWebhookRole", "secretsmanager:GetSecretValue", "webhook:"),
    ("ArchiveRunRole", "lambda:InvokeFunction", "function:PlanRunFunction"),
    ("ArchiveVerificationRole", "lambda:InvokeFunction", "function:PlanVerificationFunction"),
    ("ArchiveRunScheduleRole", "states:StartExecution", "output:StateMachine"),
)


def check_states(target: Target) -> list[Check]:
    """Check that each function exists and can be invoked."""
    functions, found = target.list_ids(FUNCTION), []
    for name, function in functions.items():
        try:
            state = target.client("lambda").get_function_configuration(FunctionName=function)
        except ClientError as error:
            if error.response["Error"].get("Code") != "ResourceNotFoundException":
                raise
            found.append(_describe_deleted(f"function {name}", function))
            continue
        reason = state.get("StateReasonCode") or state.get("LastUpdateStatusReasonCode") or "no reason"
        if state.get("State", "Active") == "Failed" or state.get("LastUpdateStatus") == "Failed":
            fix = "Remove the cause that the command shows, and deploy again."
            words = ("lambda", "get-function-configuration", "--function-name", function)
            found.append(bad(f"function {name}", f"it cannot be invoked ({reason})", fix, target.aws(*words)))
    return found or [good("functions", f"{format_count(len(functions), 'function')} can be invoked")]


def _describe_deleted(name: str, physical_id: str) -> Check:
    return bad(
        name,
        f"{physical_id} was deleted",
        "CloudFormation does not create it again. Deploy the stack again under the same bucket, as docs/operations.md "
        "shows in *Delete the stack*: the bucket and its content stay.",
    )


def check_concurrency(target: Target) -> list[Check]:
    """Check that no function is switched off by a reserved concurrency of 0."""
    functions, found = target.list_ids(FUNCTION), []
    for name, function in functions.items():
        reserved = target.client("lambda").get_function_concurrency(FunctionName=function)
        if reserved.get("ReservedConcurrentExecutions") == 0:
            words = ("lambda", "delete-function-concurrency", "--function-name", function)
            message = "its reserved concurrency is 0, so it is never invoked"
            found.append(bad(f"concurrency of {name}", message, "Remove the limit.", target.aws(*words)))
    return found or [good("function concurrency", "no function is switched off")]


def check_errors(target: Target) -> list[Check]:
    """Check that the newest invocations of each function in the last day had no errors and were not throttled."""
    functions = target.list_ids(FUNCTION)
    metrics = ("Invocations", "Errors", "Throttles")
    queries = [
        {
            "Id": f"{metric.lower()}{number}",
            "MetricStat": {"Metric": _name_metric(function, metric), "Period": HOUR_SECONDS, "Stat": "Sum"},
        }
        for number, function in enumerate(functions.values())
        for metric in metrics
    ]
    now = datetime.now(UTC)
    answer = target.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(days=1), EndTime=now
    )
    values = {
        each["Id"]: dict(zip(each["Timestamps"], each["Values"], strict=False)) for each in answer["MetricDataResults"]
    }
    found, is_any_invoked = [], False
    for number, name in enumerate(functions):
        invoked, failed, throttled = (values.get(f"{metric.lower()}{number}", {}) for metric in metrics)
        newest = max((at for at, value in invoked.items() if value), default=None)
        is_any_invoked = is_any_invoked or newest is not None
        if newest and failed.get(newest):
            errors = (
                f"{format_count(int(failed[newest]), 'error')} in {format_count(int(invoked[newest]), 'invocation')}"
            )
            found.append(
                bad(
                    f"errors of {name}",
                    f"{errors} in the hour from {newest:%Y-%m-%d %H:%M %Z}",
                    "Find the cause in the function's log.",
                    _show_log(target, name, newest),
                )
            )
        elif sum(throttled.values()):
            message = f"AWS throttled {format_count(int(sum(throttled.values())), 'invocation')} in the last 24 hours"
            fix = "Ask AWS for a higher limit of concurrent executions, or lower MaxConcurrency."
            found.append(bad(f"errors of {name}", message, fix, _show_limit(target)))
    if not found and not is_any_invoked:
        return [unknown("function errors", "CloudWatch has no invocation of the last 24 hours")]
    return found or [good("function errors", "the newest invocations of each function had no errors")]


def _name_metric(function: str, metric: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }


def _show_log(target: Target, name: str, since: datetime) -> str:
    """Return the command that shows a function's errors. `name` is its logical id, and its log group is an output."""
    group = target.output(f"{name.removesuffix('Function')}LogGroup")
    words = ("filter-log-events", "--log-group-name", group, "--filter-pattern", "ERROR")
    return target.aws("logs", *words, "--start-time", str(int(since.timestamp() * 1000)))


def _show_limit(target: Target) -> str:
    return target.aws("service-quotas", "get-service-quota", "--service-code", "lambda", "--quota-code", "L-B99A9384")


def check_account_limit(target: Target) -> Check:
    """Check that the account may invoke as many functions at the same time as a run needs."""
    name = "account concurrency"
    limit = target.client("lambda").get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    needed = int(target.parameter("MaxConcurrency") or "2") + OTHER_INVOCATIONS
    if limit < needed:
        fix = "Ask AWS for a higher limit of concurrent executions, or lower MaxConcurrency."
        return bad(name, f"the account allows {limit} at a time, and a run needs {needed}", fix, _show_limit(target))
    return good(name, f"the account allows {limit} invocations at a time; a run needs {needed}")


def check_policies(target: Target) -> list[Check]:
    """Check that the stack's roles exist, with the policies that the template gives them."""
    try:
        template = DeployedTemplate(target)
    except Unresolvable as error:
        return [unknown("role policies", str(error))]
    found: list[Check] = []
    roles = template.list_resources(ROLE)
    for name, properties in roles.items():
        role = target.find(name)
        try:
            target.client("iam").get_role(RoleName=role)
        except ClientError as error:
            if error.response["Error"].get("Code") != "NoSuchEntity":
                raise
            found.append(_describe_deleted(f"role {name}", role))
            continue
        try:
            policies = template.resolve([*properties.get("Policies", ()), *_list_own_policies(template, name)])
            attached = template.resolve(properties.get("ManagedPolicyArns", []))
        except Unresolvable as error:
            found.append(unknown(f"role {name}", f"the template refers to {error}, which this command cannot resolve"))
            continue
        found += [*_compare_policies(target, name, policies), *_compare_attachments(target, name, attached)]
    return found or [good("role policies", f"{format_count(len(roles), 'role')} have the policies of the template")]


def _list_own_policies(template: DeployedTemplate, role: str) -> list[Mapping[str, Any]]:
    """Return the inline policies of a role that are resources of the template."""
    policies = template.list_resources("AWS::IAM::Policy").values()
    return [each for each in policies if {"Ref": role} in each["Roles"]]


def _compare_policies(target: Target, name: str, policies: list[Mapping[str, Any]]) -> list[Check]:
    role, found = target.find(name), []
    for each in policies:
        policy, wanted = each["PolicyName"], each["PolicyDocument"]
        try:
            answer = target.client("iam").get_role_policy(RoleName=role, PolicyName=policy)
        except ClientError as error:
            if error.response["Error"].get("Code") != "NoSuchEntity":
                raise
            answer = {}
        if normalize(answer.get("PolicyDocument", {})) == normalize(wanted):
            continue
        document = format_json(wanted)
        words = ("put-role-policy", "--role-name", role, "--policy-name", policy, "--policy-document", document)
        message = "it was changed" if answer else "it was removed"
        fix = "Write the policy of the template again."
        found.append(bad(f"policy {policy} of {name}", message, fix, target.aws("iam", *words)))
    return found


def _compare_attachments(target: Target, name: str, wanted: list[str]) -> list[Check]:
    role, iam = target.find(name), target.client("iam")
    attached = {each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
    return [
        bad(
            f"policy {arn.rpartition('/')[2]} of {name}",
            "it was detached",
            "Attach it again.",
            target.aws("iam", "attach-role-policy", "--role-name", role, "--policy-arn", arn),
        )
        for arn in wanted
        if arn not in attached
    ]


def check_roles(target: Target) -> list[Check]:
    """Check with the IAM policy simulator that the roles may do what they need.

    It knows a permissions boundary. `check_policies` compares the policies themselves.
    """
    found = []
    for name, role in target.list_ids(ROLE).items():
        arn = target.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        denied = [
            f"{action} on {resource}"
            for needs, action, what in NEEDED
            if needs == name
            and (resource := _make_resource(target, what))
            and not _is_allowed(target, arn, action, resource)
        ]
        if denied:
            boundary = target.parameter("PermissionsBoundaryArn") or "the boundary or the policy of your organization"
            message = f"it may not call {', '.join(denied)}"
            fix = f"Allow it in {boundary}. The command shows the role."
            found.append(bad(f"role {name}", message, fix, target.aws("iam", "get-role", "--role-name", role)))
    roles = format_count(len(target.list_ids(ROLE)), "role")
    return found or [good("function roles", f"{roles} may do what they need")]


def _is_allowed(target: Target, role: str, action: str, resource: str) -> bool:
    """Return what the IAM policy simulator says. It does not know the policies of buckets and queues."""
    context = [
        {
            "ContextKeyName": "aws:ResourceAccount",
            "ContextKeyValues": [target.session.stack.account],
            "ContextKeyType": "string",
        }
    ]
    answer = target.client("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=[action],
        ResourceArns=[resource.replace("*", "0").replace("?", "0")],
        ContextEntries=context,
    )
    return all(each["EvalDecision"] == "allowed" for each in answer["EvaluationResults"])


def _make_resource(target: Target, what: str) -> str:
    """Return the ARN that `what` stands for, or an empty string if this stack does not have it."""
    kind, _, rest = what.partition(":")
    lambda_arn = target.output("RotateTokenFunction")
    partition, region, account = (lambda_arn.split(":")[number] for number in (1, 3, 4))
    secret = f"arn:{partition}:secretsmanager:{region}:{account}:secret:"
    match kind:
        case "bucket":
            return f"arn:{partition}:s3:::{target.output('ArchiveBucket')}/{rest}"
        case "ledger":
            return f"arn:{partition}:s3:::{target.output('LedgerBucket')}/{rest}"
        case "secret":
            return f"{secret}{target.parameter('SecretPrefix')}/{rest}"
        case "credential":
            return f"{secret}{target.output('CredentialSecretPrefix')}{rest}"
        case "webhook":
            webhook = target.parameter("WebhookSecret")
            return f"{secret}{webhook}-??????" if webhook else ""
        case "queue":
            return f"arn:{partition}:sqs:{region}:{account}:{target.output(rest).rpartition('/')[2]}"
        case "function":
            return f"arn:{partition}:lambda:{region}:{account}:function:{target.output(rest)}"
    return target.output(rest)


def check_polling(target: Target) -> Check:
    """Check that the requests in the queue are given to the function."""
    name, mapping = "request polling", target.find("TakeRequests")
    answer = target.client("lambda").get_event_source_mapping(UUID=mapping)
    state = answer.get("State", "")
    if state in ("Enabled", "Enabling", "Updating", "Creating"):
        return good(name, "the request queue is polled")
    words = ("lambda", "update-event-source-mapping", "--uuid", mapping, "--enabled")
    return bad(name, f"{state}, so no request is archived", "Enable the event source mapping.", target.aws(*words))
