"""Adds an owner whose token is rotated: a secret with the credential, a secret with the token, and the rotation.

.venv/bin/python -m scripts.add_owner USERNAME [--admin] [--credential FILE] [--every "rate(12 hours)"]

May be run again: for a new password, another schedule, or to see whether the credential works.  A credential that
another takes the place of is put back where ArcGIS refuses the other.
"""

import argparse
import getpass
import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from rich.console import Console

from scripts.stack import TROUBLE, ScriptError, Stack, sentence, shown

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FORMS = ({"username", "password"}, {"clientId", "clientSecret"})
EVERY = "rate(12 hours)"
WAIT_SECONDS = 180
type Say = Callable[[str], None]
_MINTS = re.compile(r"; (\S+) is rotated with it$")
"""The end of a credential's description: the secret of its token."""


def name_of(username: str) -> str:
    """Return the user name as it stands in the names of secrets; the archive's functions spell it alike."""
    return quote(username, safe="@+").replace("%", "=").replace("~", "=7E")


def credential_from(path: Path | None, username: str) -> dict[str, str]:
    """Return the credential in the file, or one with the password that is asked for; raise ScriptError."""
    if path is None:
        credential: Any = {"username": username, "password": getpass.getpass(f"ArcGIS password of {username}: ")}
    else:
        try:
            credential = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ScriptError(f"{path} cannot be read as JSON ({type(error).__name__}).") from None
    if not isinstance(credential, dict) or set(credential) not in FORMS or not all(credential.values()):
        raise ScriptError(
            'A credential is {"username": ..., "password": ...} or {"clientId": ..., "clientSecret": ...}, none empty.'
        )
    if credential.get("username", username) != username:
        raise ScriptError(f"The credential is of {credential['username']!r}, not of {username!r}.")
    return credential


class Secrets:
    """Secrets Manager, where a secret is made or changed, and not changed into what it is already."""

    def __init__(self, client: "SecretsManagerClient", key: str) -> None:
        self.client = client
        self._with_key: Any = {"KmsKeyId": key} if key else {}

    def read(self, name: str) -> str | None:
        """Return the text, None where there is no such secret."""
        try:
            return self.client.get_secret_value(SecretId=name).get("SecretString", "")
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def description(self, name: str) -> str:
        """Return the secret's description, empty where there is no such secret."""
        try:
            return self.client.describe_secret(SecretId=name).get("Description", "")
        except self.client.exceptions.ResourceNotFoundException:
            return ""

    def refused(self, name: str, credential: str) -> bool:
        """Return whether the rotation function has noted that the credential, as it is now, was refused."""
        version = self.client.get_secret_value(SecretId=credential)["VersionId"]
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        noted = (
            re.fullmatch(f"refused-{re.escape(version)}-([0-9]+)", each) for has in labels.values() for each in has
        )
        return any(found and int(found[1]) > time.time() for found in noted)

    def keep(self, name: str, value: Mapping[str, Any], description: str) -> bool:
        """Make the secret hold the value; return whether anything had to be done."""
        before = self.read(name)
        if before is None:
            self.client.create_secret(
                Name=name, SecretString=json.dumps(value), Description=description, **self._with_key
            )
        elif _object(before) != value:
            self.client.put_secret_value(SecretId=name, SecretString=json.dumps(value))
        return before is None or _object(before) != value

    def clear_the_way(self, name: str) -> bool:
        """Take AWSPENDING from a version that a failed rotation left: Secrets Manager would start no other."""
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        stuck = [version for version, has in labels.items() if "AWSPENDING" in has and "AWSCURRENT" not in has]
        for version in stuck:
            self.client.update_secret_version_stage(
                SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version
            )
        return bool(stuck)


def add(credential: Mapping[str, str], options: argparse.Namespace, say: Say) -> None:
    """Add the owner, or the administrator; raise ScriptError where no new token came of it."""
    username = options.username
    stack = Stack(options.stack_name)
    secrets = Secrets(boto3.client("secretsmanager"), stack.parameter("KmsKeyArn"))
    token = stack.output("AdminSecretName") if options.admin else stack.output("OwnerSecretPrefix") + name_of(username)
    source = stack.output("CredentialSecretPrefix") + ("admin" if options.admin else f"owners/{name_of(username)}")
    function, log_group = stack.output("RotateTokenFunction"), stack.output("RotateTokenLogGroup")
    other = _MINTS.search(secrets.description(source))
    if other and other[1] != token:
        raise ScriptError(
            f"{source} is what another stack rotates {other[1]} with, so nothing was written. Deploy each stack with a "
            "CredentialPrefix of its own. If that stack is gone, change the secret's description."
        )
    before = secrets.read(source)
    changed = secrets.keep(source, credential, f"ArcGIS credential of {username}; {token} is rotated with it")
    say(f"{source}: {'written' if changed else 'there already'}")
    settled = not changed
    try:
        held = _object(secrets.read(token) or "{}")
        # What it held stays until the rotation, so that nothing that runs now is left without a credential.
        failure = _rotate(secrets, token, held | {"credential": source}, function, options, say)
        fresh, refused = _wait_for_token(secrets, token, held, source, 0 if options.invoke else options.wait)
        settled = settled or refused or fresh is not None
        if refused and changed:
            _put_back(secrets, token, source, before, say)
    finally:
        if not settled:  # the rotation may still succeed, and with the credential from before the next one would fail
            say(
                f"{source}: holds the new credential{', not the one from before' if before else ''}; whether it works "
                f"is not known. {log_group} says what becomes of the rotation; run this again with the right one"
            )
    if fresh is None:
        what = f"ArcGIS refused the credential of {username}." if refused else f"Waited {options.wait} s."
        raise ScriptError(
            failure
            or f"No new token came into {token}. {what} The log group {log_group} says why. "
            "An AWS on this machine does not rotate by itself: there, say --invoke."
        )
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(fresh["expires"] / 1000)) if "expires" in fresh else "?"
    say(f"{token}: holds a token of {username}, good until {until}")


def _put_back(secrets: Secrets, token: str, source: str, before: str | None, say: Say) -> None:
    """Let a typo not break a rotation that worked."""
    if before is None:
        say(f"{source}: stays, for there was none before; run this again with the right one")
        return
    try:
        secrets.clear_the_way(token)
        secrets.client.put_secret_value(SecretId=source, SecretString=before)
    except TROUBLE as error:
        say(f"{source}: what it held before could not be put back. {sentence(error)}")
    else:
        say(f"{source}: holds again what it held before, for ArcGIS refused the other")


def _rotate(
    secrets: Secrets, token: str, value: Mapping[str, Any], function: str, options: argparse.Namespace, say: Say
) -> str:
    """Switch the rotation on, which starts one; return what went wrong where it was made here, with --invoke."""
    changed = secrets.keep(token, value, f"ArcGIS token of {options.username}, rotated")
    say(f"{token}: {'now names its credential' if changed else 'there already'}")
    if secrets.clear_the_way(token):
        say(f"{token}: an unfinished rotation is put aside")
    secrets.client.rotate_secret(
        SecretId=token, RotationLambdaARN=function, RotationRules={"ScheduleExpression": options.every}
    )
    say(f"{token}: rotation is on, {options.every}")
    return _invoke_steps(secrets, token, function) if options.invoke else ""


def _invoke_steps(secrets: Secrets, token: str, function: str) -> str:
    """Label an empty version as pending and call the function four times, as AWS does; return how a step failed."""
    version = str(uuid.uuid4())
    found = secrets.client.put_secret_value(SecretId=token, ClientRequestToken=version, VersionStages=["AWSPENDING"])
    for step in STEPS:
        event = {"Step": step, "SecretId": found["ARN"], "ClientRequestToken": version}
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        if "FunctionError" in answer:
            failed = _object(answer["Payload"].read())
            return f"{step} failed: {failed.get('errorType')}: {failed.get('errorMessage')}"
    return ""


def _wait_for_token(
    secrets: Secrets, name: str, before: Mapping[str, Any], source: str, seconds: float
) -> tuple[dict[str, Any] | None, bool]:
    """Return what the secret holds once its token is another than before, else None, and whether the credential was
    refused; passing trouble is waited out."""
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= deadline
        try:
            refused = secrets.refused(name, source)
            held = _object(secrets.read(name) or "{}")  # after the look at the refusal: a token that came is one
        except TROUBLE:
            if late:
                raise
        else:
            if held.get("token") and held["token"] != before.get("token"):
                return held, False
            if refused or late:
                return None, refused
        time.sleep(1)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the token secret holds a new token now, 1 with the reason on standard error otherwise."""
    parser = argparse.ArgumentParser(description="Add an owner whose ArcGIS token is rotated.")
    parser.add_argument("username", help="as the portal spells it")
    parser.add_argument("--admin", action="store_true", help="it is the administrator's credential, not an owner's")
    parser.add_argument("--credential", type=Path, metavar="FILE", help="JSON; without it, the password is asked for")
    parser.add_argument("--every", default=EVERY, metavar="SCHEDULE", help=f"rate(...) or cron(...), default {EVERY}")
    parser.add_argument("--stack-name", default="notebook-archive")
    parser.add_argument("--wait", type=int, default=WAIT_SECONDS, metavar="SECONDS", help="for the first token")
    parser.add_argument("--invoke", action="store_true", help="call the function here, for an AWS on this machine")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, width=200)
    try:
        credential = credential_from(options.credential, options.username)
        add(credential, options, lambda text: console.print(shown(text)))
    except TROUBLE as error:
        console.print(shown(sentence(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
