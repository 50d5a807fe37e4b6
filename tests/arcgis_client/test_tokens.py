"""Test the forms of a secret, token renewal, rejected tokens, and the number of sign-ins."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.token_renewal import (
    MIN_USE_SECONDS,
    REFUSED_SECONDS,
    TOKEN_MINUTES,
    FixedToken,
    TokenSource,
)
from notebook_archive.arcgis.token_secrets import parse_secret
from notebook_archive.arcgis.transport import REFERER, Transport
from notebook_archive.errors import (
    ArcGISUnavailable,
    DeadlineExceeded,
    GoodTokenRejected,
    SecretMalformed,
    SecretMissing,
    SecretNotRotated,
    TokenRejected,
    UnexpectedAnswer,
)
from tests.arcgis_client.client import Client, Secrets, soon
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer

ADMIN = "notebook-archive/admin"
CANARY = "CANARY-1b5e"


class Clock:
    """Seconds since the epoch, which the test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def whoami(client: Client, tokens: TokenSource) -> str:
    return client.portal(tokens).get_organization().username


def refused(token: str) -> str:
    """Reject every token, as a call may do."""
    raise TokenRejected(f"No to a token of {len(token)} characters.")


# The three forms.


def test_a_user_name_and_password_sign_in_once(client: Client) -> None:
    tokens = client.tokens()
    assert [whoami(client, tokens) for _ in range(5)] == ["gis_admin"] * 5
    assert client.count("generateToken") == 1
    assert client.secrets.reads == [ADMIN]


def test_the_token_is_bound_to_the_referer(client: Client) -> None:
    whoami(client, client.tokens())
    [token] = client.deployment.tokens._tokens.values()
    assert (token.client, token.bound_to) == ("referer", REFERER)


def test_an_application_signs_in_by_oauth(client: Client) -> None:
    client.secrets.texts[ADMIN] = '{"clientId": "archive-app", "clientSecret": "archive-app-secret"}'
    tokens = client.tokens()
    found = client.portal(tokens).list_notebooks(client.deployment.organisation.id)
    assert len(found.notebooks) == len(client.deployment.organisation.notebooks())
    assert (client.count("oauth2/token"), client.count("generateToken")) == (1, 0)


def test_a_token_in_a_secret_is_used_as_it_is(client: Client) -> None:
    client.secrets.texts[ADMIN] = json.dumps({"token": client.token()})
    tokens = client.tokens()
    assert [whoami(client, tokens) for _ in range(3)] == ["gis_admin"] * 3
    assert client.secrets.reads == [ADMIN]
    assert set(client.deployment.requests.counts()) == {"portals/self"}


def test_a_token_that_was_rotated_is_read_again(client: Client) -> None:
    client.secrets.texts[ADMIN] = json.dumps({"token": client.token()})
    tokens = client.tokens()
    whoami(client, tokens)
    client.deployment.tokens.revoke_all()
    client.secrets.texts[ADMIN] = json.dumps({"token": client.token("ana")})
    assert whoami(client, tokens) == "ana"
    assert client.secrets.reads == [ADMIN, ADMIN]


def test_the_sign_in_puts_the_credential_into_the_body_alone(wire: Transport, serve: Serve) -> None:
    forms = {
        "/sharing/rest/generateToken": {"username": "ana", "password": CANARY},
        "/sharing/rest/oauth2/token": {"clientId": "app", "clientSecret": CANARY},
    }
    server = serve(lambda _: [answer(b'{"token": "t", "expires": 9999999999999, "access_token": "t"}')])
    for secret in forms.values():
        source = TokenSource(wire, server.url, "s", Secrets({"s": json.dumps(secret)}))
        source.call_with_token(len, soon())
    for request, path in zip(server.requests, forms, strict=True):
        assert (request.method, request.target) == ("POST", path)
        assert CANARY.encode() in request.body
        assert CANARY not in str(request.headers)
    first, second = (request.form for request in server.requests)
    assert first == {
        "username": ["ana"],
        "password": [CANARY],
        "client": ["referer"],
        "referer": [REFERER],
        "expiration": [str(TOKEN_MINUTES)],
        "f": ["json"],
    }
    assert second == {
        "client_id": ["app"],
        "client_secret": [CANARY],
        "grant_type": ["client_credentials"],
        "expiration": [str(TOKEN_MINUTES)],
        "f": ["json"],
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "is not JSON"),
        (CANARY, "is not JSON"),
        (f'{{"password": "{CANARY}"', "is not JSON"),
        ("[" * 60_000, "is not JSON"),
        (f'"{CANARY}"', "not an object"),
        (f'["{CANARY}"]', "not an object"),
        ("null", "not an object"),
        ("{}", "is missing token, or password and username, or clientId and clientSecret"),
        (f'{{"password": "{CANARY}"}}', "is missing token, or username, or clientId and clientSecret"),
        (f'{{"username": "{CANARY}", "password": ""}}', "or password,"),
        (f'{{"username": "{CANARY}", "password": null}}', "or password,"),
        (f'{{"clientId": "{CANARY}", "clientSecret": ["{CANARY}"]}}', "or clientSecret."),
        (f'{{"Username": "{CANARY}", "Password": "{CANARY}"}}', "password and username"),
        ('{"token": true}', "is missing token"),
        (f'{{"token": "{CANARY}\\n"}}', "a character that no token has"),
        (f'{{"token": "{CANARY} {CANARY}"}}', "a character that no token has"),
        (f'{{"token": "{CANARY}ü"}}', "a character that no token has"),
    ],
)
def test_a_malformed_secret_is_named_without_its_values(enterprise: Client, text: str, named: str) -> None:
    enterprise.secrets.texts[ADMIN] = text
    with pytest.raises(SecretMalformed) as caught:
        whoami(enterprise, enterprise.tokens())
    message = str(caught.value)
    assert f"{ADMIN!r}" in message
    assert named in message
    assert CANARY not in message
    assert len(enterprise.deployment.requests) == 0


def test_numbers_and_other_fields_are_allowed_in_a_secret() -> None:
    secret = parse_secret("s", '{"username": "ana", "password": 1234, "note": null, "rotated": [1]}')
    assert secret == {"username": "ana", "password": "1234"}


def test_a_missing_secret_is_named(enterprise: Client) -> None:
    with pytest.raises(SecretMissing, match="nowhere"):
        whoami(enterprise, enterprise.tokens("nowhere"))


# Renewal.


def source_at(client: Client, clock: Clock) -> TokenSource:
    return TokenSource(client.transport, client.deployment.portal_url, ADMIN, client.secrets, clock=clock)


def test_a_token_is_renewed_five_minutes_before_it_expires(client: Client) -> None:
    clock = Clock()
    tokens = source_at(client, clock)
    whoami(client, tokens)
    clock.now += TOKEN_MINUTES * 60 - 300 - 5
    whoami(client, tokens)
    assert client.count("generateToken") == 1
    clock.now += 10
    whoami(client, tokens)
    assert client.count("generateToken") == 2
    assert client.secrets.reads == [ADMIN, ADMIN]


def test_an_application_token_is_renewed_before_it_expires(enterprise: Client) -> None:
    enterprise.secrets.texts[ADMIN] = '{"clientId": "archive-app", "clientSecret": "archive-app-secret"}'
    clock = Clock()
    tokens = source_at(enterprise, clock)
    for seconds in (0, TOKEN_MINUTES * 60 - 305, 10):
        clock.now += seconds
        tokens.call_with_token(len, soon())
    assert enterprise.count("oauth2/token") == 2


def test_a_short_token_is_renewed_at_half_its_lifetime(client: Client) -> None:
    client.deployment.switches.token_seconds = 400
    clock = Clock()
    tokens = source_at(client, clock)
    for seconds in (0, 190, 20):
        clock.now += seconds
        whoami(client, tokens)
    assert client.count("generateToken") == 2


def test_a_token_that_expires_early_is_replaced(client: Client) -> None:
    client.deployment.switches.token_seconds = 0.2
    tokens = client.tokens()
    whoami(client, tokens)
    time.sleep(0.25)
    assert whoami(client, tokens) == "gis_admin"
    assert client.count("generateToken") == 2


@pytest.mark.parametrize(
    "body",
    [
        {"token": "t", "expires": 1000},  # the server's clock is decades behind
        {"token": "t", "expires": str(int(time.time() * 1000) - 3_600_000)},
        {"token": "t"},
        {"token": "t", "expires": None},
        {"token": "t", "expires": "soon"},
    ],
)
def test_wrong_server_clock_causes_no_repeated_sign_ins(wire: Transport, serve: Serve, body: dict[str, Any]) -> None:
    server = serve(lambda _: [answer(json.dumps(body).encode())])
    clock = Clock()
    secrets = Secrets({"s": '{"username": "ana", "password": "x"}'})
    tokens = TokenSource(wire, server.url, "s", secrets, clock=clock)
    for _ in range(5):
        assert tokens.call_with_token(str, soon()) == "t"
    assert len(server.requests) == 1
    clock.now += MIN_USE_SECONDS + 1
    tokens.call_with_token(str, soon())
    assert len(server.requests) == 2


def test_the_expiry_in_a_secret_is_used(enterprise: Client) -> None:
    clock = Clock()
    ends = int((clock.now + 1000) * 1000)
    enterprise.secrets.texts[ADMIN] = json.dumps({"token": enterprise.token(), "expires": ends})
    tokens = source_at(enterprise, clock)
    for seconds in (0, 690, 20, 1, 1):
        clock.now += seconds
        whoami(enterprise, tokens)
    assert len(enterprise.secrets.reads) == 2


@pytest.mark.parametrize("body", ["{}", '{"token": ""}', '{"token": 5}', '{"token": null}', '{"token": "a\\nb"}'])
def test_an_answer_without_a_token_is_unexpected(client: Client, body: str) -> None:
    client.deployment.faults.add("generateToken", "body", body=body)
    with pytest.raises(UnexpectedAnswer, match="has no usable token"):
        whoami(client, client.tokens())


# Sign-in for a rotation.


@pytest.mark.parametrize(("hours", "minutes"), [(0.1, 6), (26, 1560), (24 * 365, 21_600), (float("inf"), 21_600)])
def test_a_sign_in_gets_the_requested_or_longest_lifetime(client: Client, hours: float, minutes: int) -> None:
    token = client.tokens().sign_in(hours * 3600, soon())
    assert (token.expires - time.time()) / 60 == pytest.approx(minutes, abs=1)
    assert client.portal(FixedToken(token.value)).get_organization().username == "gis_admin"
    assert client.count("generateToken") == 1


def test_an_application_token_has_its_own_longest_lifetime(client: Client) -> None:
    client.secrets.texts[ADMIN] = '{"clientId": "archive-app", "clientSecret": "archive-app-secret"}'
    token = client.tokens().sign_in(float("inf"), soon())
    assert (token.expires - time.time()) / 60 == pytest.approx(20_160, abs=1)


def test_a_token_cannot_sign_in(enterprise: Client) -> None:
    enterprise.secrets.texts[ADMIN] = json.dumps({"token": CANARY})
    with pytest.raises(SecretMalformed, match=ADMIN) as caught:
        enterprise.tokens().sign_in(60, soon())
    assert CANARY not in str(caught.value)
    assert len(enterprise.deployment.requests) == 0


def test_secret_without_first_rotation_is_not_rotated(enterprise: Client) -> None:
    enterprise.secrets.texts[ADMIN] = '{"credential": "notebook-archive-credentials/admin"}'
    with pytest.raises(SecretNotRotated, match="has not been rotated"):
        whoami(enterprise, enterprise.tokens())


def test_a_changed_secret_is_signed_in_with_at_once(enterprise: Client) -> None:
    enterprise.secrets.texts[ADMIN] = f'{{"username": "gis_admin", "password": "{CANARY}"}}'
    tokens = enterprise.tokens()
    for _ in range(5):
        with pytest.raises(TokenRejected, match=ADMIN) as caught:
            tokens.sign_in(60, soon())
        assert caught.value.secret == ADMIN
    assert enterprise.count("generateToken") == 1
    enterprise.keep(ADMIN, "gis_admin")
    assert tokens.sign_in(60, soon()).value


# Rejection.


@pytest.mark.parametrize("times", [1, 2])
def test_a_refused_token_is_replaced_once(client: Client, times: int) -> None:
    tokens = client.tokens()
    whoami(client, tokens)
    for _ in range(times):
        client.deployment.tokens.revoke_all()
        assert whoami(client, tokens) == "gis_admin"
    assert client.count("generateToken") == 1 + times
    assert client.count("portals/self") == 1 + 2 * times
    assert client.secrets.reads == [ADMIN] * (1 + times)


@pytest.mark.parametrize("code", [498, 499])
@pytest.mark.parametrize("kind", ["shape-a", "shape-b", "shape-d"])
def test_a_call_that_is_rejected_twice_is_not_tried_again(client: Client, code: int, kind: str) -> None:
    tokens = client.tokens()
    whoami(client, tokens)
    client.deployment.requests.clear()
    client.deployment.faults.add("portals/self", kind, code=code)
    with pytest.raises(TokenRejected, match=ADMIN) as caught:
        whoami(client, tokens)
    assert f"code {code}" in str(caught.value)
    # One more call asks the portal whether it accepts the token.
    assert client.deployment.requests.counts() == {"portals/self": 3, "generateToken": 1}
    assert client.secrets.reads == [ADMIN, ADMIN]


def test_a_credential_is_blocked_after_three_sign_ins(client: Client) -> None:
    client.deployment.faults.add("portals/self", "shape-a", code=498)
    clock = Clock()
    tokens = source_at(client, clock)
    for _ in range(50):
        with pytest.raises(TokenRejected, match=ADMIN):
            whoami(client, tokens)
    assert client.deployment.requests.counts() == {"generateToken": 3, "portals/self": 6}
    assert len(client.secrets.reads) == 3
    client.deployment.faults.clear()
    clock.now += REFUSED_SECONDS + 1
    assert whoami(client, tokens) == "gis_admin"


def test_one_refused_notebook_does_not_block_the_credential(client: Client) -> None:
    tokens = client.tokens()
    for _ in range(10):
        with pytest.raises(TokenRejected, match="fresh"):
            tokens.call_with_token(refused, soon())
        assert whoami(client, tokens) == "gis_admin"


@pytest.mark.parametrize("refused_ones", ["all", "every second", "the first half"])
def test_refused_notebooks_do_not_fail_others(client: Client, refused_ones: str) -> None:
    """A rejection for one notebook does not count against the credential while the portal accepts the token."""
    tokens = client.tokens()
    for number in range(200):
        is_refused = {"all": True, "every second": number % 2 == 0, "the first half": number < 100}[refused_ones]
        if not is_refused:
            assert whoami(client, tokens) == "gis_admin"
            continue
        with pytest.raises(GoodTokenRejected, match="the portal accepts it") as caught:
            tokens.call_with_token(refused, soon())
        assert caught.value.secret == "", "the credential is not at fault"
    assert whoami(client, tokens) == "gis_admin"
    assert client.count("generateToken") == 2


def test_threads_with_refused_notebooks_sign_in_rarely(client: Client) -> None:
    tokens = client.tokens()

    def work(number: int) -> None:
        if number % 2:
            assert whoami(client, tokens) == "gis_admin"
        else:
            with pytest.raises(TokenRejected, match="the portal accepts it"):
                tokens.call_with_token(refused, soon())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert client.count("generateToken") <= 2 + 8, "twice, and those that had begun before"


def test_a_refused_notebook_does_not_reject_a_later_token(client: Client) -> None:
    client.secrets.texts[ADMIN] = json.dumps({"token": client.token()})
    tokens = client.tokens()
    for _ in range(5):
        with pytest.raises(TokenRejected, match="the portal accepts it"):
            tokens.call_with_token(refused, soon())
        assert whoami(client, tokens) == "gis_admin"
    client.deployment.tokens.revoke_all()
    with pytest.raises(TokenRejected, match="was refused") as caught:
        whoami(client, tokens)
    assert caught.value.secret == ADMIN


def test_an_accepted_token_that_expires_is_replaced(client: Client) -> None:
    tokens = client.tokens()
    with pytest.raises(TokenRejected):
        tokens.call_with_token(refused, soon())
    client.deployment.tokens.revoke_all()
    assert whoami(client, tokens) == "gis_admin"
    assert client.count("generateToken") == 3


def test_success_elsewhere_does_not_hide_a_bad_credential(client: Client) -> None:
    """The portal rejects each token, but another server accepts it."""
    client.deployment.faults.add("portals/self", "shape-a", code=498)
    tokens = client.tokens()
    for _ in range(3):
        with pytest.raises(TokenRejected):
            tokens.call_with_token(refused, soon())
        try:
            tokens.call_with_token(len, soon())
        except TokenRejected:
            break
    assert client.count("generateToken") == 3


def test_portal_that_returns_no_user_accepts_no_token(wire: Transport, serve: Serve) -> None:
    """`portals/self` also answers requests without a token."""

    def script(request: WireRequest) -> list[bytes]:
        if "generateToken" in request.path:
            return [answer(b'{"token": "t%d", "expires": 9999999999999}' % len(server.requests))]
        return [answer(b'{"id": "x"}')]

    server = serve(script)
    tokens = TokenSource(wire, server.url, "s", Secrets({"s": '{"username": "ana", "password": "x"}'}))
    for _ in range(5):
        with pytest.raises(TokenRejected):
            tokens.call_with_token(refused, soon())
    assert sum("generateToken" in request.path for request in server.requests) == 3


@pytest.mark.parametrize("fault", [{"kind": "http-503"}, {"kind": "shape-a", "code": 403}, {"kind": "shape-e"}])
@pytest.mark.parametrize("is_minted", [True, False])
def test_an_outage_of_the_portal_blocks_no_credential(
    enterprise: Client, is_minted: bool, fault: dict[str, Any]
) -> None:
    """A notebook rejects the token, and the portal does not say whether it accepts it."""
    clock = Clock()
    if not is_minted:
        enterprise.secrets.texts[ADMIN] = json.dumps({"token": enterprise.token()})
    tokens = source_at(enterprise, clock)
    enterprise.deployment.faults.add("portals/self", **fault)
    for _ in range(5):
        with pytest.raises(ArcGISUnavailable):
            tokens.call_with_token(refused, soon())
        assert tokens.call_with_token(len, soon()), "other calls go on"
    assert enterprise.count("generateToken") == (2 if is_minted else 0)
    enterprise.deployment.faults.clear()
    clock.now += 61
    assert whoami(enterprise, tokens) == "gis_admin"
    with pytest.raises(GoodTokenRejected):
        tokens.call_with_token(refused, soon())


def test_hanging_token_check_does_not_delay_other_calls(wire: Transport, serve: Serve) -> None:
    asked = threading.Event()

    def script(request: WireRequest) -> list[bytes]:
        if request.path.endswith("portals/self"):
            asked.set()
            server.wait(20)
            return [b""]
        return [answer(b'{"token": "t%d", "expires": 9999999999999}' % len(server.requests))]

    server = serve(script)
    tokens = TokenSource(wire, server.url, "s", Secrets({"s": '{"username": "ana", "password": "x"}'}))
    with ThreadPoolExecutor(2) as pool:
        judged = pool.submit(tokens.call_with_token, refused, soon(2))
        asked.wait(5)
        assert pool.submit(tokens.call_with_token, len, soon()).result(timeout=1)
        assert isinstance(judged.exception(), DeadlineExceeded)


def test_wrong_password_is_sent_once_and_then_blocked(client: Client) -> None:
    client.secrets.texts[ADMIN] = f'{{"username": "gis_admin", "password": "{CANARY}"}}'
    clock = Clock()
    tokens = source_at(client, clock)
    for _ in range(50):
        with pytest.raises(TokenRejected, match=ADMIN) as caught:
            whoami(client, tokens)
        assert CANARY not in str(caught.value)
    assert client.deployment.requests.counts() == {"generateToken": 1}
    client.keep(ADMIN, "gis_admin")
    clock.now += REFUSED_SECONDS + 1
    assert whoami(client, tokens) == "gis_admin"


@pytest.mark.parametrize(("fault", "error"), [("http-503", ArcGISUnavailable), ("shape-e", UnexpectedAnswer)])
def test_an_outage_blocks_for_a_minute_and_stays_an_outage(
    client: Client, fault: str, error: type[ArcGISUnavailable]
) -> None:
    """The remembered error must not say that a good credential was refused."""
    clock = Clock()
    tokens = source_at(client, clock)
    client.deployment.faults.add("generateToken", fault)
    with pytest.raises(error):
        whoami(client, tokens)
    client.deployment.faults.clear()
    client.deployment.requests.clear()
    for _ in range(3):
        clock.now += 15
        with pytest.raises(error, match="not repeated yet") as caught:
            whoami(client, tokens)
        assert caught.value.secret == ""
    assert len(client.deployment.requests) == 0
    clock.now += 16
    assert whoami(client, tokens) == "gis_admin"


def test_a_refusal_says_whether_a_sign_in_was_made(enterprise: Client) -> None:
    enterprise.secrets.texts[ADMIN] = f'{{"username": "gis_admin", "password": "{CANARY}"}}'
    tokens = enterprise.tokens()
    for remembered in (False, True, True):
        with pytest.raises(TokenRejected, match="was refused") as caught:
            tokens.sign_in(60, soon())
        assert caught.value.remembered is remembered
        assert caught.value.secret == ADMIN


@pytest.mark.parametrize(
    "secret", [{"clientId": "nobody", "clientSecret": CANARY}, {"clientId": "archive-app", "clientSecret": CANARY}]
)
def test_wrong_application_secret_is_sent_once(client: Client, secret: dict[str, str]) -> None:
    client.secrets.texts[ADMIN] = json.dumps(secret)
    tokens = client.tokens()
    for _ in range(20):
        with pytest.raises(TokenRejected, match=ADMIN):
            whoami(client, tokens)
    assert client.deployment.requests.counts() == {"oauth2/token": 1}


def test_a_dead_token_is_read_again_once_and_then_blocked(client: Client) -> None:
    client.secrets.texts[ADMIN] = json.dumps({"token": CANARY})
    tokens = client.tokens()
    for _ in range(20):
        with pytest.raises(TokenRejected, match=ADMIN) as caught:
            whoami(client, tokens)
        assert CANARY not in str(caught.value)
    assert client.deployment.requests.counts() == {"portals/self": 2}
    assert client.secrets.reads == [ADMIN, ADMIN]


def test_threads_with_a_dead_credential_sign_in_a_few_times(client: Client) -> None:
    client.deployment.faults.add("portals/self", "shape-a", code=498)
    tokens = client.tokens()

    def work(_: int) -> None:
        with pytest.raises(TokenRejected):
            whoami(client, tokens)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(100)))
    # Three sign-ins, and those that other threads had begun before.
    assert client.count("generateToken") <= 3 + 8
    assert client.count("portals/self") <= 3 * (3 + 2 * 8)


def test_many_threads_share_one_sign_in(client: Client) -> None:
    tokens = client.tokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: whoami(client, tokens), range(40))) == {"gis_admin"}
    assert client.count("generateToken") == 1


def test_many_threads_renew_a_revoked_token_once(client: Client) -> None:
    tokens = client.tokens()
    whoami(client, tokens)
    client.deployment.tokens.revoke_all()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: whoami(client, tokens), range(8))) == {"gis_admin"}
    assert client.count("generateToken") == 2


def test_a_throttled_sign_in_is_retried(client: Client) -> None:
    client.deployment.faults.add("generateToken", "http-503", times=2)
    assert whoami(client, client.tokens()) == "gis_admin"
    client.deployment.faults.add("generateToken", "http-503")
    with pytest.raises(ArcGISUnavailable):
        whoami(client, client.tokens())


def test_the_first_text_of_a_secret_is_not_read_twice(client: Client) -> None:
    text = client.secrets.texts[ADMIN]
    tokens = TokenSource(client.transport, client.deployment.portal_url, ADMIN, client.secrets, first=text)
    assert whoami(client, tokens) == "gis_admin"
    assert client.secrets.reads == []
    client.deployment.tokens.revoke_all()
    assert whoami(client, tokens) == "gis_admin"
    assert client.secrets.reads == [ADMIN]


def test_a_real_401_is_a_refused_token(wire: Transport, serve: Serve) -> None:
    def script(request: WireRequest) -> list[bytes]:
        if "generateToken" in request.path:
            return [answer(b'{"token": "t%d", "expires": 9999999999999}' % len(server.requests))]
        if request.headers["x-esri-authorization"] == "Bearer t1":
            return [answer(b"<html>", status="401 Unauthorized")]
        return [answer(b'{"id": "x"}')]

    server = serve(script)
    secrets = Secrets({"s": '{"username": "ana", "password": "x"}'})
    tokens = TokenSource(wire, server.url, "s", secrets)
    assert Portal(ArcGISClient(wire, tokens, soon()), server.url).get_organization().id == "x"
    assert len(server.requests) == 4
