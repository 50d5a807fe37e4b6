"""Test `rotate_token` as Secrets Manager calls it, and that no response, log line or metric contains a secret."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from local.aws import ACCESS_KEY, REGION, SECRET_KEY, LocalAws
from notebook_archive.errors import NewTokenRejected, RotationRefused, SettingsInvalid, TokenRejected
from tests.functions.conftest import Functions, _new_container, library_log, own_logging, sample
from tests.rotation.conftest import ANA, CREDENTIAL, STEPS, Rotations
from tests.strict_s3 import StrictS3

__all__ = ["library_log"]
type Step = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def function(rotations: Rotations, aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    """The function in a new container, with MiniStack."""
    environment = {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "ARCHIVE_BUCKET": "archive",
        "ARCHIVE_BUCKET_OWNER": "123456789012",
        "PORTAL_URL": rotations.deployment.portal_url,
        "SECRET_PREFIX": "notebook-archive",
        "CREDENTIAL_PREFIX": "notebook-archive-credentials",
        "CA_BUNDLE_SECRET": "notebook-archive/ca-bundle",
        "THREADS": "4",
        "BATCH_SIZE": "50",
        "MAX_SNAPSHOT_MB": "100",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rotations.keep("notebook-archive/ca-bundle", rotations.ca_pem)
    boto3.setup_default_session()
    _new_container()
    with own_logging():
        yield Functions(None, rotations.deployment, StrictS3(), monkeypatch)  # type: ignore[arg-type]
    _new_container()
    boto3.setup_default_session()


@pytest.fixture
def step(function: Functions, rotations: Rotations) -> Step:
    """Sends the sample event with the given step and version."""
    arn = rotations.client.describe_secret(SecretId=ANA)["ARN"]

    def send(name: str, version: str) -> dict[str, Any]:
        event = sample("rotate_token") | {"Step": name, "SecretId": arn, "ClientRequestToken": version}
        return function.invoke("rotate_token", event)

    return send


def metrics(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines() if "_aws" in line]


def test_the_sample_is_what_secrets_manager_sends() -> None:
    assert sample("rotate_token").keys() == {"Step", "SecretId", "ClientRequestToken", "RotationToken"}
    assert sample("rotate_token")["Step"] in STEPS


def test_four_events_rotate_the_token(
    rotations: Rotations, function: Functions, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    version = rotations.begin()
    answers = [step(name, version) for name in STEPS]
    assert {answer["secret"] for answer in answers} == {ANA}
    assert rotations.whose(rotations.current()["token"]) == "ana"
    logged = [(line["step"], line["version"], line["message"]) for line in function.lines()]
    assert logged == [(name, version, answer["done"]) for name, answer in zip(STEPS, answers, strict=True)]
    counted = metrics(capsys.readouterr().out)
    assert [line["TokensRotated"] for line in counted] == [[0], [0], [0], [1]]
    assert [line["TokensExpiringBeforeRotation"] for line in counted] == [[0]] * 4


def test_a_token_that_expires_too_early_is_a_metric(
    rotations: Rotations, function: Functions, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    rotations.deployment.switches.token_seconds = 3600
    version = rotations.begin()
    for name in STEPS:
        step(name, version)
    (warned,) = [line for line in function.lines() if line["level"] == "WARNING"]
    assert "Shorten the rotation interval" in warned["message"]
    counted = metrics(capsys.readouterr().out)
    assert [line["TokensExpiringBeforeRotation"] for line in counted] == [[0], [0], [1], [0]]
    assert counted[-1]["TokensRotated"] == [1]


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_failed_step_logs_reason_and_remedy(rotations: Rotations, function: Functions, step: Step) -> None:
    """Lambda also gets the error, which it counts for the alarm, and so does Secrets Manager."""
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    version = rotations.begin()
    with pytest.raises(TokenRejected) as failed:
        step("createSecret", version)
    (line,) = function.lines()
    assert (line["level"], line["step"], line["version"]) == ("ERROR", "createSecret", version)
    problem = {"reason": "token-rejected", "message": str(failed.value), "remedy": TokenRejected.remedy}
    assert line["problem"] == {**problem, "secret": CREDENTIAL}


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("event", [{}, {"Step": None}, {"Step": "createSecret", "SecretId": ANA}])
def test_an_event_without_a_step_is_refused(rotations: Rotations, function: Functions, event: dict[str, Any]) -> None:
    rotations.begin()
    with pytest.raises(RotationRefused):
        function.invoke("rotate_token", {"SecretId": ANA} | event)
    assert rotations.asked() == {}


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_missing_credential_prefix_is_reported(function: Functions, step: Step) -> None:
    function.configure(CREDENTIAL_PREFIX="")
    with pytest.raises(SettingsInvalid, match="CREDENTIAL_PREFIX"):
        step("createSecret", "0" * 32)


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_responses_and_logs_contain_no_secret(
    rotations: Rotations,
    function: Functions,
    step: Step,
    library_log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rotations.deployment.user("ana").password = "CANARY-password"
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "CANARY-password", "note": "CANARY-note"})
    answers: list[Any] = []
    version = rotations.begin()
    answers += [step(name, version) for name in STEPS]
    rotations.deployment.switches.token_seconds = 60
    version = rotations.begin()
    answers += [step(name, version) for name in STEPS[:3]]
    known = list(rotations.deployment.tokens._tokens)
    rotations.deployment.tokens.revoke_all()
    with pytest.raises(NewTokenRejected) as refused:
        step("testSecret", version)
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "CANARY-wrong"})
    with pytest.raises(TokenRejected) as wrong:
        step("createSecret", rotations.begin())
    everything = [function.log.getvalue(), library_log.getvalue(), *capsys.readouterr(), json.dumps(answers)]
    everything += [repr(refused.value), repr(wrong.value)]
    assert len(known) == 2
    for text in everything:
        assert "CANARY" not in text
        assert not any(token in text for token in known)
