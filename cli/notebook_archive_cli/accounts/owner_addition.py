"""Add an owner whose ArcGIS token is rotated: write the credential, turn rotation on, and wait for the first token."""

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive_cli.accounts.owners import OwnerSecrets
from notebook_archive_cli.accounts.secrets import Secrets, parse_object
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.output import Output
from notebook_archive_cli.translation import translate_error
from notebook_archive_cli.usage import describe_interruption

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
# A credential's description ends with the name of the secret whose token is rotated with this credential.
_TOKEN_SECRET = re.compile(r"; (\S+) is rotated with it$")
# Errors of the calls to AWS. What they interrupt can be tried again.
_AWS_ERRORS = (ClientError, BotoCoreError)


def _describe(error: BaseException, options: Options) -> CommandError:
    if isinstance(error, CommandError):
        return error
    return translate_error(error, options) if isinstance(error, Exception) else describe_interruption(options)


@dataclass(frozen=True, slots=True)
class OwnerRequest:
    """The owner to add. `schedule` says when to rotate.

    `wait_seconds` is the time to wait for the first token. With `is_invoked`, the rotation function is called from
    here, because a local AWS does not start rotations.
    """

    username: str
    is_admin: bool
    schedule: str
    wait_seconds: int
    is_invoked: bool


def add_owner(session: Session, request: OwnerRequest, credential: Mapping[str, str]) -> dict[str, Any]:
    """Add the owner, or the administrator. Return the name of the secret, and when its new token expires.

    Progress is printed on standard error. Raises CommandError if the rotation does not write a new token. If ArcGIS
    refuses the credential, the previous one is restored, and a token's secret that is new is removed.
    """
    return _Addition(session, request).add(credential)


class _Addition:
    """Adds one owner."""

    def __init__(self, session: Session, request: OwnerRequest) -> None:
        self._session, self._request = session, request
        self._secrets = Secrets(session)
        names = OwnerSecrets.of(session, request.username, is_admin=request.is_admin)
        self._token, self._credential = names.token, names.credential
        self._function = session.stack.output("RotateTokenFunction")
        self._log_group = session.stack.output("RotateTokenLogGroup")
        self._note = Output(session.options).note
        # What a person must know about the secrets if the owner was not added.
        self._left: list[str] = []

    def add(self, credential: Mapping[str, str]) -> dict[str, Any]:
        try:
            return self._add(credential)
        except (Exception, KeyboardInterrupt) as error:
            options = self._session.options
            if not options.is_json or not self._left:
                raise
            # With `--json` no note is printed, so the error says what the notes would say.
            described = _describe(error, options)
            raise CommandError(
                described.reason,
                str(described),
                remedy="\n".join((*self._left, described.remedy)),
                command=described.command,
                status=described.status,
            ) from error

    def _report(self, text: str) -> None:
        """Print what a person must know. With `--json`, it becomes part of the error."""
        self._left.append(text)
        self._note(text)

    def _add(self, credential: Mapping[str, str]) -> dict[str, Any]:
        self._check_other_stack()
        secrets, username = self._secrets, self._request.username
        token_before, credential_before = secrets.read(self._token), secrets.read(self._credential)
        held = parse_object(token_before or "{}")
        description = f"ArcGIS credential of {username}; {self._token} is rotated with it"
        is_changed = secrets.write(self._credential, credential, description)
        self._note(f"{self._credential}: {'written' if is_changed else 'already up to date'}")
        is_result_known, is_usable = not is_changed, True
        try:
            # The secret keeps its previous content until the rotation, so that a run at this time has a credential.
            content = held | {"credential": self._credential}
            is_written = secrets.write(self._token, content, f"ArcGIS token of {username}, rotated")
            is_usable = any(held.get(each) for each in ("token", "password", "clientSecret"))
            self._note(f"{self._token}: {'now names its credential' if is_written else 'already up to date'}")
            failure = self._start_rotation()
            new, is_refused = self._wait_for_token(held)
            is_result_known = is_result_known or is_refused or new is not None
            is_usable = is_usable or new is not None
            if is_refused and is_changed and (credential_before is not None or token_before is not None):
                self._restore_credential(credential_before)
            if is_refused and token_before is None:
                is_usable = self._remove_secrets(with_credential=credential_before is None)
        finally:
            # The previous credential is not restored here, because the rotation may still succeed. Then the next
            # rotation would fail with the previous credential.
            if not is_result_known:
                self._explain_unknown_result(has_previous=bool(credential_before))
            if not is_usable:
                self._explain_unusable()
        if new is None:
            raise self._refused(credential) if is_refused else self._no_token(failure)
        expires = datetime.fromtimestamp(new["expires"] / 1000, UTC) if "expires" in new else None
        return {
            "owner": username,
            "secret": self._token,
            "credentialSecret": self._credential,
            "rotation": self._request.schedule,
            "tokenExpiresAt": expires and expires.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    def _check_other_stack(self) -> None:
        other = _TOKEN_SECRET.search(self._secrets.read_description(self._credential))
        if other and other[1] != self._token:
            raise CommandError(
                "credential-in-use",
                f"Another stack rotates {other[1]} with the credential in {self._credential}, so nothing was written.",
                remedy="Deploy each stack with its own CredentialPrefix. If the other stack no longer exists, change "
                f"the description of the secret {self._credential}.",
                command=f"aws secretsmanager describe-secret --secret-id {self._credential}",
                status=ExitStatus.USAGE,
            )

    def _explain_unknown_result(self, *, has_previous: bool) -> None:
        instead = ", not the previous one" if has_previous else ""
        self._report(
            f"{self._credential}: contains the new credential{instead}. Whether it works is unknown. The log group "
            f"{self._log_group} shows the result of the rotation. If it fails, run this again with the right "
            "credential."
        )

    def _explain_unusable(self) -> None:
        whose = f"every backup of {self._request.username}'s notebooks fails"
        affected = "every run fails" if self._request.is_admin else whose
        self._report(f"{self._token}: contains no token yet. Until a rotation succeeds, {affected}. To undo this:")
        self._report(f"  aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {self._token}")

    def _refused(self, credential: Mapping[str, str]) -> CommandError:
        wrong = "user name or password" if "password" in credential else "client id or secret"
        return CommandError(
            "credential-refused",
            f"ArcGIS refused the sign-in of {self._request.username}: wrong {wrong}, or the account may not sign in.",
            remedy="Run this again with the right credential. Accounts with SAML, OpenID Connect or a second factor "
            f"cannot sign in this way. The log group {self._log_group} shows details.",
            command=self._session.options.same_command(),
            status=ExitStatus.DENIED,
        )

    def _no_token(self, failure: str) -> CommandError:
        is_late = f"{self._token} got no new token within {self._request.wait_seconds} s."
        return CommandError(
            "token-not-rotated",
            f"{failure} {is_late}".strip(),
            remedy=f"The log group {self._log_group} shows why. A local AWS does not start rotations: add --invoke.",
            command=f"aws logs tail {self._log_group} --since 10m",
            status=ExitStatus.UNAVAILABLE,
        )

    def _remove_secrets(self, *, with_credential: bool) -> bool:
        """Remove the secrets that were created here. Return whether the token's secret was removed.

        Without an owner's secret, the administrator's credential reads the owner's notebooks. With a secret that
        contains no token, every backup of them would fail.
        """
        try:
            self._secrets.delete(self._token)
        except _AWS_ERRORS as error:
            self._report(f"{self._token}: could not be removed. {error}")
            return False
        self._report(f"{self._token}: removed, because ArcGIS refused the credential. Backups continue as before.")
        if with_credential:
            try:
                self._secrets.delete(self._credential)
            except _AWS_ERRORS as error:
                self._report(f"{self._credential}: could not be removed. {error}")
            else:
                self._report(f"{self._credential}: removed, because it did not exist before")
        return True

    def _restore_credential(self, before: str | None) -> None:
        """Restore the previous credential, so that a typing error does not break a rotation that worked."""
        if before is None:
            self._report(
                f"{self._credential}: contains the refused credential, because there was no previous one. Run this "
                "again with the right credential."
            )
            return
        try:
            self._secrets.cancel_rotation(self._token)
            self._secrets.client.put_secret_value(SecretId=self._credential, SecretString=before)
        except _AWS_ERRORS as error:
            self._report(f"{self._credential}: the previous credential could not be restored. {error}")
        else:
            self._report(
                f"{self._credential}: contains the previous credential again, because ArcGIS refused the new one"
            )

    def _start_rotation(self) -> str:
        """Turn rotation on. This also starts the first rotation.

        With `is_invoked`, run the first rotation here. Return a sentence if it failed, otherwise an empty string.
        """
        if self._secrets.cancel_rotation(self._token):
            self._note(f"{self._token}: canceled an unfinished rotation")
        self._secrets.client.rotate_secret(
            SecretId=self._token,
            RotationLambdaARN=self._function,
            RotationRules={"ScheduleExpression": self._request.schedule},
        )
        self._note(f"{self._token}: rotation is on, {self._request.schedule}")
        return self._invoke_steps() if self._request.is_invoked else ""

    def _invoke_steps(self) -> str:
        """Add a pending version and call the function four times, as AWS does.

        Return a sentence about the step that failed, or an empty string.
        """
        version = str(uuid.uuid4())
        found = self._secrets.client.put_secret_value(
            SecretId=self._token, ClientRequestToken=version, VersionStages=["AWSPENDING"]
        )
        functions = self._session.client("lambda")
        for step in STEPS:
            event = {"Step": step, "SecretId": found["ARN"], "ClientRequestToken": version}
            answer = functions.invoke(FunctionName=self._function, Payload=json.dumps(event))
            if "FunctionError" in answer:
                failed = parse_object(answer["Payload"].read())
                return f"{step} failed: {failed.get('errorType')}: {failed.get('errorMessage')}"
        return ""

    def _wait_for_token(self, before: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
        """Wait until the token in the secret has changed or ArcGIS has refused the credential.

        Return the secret's content, or None if the token has not changed, and whether the credential was refused. A
        failed call is repeated until the time is over.
        """
        deadline = time.monotonic() + (0 if self._request.is_invoked else self._request.wait_seconds)
        while True:
            is_late = time.monotonic() >= deadline
            try:
                # Read the refusal before the token. If a token arrives between the two reads, it takes precedence.
                is_refused = self._secrets.is_refused(self._token, self._credential)
                held = parse_object(self._secrets.read(self._token) or "{}")
            except _AWS_ERRORS:
                if is_late:
                    raise
            else:
                if held.get("token") and held["token"] != before.get("token"):
                    return held, False
                if is_refused or is_late:
                    return None, is_refused
            time.sleep(1)
