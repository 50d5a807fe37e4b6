"""Test which secrets `add_owner` restores or keeps if a rotation succeeds, fails or is interrupted."""

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
from scripts import add_owner
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
class Script:
    """The script, in this process.

    `meanwhile` is what happens each time the script looks for the new token, after a rotation has begun.
    """

    rotations: Rotations
    folder: Path
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    version: str = ""

    def begin(self, **_: Any) -> None:
        self.version = self.rotations.begin()

    def look(self, params: dict[str, Any], **_: Any) -> None:
        if self.version and self.meanwhile and params["SecretId"] == ANA:
            self.meanwhile.pop(0)()

    def steps(self, *steps: str) -> None:
        """Make steps of the rotation that the script has begun, as Secrets Manager does."""
        for step in steps:
            self.rotations.step(step, self.version)

    def refusal(self) -> None:
        with pytest.raises(TokenRejected):
            self.steps("createSecret")

    def run(self, credential: dict[str, str], *more: str, wait: int = 30) -> int:
        file, self.version = self.folder / "credential.json", ""
        file.write_text(json.dumps(credential))
        return add_owner.main(["ana", "--credential", str(file), "--wait", str(wait), *more])

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
def script(rotations: Rotations, aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Ana's token was rotated with her old password, and she has just changed that in ArcGIS."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    cloudformation = boto3.client("cloudformation")
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
    script = Script(rotations, tmp_path)
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register("after-call.secretsmanager.RotateSecret", script.begin)
    boto3.DEFAULT_SESSION.events.register("before-parameter-build.secretsmanager.GetSecretValue", script.look)
    yield script
    boto3.setup_default_session()
    cloudformation.delete_stack(StackName=STACK)


def test_a_failed_check_of_the_rotation_is_repeated(script: Script) -> None:
    before = script.rotations.current()["token"]
    script.meanwhile = [fail, lambda: script.steps(*STEPS[:3]), fail, lambda: script.steps("finishSecret")]
    assert script.run(NEW) == 0
    assert script.rotations.current()["token"] != before
    assert script.rotations.current(CREDENTIAL) == NEW


def test_an_interruption_changes_nothing_and_is_reported(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.meanwhile = [lambda: script.steps(*STEPS[:3]), interrupt]
    with pytest.raises(KeyboardInterrupt):
        script.run(NEW)
    said = " ".join(capsys.readouterr().err.split())
    assert f"{CREDENTIAL}: contains the new credential, not the previous one. Whether it works is not known" in said
    assert "rotate-token-logs" in said
    assert script.rotations.current(CREDENTIAL) == NEW
    script.steps("finishSecret")
    script.rotations.rotate()


@pytest.mark.parametrize("last", [lambda: None, fail])
def test_a_token_that_comes_too_late_finds_its_credential(
    script: Script, last: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    script.meanwhile = [last] * 9
    assert script.run(NEW, wait=0) == 1
    assert "Whether it works is not known" in " ".join(capsys.readouterr().err.split())
    assert script.rotations.current(CREDENTIAL) == NEW
    script.steps(*STEPS)
    script.rotations.rotate()


def test_after_a_refusal_the_credential_is_restored_at_once(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.rotations.deployment.user("ana").password = "old"
    before = time.monotonic()
    script.meanwhile = [lambda: None, script.refusal]
    assert script.run(NEW) == 1
    assert time.monotonic() - before < 20
    said = " ".join(capsys.readouterr().err.split())
    assert f"{CREDENTIAL}: contains the previous credential again" in said
    assert "ArcGIS refused the sign-in of ana: wrong user name or password, or the account may not sign in." in said
    assert "no token yet" not in said
    assert script.rotations.current(CREDENTIAL) == OLD
    assert not [has for has in script.rotations.labels().values() if "AWSPENDING" in has and "AWSCURRENT" not in has]
    script.rotations.rotate()


def test_a_credential_that_cannot_be_restored_is_reported(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.rotations.deployment.user("ana").password = "old"
    assert boto3.DEFAULT_SESSION

    def no_more(**_: Any) -> None:
        if script.version:
            fail()

    boto3.DEFAULT_SESSION.events.register("before-call.secretsmanager.PutSecretValue", no_more)
    script.meanwhile = [script.refusal]
    assert script.run(NEW) == 1
    assert "the previous credential could not be restored" in " ".join(capsys.readouterr().err.split())
    assert script.rotations.current(CREDENTIAL) == NEW


def test_the_credential_of_another_stack_is_not_written_over(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.rotations.client.update_secret(
        SecretId=CREDENTIAL,
        Description="ArcGIS credential of ana; notebook-archive-dev/owners/ana is rotated with it",
    )
    token = script.rotations.current()
    assert script.run(NEW) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "Another stack rotates notebook-archive-dev/owners/ana with" in said
    assert "CredentialPrefix" in said
    assert (script.rotations.current(CREDENTIAL), script.rotations.current(), script.version) == (OLD, token, "")


def test_the_script_writes_its_own_credential_again(script: Script) -> None:
    script.without(CREDENTIAL)
    for _ in range(2):
        script.meanwhile = [lambda: script.steps(*STEPS)]
        assert script.run(NEW) == 0
    description = script.rotations.client.describe_secret(SecretId=CREDENTIAL)["Description"]
    assert description == f"ArcGIS credential of ana; {ANA} is rotated with it"


@pytest.mark.parametrize("gone", [(ANA, CREDENTIAL), (ANA,)])
def test_a_typo_for_a_new_owner_leaves_everything_as_it_was(
    script: Script, gone: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret without a token would fail notebooks that the administrator read until now."""
    script.rotations.deployment.user("ana").password = "old"
    script.without(*gone)
    script.meanwhile = [lambda: None, script.refusal]
    assert script.run(NEW) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"{ANA}: removed" in said
    assert "no token yet" not in said
    assert script.there() == sorted({ANA, CREDENTIAL} - set(gone))
    if CREDENTIAL not in gone:
        assert script.rotations.current(CREDENTIAL) == OLD
    script.meanwhile = [lambda: script.steps(*STEPS)]
    assert script.run(OLD) == 0


def test_a_secret_that_stays_is_reported_with_its_removal(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.without(ANA, CREDENTIAL)
    assert script.run(NEW, wait=0) == 1
    said = capsys.readouterr().err
    assert f"{ANA}: contains no token yet. Until a rotation succeeds, every backup of ana's notebooks fails." in said
    assert f"\n  aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {ANA}\n" in said
    script.meanwhile = [lambda: script.steps(*STEPS)]
    assert script.run(NEW) == 0
    assert "no token yet" not in capsys.readouterr().err


def test_a_secret_that_cannot_be_removed_is_reported(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.rotations.deployment.user("ana").password = "old"
    script.without(ANA, CREDENTIAL)
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register("before-call.secretsmanager.DeleteSecret", lambda **_: fail())
    script.meanwhile = [script.refusal]
    assert script.run(NEW) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"{ANA}: could not be removed. AWS cannot be reached" in said
    assert "every backup of ana's notebooks fails" in said
    assert script.there() == [CREDENTIAL, ANA]


@pytest.mark.parametrize(
    ("every", "words"),
    [
        ("12 hours", "is not a schedule for a rotation"),
        ("cron(30 1 * * ? *)", "is not a schedule for a rotation"),
        ("rate(3 hours)", "is too often"),
        ("cron(0 1/2 * * ? *)", "is too often"),
    ],
)
def test_a_bad_schedule_is_refused_before_any_write(
    script: Script, every: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = script.rotations.current()
    assert script.run(NEW, "--every", every) == 1
    assert words in " ".join(capsys.readouterr().err.split())
    assert (script.rotations.current(CREDENTIAL), script.rotations.current(), script.version) == (OLD, token, "")
