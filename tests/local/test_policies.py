"""Test that each command works with the policy of its person in `docs/policies`, and is refused with another's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.aws import ROOT
from local.system import LocalSystem
from tests.cli.conftest import Result, Run, run

__all__ = ["run"]

PEOPLE = ("operator", "restorer", "break-glass")
# The local AWS checks other actions or resources than AWS for these actions. Whoever has the action in the policy gets
# these too.
LOCAL_EQUIVALENTS = {
    "states:DescribeMapRun": ("states:DescribeMapRun", "*"),
    "iam:SimulatePrincipalPolicy": ("iam:SimulatePrincipalPolicy", "*"),
    "events:ListTargetsByRule": ("events:ListTargetsByRule", "*"),
    "lambda:GetEventSourceMapping": ("lambda:ListEventSourceMappings", "*"),
    "lambda:GetFunctionConcurrency": ("lambda:PutFunctionConcurrency", "arn:aws:lambda:*:*:function:notebook-archive*"),
    "s3:DeleteObjectVersion": ("s3:DeleteObject", "arn:aws:s3:::notebook-archive*/notebooks/*"),
}
# For each action, a command that is refused without it. The local AWS does not check the others that the policies have.
NEEDED = [
    ("operator", action, command)
    for command, actions in {
        "run ITEM --yes": ("cloudformation:DescribeStacks", "states:StartExecution", "states:DescribeExecution"),
        "runs": ("states:ListExecutions",),
        "list": ("s3:ListBucket",),
        "versions ITEM": ("s3:GetObject",),
        "owners list": ("secretsmanager:ListSecrets",),
        "webhook list": ("secretsmanager:GetSecretValue",),
        "failed list": ("sqs:ReceiveMessage",),
        "failed retry": ("sqs:GetQueueAttributes",),
        "verify": ("states:ListMapRuns", "states:DescribeMapRun"),
        "doctor": (
            "cloudformation:ListStackResources", "cloudformation:GetTemplate", "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration", "s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy",
            "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
            "lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency", "lambda:GetEventSourceMapping",
            "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy",
            "events:DescribeRule", "events:ListTargetsByRule", "cloudwatch:GetMetricData",
        ),
    }.items()
    for action in actions
] + [
    ("restorer", action, command)
    for command, actions in {
        "restore ITEM@latest --dry-run": (
            "cloudformation:DescribeStacks", "s3:ListBucket", "s3:GetObject", "lambda:InvokeFunction",
        ),
        "restore --item ITEM --yes": (
            "states:StartExecution", "states:DescribeExecution", "states:ListMapRuns", "states:DescribeMapRun",
        ),
    }.items()
    for action in actions
] + [
    ("break-glass", action, command)
    for command, actions in {
        "erase ITEM --dry-run": (
            "cloudformation:DescribeStacks", "s3:ListBucketVersions", "s3:GetObjectVersion", "s3:GetBucketPolicy",
            "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "states:ListExecutions",
        ),
        "erase ITEM --confirm ITEM --why test": ("s3:DeleteObjectVersion", "s3:PutObject"),
    }.items()
    for action in actions
]  # fmt: skip


@dataclass
class Person:
    """A user of the local AWS with one policy, who runs the command."""

    name: str
    system: LocalSystem
    folder: Path
    run: Run

    def __post_init__(self) -> None:
        aws = self.system.aws
        self.iam: Any = aws.session.client("iam", endpoint_url=aws.endpoint_url)
        self.iam.create_user(UserName=self.name)
        self.allow()
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self._key_id = key["AccessKeyId"]
        # The policies of the bucket and the queues allow only the local root to use plain HTTP.
        port = urlsplit(aws.api_url).port
        own = {
            "awsEndpointUrl": f"https://127.0.0.1:{port}",
            "awsAccessKeyId": self._key_id,
            "awsSecretAccessKey": key["SecretAccessKey"],
        }
        self._description = json.dumps(self.system.description() | own)

    def allow(self, without: str = "") -> None:
        """Give the user the policy of this person, without one action."""
        policy = json.loads((ROOT / f"docs/policies/{self.name}.json").read_text(encoding="utf-8"))
        statements, actions = [], set()
        for each in policy["Statement"]:
            named = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
            left = [action for action in named if action != without]
            actions |= set(left)
            statements += [{**each, "Action": left}] if left else []
        for action in sorted(actions & LOCAL_EQUIVALENTS.keys()):
            equivalent, resource = LOCAL_EQUIVALENTS[action]
            statements.append({"Effect": "Allow", "Action": equivalent, "Resource": resource})
        document = json.dumps({**policy, "Statement": statements})
        self.iam.put_user_policy(UserName=self.name, PolicyName="policy", PolicyDocument=document)

    def __call__(self, *arguments: str, status: int | None = 0) -> Result:
        """Run the command with `--json`, and check its exit status, if one is given."""
        (self.folder / ".local").mkdir(exist_ok=True)
        (self.folder / ".local/stack.json").write_text(self._description, encoding="utf-8")
        result = self.run(*arguments, "--local", "--json")
        assert status in (None, result.status), f"{arguments}: {result.stdout}{result.stderr}"
        return result

    def remove(self) -> None:
        """Remove the user."""
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=self._key_id)
        self.iam.delete_user_policy(UserName=self.name, PolicyName="policy")
        self.iam.delete_user(UserName=self.name)


@pytest.fixture
def people(
    asked: LocalSystem, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Person]]:
    """Yield the three people, who work in one folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(asked.aws.ca_bundle))
    asked.arcgis.enterprise.switches.webhook_ca_bundle = str(asked.aws.ca_bundle)
    found = {name: Person(name, asked, tmp_path, run) for name in PEOPLE}
    yield found
    for each in found.values():
        each.remove()


@pytest.fixture
def item(asked: LocalSystem) -> str:
    """Return the id of a notebook."""
    return asked.arcgis.enterprise.organisation.notebooks()[0].id


def test_operator_does_everything_but_restore_and_erase(people: dict[str, Person], item: str) -> None:
    operator = people["operator"]
    operator("run", item, "--yes")
    for command in ("runs", "list", "findings"):
        operator(command)
    versions = operator("versions", item).document
    operator("show", f"{item}@latest")
    operator("get", f"{item}@latest", "-o", "one.ipynb")
    operator("diff", f"{item}@latest", f"{item}@{versions[-1]['resourceKey']}")
    operator("verify", item)
    # The local system has disabled schedules, and no run over everything yet.
    assert operator("status", status=3).document
    operator("owners", "list")
    operator("failed", "list")
    operator("webhook", "create")
    operator("webhook", "list")
    operator("webhook", "remove", "--yes")
    checks = operator("doctor", status=3).document["checks"]
    assert [each for each in checks if "denied" in each["message"]] == []
    assert operator("restore", f"{item}@latest", "--yes", status=4).error["reason"] == "aws-denied"
    assert operator("erase", item, "--confirm", item, "--why", "test", status=4)


def test_operator_acknowledges_a_finding(people: dict[str, Person], asked: LocalSystem, item: str) -> None:
    operator, key = people["operator"], f"notebooks/{item}/stray.txt"
    asked.aws.s3.put_object(Bucket=asked.outputs["ArchiveBucket"], Key=key, Body=b"x", ChecksumAlgorithm="SHA256")
    (finding,) = operator("verify", item, status=3).document["findings"]
    operator("acknowledge", finding["findingId"], "--why", "test", "--yes")


def test_operator_removes_an_owner(people: dict[str, Person], asked: LocalSystem) -> None:
    name = asked.outputs["OwnerSecretPrefix"] + "zoe"
    asked.aws.secrets.create_secret(Name=name, SecretString='{"token": "x"}')
    assert people["operator"]("owners", "remove", "zoe", "--yes").document["removed"] == [name]


def test_restorer_restores_and_undoes(people: dict[str, Person], item: str) -> None:
    people["operator"]("run", item, "--yes")
    restorer = people["restorer"]
    restored = restorer("restore", f"{item}@latest", "--yes").document
    restorer("undo", restored["restoreId"], "--yes")
    report = restorer("restore", "--item", item, "--yes").document
    restorer("undo", "--run", report["runId"], "--yes")
    # The function runs, but the local system has no secret for it.
    assert restorer("restore-test", status=4).error["reason"] != "aws-denied"
    assert restorer("run", item, "--yes", status=4).error["reason"] == "aws-denied"


def test_only_break_glass_erases(people: dict[str, Person], asked: LocalSystem, item: str) -> None:
    people["operator"]("run", item, "--yes")
    erased = people["break-glass"]("erase", item, "--confirm", item, "--why", "test").document
    assert erased["status"] == "erased"
    listed = asked.aws.s3.list_object_versions(Bucket=asked.outputs["ArchiveBucket"], Prefix=f"notebooks/{item}/")
    assert "Versions" not in listed
    findings = people["operator"]("verify", status=None).document["findings"]
    assert [each for each in findings if each["itemId"] == item] == []


@pytest.mark.soak
@pytest.mark.parametrize(("person", "action", "command"), NEEDED)
def test_no_action_of_a_policy_can_be_left_out(
    people: dict[str, Person], item: str, person: str, action: str, command: str
) -> None:
    people["operator"]("run", item, "--yes")
    people[person].allow(without=action)
    result = people[person](*command.replace("ITEM", item).split(), status=None)
    assert "denied" in (result.stderr + result.stdout).lower(), result
