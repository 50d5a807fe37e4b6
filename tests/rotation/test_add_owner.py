"""Test which secrets `owners add` restores or keeps if a rotation succeeds, fails or is interrupted."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from local.aws import LocalAws
from notebook_archive.errors import TokenRejected
from tests.cli.conftest import Result, Run, run  # noqa: F401 - a fixture
from tests.rotation.conftest import ANA, CREDENTIAL, FUNCTION, STEPS, Rotations

STACK = "notebook-archive"
OUTPUTS = {
    "AdminSecretName": "notebook-archive/admin",
    "OwnerSecretPrefix": "notebook-archive/owners/",
    "CredentialSecretPrefix": "notebook-archive-credentials/",
    "RotateTokenFunction": FUNCTION,
    "RotateTokenLogGroup": "rotate-token-logs",
}
OLD, NEW = {"username": "ana", "password": "old"}, {"username": "ana", "password": "new"}


@dataclass
class Command:
    """The command, in this process.

    `meanwhile` is what happens each time the command looks for the new token, after a rotation has begun.
    """

    rotations: Rotations
    folder: Path
    command: Run
    session: boto3.session.Session
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    version: str = ""

    def begin(self, **_: Any) -> None:
        self.version = self.rotations.begin()

    def look(self, params: dict[str, Any], **_: Any) -> None:
        if self.version and self.meanwhile and params["SecretId"] == ANA:
            self.meanwhile.pop(0)()

    def steps(self, *steps: str) -> None:
        """Make steps of the rotation that the command has begun, as Secrets Manager does."""
        for step in steps:
            self.rotations.step(step, self.version)

    def refusal(self) -> None:
        with pytest.raises(TokenRejected):
            self.steps("createSecret")

    def add(self, credential: dict[str, str], *more: str, wait: int = 30) -> Result:
        file, self.version = self.folder / "credential.json", ""
        file.write_text(json.dumps(credential))
        return self.command("owners", "add", "ana", "--credential", str(file), "--wait", str(wait), *more)

    def without(self, *names: str) -> None:
        for name in names:
            self.rotations.client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def there(self) -> list[str]:
        return sorted(each["Name"] for each in self.rotations.client.list_secrets()["SecretList"])


def fail() -> None:
    raise ConnectionClosedError(endpoint_url="https://secretsmanager.invalid")


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def owners(
    rotations: Rotations,
    aws: LocalAws,
    run: Run,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Command]:
    """Ana's token was rotated with her old password, and she has just changed that in ArcGIS."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    # The command makes its own session, and these tests intervene in its calls.
    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    cloudformation = session.client("cloudformation")
    template = {
        "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
    }
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK)
    rotations.deployment.user("ana").password = "old"
    rotations.keep(CREDENTIAL, OLD)
    rotations.rotate()
    rotations.deployment.user("ana").password = "new"
    owners = Command(rotations, tmp_path, run, session)
    session.events.register("after-call.secretsmanager.RotateSecret", owners.begin)
    session.events.register("before-parameter-build.secretsmanager.GetSecretValue", owners.look)
    yield owners
    cloudformation.delete_stack(StackName=STACK)


def test_a_failed_check_of_the_rotation_is_repeated(owners: Command) -> None:
    before = owners.rotations.current()["token"]
    owners.meanwhile = [fail, lambda: owners.steps(*STEPS[:3]), fail, lambda: owners.steps("finishSecret")]
    assert owners.add(NEW).status == 0
    assert owners.rotations.current()["token"] != before
    assert owners.rotations.current(CREDENTIAL) == NEW


def test_an_interruption_changes_nothing_and_is_reported(owners: Command) -> None:
    owners.meanwhile = [lambda: owners.steps(*STEPS[:3]), interrupt]
    result = owners.add(NEW)
    assert result.status == 130
    said = " ".join(result.stderr.split())
    assert f"{CREDENTIAL}: contains the new credential, not the previous one. Whether it works is unknown" in said
    assert "rotate-token-logs" in said
    assert owners.rotations.current(CREDENTIAL) == NEW
    owners.steps("finishSecret")
    owners.rotations.rotate()


@pytest.mark.parametrize("last", [lambda: None, fail])
def test_a_token_that_comes_too_late_finds_its_credential(owners: Command, last: Callable[[], None]) -> None:
    owners.meanwhile = [last] * 9
    assert "Whether it works is unknown" in " ".join(owners.add(NEW, wait=0).stderr.split())
    assert owners.rotations.current(CREDENTIAL) == NEW
    owners.steps(*STEPS)
    owners.rotations.rotate()


def test_after_a_refusal_the_credential_is_restored_at_once(owners: Command) -> None:
    owners.rotations.deployment.user("ana").password = "old"
    before = time.monotonic()
    owners.meanwhile = [lambda: None, owners.refusal]
    result = owners.add(NEW)
    assert result.status > 0
    assert time.monotonic() - before < 20
    said = " ".join(result.stderr.split())
    assert f"{CREDENTIAL}: contains the previous credential again" in said
    assert "ArcGIS refused the sign-in of ana: wrong user name or password, or the account may not sign in." in said
    assert "no token yet" not in said
    assert owners.rotations.current(CREDENTIAL) == OLD
    assert not [has for has in owners.rotations.labels().values() if "AWSPENDING" in has and "AWSCURRENT" not in has]
    owners.rotations.rotate()


def test_a_credential_that_cannot_be_restored_is_reported(owners: Command) -> None:
    owners.rotations.deployment.user("ana").password = "old"

    def no_more(**_: Any) -> None:
        if owners.version:
            fail()

    owners.session.events.register("before-call.secretsmanager.PutSecretValue", no_more)
    owners.meanwhile = [owners.refusal]
    assert "the previous credential could not be restored" in " ".join(owners.add(NEW).stderr.split())
    assert owners.rotations.current(CREDENTIAL) == NEW


def test_the_credential_of_another_stack_is_not_written_over(owners: Command) -> None:
    owners.rotations.client.update_secret(
        SecretId=CREDENTIAL,
        Description="ArcGIS credential of ana; notebook-archive-dev/owners/ana is rotated with it",
    )
    token = owners.rotations.current()
    result = owners.add(NEW)
    assert result.status > 0
    said = " ".join(result.stderr.split())
    assert "Another stack rotates notebook-archive-dev/owners/ana with" in said
    assert "CredentialPrefix" in said
    assert (owners.rotations.current(CREDENTIAL), owners.rotations.current(), owners.version) == (OLD, token, "")


def test_the_script_writes_its_own_credential_again(owners: Command) -> None:
    owners.without(CREDENTIAL)
    for _ in range(2):
        owners.meanwhile = [lambda: owners.steps(*STEPS)]
        assert owners.add(NEW).status == 0
    description = owners.rotations.client.describe_secret(SecretId=CREDENTIAL)["Description"]
    assert description == f"ArcGIS credential of ana; {ANA} is rotated with it"


@pytest.mark.parametrize("gone", [(ANA, CREDENTIAL), (ANA,)])
def test_a_typo_for_a_new_owner_leaves_everything_as_it_was(owners: Command, gone: tuple[str, ...]) -> None:
    """A secret without a token would fail notebooks that the administrator read until now."""
    owners.rotations.deployment.user("ana").password = "old"
    owners.without(*gone)
    owners.meanwhile = [lambda: None, owners.refusal]
    result = owners.add(NEW)
    assert result.status > 0
    said = " ".join(result.stderr.split())
    assert f"{ANA}: removed" in said
    assert "no token yet" not in said
    assert owners.there() == sorted({ANA, CREDENTIAL} - set(gone))
    if CREDENTIAL not in gone:
        assert owners.rotations.current(CREDENTIAL) == OLD
    owners.meanwhile = [lambda: owners.steps(*STEPS)]
    assert owners.add(OLD).status == 0


def test_a_secret_that_stays_is_reported_with_its_removal(owners: Command) -> None:
    owners.without(ANA, CREDENTIAL)
    result = owners.add(NEW, wait=0)
    assert result.status > 0
    said = result.stderr
    assert (
        f"{ANA}: contains no token yet. Until a rotation succeeds, every backup of ana's notebooks fails."
        in " ".join(said.split())
    )
    assert f"\n  aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {ANA}\n" in said
    owners.meanwhile = [lambda: owners.steps(*STEPS)]
    assert owners.add(NEW).status == 0


def test_a_secret_that_cannot_be_removed_is_reported(owners: Command) -> None:
    owners.rotations.deployment.user("ana").password = "old"
    owners.without(ANA, CREDENTIAL)
    owners.session.events.register("before-call.secretsmanager.DeleteSecret", lambda **_: fail())
    owners.meanwhile = [owners.refusal]
    result = owners.add(NEW)
    assert result.status > 0
    said = " ".join(result.stderr.split())
    assert f"{ANA}: could not be removed." in said
    assert "every backup of ana's notebooks fails" in said
    assert owners.there() == [CREDENTIAL, ANA]


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("12 hours", "is not a schedule for a rotation"),
        ("cron(30 1 * * ? *)", "is not a schedule for a rotation"),
        ("rate(3 hours)", "is too often"),
        ("cron(0 1/2 * * ? *)", "is too often"),
    ],
)
def test_a_bad_schedule_is_refused_before_any_write(owners: Command, every: str, words: str) -> None:
    token = owners.rotations.current()
    assert words in " ".join(owners.add(NEW, "--every", every).stderr.split())
    assert (owners.rotations.current(CREDENTIAL), owners.rotations.current(), owners.version) == (OLD, token, "")


def test_an_error_as_json_says_what_is_left_in_the_secrets(owners: Command) -> None:
    owners.meanwhile = [interrupt]
    result = owners.add(NEW, "--json")
    assert (result.status, result.stdout) == (130, "")
    assert result.error["reason"] == "interrupted"
    assert f"{CREDENTIAL}: contains the new credential, not the previous one." in result.error["remedy"]
    owners.without(ANA)
    result = owners.add(NEW, "--json", wait=0)
    assert result.error["reason"] == "token-not-rotated"
    assert f"delete-secret --force-delete-without-recovery --secret-id {ANA}" in result.error["remedy"]
