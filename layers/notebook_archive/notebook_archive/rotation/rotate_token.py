"""Rotate a token: sign in with its credential, test the new token, and make it the current one.

A token's secret has the form `{"token", "expires", "credential"}`. `credential` is the name of the secret that contains
the credential. Only the rotation reads that secret.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.token_renewal import FixedToken, TokenSource
from notebook_archive.arcgis.token_secrets import CREDENTIAL, parse_fields, parse_secret, require_credential
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
from notebook_archive.models import parse_epoch_milliseconds
from notebook_archive.rotation.refusals import is_refused, note_refusal, remove_refusals
from notebook_archive.secret_store import RotationState, SecretStore
from notebook_archive.secret_store.store import CURRENT, PENDING

Step = Literal["create", "set", "test", "finish"]
_STEPS: dict[str, Step] = {
    spelling: step
    for step in ("create", "set", "test", "finish")
    for spelling in (f"{step}Secret", f"{step}_secret")  # AWS's templates use the first, its User Guide the second
}
# Requested lifetime of a token, in multiples of the maximum time between two rotations. If one rotation fails, the
# token is still valid at the next one.
TOKEN_WAITS = 2


@dataclass(frozen=True, slots=True)
class RotationContext:
    """The objects and settings that a rotation needs.

    `credential` returns the token source for the secret with the given name. It returns the same source for the same
    name, because a source remembers that ArcGIS refused its credential.
    """

    secret_store: SecretStore
    transport: Transport
    portal_url: str
    credential: Callable[[str], TokenSource]
    secret_prefix: str
    credential_prefix: str

    def portal(self, token: str, deadline: Deadline) -> Portal:
        """Return a portal client that uses the token."""
        return Portal(ArcGISClient(self.transport, FixedToken(token), deadline), self.portal_url)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a step.

    `is_current` is true if the step made the new token the current one. If the token may expire before the next
    rotation, `warning` says what to do. Otherwise it is empty.
    """

    secret: str
    message: str
    is_current: bool = False
    warning: str = ""


def rotate_token(step: str, secret_id: str, version: str, context: RotationContext, deadline: Deadline) -> StepResult:
    """Do one step of the rotation that writes this version, and return the result. A step may be repeated.

    If there is no new token at `testSecret`, Secrets Manager is testing the configuration. For this test, it creates a
    version and removes it later (API reference, RotateSecret, RotateImmediately).

    Raises RotationRefused if this version may not become current. May also raise another ConfigurationError, or an
    ArcGISError.
    """
    if step not in _STEPS:
        raise RotationRefused(f"{step[:40]!r} is not a step of a rotation.")
    state = context.secret_store.describe_rotation(secret_id)
    if not state.is_enabled:
        raise RotationRefused(f"Rotation of secret {state.name!r} is not switched on.")
    if version not in state.labels:
        raise RotationRefused(f"Secret {state.name!r} has no version with the requested id that has a staging label.")
    if CURRENT in state.labels[version]:
        return StepResult(state.name, "This version is already current.")
    if PENDING not in state.labels[version]:
        raise RotationRefused(f"This version of secret {state.name!r} is not the pending one.")
    rotation = _Rotation(state, version, context, deadline)
    match _STEPS[step]:
        case "create":
            return rotation.create()
        case "set":
            # For other services, this step sets the new password. ArcGIS issued the token, so this step is not needed.
            return StepResult(state.name, "There is nothing to set.")
        case "test":
            return rotation.test()
        case "finish":
            return rotation.finish()


@dataclass(frozen=True, slots=True)
class _Rotation:
    """A rotation that has begun.

    `state` is the secret's state when the step began, and `version` is the pending one.
    """

    state: RotationState
    version: str
    context: RotationContext
    deadline: Deadline

    def create(self) -> StepResult:
        """Sign in with the credential, and write the token to the pending version."""
        store, state = self.context.secret_store, self.state
        if self._read_pending() is not None:
            return StepResult(state.name, "The pending token was already written.")
        credential = self._name_credential(store.read(state.secret_id))
        credential_version = store.read_version_id(credential)
        # Secrets Manager repeats a failed rotation, and each repetition could send a wrong password.
        if is_refused(state, credential_version):
            self._drop_pending_version()
            message = (
                f"The credential in secret {credential!r} was refused less than an hour ago. It is not used again yet."
            )
            raise TokenRejected(message).of_secret(credential)
        seconds = math.inf if state.max_wait is None else TOKEN_WAITS * state.max_wait
        try:
            token = self.context.credential(credential).sign_in(seconds, self.deadline)
        except TokenRejected as error:
            message = f"{error}{self._note_refusal(error, credential_version)}"
            self._drop_pending_version()
            raise TokenRejected(message).of_secret(credential) from None
        secret: dict[str, object] = {"token": token.value, "expires": int(token.expires * 1000), CREDENTIAL: credential}
        if not token.expires:
            del secret["expires"]
        if not store.write_pending(state.secret_id, self.version, json.dumps(secret)):
            return StepResult(state.name, "Another invocation wrote the pending token first.")
        return StepResult(state.name, "A new token was written to the pending version.")

    def test(self) -> StepResult:
        """Check that the portal accepts the pending token, and that the token belongs to the credential's user."""
        store, name = self.context.secret_store, self.state.name
        text, current = self._read_pending(), store.read(self.state.secret_id)
        if text in (None, current):
            return self._test_configuration(current)
        pending = self._parse_pending(text)
        credential = self._name_credential(json.dumps(pending))
        expected = parse_secret(credential, store.read(credential)).get("username", "")
        try:
            username = self.context.portal(pending["token"], self.deadline).get_organization().username
        except TokenRejected as error:
            self._drop_pending_version()
            raise NewTokenRejected(f"The portal rejected the new token of secret {name!r}: {error}") from None
        if username.casefold() != expected.casefold():
            self._drop_pending_version()
            found, wanted = (repr(each) if each else "no user" for each in (username, expected))
            message = f"The new token of secret {name!r} belongs to {found}, but its credential belongs to {wanted}."
            raise NewTokenRejected(message)
        expires = parse_epoch_milliseconds(pending.get("expires")) / 1000
        return StepResult(name, "The portal accepts the new token.", warning=_warn_of_expiry(self.state, expires))

    def finish(self) -> StepResult:
        """Make the pending token the current one."""
        self._parse_pending(self._read_pending())
        store, state = self.context.secret_store, self.state
        store.make_current(state.secret_id, self.version, state.find_version(CURRENT))
        remove_refusals(store, state)
        return StepResult(state.name, "The new token is current.", is_current=True)

    def _test_configuration(self, current: str) -> StepResult:
        """Check that the credential exists and has the right form, and that the portal answers.

        This check does not sign in. It does not test the current token, because a rotation replaces a token that no
        longer works.
        """
        credential = self._name_credential(current)
        require_credential(credential, parse_secret(credential, self.context.secret_store.read(credential)))
        with contextlib.suppress(TokenRejected, PermissionDenied):  # a portal may require a sign-in
            self.context.portal("", self.deadline).get_organization()
        message = "There is no new token to test. The credential exists, and the portal answers."
        return StepResult(self.state.name, message)

    def _note_refusal(self, error: TokenRejected, credential_version: str) -> str:
        """Record that ArcGIS refused the credential.

        If that fails, return a sentence about it, or else an empty string.
        """
        if error.remembered:  # the first refusal was recorded, and another record would extend the hour
            return ""
        try:
            note_refusal(self.context.secret_store, self.state, self.version, credential_version)
        except SecretUnwritable as unwritable:
            return f" This refusal could not be recorded, so a sign-in may be repeated within an hour: {unwritable}"
        return ""

    def _drop_pending_version(self) -> None:
        """Remove the label of the pending version, so that the next rotation begins with another version."""
        with contextlib.suppress(SecretUnwritable):  # the caller raises a more useful error
            self.context.secret_store.remove_label(self.state.secret_id, self.version, PENDING)

    def _read_pending(self) -> str | None:
        return self.context.secret_store.read_pending(self.state.secret_id, self.version)

    def _parse_pending(self, text: str | None) -> dict[str, str]:
        name = self.state.name
        if text is None:
            raise RotationRefused(
                f"The pending version of secret {name!r} is empty, because the step createSecret has not run."
            )
        pending = parse_secret(name, text)
        if "token" not in pending:
            raise RotationRefused(f"The pending version of secret {name!r} does not contain a token.")
        return pending

    def _name_credential(self, text: str) -> str:
        """Return the name of the credential's secret. Raises SecretMalformed if this secret may not name it.

        A secret may name only its own credential. Otherwise, a user who may write one token's secret could sign in with
        another owner's credential.
        """
        name, context = self.state.name, self.context
        credential = parse_fields(name, text).get(CREDENTIAL, "")
        if not credential:
            raise SecretMalformed(f"Secret {name!r} does not name a credential, so it cannot be rotated.").of_secret(
                name
            )
        allowed = f"{context.credential_prefix}/{name.removeprefix(f'{context.secret_prefix}/')}"
        if not name.startswith(f"{context.secret_prefix}/") or credential != allowed:
            message = f"Secret {name!r} names {credential[:200]!r} as its credential, but may name only {allowed!r}."
            raise SecretMalformed(message).of_secret(name)
        return credential


def _warn_of_expiry(state: RotationState, expires: float) -> str:
    """Return a warning if the token may expire before the next rotation, or else an empty string."""
    if state.max_wait is None or not expires or expires - time.time() >= state.max_wait:
        return ""
    hours, wait = (expires - time.time()) / 3600, state.max_wait / 3600
    return (
        f"The new token of secret {state.name!r} expires in {hours:.1f} hours, and the next rotation may be "
        f"{wait:.1f} hours away. Shorten the rotation interval (the shortest is four hours), or raise the portal's "
        "maximum token lifetime. If neither is possible, store the credential itself in the secret."
    )
