"""Test that each role allows only what its function does, with any parameters."""

import copy
import fnmatch
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.rendered import EVERYTHING, VARIANTS, functions, render, routes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It imports pkg_resources, which warns that it is deprecated.
    import parliament  # type: ignore[import-untyped]

# Actions that need the resource "*": those without resource-level permissions, and those for network interfaces, which
# Lambda checks on "*".
_ON_EVERYTHING = {
    "Trace": {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"},
    "AttachToVpc": {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    },
    "DeliverLogs": {
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    },
}
_BUCKETS = ("ArchiveBucket", "gis-archive")
_LEDGERS = ("LedgerBucket", "gis-ledger")
_SECOND = "gis-second-place"
_SECRETS = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:notebook-archive/*"
_TOKENS = (f"{_SECRETS[:-1]}admin-??????", f"{_SECRETS[:-1]}owners/*")
_CREDENTIALS = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:notebook-archive-credentials/*"
_CERTIFICATES = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:notebook-archive/ca-bundle-??????"
# Roles may read these secrets only if `RestoreSecretPrefix` is given.
_OTHER_PORTALS = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:notebook-archive-restore/*"
# With `ApiAuth=ArcGIS` a function of the proxy may read only the certificates, and not the secrets.
_SECRETS_OF_PROXY = "SECRETS_OF_PROXY"
_BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/default"
_REQUESTS = "arn:aws:sqs:eu-central-1:111122223333:RequestQueue"
_NOTIFICATIONS = "arn:aws:sqs:eu-central-1:111122223333:NotificationQueue"
_UNSENT = "arn:aws:sqs:eu-central-1:111122223333:NotificationDeadLetterQueue"
_WEBHOOK = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:notebook-archive-webhook-??????"
_EXECUTIONS = "arn:aws:states:eu-central-1:111122223333:execution:ArchiveRun"
_RUN = "arn:aws:states:eu-central-1:111122223333:stateMachine:ArchiveRun"
_FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function"

_VERIFICATIONS = "arn:aws:states:eu-central-1:111122223333:execution:ArchiveVerification"
_VERIFICATION = "arn:aws:states:eu-central-1:111122223333:stateMachine:ArchiveVerification"
_RESTORES = "arn:aws:states:eu-central-1:111122223333:execution:ArchiveRestore"
_RESTORE = "arn:aws:states:eu-central-1:111122223333:stateMachine:ArchiveRestore"
_TEST_SECRET = f"{_SECRETS[:-1]}restore-test-??????"
# The schedule may start restore tests only if `RestoreTestSchedule` is given.
_TESTS = f"{_FUNCTION}:TestRestoresFunction"
# It may start polls only if `ChangePoll` is given.
_POLLS = f"{_FUNCTION}:PollChangesFunction"
_EVIDENCE = {"BUCKET/records/*", "BUCKET/verifications/*", "BUCKET/restore-tests/*"}

_MACHINE_ROLES = ("ArchiveRunRole", "ArchiveVerificationRole", "ArchiveRestoreRole")
_PLANNED = {
    "BUCKET/runs/*/run.json",
    "BUCKET/runs/*/plan*.jsonl",
    "BUCKET/runs/*/outcomes/plan.json",
    "BUCKET/notebooks/*/deleted.json",
}

# S3 gives the replicas to another account only if `SecondBucketAccount` is given.
_OF_OTHER_ACCOUNT = "OF_OTHER_ACCOUNT"
# What each role may do with each resource: one entry for each function, then the roles of services. BUCKET stands for
# the ARN of the archive's bucket, and LEDGER for that of the ledger's. Roles may read the certificates only if
# `CaBundleSecret` is given.
_GRANTS: dict[str, dict[str, set[str]]] = {
    "PlanRunRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": _PLANNED,
        "s3:PutObject": _PLANNED,
        "secretsmanager:GetSecretValue": {_SECRETS},
    },
    "ArchiveNotebooksRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {"BUCKET/notebooks/*", "BUCKET/records/*", "BUCKET/runs/*/outcomes/*"},
        "s3:PutObject": {"BUCKET/notebooks/*", "BUCKET/records/*", "BUCKET/runs/*/outcomes/*"},
        "s3:PutObjectTagging": {"BUCKET/notebooks/*"},
        "secretsmanager:GetSecretValue": {_SECRETS},
        "events:PutEvents": {_BUS},
    },
    "ArchiveRequestsRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {"BUCKET/notebooks/*", "BUCKET/records/*"},
        "s3:PutObject": {"BUCKET/notebooks/*", "BUCKET/records/*"},
        "s3:PutObjectTagging": {"BUCKET/notebooks/*"},
        "secretsmanager:GetSecretValue": {_SECRETS},
        "events:PutEvents": {_BUS},
        "sqs:ReceiveMessage": {_REQUESTS},
        "sqs:DeleteMessage": {_REQUESTS},
        "sqs:ChangeMessageVisibility": {_REQUESTS},
        "sqs:GetQueueAttributes": {_REQUESTS},
        "sqs:SendMessage": {"arn:aws:sqs:eu-central-1:111122223333:FailureQueue"},
    },
    "PollChangesRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER"},
        "s3:GetObject": {"BUCKET/runs/*/report.json", "LEDGER/polls/*"},
        "s3:PutObject": {"LEDGER/polls/*"},
        "secretsmanager:GetSecretValue": {_TOKENS[0], _CERTIFICATES},
        "events:PutEvents": {_BUS},
    },
    "ReportRunRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {
            "BUCKET/runs/*",
            "BUCKET/records/*",
            "BUCKET/notebooks/*/snapshots/*",
            "BUCKET/notebooks/*/current/*",
        },
        "s3:PutObject": {
            "BUCKET/records/*",
            "BUCKET/runs/*/run.json",
            "BUCKET/runs/*/outcomes/crashed.json",
            "BUCKET/runs/*/report.json",
        },
        "events:PutEvents": {_BUS},
    },
    "PlanVerificationRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER"},
        "s3:ListBucketVersions": {"BUCKET", "SECOND"},
        "s3:GetObject": {*_EVIDENCE, "BUCKET/erasures/*", "LEDGER/ledger/*"},
        "s3:PutObject": {
            "BUCKET/verifications/*/run.json",
            "BUCKET/verifications/*/plan*.jsonl",
            "BUCKET/verifications/*/not-replicated.jsonl",
            "LEDGER/ledger/*",
        },
    },
    "VerifyVersionsRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {*_EVIDENCE, "BUCKET/notebooks/*"},
        "s3:GetObjectVersion": {"BUCKET/notebooks/*"},
        "s3:PutObject": {"BUCKET/verifications/*/results/*"},
    },
    "ReportVerificationRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER"},
        "s3:GetObject": {
            *_EVIDENCE,
            "BUCKET/acknowledgements/*",
            "BUCKET/erasures/*",
            "BUCKET/runs/*/report.json",
            "LEDGER/ledger/*",
        },
        "s3:PutObject": {
            "BUCKET/verifications/*/run.json",
            "BUCKET/verifications/*/findings.jsonl",
            "BUCKET/verifications/*/report.json",
            "LEDGER/ledger/*",
        },
        "events:PutEvents": {_BUS},
    },
    "GetNotebookRole": {
        "secretsmanager:GetSecretValue": {_SECRETS_OF_PROXY},
    },
    "DownloadSnapshotRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {"BUCKET/notebooks/*", "BUCKET/records/*"},
        "s3:PutObject": {"BUCKET/notebooks/*/snapshots/*", "BUCKET/records/*"},
        "s3:PutObjectTagging": {"BUCKET/notebooks/*/snapshots/*"},
        "secretsmanager:GetSecretValue": {_SECRETS_OF_PROXY},
    },
    "RestoreNotebookRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER", "SECOND"},
        "s3:GetObject": {
            "BUCKET/notebooks/*",
            "BUCKET/records/*",
            "BUCKET/restores/*",
            "LEDGER/ledger/*",
            "SECOND/notebooks/*",
        },
        "s3:GetObjectVersion": {"BUCKET/notebooks/*", "SECOND/notebooks/*"},
        "s3:PutObject": {"BUCKET/notebooks/*/current/*", "BUCKET/records/*", "BUCKET/restores/*"},
        "s3:PutObjectTagging": {"BUCKET/notebooks/*/current/*"},
        "secretsmanager:GetSecretValue": {_SECRETS, _OTHER_PORTALS},
        "events:PutEvents": {_BUS},
    },
    "UndoRestoreRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {"BUCKET/notebooks/*/current/*", "BUCKET/restores/*"},
        "s3:PutObject": {"BUCKET/restores/*/undo/*"},
        "secretsmanager:GetSecretValue": {_SECRETS, _OTHER_PORTALS},
        "events:PutEvents": {_BUS},
    },
    "RotateTokenRole": {
        "secretsmanager:DescribeSecret": set(_TOKENS),
        "secretsmanager:GetSecretValue": {*_TOKENS, _CREDENTIALS, _CERTIFICATES},
        "secretsmanager:PutSecretValue": set(_TOKENS),
        "secretsmanager:UpdateSecretVersionStage": set(_TOKENS),
    },
    "ReceiveWebhookRole": {
        "secretsmanager:GetSecretValue": {_WEBHOOK},
        "events:PutEvents": {_BUS},
    },
    "ArchiveRunRole": {
        "s3:GetObject": {"BUCKET/runs/*/plan*.jsonl"},
        "lambda:InvokeFunction": {
            f"{_FUNCTION}:{name}" for name in ("PlanRunFunction", "ArchiveNotebooksFunction", "ReportRunFunction")
        },
        "states:StartExecution": {_RUN},
        "states:DescribeExecution": {f"{_EXECUTIONS}:*", f"{_EXECUTIONS}/Batches:*"},
        "states:StopExecution": {f"{_EXECUTIONS}:*", f"{_EXECUTIONS}/Batches:*"},
        "states:RedriveExecution": {f"{_EXECUTIONS}:*", f"{_EXECUTIONS}/Batches:*"},
    },
    "PlanRestoresRole": {
        "s3:ListBucket": {"BUCKET", "SECOND"},
        "s3:GetObject": {"BUCKET/notebooks/*", "BUCKET/bulk-restores/*", "SECOND/notebooks/*"},
        "s3:GetObjectVersion": {"SECOND/notebooks/*"},
        "s3:PutObject": {
            "BUCKET/bulk-restores/*/run.json",
            "BUCKET/bulk-restores/*/plan*.jsonl",
            "BUCKET/bulk-restores/*/results/plan.json",
        },
    },
    "RestoreNotebooksRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER", "SECOND"},
        "s3:GetObjectVersion": {"SECOND/notebooks/*"},
        "s3:GetObject": {
            "SECOND/notebooks/*",
            "BUCKET/notebooks/*",
            "BUCKET/restores/*",
            "BUCKET/bulk-restores/*/results/*",
            "LEDGER/ledger/*",
        },
        "s3:PutObject": {"BUCKET/restores/*", "BUCKET/bulk-restores/*/results/*"},
        "secretsmanager:GetSecretValue": {_SECRETS, _OTHER_PORTALS},
        "events:PutEvents": {_BUS},
    },
    "ReportRestoresRole": {
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObject": {"BUCKET/bulk-restores/*", "BUCKET/restores/*/result.json"},
        "s3:PutObject": {
            "BUCKET/bulk-restores/*/run.json",
            "BUCKET/bulk-restores/*/items.jsonl",
            "BUCKET/bulk-restores/*/report.json",
        },
        "events:PutEvents": {_BUS},
    },
    "TestRestoresRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER"},
        "s3:GetObject": {*_EVIDENCE, "BUCKET/erasures/*", "BUCKET/notebooks/*", "BUCKET/restores/*", "LEDGER/ledger/*"},
        "s3:PutObject": {"BUCKET/restores/*", "BUCKET/restore-tests/*", "LEDGER/ledger/*"},
        "secretsmanager:GetSecretValue": {_TEST_SECRET, _CERTIFICATES},
        "events:PutEvents": {_BUS},
    },
    "ArchiveRestoreRole": {
        "s3:GetObject": {"BUCKET/bulk-restores/*/plan*.jsonl"},
        "lambda:InvokeFunction": {
            f"{_FUNCTION}:{name}"
            for name in ("PlanRestoresFunction", "RestoreNotebooksFunction", "ReportRestoresFunction")
        },
        "states:StartExecution": {_RESTORE},
        "states:DescribeExecution": {f"{_RESTORES}:*", f"{_RESTORES}/Batches:*"},
        "states:StopExecution": {f"{_RESTORES}:*", f"{_RESTORES}/Batches:*"},
        "states:RedriveExecution": {f"{_RESTORES}:*", f"{_RESTORES}/Batches:*"},
    },
    "ArchiveVerificationRole": {
        "s3:GetObject": {"BUCKET/verifications/*/plan*.jsonl"},
        "lambda:InvokeFunction": {
            f"{_FUNCTION}:{name}"
            for name in ("PlanVerificationFunction", "VerifyVersionsFunction", "ReportVerificationFunction")
        },
        "states:StartExecution": {_VERIFICATION},
        "states:DescribeExecution": {f"{_VERIFICATIONS}:*", f"{_VERIFICATIONS}/Batches:*"},
        "states:StopExecution": {f"{_VERIFICATIONS}:*", f"{_VERIFICATIONS}/Batches:*"},
        "states:RedriveExecution": {f"{_VERIFICATIONS}:*", f"{_VERIFICATIONS}/Batches:*"},
    },
    "NotifyOperatorsRole": {
        "s3:ListBucket": {"BUCKET", "LEDGER"},
        "s3:GetObject": {
            "BUCKET/runs/*/report.json",
            "BUCKET/verifications/*/report.json",
            "BUCKET/bulk-restores/*/report.json",
            "BUCKET/restore-tests/*/results.json",
            "LEDGER/notifications/*",
        },
        "s3:PutObject": {"LEDGER/notifications/*"},
        "sns:Publish": {EVERYTHING["AlarmTopicArn"], EVERYTHING["ChatTopicArn"]},
        "sqs:ReceiveMessage": {_NOTIFICATIONS},
        "sqs:DeleteMessage": {_NOTIFICATIONS},
        "sqs:ChangeMessageVisibility": {_NOTIFICATIONS},
        "sqs:GetQueueAttributes": {_NOTIFICATIONS},
        "sqs:SendMessage": {_UNSENT},
    },
    "NotifierScheduleRole": {
        "lambda:InvokeFunction": {f"{_FUNCTION}:NotifyOperatorsFunction"},
        "sqs:SendMessage": {_UNSENT},
    },
    "ArchiveRunScheduleRole": {
        "states:StartExecution": {_RUN, _VERIFICATION},
        "lambda:InvokeFunction": {_TESTS, _POLLS},
        "sqs:SendMessage": {"arn:aws:sqs:eu-central-1:111122223333:ScheduleDeadLetterQueue"},
    },
    "ReplicationRole": {
        "s3:GetReplicationConfiguration": {"BUCKET"},
        "s3:ListBucket": {"BUCKET"},
        "s3:GetObjectVersionForReplication": {"BUCKET/*"},
        "s3:GetObjectVersionAcl": {"BUCKET/*"},
        "s3:GetObjectVersionTagging": {"BUCKET/*"},
        "s3:GetObjectRetention": {"BUCKET/*"},
        "s3:GetObjectLegalHold": {"BUCKET/*"},
        "s3:ReplicateObject": {"SECOND/*"},
        "s3:ReplicateTags": {"SECOND/*"},
        "s3:PutObjectRetention": {"SECOND/*"},
        "s3:PutObjectLegalHold": {"SECOND/*"},
        "s3:ObjectOwnerOverrideToBucketOwner": {_OF_OTHER_ACCOUNT},
    },
    "BatchReplicationRole": {
        "s3:InitiateReplication": {"BUCKET/*"},
        "s3:GetReplicationConfiguration": {"BUCKET"},
        "s3:PutInventoryConfiguration": {"BUCKET"},
        "s3:PutObject": {"LEDGER/batch-replication/*"},
    },
}
# Roles with a managed policy of AWS.
_AWS_MANAGED = {
    "ApiGatewayLogsRole": ["arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"],
}


def _expected(given: dict[str, str]) -> dict[str, dict[str, set[str]]]:
    """Return the grants of each role that the stack has with these parameters."""
    of_proxy = _CERTIFICATES if given.get("ApiAuth") == "ArcGIS" else _SECRETS
    conditional = {"CaBundleSecret": _CERTIFICATES, "RestoreSecretPrefix": _OTHER_PORTALS}
    conditional |= {"RestoreTestSchedule": _TESTS, "ChangePoll": _POLLS}
    conditional |= {"SecondBucketAccount": _OF_OTHER_ACCOUNT}
    left_out = {resource for parameter, resource in conditional.items() if parameter not in given}

    def allowed(granted: set[str]) -> set[str]:
        there = {each for each in granted if "SecondBucket" in given or not each.startswith("SECOND")} - left_out
        other_names = {_SECRETS_OF_PROXY: of_proxy, _OF_OTHER_ACCOUNT: "SECOND/*"}
        return {other_names.get(each, each) for each in there} - left_out

    return {
        role: {action: allowed(granted) for action, granted in actions.items() if allowed(granted)}
        for role, actions in _GRANTS.items()
        if role in render(given)["Resources"]
    }


def _role(function: dict[str, Any]) -> str:
    """Return the role of a function, such as `PlanRunRole`."""
    return str(function["Role"]).rpartition("/")[2]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _policies(rendered: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return all policy documents of each role: inline, managed and separate ones."""
    resources = rendered["Resources"]
    found: dict[str, list[dict[str, Any]]] = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            properties = resource["Properties"]
            managed = properties.get("ManagedPolicyArns", [])
            if managed == _AWS_MANAGED.get(name):
                continue
            found.setdefault(name, []).extend(policy["PolicyDocument"] for policy in properties.get("Policies", []))
            found[name].extend(resources[arn.rpartition("/")[2]]["Properties"]["PolicyDocument"] for arn in managed)
        elif resource["Type"] == "AWS::IAM::Policy":
            for role in resource["Properties"]["Roles"]:
                found.setdefault(role, []).append(resource["Properties"]["PolicyDocument"])
    return found


def _statements(rendered: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for role, documents in _policies(rendered).items():
        for document in documents:
            for statement in document["Statement"]:
                yield role, statement


def _too_wide(rendered: dict[str, Any]) -> list[str]:
    wrong = []
    for role, statement in _statements(rendered):
        actions = set(_list(statement["Action"]))
        if any("*" in action for action in actions):
            wrong.append(f"{role}/{statement['Sid']}: {actions}")
        on_everything = "*" in _list(statement["Resource"]) and statement["Effect"] == "Allow"
        if on_everything and not actions <= _ON_EVERYTHING.get(statement["Sid"], set()):
            wrong.append(f"{role}/{statement['Sid']}: *")
    return wrong


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_role_has_wildcard_actions_or_resources(variant: str) -> None:
    assert _too_wide(render(VARIANTS[variant])) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_role_has_exactly_its_grants(variant: str) -> None:
    expected = _expected(VARIANTS[variant])
    grants: dict[str, dict[str, set[str]]] = {role: {} for role in expected}
    for role, statement in _statements(render(VARIANTS[variant])):
        if statement["Effect"] == "Allow" and statement["Sid"] not in {*_ON_EVERYTHING, "WriteLogs"}:
            for action in _list(statement["Action"]):
                for resource in _list(statement["Resource"]):
                    where = resource
                    for bucket in _BUCKETS:
                        where = where.replace(f"arn:aws:s3:::{bucket}", "BUCKET")
                    for bucket in _LEDGERS:
                        where = where.replace(f"arn:aws:s3:::{bucket}", "LEDGER")
                    where = where.replace(f"arn:aws:s3:::{_SECOND}", "SECOND")
                    grants[role].setdefault(action, set()).add(where)
    keys = {role: {action for action in actions if action.startswith("kms:")} for role, actions in grants.items()}
    expected_keys: dict[str, set[str]] = {role: set() for role in expected}
    if "KmsKeyArn" in VARIANTS[variant]:
        expected_keys = {role: {"kms:GenerateDataKey", "kms:Decrypt"} for role in expected}
        expected_keys |= {role: {"kms:Decrypt"} for role in _MACHINE_ROLES}
        expected_keys |= {"ArchiveRunScheduleRole": set()}
    if "SecondBucketKmsKeyArn" in VARIANTS[variant]:
        expected_keys["ReplicationRole"] = {"kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt"}
    if VARIANTS[variant].get("KmsKeyScope") == "ALL":
        expected_keys |= {"ArchiveRunScheduleRole": {"kms:GenerateDataKey", "kms:Decrypt"}}
    assert keys == expected_keys
    assert {
        role: {action: where for action, where in actions.items() if not action.startswith("kms:")}
        for role, actions in grants.items()
    } == expected


@pytest.mark.parametrize("given", [{"ApiAuth": "ArcGIS"}, {**EVERYTHING, "ApiAuth": "ArcGIS"}])
def test_proxy_with_arcgis_tokens_cannot_read_credentials(given: dict[str, str]) -> None:
    of_proxy = {_role(functions(given)[name]) for name in routes(given).values()}
    statements = [statement for role, statement in _statements(render(given)) if role in of_proxy]
    readable = [
        resource
        for statement in statements
        if "secretsmanager:GetSecretValue" in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    ]
    credentials = [f"{_SECRETS[:-1]}{name}-AbCdEf" for name in ("admin", "owners/ana", "ca-bundle/admin")]
    assert not [name for name in credentials for pattern in readable if fnmatch.fnmatchcase(name, pattern)]
    # With IAM, the role's policy allows this, so the check above can find it.
    assert fnmatch.fnmatchcase(credentials[0], _SECRETS)


def test_the_webhook_receiver_can_only_request_backups() -> None:
    statements = {s["Sid"]: s for role, s in _statements(render(VARIANTS["webhooks"])) if role == "ReceiveWebhookRole"}
    assert statements["RequestArchiving"]["Condition"] == {
        "ForAllValues:StringEquals": {
            "events:source": "arcgis.notebooks",
            "events:detail-type": "SnapshotArchiveRequested",
        }
    }
    secrets = [f"{_SECRETS[:-1]}{name}-AbCdEf" for name in ("admin", "owners/ana", "webhook", "ca-bundle")]
    assert not [name for name in secrets if fnmatch.fnmatchcase(name, _WEBHOOK)]


@pytest.mark.parametrize("variant", [name for name, given in VARIANTS.items() if "WebhookSecret" in given])
def test_only_the_receiver_may_read_the_webhook_secret(variant: str) -> None:
    rendered = render(VARIANTS[variant])
    assert _readers_of(EVERYTHING["WebhookSecret"], rendered) == {"ReceiveWebhookRole"}
    assert len(_readers_of("notebook-archive/webhook", rendered)) > 1, (
        "other roles may read every name under the prefix"
    )


def test_roles_that_publish_events_cannot_request_backups() -> None:
    publishing = {role for role, actions in _GRANTS.items() if "events:PutEvents" in actions}
    conditions = {role: s["Condition"] for role, s in _statements(render(EVERYTHING)) if s["Sid"] == "PublishEvents"}
    only = {"ForAllValues:StringEquals": {"events:source": "notebook-archive"}}
    # The receiver of webhooks and the polls have a statement of their own: they request backups, and nothing else.
    assert conditions == dict.fromkeys(publishing - {"ReceiveWebhookRole", "PollChangesRole"}, only)


def _readers_of(name: str, rendered: dict[str, Any]) -> set[str]:
    arn = f"arn:aws:secretsmanager:eu-central-1:111122223333:secret:{name}-AbCdEf"
    return {
        role
        for role, statement in _statements(rendered)
        if "secretsmanager:GetSecretValue" in _list(statement["Action"])
        and any(fnmatch.fnmatchcase(arn, pattern) for pattern in _list(statement["Resource"]))
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_rotation_role_reads_rotation_credentials(variant: str) -> None:
    rendered = render(VARIANTS[variant])
    for name in ("admin", "owners/ana", "ca-bundle"):
        assert _readers_of(f"notebook-archive-credentials/{name}", rendered) == {"RotateTokenRole"}
    assert _readers_of("notebook-archive/owners/ana", rendered) >= {"RotateTokenRole", "ArchiveNotebooksRole"}


def test_only_restores_read_secrets_of_other_portals() -> None:
    readers = _readers_of("notebook-archive-restore/admin", render(EVERYTHING))
    assert readers == {"RestoreNotebookRole", "RestoreNotebooksRole", "UndoRestoreRole"}


@pytest.mark.parametrize("role", ["PlanRestoresRole", "RestoreNotebooksRole", "ReportRestoresRole", "TestRestoresRole"])
def test_restores_of_many_change_nothing_that_is_archived(role: str) -> None:
    allowed = _GRANTS[role]
    assert not [action for action in allowed if "Delete" in action or "Tagging" in action]
    archived = ("notebooks/a/snapshots/b", "notebooks/a/item.json", "records/a/b", "acknowledgements/a", "runs/a/b")
    written = allowed["s3:PutObject"]
    assert not [key for key in archived for pattern in written if fnmatch.fnmatchcase(f"BUCKET/{key}", pattern)]


def test_only_restore_tests_read_just_their_own_credential() -> None:
    assert "TestRestoresRole" in _readers_of("notebook-archive/restore-test", render(EVERYTHING))
    assert "TestRestoresRole" not in _readers_of("notebook-archive/admin", render(EVERYTHING))


def test_only_an_invocation_starts_a_restore() -> None:
    resources = render(EVERYTHING)["Resources"]
    for name in ("RestoreNotebookFunction", "UndoRestoreFunction"):
        assert "Events" not in resources[name]["Properties"]
        others = {key: item for key, item in resources.items() if key != name and item["Type"] != "AWS::IAM::Role"}
        referring = [key for key, item in others.items() if name in str(item)]
        # The restore returns the command with the name of the function that undoes it.
        assert referring == (["RestoreNotebookFunction"] if name == "UndoRestoreFunction" else [])


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_role_may_write_credentials_or_certificates(variant: str) -> None:
    written = {
        resource
        for _, statement in _statements(render(VARIANTS[variant]))
        if any(action.startswith("secretsmanager:") and "Get" not in action for action in _list(statement["Action"]))
        for resource in _list(statement["Resource"])
    }
    assert written == set(_TOKENS)
    for name in ("notebook-archive/ca-bundle", "notebook-archive-credentials/owners/ana", "notebook-archive-webhook"):
        arn = f"arn:aws:secretsmanager:eu-central-1:111122223333:secret:{name}-AbCdEf"
        assert not any(fnmatch.fnmatchcase(arn, pattern) for pattern in written)


def test_secrets_manager_can_rotate_only_this_accounts_secrets() -> None:
    permission = render()["Resources"]["SecretsManagerInvokesRotateToken"]["Properties"]
    assert permission == {
        "FunctionName": "RotateTokenFunction",
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": "111122223333",
    }


def test_lambda_does_not_retry_a_rotation() -> None:
    function = render()["Resources"]["RotateTokenFunction"]["Properties"]
    assert function["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}


@pytest.mark.parametrize("function", functions())
def test_each_function_may_write_only_its_own_log(function: str) -> None:
    (written,) = [
        statement["Resource"]
        for role, statement in _statements(render(EVERYTHING))
        if role == _role(functions()[function]) and statement["Sid"] == "WriteLogs"
    ]
    assert written == f"arn:aws:logs:eu-central-1:111122223333:log-group:{function.removesuffix('Function')}Logs:*"


def _parliament(document: dict[str, Any]) -> list[str]:
    findings = parliament.analyze_policy_string(json.dumps(document)).findings
    return [f"{finding.issue} {finding.detail}" for finding in findings if not _known(finding.issue, finding.detail)]


def _known(issue: str, detail: Any) -> bool:
    if issue == "RESOURCE_STAR":
        return set(detail) <= _ON_EVERYTHING["AttachToVpc"]
    # Parliament also wants the ARN of an Express execution for DescribeExecution. Ours are Standard executions.
    express = {"action": "states:DescribeExecution", "required_format": "arn:*:states:*:*:express:*:*:*"}
    return issue == "RESOURCE_MISMATCH" and detail == [express]


@pytest.mark.parametrize("variant", VARIANTS)
def test_parliament_finds_no_defect_in_any_policy(variant: str) -> None:
    policies = _policies(render(VARIANTS[variant]))
    assert {role: [_parliament(document) for document in documents] for role, documents in policies.items()} == {
        role: [[] for _ in documents] for role, documents in policies.items()
    }


@pytest.mark.parametrize(
    ("key", "planted"),
    [
        ("Action", "s3:PutObjekt"),
        ("Resource", "arn:aws:sqs:eu-central-1:111122223333:queue"),
        ("Condition", {"StringLike": {"s3:prefixes": "notebooks/*"}}),
    ],
)
def test_parliament_finds_a_planted_defect(key: str, planted: Any) -> None:
    document = copy.deepcopy(_policies(render())["PlanRunRole"][0])
    (statement,) = [statement for statement in document["Statement"] if statement["Sid"] == "ListWhatIsArchived"]
    statement[key] = planted
    assert _parliament(document)


@pytest.mark.parametrize(("key", "planted"), [("Action", ["s3:*"]), ("Resource", "*")])
def test_planted_wildcard_statement_is_found(key: str, planted: Any) -> None:
    rendered = render()
    rendered["Resources"]["PlanRunRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][2][key] = planted
    assert len(_too_wide(rendered)) == 1


def test_function_code_may_not_change_network_interfaces() -> None:
    statements = {statement["Sid"]: statement for _, statement in _statements(render(EVERYTHING))}
    assert set(statements["NotFromWithin"]["Action"]) == set(statements["AttachToVpc"]["Action"])
    assert "AttachToVpc" not in {statement["Sid"] for _, statement in _statements(render())}


@pytest.mark.parametrize("role", [*_MACHINE_ROLES, "ArchiveRunScheduleRole"])
def test_service_may_assume_its_role_only_for_this_account(role: str) -> None:
    (statement,) = render()["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_roles_may_use_s3_only_in_this_account() -> None:
    for role, statement in _statements(render()):
        if any(action.startswith("s3:") for action in _list(statement["Action"])):
            assert statement["Condition"]["StringEquals"] == {"aws:ResourceAccount": "111122223333"}, role


@pytest.mark.parametrize("role", ["PlanVerificationRole", "VerifyVersionsRole", "ReportVerificationRole"])
def test_verification_writes_nothing_that_is_archived(role: str) -> None:
    allowed = _GRANTS[role]
    assert not [action for action in allowed if "Delete" in action or "Tagging" in action]
    archived = ("notebooks/a/snapshots/b", "notebooks/a/item.json", "records/a/b", "acknowledgements/a", "runs/a/b")
    written = allowed["s3:PutObject"]
    assert not [key for key in archived for pattern in written if fnmatch.fnmatchcase(f"BUCKET/{key}", pattern)]


def test_every_role_has_the_permissions_boundary() -> None:
    resources = render(EVERYTHING)["Resources"]
    roles = {name: item for name, item in resources.items() if item["Type"] == "AWS::IAM::Role"}
    assert roles.keys() == {*_GRANTS, *_AWS_MANAGED}
    assert {role["Properties"]["PermissionsBoundary"] for role in roles.values()} == {
        EVERYTHING["PermissionsBoundaryArn"]
    }
