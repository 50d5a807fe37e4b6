"""Operations that issue tokens: generateToken of the portal and of the notebook server, and oauth2/token."""

from typing import Any

from local.arcgis.operations.call import Call, Operation
from local.arcgis.organisation import User
from local.arcgis.responses import OperationError, Payload, Response, make_oauth_error, render
from local.arcgis.tokens import Client, Issuer, Token


def _read_lifetime(call: Call, default_minutes: float, largest_minutes: float) -> float:
    if call.switches.token_seconds is not None:
        return call.switches.token_seconds
    expiration = call.get("expiration")
    try:
        minutes = float(expiration) if expiration else default_minutes
    except ValueError:
        raise OperationError(400, "Invalid expiration.") from None
    return 60 * min(minutes if minutes > 0 else default_minutes, largest_minutes)


def _read_binding(call: Call) -> tuple[Client, str]:
    """Return the client type and the referer or IP address to which the token is bound. Both may be empty."""
    client = call.get("client")
    if client == "requestip":
        return "ip", call.request.client.host if call.request.client else ""
    if client == "ip":
        return "ip", call.require("ip")
    # Older versions of ArcGIS Server spell the parameter `referrer`.
    referer = call.get("referer") or call.get("referrer")
    if client == "referer" and not referer:
        raise OperationError(400, "'referer' must be specified.")
    return ("referer", referer) if referer else ("", "")


def _authenticate(call: Call) -> User:
    user = call.organisation.users.get(call.get("username"))
    if user is None or user.password != call.get("password"):
        raise OperationError(400, "Unable to generate token.", details=["Invalid username or password."])
    return user


def _issue(call: Call, user: User, issuer: Issuer, default_minutes: float, largest_minutes: float) -> Token:
    client, bound_to = _read_binding(call)
    seconds = _read_lifetime(call, default_minutes, largest_minutes)
    return call.deployment.tokens.issue(
        user.username, user.privileges, seconds, issuer=issuer, client=client, bound_to=bound_to
    )


def _generate_portal_token(call: Call) -> Payload:
    switches = call.switches
    if "username" in call.query or "password" in call.query:
        raise OperationError(400, "POST request should not contain username and password in the query string.")
    if call.request.method != "POST":
        raise OperationError(405, "Method not allowed.")
    if call.token and (call.get("serverUrl") or call.get("serverURL")):
        # The caller exchanges a portal token for a token of a federated server.
        user = call.organisation.users[call.require("username") if call.username is None else call.username]
    else:
        user = _authenticate(call)
    token = _issue(call, user, "portal", switches.portal_token_minutes, switches.portal_token_max_minutes)
    return {"token": token.value, "expires": token.expires_ms, "ssl": True}


def _generate_notebook_server_token(call: Call) -> Payload:
    switches = call.switches
    if call.request.method == "GET" and not switches.notebook_server_token_by_get:
        raise OperationError(405, "Method not allowed.", shape="B")
    user = _authenticate(call)
    largest = switches.notebook_server_token_max_minutes
    token = _issue(call, user, "notebook-server", switches.notebook_server_token_minutes, largest)
    return {"token": token.value, "expires": str(token.expires_ms)}


def _issue_app_token(call: Call) -> Payload | Response:
    app = call.organisation.apps.get(call.get("client_id"))
    body: dict[str, Any]
    if app is None:
        body = make_oauth_error("invalid_client_id", "Invalid client_id")
    elif call.get("client_secret") != app.client_secret:
        body = make_oauth_error("invalid_client_secret", "Invalid client_secret")
    elif call.get("grant_type") != "client_credentials":
        body = make_oauth_error("unsupported_grant_type", "Unsupported grant_type")
    else:
        seconds = _read_lifetime(call, call.switches.app_token_minutes, call.switches.app_token_max_minutes)
        token = call.deployment.tokens.issue(None, app.privileges, seconds)
        body = {"access_token": token.value, "expires_in": int(seconds)}
    # OAuth operations return JSON for every value of `f`.
    format_ = "pjson" if call.format == "pjson" else "json"
    return render(body, format_, call.switches, title="oauth2/token")


PORTAL = (
    Operation("generateToken", "/generateToken", _generate_portal_token, needs_token=False),
    Operation("oauth2/token", "/oauth2/token", _issue_app_token, ("POST",), needs_token=False),
)
NOTEBOOK_SERVER = (Operation("generateToken", "/generateToken", _generate_notebook_server_token, needs_token=False),)
