"""Rotate a token: mint one from its credential, prove it, let it take the place of the one before.

The secret of a token is ``{"token", "expires", "credential"}``; ``credential`` names the secret that it is minted from,
which only this use case reads.
"""

import contextlib
import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.token_secrets import CREDENTIAL, parse_fields, parse_secret, require_credential
from notebook_archive.arcgis.tokens import REFUSED_SECONDS, FixedToken, TokenSource
from notebook_archive.arcgis.transport import Transport
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    NewTokenRejected,
    PermissionDenied,
    RotationRefused,
    SecretMalformed,
    SecretUnwritable,
    TokenRejected,
)
from notebook_archive.models import epoch_milliseconds
from notebook_archive.secret_store import Rotation, SecretStore
from notebook_archive.secret_store.versions import CURRENT, PENDING

Step = Literal["create", "set", "test", "finish"]
_STEPS: dict[str, Step] = {
    spelling: step
    for step in ("create", "set", "test", "finish")
    for spelling in (f"{step}Secret", f"{step}_secret")  # AWS's templates have the first, its User Guide the second
}
_REFUSED = re.compile(r"refused-(.+)-([0-9]{1,12})")
"""A label: which version of the credential was refused, and until when, in epoch seconds, it is left alone."""
LIFETIMES = 2
"""A token is asked to outlive this many waits, so that a rotation which fails once leaves time for the next."""


@dataclass(frozen=True, slots=True)
class RotationContext:
    """What a rotation needs.  ``credential`` gives the tokens of the secret of that name, the same for the same name,
    for it remembers that a credential was refused."""

    secret_store: SecretStore
    transport: Transport
    portal_url: str
    credential: Callable[[str], TokenSource]
    secret_prefix: str
    credential_prefix: str

    def portal(self, token: str, deadline: Deadline) -> Portal:
        """Return the portal as the token's user sees it."""
        return Portal(ArcGISClient(self.transport, FixedToken(token), deadline), self.portal_url)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a step did.  ``current``: the new token has become the current one.  ``warning`` says what to do where the
    token expires before the next rotation is sure to have come; empty where it does not."""

    secret: str
    done: str
    current: bool = False
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refused sign-in with version ``of`` of the credential, noted at ``version`` of the token's secret."""

    version: str
    label: str
    of: str
    until: int


def rotate_token(step: str, secret_id: str, version: str, mint: RotationContext, deadline: Deadline) -> Rotated:
    """Make one step of the rotation that makes this version, and return what was done.  Each may be repeated.

    A ``testSecret`` with nothing to test is Secrets Manager's trial of the configuration, of a version that it makes
    for it and then removes (API reference, RotateSecret, RotateImmediately).

    Raises RotationRefused where this version is not to become current, ConfigurationErrors and ArcGISErrors.
    """
    if step not in _STEPS:
        raise RotationRefused(f"{step[:40]!r} is no step of a rotation.")
    rotation = mint.secret_store.rotation(secret_id)
    if not rotation.enabled:
        raise RotationRefused(f"Rotation of secret {rotation.name!r} is not switched on.")
    if version not in rotation.labels:
        raise RotationRefused(f"Secret {rotation.name!r} has no version of this id that has a label.")
    if CURRENT in rotation.labels[version]:
        return Rotated(rotation.name, "This version is current already.")
    if PENDING not in rotation.labels[version]:
        raise RotationRefused(f"This version of secret {rotation.name!r} is not the pending one.")
    match _STEPS[step]:
        case "create":
            return _create(rotation, secret_id, version, mint, deadline)
        case "set":
            # Elsewhere this tells the service its new password.  ArcGIS made the token, so it knows it.
            return Rotated(rotation.name, "There is nothing to set.")
        case "test":
            return _test(rotation, secret_id, version, mint, deadline)
        case "finish":
            _pending_token(rotation, mint.secret_store.pending(secret_id, version))
            mint.secret_store.make_current(secret_id, version, rotation.holder(CURRENT))
            _forget_refusals(rotation, secret_id, mint)
            return Rotated(rotation.name, "The new token is current.", current=True)


def _create(rotation: Rotation, secret_id: str, version: str, mint: RotationContext, deadline: Deadline) -> Rotated:
    if mint.secret_store.pending(secret_id, version) is not None:
        return Rotated(rotation.name, "The pending token is there already.")
    name = _credential_name(rotation.name, mint.secret_store.read(secret_id), mint)
    wait, credential = rotation.wait, mint.secret_store.version(name)
    # Secrets Manager tries a rotation again by itself, and each try could be a wrong password.
    if any(each.of == credential and each.until > time.time() for each in _refusals(rotation)):
        _give_up(secret_id, version, mint)
        message = f"The credential in secret {name!r} was refused less than an hour ago and is not tried again yet."
        raise TokenRejected(message).of_secret(name)
    try:
        token = mint.credential(name).sign_in(math.inf if wait is None else LIFETIMES * wait, deadline)
    except TokenRejected as error:
        # One that is remembered has been noted; noted again, it would last for another hour without a try.
        untold = "" if error.remembered else _note_refusal(rotation, secret_id, version, credential, mint)
        _give_up(secret_id, version, mint)
        raise TokenRejected(f"{error}{untold}").of_secret(name) from None
    made: dict[str, object] = {"token": token.value, "expires": int(token.expires * 1000), CREDENTIAL: name}
    if not token.expires:
        del made["expires"]
    if not mint.secret_store.write_pending(secret_id, version, json.dumps(made)):
        return Rotated(rotation.name, "Another has written the pending token meanwhile.")
    return Rotated(rotation.name, "A token was minted.")


def _test(rotation: Rotation, secret_id: str, version: str, mint: RotationContext, deadline: Deadline) -> Rotated:
    text, current = mint.secret_store.pending(secret_id, version), mint.secret_store.read(secret_id)
    if text in (None, current):
        return _try_out(rotation, current, mint, deadline)
    pending = _pending_token(rotation, text)
    name = _credential_name(rotation.name, json.dumps(pending), mint)
    username = parse_secret(name, mint.secret_store.read(name)).get("username", "")
    try:
        found = mint.portal(pending["token"], deadline).get_organization().username
    except TokenRejected as error:
        _give_up(secret_id, version, mint)
        raise NewTokenRejected(f"The new token of secret {rotation.name!r} was refused: {error}") from None
    if found.casefold() != username.casefold():
        _give_up(secret_id, version, mint)
        is_of, should_be = repr(found) if found else "no user", repr(username) if username else "no user"
        message = f"The new token of secret {rotation.name!r} is of {is_of}, and its credential of {should_be}."
        raise NewTokenRejected(message)
    expires = epoch_milliseconds(pending.get("expires")) / 1000
    return Rotated(rotation.name, "The portal takes the new token.", warning=_too_short(rotation, expires))


def _try_out(rotation: Rotation, current: str, mint: RotationContext, deadline: Deadline) -> Rotated:
    """Return that the configuration is usable: the credential is there and could mint, and a portal answers.

    Nothing signs in, and the current token is not looked at: one that has died is what a rotation mends.
    """
    name = _credential_name(rotation.name, current, mint)
    require_credential(name, parse_secret(name, mint.secret_store.read(name)))
    with contextlib.suppress(TokenRejected, PermissionDenied):  # portals may say nothing to those who are not signed in
        mint.portal("", deadline).get_organization()
    return Rotated(rotation.name, "There is no new token to test; its credential is there, and the portal answers.")


def _give_up(secret_id: str, version: str, mint: RotationContext) -> None:
    """Let no later try go on with this version; the next rotation begins with another."""
    with contextlib.suppress(SecretUnwritable):  # the error that is to be raised says more
        mint.secret_store.unlabel(secret_id, version, PENDING)


def _refusals(rotation: Rotation) -> list[_Refusal]:
    named = ((version, label, _REFUSED.fullmatch(label)) for version, has in rotation.labels.items() for label in has)
    return [_Refusal(version, label, found[1], int(found[2])) for version, label, found in named if found]


def _note_refusal(rotation: Rotation, secret_id: str, version: str, credential: str, mint: RotationContext) -> str:
    """Note for other containers, as a label, that the credential was refused; return what to say where that failed.

    The current version gets it: of the pending one there may be no more than its id (API reference, DescribeSecret,
    VersionIdsToStages).
    """
    label = f"refused-{credential}-{int(time.time() + REFUSED_SECONDS)}"
    try:
        mint.secret_store.label(secret_id, rotation.holder(CURRENT) or version, label)
    except SecretUnwritable as error:
        return f" This could not be noted, so it may be tried again within the hour: {error}"
    _forget_refusals(rotation, secret_id, mint)
    return ""


def _forget_refusals(rotation: Rotation, secret_id: str, mint: RotationContext) -> None:
    """Take away the labels of refusals before this step: a version that has one is never deleted."""
    for earlier in _refusals(rotation):
        with contextlib.suppress(SecretUnwritable):  # the next rotation takes it away
            mint.secret_store.unlabel(secret_id, earlier.version, earlier.label)


def _pending_token(rotation: Rotation, text: str | None) -> dict[str, str]:
    if text is None:
        raise RotationRefused(f"The pending version of secret {rotation.name!r} is still empty: createSecret fills it.")
    pending = parse_secret(rotation.name, text)
    if "token" not in pending:
        raise RotationRefused(f"The pending version of secret {rotation.name!r} holds no token of a rotation.")
    return pending


def _credential_name(name: str, text: str, mint: RotationContext) -> str:
    """Return the name of the credential's secret; raise SecretMalformed where it is not among the credentials."""
    credential = parse_fields(name, text).get(CREDENTIAL, "")
    if not credential:
        raise SecretMalformed(f"Secret {name!r} names no credential, so nothing can rotate it.").of_secret(name)
    # Its own: whoever may write one secret of a token must not have another's credential signed in for it.
    own = f"{mint.credential_prefix}/{name.removeprefix(f'{mint.secret_prefix}/')}"
    if not name.startswith(f"{mint.secret_prefix}/") or credential != own:
        message = f"Secret {name!r} names {credential[:200]!r} as its credential, and may name {own!r} alone."
        raise SecretMalformed(message).of_secret(name)
    return credential


def _too_short(rotation: Rotation, expires: float) -> str:
    """Return what to say of a token that expires before the next rotation may have come, else nothing."""
    if rotation.wait is None or not expires or expires - time.time() >= rotation.wait:
        return ""
    lives, wait = (expires - time.time()) / 3600, rotation.wait / 3600
    return (
        f"The new token of secret {rotation.name!r} lives for {lives:.1f} hours, and the next rotation may be "
        f"{wait:.1f} hours away. Rotate more often (every four hours, at most), or raise the portal's longest token "
        "lifetime; where neither can be, keep the credential itself in the secret."
    )
