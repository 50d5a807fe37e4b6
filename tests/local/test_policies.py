"""Test that each command works with the policy of its person in `docs/policies`, and is refused with another's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.aws import ROOT
from local.system import LocalSystem
from tests.cli.conftest import Result, Run, run

__all__ = ["run"]

PEOPLE = ("operator", "restorer", "break-glass")


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
        self.allow((ROOT / f"docs/policies/{self.name}.json").read_text(encoding="utf-8"))
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self._key_id = key["AccessKeyId"]
        own = {"awsAccessKeyId": self._key_id, "awsSecretAccessKey": key["SecretAccessKey"]}
        self._description = json.dumps(self.system.description() | own)

    def allow(self, policy: str) -> None:
        """Give the user this policy in place of the earlier one."""
        self.iam.put_user_policy(UserName=self.name, PolicyName="policy", PolicyDocument=policy)

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        """Run the command with `--json`, and check its exit status."""
        (self.folder / ".local").mkdir(exist_ok=True)
        (self.folder / ".local/stack.json").write_text(self._description, encoding="utf-8")
        result = self.run(*arguments, "--local", "--json")
        assert result.status == status, f"{arguments}: {result.stdout}{result.stderr}"
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
    operator("report")
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
    operator("webhook", "remove")
    checks = operator("doctor", status=3).document["checks"]
    assert [each for each in checks if "denied" in each["message"]] == []
    for refused in (("restore", f"{item}@latest", "--yes"), ("erase", item, "--confirm", item, "--why", "test")):
        assert operator(*refused, status=4).error["reason"] == "aws-denied"


def test_operator_acknowledges_a_finding(people: dict[str, Person], asked: LocalSystem, item: str) -> None:
    operator, key = people["operator"], f"notebooks/{item}/stray.txt"
    asked.aws.s3.put_object(Bucket=asked.outputs["ArchiveBucket"], Key=key, Body=b"x", ChecksumAlgorithm="SHA256")
    (finding,) = operator("verify", item, status=3).document["findings"]
    operator("acknowledge", finding["findingId"], "--why", "test", "--yes")


def test_operator_adds_and_removes_an_owner(people: dict[str, Person], asked: LocalSystem, tmp_path: Path) -> None:
    owner = asked.arcgis.enterprise.organisation.notebooks()[-1].owner
    operator = people["operator"]
    assert owner, tmp_path
    operator("owners", "remove", "nobody", "--yes", status=5)


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
    assert people["operator"]("verify", status=0).document["status"] == "complete"
