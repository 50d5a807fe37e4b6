"""Adds an owner whose token is rotated: a secret with the credential, a secret with the token, and the rotation.

.venv/bin/python -m scripts.add_owner USERNAME [--admin] [--credential FILE] [--every "rate(12 hours)"]

May be run again: for a new password, another schedule, or to see whether the credential works.  Where ArcGIS refuses a
credential, the one from before is put back, and a secret that was made for its token is removed.
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
from typing import Any
from urllib.parse import quote

import boto3
from rich.console import Console

from notebook_archive.secret_store import calculate_min_wait
from scripts.secret_store import Secrets, object_in
from scripts.stack import TROUBLE, ScriptError, Stack, sentence, shown

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FORMS = ({"username", "password"}, {"clientId", "clientSecret"})
EVERY = "rate(12 hours)"
OFTEN_HOURS = 4
"""Between two rotations at least (API reference, RotationRulesType)."""
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


def check_schedule(expression: str) -> None:
    """Raise ScriptError where Secrets Manager would not take the schedule; it would say so only after secrets are
    written."""
    between = calculate_min_wait(expression)
    if between is None:
        raise ScriptError(
            f"{expression!r} is no schedule of a rotation. Say for example 'rate(12 hours)', 'rate(1 day)' or "
            "'cron(0 1/8 * * ? *)', where the minute is 0 and the year *."
        )
    if between < OFTEN_HOURS * 3600:
        raise ScriptError(f"{expression!r} is too often: Secrets Manager rotates every {OFTEN_HOURS} hours at most.")


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
    was, before = secrets.read(token), secrets.read(source)
    held = object_in(was or "{}")
    changed = secrets.keep(source, credential, f"ArcGIS credential of {username}; {token} is rotated with it")
    say(f"{source}: {'written' if changed else 'there already'}")
    settled, harmless = not changed, True
    try:
        # What it held stays until the rotation, so that nothing that runs now is left without a credential.
        written = secrets.keep(token, held | {"credential": source}, f"ArcGIS token of {username}, rotated")
        harmless = any(held.get(each) for each in ("token", "password", "clientSecret"))
        say(f"{token}: {'now names its credential' if written else 'there already'}")
        failure = _rotate(secrets, token, function, options, say)
        fresh, refused = _wait_for_token(secrets, token, held, source, 0 if options.invoke else options.wait)
        settled, harmless = settled or refused or fresh is not None, harmless or fresh is not None
        if refused and changed and (before is not None or was is not None):
            _put_back(secrets, token, source, before, say)
        if refused and was is None:
            harmless = _remove(secrets, token, source if before is None else None, say)
    finally:
        if not settled:  # the rotation may still succeed, and with the credential from before the next one would fail
            say(
                f"{source}: holds the new credential{', not the one from before' if before else ''}; whether it works "
                f"is not known. {log_group} says what becomes of the rotation; run this again with the right one"
            )
        if not harmless:
            fails = (
                "every run fails"
                if options.admin
                else f"notebooks of {username} fail, also those the administrator read"
            )
            say(f"{token}: holds no token yet. Until this succeeds, {fails}. This undoes it:")
            say(f"  aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {token}")
    if fresh is None:
        if failure:
            say(failure)
        raise ScriptError(
            _why_none(credential, username, log_group)
            if refused
            else (
                f"No new token came into {token} within {options.wait} s. The log group {log_group} says why. "
                "An AWS on this machine does not rotate by itself: there, say --invoke."
            )
        )
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(fresh["expires"] / 1000)) if "expires" in fresh else "?"
    say(f"{token}: holds a token of {username}, good until {until}")


def _why_none(credential: Mapping[str, str], username: str, log_group: str) -> str:
    wrong = "user name or password" if "password" in credential else "client id or secret"
    return (
        f"ArcGIS refused the sign-in of {username}: wrong {wrong}, or the account may not sign in. Run this again with "
        "the right one; accounts with SAML, OpenID Connect or a second factor cannot sign in this way. "
        f"The log group {log_group} says more."
    )


def _remove(secrets: Secrets, token: str, source: str | None, say: Say) -> bool:
    """Remove the secrets that this run made, for a secret without a token stops what was archived without one; return
    whether that of the token is gone."""
    try:
        secrets.delete(token)
    except TROUBLE as error:
        say(f"{token}: could not be removed. {sentence(error)}")
        return False
    say(f"{token}: removed again, for ArcGIS refused the credential; what was archived without it still is")
    if source:
        try:
            secrets.delete(source)
        except TROUBLE as error:
            say(f"{source}: stays, for it could not be removed. {sentence(error)}")
        else:
            say(f"{source}: removed again, for there was none before")
    return True


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


def _rotate(secrets: Secrets, token: str, function: str, options: argparse.Namespace, say: Say) -> str:
    """Switch the rotation on, which starts one; return what went wrong where it was made here, with --invoke."""
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
            failed = object_in(answer["Payload"].read())
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
            held = object_in(secrets.read(name) or "{}")  # after the look at the refusal: a token that came is one
        except TROUBLE:
            if late:
                raise
        else:
            if held.get("token") and held["token"] != before.get("token"):
                return held, False
            if refused or late:
                return None, refused
        time.sleep(1)


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
        check_schedule(options.every)
        credential = credential_from(options.credential, options.username)
        add(credential, options, lambda text: console.print(shown(text), soft_wrap=True))
    except TROUBLE as error:
        console.print(shown(sentence(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
