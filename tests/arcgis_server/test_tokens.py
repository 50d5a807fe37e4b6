"""Test tokens: where a request may contain them, who gets one, how long it is valid, and its binding to a client."""

import time
from typing import Any

import pytest

from local.arcgis.deployment import Deployment
from tests.arcgis_server.client import REFERER, Client

ANA = {"username": "ana", "password": "ana-password", "f": "json"}
INVALID = {"error": {"code": 498, "message": "Invalid token.", "details": []}}


def make_token(caller: Client, **params: Any) -> Any:
    return caller.session.post(f"{caller.rest}/generateToken", data={**ANA, **params}).json()


@pytest.mark.parametrize("place", ["query", "body", "X-Esri-Authorization", "Authorization"])
def test_a_token_is_accepted_in_every_place(enterprise: Client, place: str) -> None:
    token = enterprise.token("ana")
    in_header = {place: f"Bearer {token}"} if "uthorization" in place else {}
    answer = enterprise.session.post(
        f"{enterprise.rest}/community/self",
        params={"f": "json", "token": token} if place == "query" else {"f": "json"},
        data={"token": token} if place == "body" else {},
        headers=in_header,
    ).json()
    assert answer["username"] == "ana"


def test_a_parameter_in_the_body_overrides_the_query(each: Client) -> None:
    item = each.item("Flood model")
    answer = each.session.post(
        f"{each.admin}/notebooks/snapshots/list",
        params={"itemId": item.id, "f": "html"},
        data={"f": "json", "token": each.token("ana")},
    ).json()
    assert answer["total"] == 2


def test_the_portal_returns_expiration_as_a_number(each: Client) -> None:
    answer = make_token(each)
    assert answer["ssl"] is True
    assert answer["expires"] / 1000 - time.time() == pytest.approx(120 * 60, abs=60)


def test_requested_lifetimes_are_shortened_without_error(enterprise: Client) -> None:
    assert make_token(enterprise, expiration="5")["expires"] / 1000 - time.time() == pytest.approx(300, abs=60)
    longest = enterprise.deployment.switches.portal_token_max_minutes * 60
    assert make_token(enterprise, expiration="99999999")["expires"] / 1000 - time.time() == pytest.approx(
        longest, abs=60
    )


def test_a_wrong_password_returns_error_400_with_details(each: Client) -> None:
    expected = {"code": 400, "message": "Unable to generate token.", "details": ["Invalid username or password."]}
    assert make_token(each, password="wrong") == {"error": expected}
    assert make_token(each, username="Ana") == {"error": expected}, "user names are case-sensitive"


def test_credentials_in_the_query_are_refused_by_the_portal(enterprise: Client) -> None:
    answer = enterprise.session.post(f"{enterprise.rest}/generateToken", params=ANA).json()
    assert "should not contain username and password in the query string" in answer["error"]["message"]


def test_a_token_is_bound_to_its_referer(each: Client) -> None:
    token = make_token(each, client="referer", referer=REFERER)["token"]
    url, params = f"{each.rest}/community/self", {"f": "json", "token": token}
    assert each.session.get(url, params=params, headers={"Referer": REFERER}).json()["username"] == "ana"
    other = each.session.get(url, params=params, headers={"Referer": "https://other.example.com"})
    assert (other.status_code, other.json()) == (200, INVALID)
    assert each.session.get(url, params=params).json() == INVALID


def test_a_token_is_bound_to_its_address(enterprise: Client) -> None:
    mine = make_token(enterprise, client="requestip")["token"]
    others = make_token(enterprise, client="ip", ip="192.0.2.1")["token"]
    assert enterprise.get("/community/self", token=mine)["username"] == "ana"
    assert enterprise.get("/community/self", token=others) == INVALID


def test_an_expired_token_is_invalid(each: Client) -> None:
    each.deployment.switches.token_seconds = 0.05
    token = make_token(each)["token"]
    time.sleep(0.1)
    assert each.get("/community/self", token=token) == INVALID


def test_an_invalid_token_is_refused_even_if_not_needed(enterprise: Client) -> None:
    assert enterprise.get("/portals/self", token="nonsense") == INVALID
    assert "user" not in enterprise.get("/portals/self")


def test_a_missing_token_returns_error_499(enterprise: Client) -> None:
    assert enterprise.get("/community/self")["error"]["code"] == 499
    assert enterprise.post("/notebooks/snapshots/list", itemId="0" * 32)["error"]["code"] == 499
    enterprise.deployment.switches.auth_error_shape = "B"
    assert enterprise.post("/notebooks/snapshots/list", itemId="0" * 32) == {
        "status": "error",
        "messages": ["Token Required"],
        "code": 499,
    }


def test_the_notebook_server_issues_its_own_tokens(enterprise: Client) -> None:
    answer = enterprise.session.post(f"{enterprise.admin}/generateToken", data=ANA).json()
    assert isinstance(answer["expires"], str)
    item = enterprise.item("Flood model")
    listed = enterprise.post("/notebooks/snapshots/list", itemId=item.id, token=answer["token"])
    assert listed["total"] == 2
    assert enterprise.get("/community/self", token=answer["token"]) == INVALID


def test_a_portal_token_is_exchanged_for_a_server_token(enterprise: Client) -> None:
    answer = enterprise.session.post(
        f"{enterprise.rest}/generateToken",
        data={"token": enterprise.token("ana"), "serverUrl": enterprise.admin, "request": "getToken", "f": "json"},
    ).json()
    assert enterprise.get("/community/self", token=answer["token"])["username"] == "ana"


def app_token(client: Client, **params: str) -> Any:
    data = {"client_id": "archive-app", "client_secret": "archive-app-secret", "grant_type": "client_credentials"}
    return client.session.post(f"{client.rest}/oauth2/token", data={**data, "f": "json", **params}).json()


def test_an_application_gets_a_token_without_a_user(each: Client) -> None:
    answer = app_token(each)
    assert answer["expires_in"] == 7200
    assert app_token(each, expiration="999999")["expires_in"] == 20160 * 60
    token, item = answer["access_token"], each.item("Flood model")
    assert each.get(f"/content/items/{item.id}/resources", token=token)["total"] == 3
    assert "error" in each.post("/notebooks/snapshots/list", itemId=item.id, token=token)
    each.deployment.switches.app_token_may_use_snapshots = True
    assert each.post("/notebooks/snapshots/list", itemId=item.id, token=token)["total"] == 2


def test_oauth_errors_have_their_own_shape(each: Client) -> None:
    assert app_token(each, client_id="unknown")["error"] == {
        "code": 400,
        "error": "invalid_client_id",
        "error_description": "Invalid client_id",
        "message": "Invalid client_id",
        "details": [],
    }
    assert app_token(each, client_secret="wrong")["error"]["error"] == "invalid_client_secret"


def test_kubernetes_requires_post_tokens_in_the_body(kubernetes: Client) -> None:
    item = kubernetes.item("Flood model")
    url, data = f"{kubernetes.admin}/notebooks/snapshots/list", {"itemId": item.id, "f": "json"}
    headers = {"X-Esri-Authorization": f"Bearer {kubernetes.token('ana')}"}
    assert kubernetes.session.post(url, data=data, headers=headers).json()["error"]["code"] == 499
    kubernetes.deployment.switches.kubernetes_post_token_in_body = False
    assert kubernetes.session.post(url, data=data, headers=headers).json()["total"] == 2


def test_query_token_of_post_is_refused_if_switched_off(enterprise: Client) -> None:
    item = enterprise.item("Flood model")
    url, params = f"{enterprise.admin}/notebooks/snapshots/list", {"token": enterprise.token("ana"), "f": "json"}
    assert enterprise.session.post(url, params=params, data={"itemId": item.id}).json()["total"] == 2
    enterprise.deployment.switches.query_token_on_post = False
    assert enterprise.session.post(url, params=params, data={"itemId": item.id}).json()["error"]["code"] == 499


def test_all_tokens_can_be_revoked(each: Client) -> None:
    deployment: Deployment = each.deployment
    token = deployment.token("ana")
    deployment.tokens.revoke_all()
    assert each.get("/community/self", token=token) == INVALID
