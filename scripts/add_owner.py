"""Adds an owner whose token is rotated: a secret with the credential, a secret with the token, and the rotation.

.venv/bin/python -m scripts.add_owner USERNAME [--admin] [--credential FILE] [--every "rate(12 hours)"]

May be run again: for a new password, another schedule, or to see whether the credential works.
"""

import argparse
import getpass
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FORMS = ({"username", "password"}, {"clientId", "clientSecret"})
EVERY = "rate(12 hours)"
WAIT_SECONDS = 180


class NotAddedError(Exception):
    """The owner could not be added; the message says why, and holds no secret."""


def name_of(username: str) -> str:
    """Return the user name as it stands in the names of secrets; the archive's functions spell it alike."""
    return quote(username, safe="@+").replace("%", "=").replace("~", "=7E")


def credential_from(path: Path | None, username: str) -> dict[str, str]:
    """Return the credential in the file, or one with the password that is asked for; raise NotAddedError."""
    if path is None:
        credential: Any = {"username": username, "password": getpass.getpass(f"ArcGIS password of {username}: ")}
    else:
        try:
            credential = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NotAddedError(f"{path} cannot be read as JSON ({type(error).__name__}).") from None
    if not isinstance(credential, dict) or set(credential) not in FORMS or not all(credential.values()):
        raise NotAddedError(
            'A credential is {"username": ..., "password": ...} or {"clientId": ..., "clientSecret": ...}, none empty.'
        )
    if credential.get("username", username) != username:
        raise NotAddedError(f"The credential is of {credential['username']!r}, not of {username!r}.")
    return credential


class Stack:
    """The deployed stack, as far as rotation goes."""

    def __init__(self, name: str) -> None:
        try:
            (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            raise NotAddedError(f"There is no stack {name!r} here: {error.response['Error'].get('Message')}") from None
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", ())}
        try:
            self.administrator, self.owners = outputs["AdminSecretName"], outputs["OwnerSecretPrefix"]
            self.credentials, self.function = outputs["CredentialSecretPrefix"], outputs["RotateTokenFunction"]
            self.log_group = outputs["RotateTokenLogGroup"]
        except KeyError as error:
            raise NotAddedError(f"Stack {name!r} has no output {error}: deploy this version first.") from None
        self.key = parameters.get("KmsKeyArn", "")


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


def add(username: str, credential: Mapping[str, str], options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Add the owner, or the administrator; raise NotAddedError where no new token came of it."""
    stack = Stack(options.stack_name)
    secrets = Secrets(boto3.client("secretsmanager"), stack.key)
    token = stack.administrator if options.admin else stack.owners + name_of(username)
    source = stack.credentials + ("admin" if options.admin else f"owners/{name_of(username)}")
    changed = secrets.keep(source, credential, f"ArcGIS credential of {username}; {token} is rotated with it")
    say(f"{source}: {'written' if changed else 'there already'}")
    # What it held stays until the rotation, so that nothing that runs now is left without a credential.
    held = _object(secrets.read(token) or "{}")
    changed = secrets.keep(token, held | {"credential": source}, f"ArcGIS token of {username}, rotated")
    say(f"{token}: {'now names its credential' if changed else 'there already'}")
    if secrets.clear_the_way(token):
        say(f"{token}: an unfinished rotation is put aside")
    secrets.client.rotate_secret(
        SecretId=token, RotationLambdaARN=stack.function, RotationRules={"ScheduleExpression": options.every}
    )
    say(f"{token}: rotation is on, {options.every}")
    if options.invoke:
        _invoke_steps(secrets, token, stack.function)
    fresh = _wait_for_token(secrets, token, held.get("token"), 0 if options.invoke else options.wait)
    if fresh is None:
        raise NotAddedError(
            f"No new token came into {token} within {options.wait} s. The log group {stack.log_group} says why. "
            "An AWS on this machine does not rotate by itself: there, say --invoke."
        )
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(fresh["expires"] / 1000)) if "expires" in fresh else "?"
    say(f"{token}: holds a token of {username}, good until {until}")


def _invoke_steps(secrets: Secrets, token: str, function: str) -> None:
    """Do what Secrets Manager does in AWS: label an empty version as pending, then call the function four times."""
    version = str(uuid.uuid4())
    found = secrets.client.put_secret_value(SecretId=token, ClientRequestToken=version, VersionStages=["AWSPENDING"])
    for step in STEPS:
        event = {"Step": step, "SecretId": found["ARN"], "ClientRequestToken": version}
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        if "FunctionError" in answer:
            failed = _object(answer["Payload"].read())
            raise NotAddedError(f"{step} failed: {failed.get('errorType')}: {failed.get('errorMessage')}")


def _wait_for_token(secrets: Secrets, name: str, before: str | None, seconds: float) -> dict[str, Any] | None:
    """Return what the secret holds once its token is another than before; None where that does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        held = _object(secrets.read(name) or "{}")
        if held.get("token") and held["token"] != before:
            return held
        if time.monotonic() >= deadline:
            return None
        time.sleep(1)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def main() -> int:
    """Return 0 if the token secret holds a new token now, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Add an owner whose ArcGIS token is rotated.")
    parser.add_argument("username", help="as the portal spells it")
    parser.add_argument("--admin", action="store_true", help="it is the administrator's credential, not an owner's")
    parser.add_argument("--credential", type=Path, metavar="FILE", help="JSON; without it, the password is asked for")
    parser.add_argument("--every", default=EVERY, metavar="SCHEDULE", help=f"rate(...) or cron(...), default {EVERY}")
    parser.add_argument("--stack-name", default="notebook-archive")
    parser.add_argument("--wait", type=int, default=WAIT_SECONDS, metavar="SECONDS", help="for the first token")
    parser.add_argument("--invoke", action="store_true", help="call the function here, for an AWS on this machine")
    options = parser.parse_args()
    console = Console(stderr=True, width=200)
    try:
        credential = credential_from(options.credential, options.username)
        add(options.username, credential, options, lambda text: console.print(text, markup=False, highlight=False))
    except NotAddedError as error:
        console.print(str(error), markup=False)
        return 1
    except ClientError as error:
        # Of the operations above, none repeats what a secret holds.
        console.print(f"AWS refused {error.operation_name}: {error.response['Error'].get('Message')}", markup=False)
        return 1
    except BotoCoreError as error:
        console.print(f"AWS cannot be reached: {error}", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
