"""Test the rotation of tokens on the deployed stack: by the function with its role, in a run, and by the command."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.archive_run import ArchiveRun
from local.aws import ROOT
from local.system import LocalSystem
from tests.local.processes import workers
from tests.local.test_archive_run import until

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
ANA = "notebook-archive/owners/ana"
CREDENTIAL = "notebook-archive-credentials/owners/ana"


@dataclass
class Owner:
    """The owner ana, the operator who adds her, and Secrets Manager, which rotates her token."""

    system: LocalSystem
    folder: Path

    def add(self, *arguments: str, credential: Any = None, username: str = "ana") -> tuple[int, str]:
        """Run the command as an operator does. Return its exit code and its output."""
        known = self.system.arcgis.enterprise.user("ana").password
        given = credential if credential is not None else {"username": "ana", "password": known}
        file = self.folder / "credential.json"
        file.write_text(given if isinstance(given, str) else json.dumps(given))
        command = [
            sys.executable,
            "-m",
            "notebook_archive_cli",
            "owners",
            "add",
            username,
            "--credential",
            str(file),
            *arguments,
        ]
        environment = self.system.aws.environment()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def held(self) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self.system.aws.secrets.get_secret_value(SecretId=ANA)["SecretString"])
        return held

    def begin(self, name: str = ANA) -> tuple[str, str]:
        """Label an empty version as pending, as Secrets Manager does. Return the secret's ARN and the version."""
        version = str(uuid.uuid4())
        found = self.system.aws.secrets.put_secret_value(
            SecretId=name, ClientRequestToken=version, VersionStages=["AWSPENDING"]
        )
        return found["ARN"], version

    def step(self, step: str, arn: str, version: str) -> dict[str, Any]:
        """Invoke the function directly. Return its result or its error."""
        functions = self.system.aws.session.client("lambda", endpoint_url=self.system.aws.endpoint_url)
        event = {"Step": step, "SecretId": arn, "ClientRequestToken": version, "RotationToken": "x"}
        answer = functions.invoke(FunctionName=self.system.outputs["RotateTokenFunction"], Payload=json.dumps(event))
        answered: dict[str, Any] = json.loads(answer["Payload"].read())
        return answered

    def rotate(self) -> str:
        """Make a whole rotation. Return the new token."""
        arn, version = self.begin()
        for step in STEPS:
            answer = self.step(step, arn, version)
            assert answer.get("secret") == ANA, answer
        return str(self.held()["token"])

    def new_containers(self) -> None:
        """End the processes of all functions. The tokens and refusals in their memory are lost."""
        for name in ("plan-run", "archive-notebooks", "rotate-token"):
            for worker in self._workers(name):
                os.kill(worker, signal.SIGKILL)

    def _workers(self, name: str) -> list[int]:
        output = {"plan-run": "PlanRunFunction", "archive-notebooks": "ArchiveNotebooksFunction"}.get(name)
        function = self.system.outputs[output or "RotateTokenFunction"].rpartition(":")[2]
        return workers(self.system.aws.pid, function)


@pytest.fixture
def owner(system: LocalSystem, tmp_path: Path) -> Iterator[Owner]:
    """The owner ana. After the test, her secret has its previous content."""
    owner, secrets = Owner(system, tmp_path), system.aws.secrets
    before = secrets.get_secret_value(SecretId=ANA)["SecretString"]
    system.arcgis.enterprise.requests.clear()
    yield owner
    system.arcgis.enterprise.faults.clear()
    system.arcgis.enterprise.switches.latency_seconds = 0
    for name in (ANA, CREDENTIAL):
        with contextlib.suppress(secrets.exceptions.ResourceNotFoundException):
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=ANA, SecretString=before)
    owner.new_containers()


def signed_in(system: LocalSystem) -> int:
    return system.arcgis.enterprise.requests.counts()["generateToken"]


def test_rotation_during_a_run_fails_no_notebook(system: LocalSystem, owner: Owner) -> None:
    """The token is rotated twice during one run, and each time the previous token is revoked at once."""
    arcgis = system.arcgis.enterprise
    assert owner.add("--invoke")[0] == 0
    owner.new_containers()
    tokens = [str(owner.held()["token"])]
    arcgis.requests.clear()
    arcgis.switches.latency_seconds = 0.3
    run = ArchiveRun(system.aws, system.outputs)
    until(lambda: run.read_plan() is not None)
    outcomes = []
    for _ in range(2):
        tokens.append(owner.rotate())
        arcgis.tokens.revoke(tokens[-2])
        outcomes.append(run.count_outcomes())
    finished = run.wait()

    assert (finished.status, finished.report["notebooks"]["failed"]) == ("SUCCEEDED", {})
    assert len(set(tokens)) == 3
    assert max(outcomes) < len(run.read_plan() or ()), "the run was under way"
    hers = [request for request in arcgis.requests if request.username == "ana" and request.operation != "portals/self"]
    assert len(hers) >= sum(item.owner == "ana" for item in arcgis.organisation.notebooks())
    # The two rotations signed in ana. The archive's functions signed in only the other users, who have passwords in
    # their secrets.
    assert signed_in(system) <= 2 + 2 * (len(arcgis.users) - 1)


def test_the_command_adds_an_owner_and_can_be_repeated(system: LocalSystem, owner: Owner) -> None:
    code, said = owner.add("--invoke", "--every", "cron(0 0/8 * * ? *)")
    assert code == 0, said
    first = owner.held()
    assert set(first) == {"token", "expires", "credential"}
    assert first["credential"] == CREDENTIAL
    assert f"{ANA} contains a token of ana" in said
    described = system.aws.secrets.describe_secret(SecretId=ANA)
    assert described["RotationEnabled"]
    assert described["RotationLambdaARN"] == system.outputs["RotateTokenFunction"]
    assert described["RotationRules"] == {"ScheduleExpression": "cron(0 0/8 * * ? *)"}
    kept = json.loads(system.aws.secrets.get_secret_value(SecretId=CREDENTIAL)["SecretString"])
    assert kept == {"username": "ana", "password": system.arcgis.enterprise.user("ana").password}

    code, said = owner.add("--invoke")
    assert (code, owner.held()["token"] != first["token"]) == (0, True)
    assert f"{CREDENTIAL}: already up to date" in said
    assert kept["password"] not in said
    assert owner.held()["token"] not in said


def test_the_command_reports_that_no_rotation_started(owner: Owner) -> None:
    before = owner.held()
    code, said = owner.add("--wait", "1")
    assert code == 6
    assert "got no new token within" in said
    assert "--invoke" in said
    assert owner.held() == {**before, "credential": CREDENTIAL}, "the password is still in the secret"


def test_a_wrong_password_is_sent_once_and_reported(system: LocalSystem, owner: Owner) -> None:
    """MiniStack ends a container after a failure, so the function must record the refusal outside its memory."""
    for _ in range(3):
        code, said = owner.add("--invoke", credential={"username": "ana", "password": "CANARY-wrong"})
        assert code == 4
        assert "ArcGIS refused the sign-in of ana: wrong user name or password" in said
        assert "CANARY" not in said
        assert signed_in(system) == 1
    assert owner.add("--invoke")[0] == 0
    assert signed_in(system) == 2


def test_a_typo_does_not_break_a_rotation_that_worked(system: LocalSystem, owner: Owner) -> None:
    wrong = {"username": "ana", "password": "CANARY-wrong"}
    code, said = owner.add("--invoke", credential=wrong)
    assert (code, f"{CREDENTIAL}: contains the refused credential" in said) == (4, True), said
    assert owner.add("--invoke")[0] == 0
    good = system.aws.secrets.get_secret_value(SecretId=CREDENTIAL)["SecretString"]
    code, said = owner.add("--invoke", credential=wrong)
    assert (code, f"{CREDENTIAL}: contains the previous credential again" in said, "CANARY" in said) == (
        4,
        True,
        False,
    ), said
    assert system.aws.secrets.get_secret_value(SecretId=CREDENTIAL)["SecretString"] == good
    before = owner.held()["token"]
    assert owner.rotate() != before


def test_test_step_succeeds_on_the_deployed_function(system: LocalSystem, owner: Owner) -> None:
    assert owner.add("--invoke")[0] == 0
    signed = signed_in(system)
    arn, version = owner.begin()
    answer = owner.step("testSecret", arn, version)
    assert "the portal answers" in answer["done"], answer
    assert signed_in(system) == signed


@pytest.mark.parametrize(
    ("arguments", "credential", "words"),
    [
        (["--stack", "nowhere"], None, "have no stack 'nowhere'"),
        ([], "CANARY", "cannot be read as JSON"),
        ([], ["CANARY"], "A credential is"),
        ([], {"username": "ana", "password": ""}, "or a value is empty"),
        ([], {"token": "CANARY"}, "A credential is"),
        ([], {"username": "ben", "password": "CANARY"}, "belongs to 'ben', not to 'ana'"),
    ],
)
def test_the_command_reports_wrong_arguments_and_credentials(
    owner: Owner, arguments: list[str], credential: Any, words: str
) -> None:
    before = owner.held()
    code, said = owner.add(*arguments, credential=credential)
    assert (code, words in said, "CANARY" in said) == (5 if arguments else 2, True, False), said
    assert owner.held() == before


def test_the_administrators_token_is_rotated_too(system: LocalSystem, owner: Owner) -> None:
    admin, secrets = system.arcgis.enterprise.admin, system.aws.secrets
    name = system.outputs["AdminSecretName"]
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    try:
        credential = {"username": admin.username, "password": admin.password}
        code, said = owner.add("--admin", "--invoke", credential=credential, username=admin.username)
        assert code == 0, said
        held = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
        assert held["credential"] == "notebook-archive-credentials/admin"
        owner.new_containers()
        assert ArchiveRun(system.aws, system.outputs).wait().report["status"] == "complete"
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=before)


def test_the_function_cannot_read_other_secrets(system: LocalSystem, owner: Owner) -> None:
    arn, version = owner.begin("notebook-archive/ca-bundle")
    try:
        assert "AccessDenied" in owner.step("createSecret", arn, version)["errorMessage"]
    finally:
        system.aws.secrets.put_secret_value(
            SecretId="notebook-archive/ca-bundle", SecretString=system.arcgis.ca_bundle.read_text()
        )


def test_a_credential_outside_its_prefix_is_not_read(system: LocalSystem, owner: Owner) -> None:
    assert owner.add("--wait", "0")[0] == 6
    system.aws.secrets.put_secret_value(SecretId=ANA, SecretString='{"credential": "notebook-archive/admin"}')
    answer = owner.step("createSecret", *owner.begin())
    assert "may name only 'notebook-archive-credentials/owners/ana'" in answer["errorMessage"]
    assert signed_in(system) == 0


def test_command_and_functions_use_the_same_secret_names() -> None:
    from notebook_archive.arcgis.token_secrets import name_owner_secret
    from notebook_archive_cli.accounts.owners import encode_username

    for name in ("ana", "o'hara jr", "müller@example.com", "a=b%c~d", "x/y\\z", "ana+1-2_3.4", "日本"):
        assert name_owner_secret("p", name) == f"p/owners/{encode_username(name)}"
