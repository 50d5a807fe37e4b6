"""Add an owner whose ArcGIS token is rotated: create secrets for the credential and the token, and turn rotation on.

.venv/bin/python -m scripts.add_owner USERNAME [--admin] [--credential FILE] [--every "rate(12 hours)"]

Run it again for a new password, for another schedule, or to check whether the credential works. If ArcGIS refuses a
credential, the script restores the previous one. It also removes the token's secret if it has just created this secret.
"""

import argparse
import getpass
import json
import re
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3

from notebook_archive.secret_store import calculate_min_wait
from scripts.secret_store import Secrets, parse_object
from scripts.stack import DEFAULT_STACK_NAME, REPORTED_ERRORS, ScriptError, Stack, describe_error, print_error

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
CREDENTIAL_FORMS = ({"username", "password"}, {"clientId", "clientSecret"})
DEFAULT_SCHEDULE = "rate(12 hours)"
# The minimum time between two rotations in Secrets Manager (API reference, RotationRulesType).
MIN_HOURS_BETWEEN_ROTATIONS = 4
DEFAULT_WAIT_SECONDS = 180
# A credential's description ends with the name of the secret whose token is rotated with this credential.
_TOKEN_SECRET = re.compile(r"; (\S+) is rotated with it$")


def encode_username(username: str) -> str:
    """Return the user name in the form that secret names contain. The archive's functions use the same form."""
    return quote(username, safe="@+").replace("%", "=").replace("~", "=7E")


def read_credential(path: Path | None, username: str) -> dict[str, str]:
    """Return the credential in the file, or ask for a password if no file is given.

    Raise ScriptError if the file does not contain a credential of this user.
    """
    if path is None:
        credential: Any = {"username": username, "password": getpass.getpass(f"ArcGIS password of {username}: ")}
    else:
        try:
            credential = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ScriptError(f"{path} cannot be read as JSON ({type(error).__name__}).") from None
    if not isinstance(credential, dict) or set(credential) not in CREDENTIAL_FORMS or not all(credential.values()):
        raise ScriptError(
            'A credential is {"username": ..., "password": ...} or {"clientId": ..., "clientSecret": ...}. '
            "No value may be empty."
        )
    if credential.get("username", username) != username:
        raise ScriptError(f"The credential belongs to {credential['username']!r}, not to {username!r}.")
    return credential


def check_schedule(expression: str) -> None:
    """Raise ScriptError if Secrets Manager would refuse the schedule.

    Secrets Manager checks the schedule only after the secrets are written.
    """
    between = calculate_min_wait(expression)
    if between is None:
        raise ScriptError(
            f"{expression!r} is not a schedule for a rotation. Examples: 'rate(12 hours)', 'rate(1 day)' and "
            "'cron(0 1/8 * * ? *)'. In a cron expression, the minute must be 0 and the year *."
        )
    if between < MIN_HOURS_BETWEEN_ROTATIONS * 3600:
        raise ScriptError(
            f"{expression!r} is too often: Secrets Manager requires at least {MIN_HOURS_BETWEEN_ROTATIONS} hours "
            "between two rotations."
        )


def add_owner(credential: Mapping[str, str], options: argparse.Namespace) -> None:
    """Add the owner, or the administrator. Raise ScriptError if the rotation does not write a new token."""
    username = options.username
    stack = Stack(options.stack_name)
    secrets = Secrets(boto3.client("secretsmanager"), stack.parameter("KmsKeyArn"))
    spelled = encode_username(username)
    token = stack.output("AdminSecretName") if options.admin else stack.output("OwnerSecretPrefix") + spelled
    source = stack.output("CredentialSecretPrefix") + ("admin" if options.admin else f"owners/{spelled}")
    function, log_group = stack.output("RotateTokenFunction"), stack.output("RotateTokenLogGroup")
    other = _TOKEN_SECRET.search(secrets.read_description(source))
    if other and other[1] != token:
        raise ScriptError(
            f"Another stack rotates {other[1]} with the credential in {source}, so nothing was written. Deploy each "
            "stack with its own CredentialPrefix. If the other stack no longer exists, change the description of the "
            f"secret {source}."
        )
    token_before, credential_before = secrets.read(token), secrets.read(source)
    held = parse_object(token_before or "{}")
    description = f"ArcGIS credential of {username}; {token} is rotated with it"
    is_changed = secrets.write(source, credential, description)
    print_error(f"{source}: {'written' if is_changed else 'already up to date'}")
    is_result_known, is_usable = not is_changed, True
    try:
        # The secret keeps its previous content until the rotation, so that a run at this time still has a credential.
        is_written = secrets.write(token, held | {"credential": source}, f"ArcGIS token of {username}, rotated")
        is_usable = any(held.get(each) for each in ("token", "password", "clientSecret"))
        print_error(f"{token}: {'now names its credential' if is_written else 'already up to date'}")
        failure = _start_rotation(secrets, token, function, options)
        new, is_refused = _wait_for_token(secrets, token, held, source, 0 if options.invoke else options.wait)
        is_result_known = is_result_known or is_refused or new is not None
        is_usable = is_usable or new is not None
        if is_refused and is_changed and (credential_before is not None or token_before is not None):
            _restore_credential(secrets, token, source, credential_before)
        if is_refused and token_before is None:
            is_usable = _remove_secrets(secrets, token, source if credential_before is None else None)
    finally:
        # The previous credential is not restored here, because the rotation may still succeed. Then the next rotation
        # would fail with the previous credential.
        if not is_result_known:
            instead = ", not the previous one" if credential_before else ""
            print_error(
                f"{source}: contains the new credential{instead}. Whether it works is not known. The log group "
                f"{log_group} shows the result of the rotation. If it fails, run this again with the right credential."
            )
        if not is_usable:
            affected = "every run fails" if options.admin else f"every backup of {username}'s notebooks fails"
            print_error(f"{token}: contains no token yet. Until a rotation succeeds, {affected}. To undo this:")
            print_error(f"  aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {token}")
    if new is None:
        if failure:
            print_error(failure)
        raise ScriptError(
            _explain_refusal(credential, username, log_group)
            if is_refused
            else f"{token} got no new token within {options.wait} s. The log group {log_group} shows why. "
            "A local AWS does not start rotations. If you use one, add --invoke."
        )
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(new["expires"] / 1000)) if "expires" in new else "?"
    print_error(f"{token}: contains a token of {username}, valid until {until}")


def _explain_refusal(credential: Mapping[str, str], username: str, log_group: str) -> str:
    wrong = "user name or password" if "password" in credential else "client id or secret"
    return (
        f"ArcGIS refused the sign-in of {username}: wrong {wrong}, or the account may not sign in. Run this again with "
        "the right credential. Accounts with SAML, OpenID Connect or a second factor cannot sign in this way. "
        f"The log group {log_group} shows details."
    )


def _remove_secrets(secrets: Secrets, token: str, source: str | None) -> bool:
    """Remove the secrets that this run of the script created. Return whether the token's secret was removed.

    Without an owner's secret, the administrator's credential reads the owner's notebooks. With a secret that contains
    no token, every backup of them would fail.
    """
    try:
        secrets.delete(token)
    except REPORTED_ERRORS as error:
        print_error(f"{token}: could not be removed. {describe_error(error)}")
        return False
    print_error(f"{token}: removed, because ArcGIS refused the credential. Backups continue as before.")
    if source:
        try:
            secrets.delete(source)
        except REPORTED_ERRORS as error:
            print_error(f"{source}: could not be removed. {describe_error(error)}")
        else:
            print_error(f"{source}: removed, because it did not exist before")
    return True


def _restore_credential(secrets: Secrets, token: str, source: str, before: str | None) -> None:
    """Restore the previous credential, so that a typing error does not break a rotation that worked."""
    if before is None:
        print_error(
            f"{source}: contains the refused credential, because there was no previous one. Run this again with the "
            "right credential."
        )
        return
    try:
        secrets.cancel_rotation(token)
        secrets.client.put_secret_value(SecretId=source, SecretString=before)
    except REPORTED_ERRORS as error:
        print_error(f"{source}: the previous credential could not be restored. {describe_error(error)}")
    else:
        print_error(f"{source}: contains the previous credential again, because ArcGIS refused the new one")


def _start_rotation(secrets: Secrets, token: str, function: str, options: argparse.Namespace) -> str:
    """Turn rotation on. This also starts the first rotation.

    With --invoke, run the first rotation here. Return a sentence if it failed, otherwise an empty string.
    """
    if secrets.cancel_rotation(token):
        print_error(f"{token}: canceled an unfinished rotation")
    secrets.client.rotate_secret(
        SecretId=token, RotationLambdaARN=function, RotationRules={"ScheduleExpression": options.every}
    )
    print_error(f"{token}: rotation is on, {options.every}")
    return _invoke_steps(secrets, token, function) if options.invoke else ""


def _invoke_steps(secrets: Secrets, token: str, function: str) -> str:
    """Add a pending version and call the function four times, as AWS does.

    Return a sentence about the step that failed, or an empty string.
    """
    version = str(uuid.uuid4())
    found = secrets.client.put_secret_value(SecretId=token, ClientRequestToken=version, VersionStages=["AWSPENDING"])
    for step in STEPS:
        event = {"Step": step, "SecretId": found["ARN"], "ClientRequestToken": version}
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        if "FunctionError" in answer:
            failed = parse_object(answer["Payload"].read())
            return f"{step} failed: {failed.get('errorType')}: {failed.get('errorMessage')}"
    return ""


def _wait_for_token(
    secrets: Secrets, name: str, before: Mapping[str, Any], source: str, seconds: float
) -> tuple[dict[str, Any] | None, bool]:
    """Wait until the token in the secret has changed or ArcGIS has refused the credential.

    Return the secret's content, or None if the token has not changed, and whether the credential was refused. A failed
    call is repeated until the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        is_late = time.monotonic() >= deadline
        try:
            # Read the refusal before the token. If a token arrives between the two reads, it takes precedence.
            is_refused = secrets.is_refused(name, source)
            held = parse_object(secrets.read(name) or "{}")
        except REPORTED_ERRORS:
            if is_late:
                raise
        else:
            if held.get("token") and held["token"] != before.get("token"):
                return held, False
            if is_refused or is_late:
                return None, is_refused
        time.sleep(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the secret contains a new token now. Otherwise print the reason to standard error and return 1."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.add_owner",
        description="Add an owner whose ArcGIS token is rotated. Run it again for a new password or another schedule.",
        epilog="Exit status: 0 if the secret contains a new token, otherwise 1.",
    )
    parser.add_argument("username", help="the ArcGIS user name, as the portal spells it")
    parser.add_argument("--admin", action="store_true", help="the user is the administrator, not an owner")
    credential_help = "JSON file with the credential; without it, the script asks for the password"
    parser.add_argument("--credential", type=Path, metavar="FILE", help=credential_help)
    schedule_help = "when to rotate: rate(...) or cron(...) [%(default)s]"
    parser.add_argument("--every", default=DEFAULT_SCHEDULE, metavar="SCHEDULE", help=schedule_help)
    parser.add_argument("--stack-name", default=DEFAULT_STACK_NAME, metavar="NAME", help="[%(default)s]")
    wait_help = "how long to wait for the first token [%(default)s]"
    parser.add_argument("--wait", type=int, default=DEFAULT_WAIT_SECONDS, metavar="SECONDS", help=wait_help)
    invoke_help = "call the rotation function from here; needed with a local AWS, which does not start rotations"
    parser.add_argument("--invoke", action="store_true", help=invoke_help)
    options = parser.parse_args(arguments)
    try:
        check_schedule(options.every)
        add_owner(read_credential(options.credential, options.username), options)
    except REPORTED_ERRORS as error:
        print_error(describe_error(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
