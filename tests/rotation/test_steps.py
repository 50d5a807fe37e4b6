"""Test the four steps of a rotation in any order, repeated and interrupted."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.stub import Stubber

from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISUnavailable,
    NewTokenRejected,
    RotationRefused,
    SecretMalformed,
    SecretMissing,
    SecretNotRotated,
    SecretUnreadable,
    SecretUnwritable,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.secret_store import SecretStore
from notebook_archive.secret_store.store import PENDING
from tests.rotation.conftest import ANA, CREDENTIAL, STEPS, Rotations


def test_a_rotation_stores_a_tested_token(rotations: Rotations) -> None:
    version = rotations.rotate()
    value = rotations.current()
    assert value.keys() == {"token", "expires", "credential"}
    assert value["credential"] == CREDENTIAL
    assert rotations.whose(value["token"]) == "ana"
    assert value["expires"] == pytest.approx(time.time() * 1000 + rotations.lifetime(value["token"]) * 60_000, abs=2000)
    assert "AWSCURRENT" in rotations.labels()[version]


def test_each_step_makes_the_expected_calls(rotations: Rotations) -> None:
    version = rotations.begin()
    costs = []
    for step in STEPS:
        rotations.asked()
        rotations.step(step, version)
        costs.append((list(rotations.calls), rotations.asked()))
    get, describe = "GetSecretValue", "DescribeSecret"
    assert costs == [
        ([describe, get, get, get, get, "PutSecretValue"], {"generateToken": 1}),
        ([describe], {}),
        ([describe, get, get, get], {"portals/self": 1}),
        ([describe, get, "UpdateSecretVersionStage"], {}),
    ]


def test_steps_may_be_spelled_with_underscores(rotations: Rotations) -> None:
    version = rotations.begin()
    for step in ("create_secret", "set_secret", "test_secret", "finish_secret"):
        rotations.step(step, version)
    assert "AWSCURRENT" in rotations.labels()[version]


def test_a_second_rotation_replaces_the_first_token(rotations: Rotations) -> None:
    rotations.rotate()
    first = rotations.current()["token"]
    rotations.rotate()
    second = rotations.current()["token"]
    assert first != second
    previous = rotations.client.get_secret_value(SecretId=ANA, VersionStage="AWSPREVIOUS")["SecretString"]
    assert json.loads(previous)["token"] == first
    assert rotations.whose(first) == rotations.whose(second) == "ana"


def test_the_token_of_an_application_has_no_user(rotations: Rotations) -> None:
    rotations.keep(CREDENTIAL, {"clientId": "archive-app", "clientSecret": "archive-app-secret"})
    rotations.rotate()
    value = rotations.current()
    assert rotations.whose(value["token"]) == ""
    assert rotations.lifetime(value["token"]) == pytest.approx(26 * 60, abs=1)


def test_every_step_may_be_made_twice(rotations: Rotations) -> None:
    version = rotations.begin()
    tokens = set()
    for step in STEPS:
        for _ in range(2):
            rotations.step(step, version)
            found = rotations.pending(version)
            assert found
            tokens.add(found["token"])
    assert len(tokens) == 1
    assert rotations.asked()["generateToken"] == 1
    assert rotations.current()["token"] in tokens


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_current_is_left_as_it_is(rotations: Rotations, step: str) -> None:
    version = rotations.rotate()
    before, labels = rotations.current(), rotations.labels()
    rotations.asked()
    assert rotations.step(step, version).message == "This version is already current."
    assert (rotations.current(), rotations.labels(), rotations.asked()) == (before, labels, {})


def test_an_empty_version_cannot_become_current(rotations: Rotations) -> None:
    version = rotations.begin()
    with rotations.fails(RotationRefused, "createSecret"):
        rotations.step("finishSecret", version)
    assert rotations.asked() == {}
    for each in STEPS:
        rotations.step(each, version)
    assert rotations.current()["token"]


# To check a rotation configuration, Secrets Manager runs only the testSecret step. The pending version is then empty or
# a copy of the current one.


def copy_current(rotations: Rotations) -> str:
    """Create a pending version that is a copy of the current one."""
    version = rotations.begin()
    assert rotations.context.secret_store.write_pending(ANA, version, json.dumps(rotations.current()))
    return version


@pytest.mark.parametrize("pending", [Rotations.begin, copy_current])
@pytest.mark.parametrize("rotated", [False, True])
def test_configuration_check_does_not_sign_in(
    rotations: Rotations, pending: Callable[[Rotations], str], rotated: bool
) -> None:
    """A current token that no longer works is not an error, because a rotation replaces it."""
    if rotated:
        rotations.rotate()
        rotations.deployment.tokens.revoke_all()
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "whatever"})
    version = pending(rotations)
    before = rotations.current(), rotations.labels()
    rotations.asked()
    tried = rotations.step("testSecret", version)
    assert "no new token to test" in tried.message
    assert tried.warning == ""
    assert rotations.calls == ["DescribeSecret", "GetSecretValue", "GetSecretValue", "GetSecretValue"]
    assert rotations.asked() == {"portals/self": 1}
    assert (rotations.current(), rotations.labels()) == before


@pytest.mark.parametrize(
    ("token_secret", "credential", "error", "words"),
    [
        ({"username": "ana", "password": "x"}, {}, SecretMalformed, "does not name a credential"),
        ({"credential": "elsewhere/ana"}, {}, SecretMalformed, "may name only"),
        ({"credential": CREDENTIAL}, None, SecretMissing, CREDENTIAL),
        ({"credential": CREDENTIAL}, {"username": "ana"}, SecretMalformed, "is missing"),
        ({"credential": CREDENTIAL}, {"token": "CANARY"}, SecretMalformed, "can sign in"),
    ],
)
def test_test_secret_step_rejects_wrong_configuration(
    rotations: Rotations,
    token_secret: dict[str, str],
    credential: dict[str, str] | None,
    error: type[SecretMalformed],
    words: str,
) -> None:
    rotations.keep(ANA, token_secret)
    if credential is None:
        rotations.client.delete_secret(SecretId=CREDENTIAL, ForceDeleteWithoutRecovery=True)
    else:
        rotations.keep(CREDENTIAL, credential)
    version = rotations.begin()
    with rotations.fails(error, words):
        rotations.step("testSecret", version)
    assert rotations.asked() == {}


def test_a_configuration_needs_a_portal_that_answers(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.deployment.faults.add("portals/self", "http-503")
    with rotations.fails(ArcGISUnavailable):
        rotations.step("testSecret", version)


@pytest.mark.parametrize("code", [403, 499])
def test_a_portal_that_rejects_strangers_counts_as_answering(rotations: Rotations, code: int) -> None:
    version = rotations.begin()
    rotations.deployment.faults.add("portals/self", "shape-a", code=code)
    assert "the portal answers" in rotations.step("testSecret", version).message


def test_after_a_lost_sign_in_another_token_is_made(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.context.credential(CREDENTIAL).sign_in(60, Deadline(9))
    rotations.start()
    for step in STEPS:
        rotations.step(step, version)
    assert rotations.asked()["generateToken"] == 2


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_retry_after_a_crash_uses_the_same_token(rotations: Rotations, done: int) -> None:
    version = rotations.begin()
    for step in STEPS[:done]:
        rotations.step(step, version)
    token = (rotations.pending(version) or {})["token"]
    rotations.start()
    for step in STEPS:
        rotations.step(step, version)
    assert rotations.current()["token"] == token
    assert rotations.asked()["generateToken"] == 1


def test_a_leftover_pending_version_does_not_block(rotations: Rotations) -> None:
    left_behind = rotations.begin()
    version = rotations.rotate()
    assert "AWSCURRENT" in rotations.labels()[version]
    assert rotations.pending(left_behind) is None


def test_two_invocations_may_finish_at_the_same_time(rotations: Rotations) -> None:
    version = rotations.begin()
    for step in STEPS[:3]:
        rotations.step(step, version)
    seen = rotations.context.secret_store.describe_rotation(ANA)
    rotations.step("finishSecret", version)
    rotations.context.secret_store.make_current(ANA, version, seen.find_version("AWSCURRENT"))
    assert "AWSCURRENT" in rotations.labels()[version]


def test_a_version_written_by_hand_stays_current(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.step("createSecret", version)
    seen = rotations.context.secret_store.describe_rotation(ANA)
    rotations.keep(ANA, {"token": "by-hand"})
    with rotations.fails(SecretUnwritable, ANA):
        rotations.context.secret_store.make_current(ANA, version, seen.find_version("AWSCURRENT"))


def test_the_first_of_two_created_tokens_is_kept(rotations: Rotations) -> None:
    """MiniStack would overwrite; Secrets Manager refuses to change a version that exists."""
    with Stubber(rotations.client) as stubber:
        stubber.add_client_error("put_secret_value", "ResourceExistsException")
        assert not SecretStore(rotations.client).write_pending(ANA, "0" * 32, "{}")


# Requests that are not a step of a rotation.


@pytest.mark.parametrize("step", ["", "deleteSecret", "createsecret", "create", "__class__"])
def test_an_unknown_step_is_refused(rotations: Rotations, step: str) -> None:
    version = rotations.begin()
    with rotations.fails(RotationRefused, "not a step"):
        rotations.step(step, version)


@pytest.mark.parametrize("step", STEPS)
def test_a_secret_whose_rotation_is_off_is_refused(rotations: Rotations, step: str) -> None:
    rotations.keep("notebook-archive/owners/ben", {"credential": CREDENTIAL})
    version = rotations.begin("notebook-archive/owners/ben")
    with pytest.raises(RotationRefused, match="'notebook-archive/owners/ben' is not switched on"):
        rotations.step(step, version, "notebook-archive/owners/ben")
    assert rotations.asked() == {}


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_not_the_secret_s_is_refused(rotations: Rotations, step: str) -> None:
    with rotations.fails(RotationRefused, ANA):
        rotations.step(step, "00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_is_not_pending_is_refused(rotations: Rotations, step: str) -> None:
    first = rotations.rotate()
    rotations.rotate()
    rotations.asked()
    with rotations.fails(RotationRefused, "not the pending one"):
        rotations.step(step, first)
    assert rotations.asked() == {}


def test_a_missing_secret_is_named(rotations: Rotations) -> None:
    with pytest.raises(SecretMissing, match="nowhere"):
        rotations.context.secret_store.describe_rotation("nowhere")


# Credentials that are wrong.


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({"username": "ana", "password": "x"}, SecretMalformed, "does not name a credential"),
        ({"credential": ""}, SecretMalformed, "does not name a credential"),
        ({"credential": ["a"]}, SecretMalformed, "does not name a credential"),
        ("CANARY", SecretMalformed, "is not JSON"),
        ("[]", SecretMalformed, "not an object"),
        ({"credential": ANA}, SecretMalformed, "may name only .notebook-archive-credentials/owners/ana."),
        ({"credential": "notebook-archive/admin"}, SecretMalformed, "may name only"),
        ({"credential": "elsewhere/ana"}, SecretMalformed, "may name only"),
        ({"credential": "notebook-archive-credentials"}, SecretMalformed, "may name only"),
        ({"credential": "notebook-archive-credentials-too/ana"}, SecretMalformed, "may name only"),
        ({"credential": "notebook-archive-credentials/nobody"}, SecretMalformed, "may name only"),
    ],
)
def test_a_secret_has_to_name_its_own_credential(
    rotations: Rotations, value: Any, error: type[SecretMalformed], words: str
) -> None:
    rotations.keep(ANA, value)
    version = rotations.begin()
    with pytest.raises(error, match=words) as caught:
        rotations.step("createSecret", version)
    assert "CANARY" not in str(caught.value)
    assert rotations.asked() == {}
    assert rotations.pending(version) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("CANARY", "is not JSON"),
        ({"username": "ana"}, "is missing"),
        ({"token": "CANARY"}, "not a credential that can sign in"),
        ({"credential": CREDENTIAL}, "contains no token, because"),
    ],
)
def test_a_malformed_credential_is_named(rotations: Rotations, value: Any, words: str) -> None:
    rotations.keep(CREDENTIAL, value)
    version = rotations.begin()
    kind = SecretNotRotated if "contains no token" in words else SecretMalformed
    with rotations.fails(kind, CREDENTIAL, words):
        rotations.step("createSecret", version)
    assert rotations.asked() == {}


def test_a_credential_being_deleted_is_unreadable(rotations: Rotations) -> None:
    rotations.client.delete_secret(SecretId=CREDENTIAL)
    version = rotations.begin()
    with rotations.fails(SecretUnreadable, CREDENTIAL):
        rotations.step("createSecret", version)


def test_repeated_rotations_try_a_wrong_password_once(rotations: Rotations) -> None:
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "CANARY"})
    for _ in range(5):
        with rotations.fails(TokenRejected, CREDENTIAL):
            rotations.step("createSecret", rotations.begin())
    assert rotations.asked() == {"generateToken": 1}
    rotations.keep(CREDENTIAL, {"username": "ana", "password": rotations.deployment.user("ana").password})
    rotations.rotate()
    assert rotations.whose(rotations.current()["token"]) == "ana"


def test_a_retry_of_the_same_rotation_does_not_sign_in_again(rotations: Rotations) -> None:
    """Secrets Manager retries, in any container."""
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    version = rotations.begin()
    with rotations.fails(TokenRejected, CREDENTIAL):
        rotations.step("createSecret", version)
    for _ in range(5):
        rotations.start()
        with rotations.fails(RotationRefused):
            rotations.step("createSecret", version)
    assert rotations.asked() == {"generateToken": 1}


def list_refusals(rotations: Rotations) -> dict[str, str]:
    """Return the labels that note a refusal, with their versions."""
    return {label: version for version, has in rotations.labels().items() for label in has if label[0] == "r"}


def test_no_container_retries_a_wrong_password_for_an_hour(rotations: Rotations) -> None:
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "CANARY"})
    for _ in range(3):
        rotations.start()
        with rotations.fails(TokenRejected, CREDENTIAL):
            rotations.step("createSecret", rotations.begin())
        assert not [version for version, has in rotations.labels().items() if "AWSPENDING" in has]
    assert rotations.asked() == {"generateToken": 1}
    (label,) = list_refusals(rotations)
    assert "CANARY" not in label
    rotations.keep(CREDENTIAL, {"username": "ana", "password": rotations.deployment.user("ana").password})
    rotations.rotate()
    assert rotations.whose(rotations.current()["token"]) == "ana"


def test_wrong_password_is_sent_again_after_an_hour(rotations: Rotations) -> None:
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    for tries in range(1, 4):
        rotations.start()
        with rotations.fails(TokenRejected, CREDENTIAL):
            rotations.step("createSecret", rotations.begin())
        assert rotations.asked() == {"generateToken": 1}, tries
        ((label, version),) = list_refusals(rotations).items()
        stem, _, until = label.rpartition("-")
        assert int(until) == pytest.approx(time.time() + 3600, abs=10)
        rotations.context.secret_store.remove_label(ANA, version, label)
        rotations.context.secret_store.add_label(ANA, version, f"{stem}-{int(time.time()) - 1}")


def test_a_refusal_is_a_label_of_the_current_version(rotations: Rotations) -> None:
    """The pending version may be only an id. A rotation that succeeds removes the label."""
    before = rotations.rotate()
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    with rotations.fails(TokenRejected, CREDENTIAL):
        rotations.step("createSecret", rotations.begin())
    assert list(list_refusals(rotations).values()) == [before]
    assert "AWSCURRENT" in rotations.labels()[before]
    rotations.keep(CREDENTIAL, {"username": "ana", "password": rotations.deployment.user("ana").password})
    version = rotations.begin()
    for step in STEPS[:3]:
        rotations.step(step, version)
    assert list(list_refusals(rotations).values()) == [before]
    rotations.step("finishSecret", version)
    assert list_refusals(rotations) == {}
    assert "AWSPREVIOUS" in rotations.labels()[before]


def test_a_remembered_refusal_is_not_extended(rotations: Rotations) -> None:
    """After an account was unlocked, its password may be stored again: another version with the same text."""
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    with rotations.fails(TokenRejected, CREDENTIAL):
        rotations.step("createSecret", rotations.begin())
    noted = list_refusals(rotations)
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    with rotations.fails(TokenRejected, "not repeated yet"):
        rotations.step("createSecret", rotations.begin())
    assert not [version for version, has in rotations.labels().items() if "AWSPENDING" in has]
    assert (list_refusals(rotations), rotations.asked()) == (noted, {"generateToken": 1})
    rotations.deployment.user("ana").password = "wrong"
    rotations.start()
    rotations.rotate()


@pytest.mark.parametrize(("fault", "error"), [("http-503", ArcGISUnavailable), ("shape-e", UnexpectedAnswer)])
def test_a_remembered_outage_is_not_a_refusal(rotations: Rotations, fault: str, error: type[ArcGISUnavailable]) -> None:
    version = rotations.begin()
    rotations.deployment.faults.add("generateToken", fault)
    with rotations.fails(error):
        rotations.step("createSecret", version)
    rotations.deployment.faults.clear()
    rotations.asked()
    with rotations.fails(error, "not repeated yet"):
        rotations.step("createSecret", version)
    assert rotations.asked() == {}
    assert list_refusals(rotations) == {}
    assert "AWSPENDING" in rotations.labels()[version]
    rotations.start()
    for step in STEPS:
        rotations.step(step, version)
    assert rotations.whose(rotations.current()["token"]) == "ana"


def test_a_refusal_that_cannot_be_noted_is_reported(rotations: Rotations) -> None:
    rotations.keep(CREDENTIAL, {"username": "ana", "password": "wrong"})
    version = rotations.begin()

    def refuse(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://secretsmanager.invalid")

    event = "before-call.secretsmanager.UpdateSecretVersionStage"
    rotations.client.meta.events.register(event, refuse)
    with rotations.fails(TokenRejected, CREDENTIAL, "could not be recorded", "ConnectionClosedError"):
        rotations.step("createSecret", version)
    rotations.client.meta.events.unregister(event, refuse)


def test_an_outage_of_arcgis_loses_nothing(rotations: Rotations) -> None:
    rotations.rotate()
    version = rotations.begin()
    rotations.deployment.faults.add("generateToken", "http-503")
    with rotations.fails(ArcGISUnavailable):
        rotations.step("createSecret", version)
    rotations.deployment.faults.clear()
    rotations.start()
    rotations.step("createSecret", version)
    rotations.deployment.faults.add("portals/self", "shape-e")
    with rotations.fails(UnexpectedAnswer):
        rotations.step("testSecret", version)
    rotations.deployment.faults.clear()
    token = (rotations.pending(version) or {})["token"]
    for step in STEPS:
        rotations.step(step, version)
    assert rotations.current()["token"] == token


def test_a_new_token_that_the_portal_rejects_is_dropped(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.step("createSecret", version)
    rotations.deployment.tokens.revoke_all()
    with rotations.fails(NewTokenRejected, ANA, "rejected"):
        rotations.step("testSecret", version)
    assert "AWSPENDING" not in rotations.labels().get(version, [])
    with rotations.fails(RotationRefused):
        rotations.step("finishSecret", version)
    rotations.rotate()
    assert rotations.whose(rotations.current()["token"]) == "ana"


def test_a_new_token_of_another_user_is_dropped(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.step("createSecret", version)
    rotations.keep(CREDENTIAL, {"username": "ben", "password": rotations.deployment.user("ben").password})
    with rotations.fails(NewTokenRejected, "belongs to 'ana'", "its credential belongs to 'ben'"):
        rotations.step("testSecret", version)
    assert "AWSPENDING" not in rotations.labels().get(version, [])


def test_a_users_token_is_not_an_applications_token(rotations: Rotations) -> None:
    version = rotations.begin()
    rotations.step("createSecret", version)
    rotations.keep(CREDENTIAL, {"clientId": "archive-app", "clientSecret": "archive-app-secret"})
    with rotations.fails(NewTokenRejected, "belongs to 'ana'", "its credential belongs to no user"):
        rotations.step("testSecret", version)


def test_user_names_ignore_case(rotations: Rotations) -> None:
    """ArcGIS has no two users whose names differ only in case, and a portal accepts either spelling."""
    version = rotations.begin()
    rotations.step("createSecret", version)
    rotations.keep(CREDENTIAL, {"username": "Ana", "password": "x"})
    rotations.step("testSecret", version)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("describe_secret", SecretUnreadable),
        ("get_secret_value", SecretUnreadable),
        ("put_secret_value", SecretUnwritable),
        ("update_secret_version_stage", SecretUnwritable),
    ],
)
def test_secrets_manager_error_has_code_and_secret_name(
    rotations: Rotations, operation: str, error: type[SecretUnreadable]
) -> None:
    secret_store = SecretStore(rotations.client)
    calls: dict[str, Callable[[], object]] = {
        "describe_secret": lambda: secret_store.describe_rotation(ANA),
        "get_secret_value": lambda: secret_store.read(ANA),
        "put_secret_value": lambda: secret_store.write_pending(ANA, "0" * 32, "CANARY-00000"),
        "update_secret_version_stage": lambda: secret_store.remove_label(ANA, "0" * 32, PENDING),
    }
    with Stubber(rotations.client) as stubber:
        stubber.add_client_error(operation, "AccessDeniedException", "You may not CANARY")
        with pytest.raises(error, match=rf"AccessDeniedException.*'{ANA}'") as caught:
            calls[operation]()
    assert "CANARY" not in str(caught.value)
    assert not isinstance(caught.value.__cause__, ClientError)


# The lifetime of a token.


@pytest.mark.parametrize(
    ("rules", "minutes"),
    [
        ({"ScheduleExpression": "rate(4 hours)"}, 2 * 5 * 60),
        ({"ScheduleExpression": "rate(12 hours)", "Duration": "3h"}, 2 * 15 * 60),
        ({"AutomaticallyAfterDays": 2}, 2 * 3 * 24 * 60),
        ({"ScheduleExpression": "rate(10 days)"}, 21_600),
        ({"ScheduleExpression": "cron(0 8 ? * MON *)"}, 2 * (7 * 24 + 16) * 60),
        ({"ScheduleExpression": "cron(whenever)"}, 21_600),
    ],
)
def test_a_token_is_requested_for_two_waits(rotations: Rotations, rules: dict[str, Any], minutes: int) -> None:
    rotations.switch_on(**rules)
    version = rotations.begin()
    rotations.step("createSecret", version)
    tested = rotations.step("testSecret", version)
    assert rotations.lifetime((rotations.pending(version) or {})["token"]) == pytest.approx(min(minutes, 21_600), abs=1)
    assert tested.warning == ""


@pytest.mark.parametrize("seconds", [3600, 13 * 3600 - 60])
def test_a_token_that_expires_too_early_is_used_with_a_warning(rotations: Rotations, seconds: float) -> None:
    rotations.deployment.switches.token_seconds = seconds
    version = rotations.begin()
    rotations.step("createSecret", version)
    warning = rotations.step("testSecret", version).warning
    assert ANA in warning
    assert f"{seconds / 3600:.1f} hours" in warning
    assert "13.0 hours away" in warning
    assert rotations.step("finishSecret", version).is_current
    assert rotations.whose(rotations.current()["token"]) == "ana"


def test_a_token_that_just_lasts_gives_no_warning(rotations: Rotations) -> None:
    rotations.deployment.switches.token_seconds = 13 * 3600 + 60
    version = rotations.begin()
    rotations.step("createSecret", version)
    assert rotations.step("testSecret", version).warning == ""


def test_a_token_without_expiry_is_stored_without_expires(rotations: Rotations) -> None:
    token = rotations.deployment.token("ana", referer="https://notebook-archive.invalid/")
    rotations.deployment.faults.add("generateToken", "body", body=json.dumps({"token": token}))
    rotations.rotate()
    assert rotations.current() == {"token": token, "credential": CREDENTIAL}
