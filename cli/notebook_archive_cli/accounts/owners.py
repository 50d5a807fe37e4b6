"""Describe, list and remove the owners whose ArcGIS tokens are rotated.

An owner has two secrets: one with the credential, and one with the token that is rotated with it.
"""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from rich.console import RenderableType
from rich.table import Table

from notebook_archive.secret_store import calculate_min_wait
from notebook_archive_cli.accounts.secrets import Secrets
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.units import format_time

CREDENTIAL_FORMS = ({"username", "password"}, {"clientId", "clientSecret"})
# The minimum time between two rotations in Secrets Manager (API reference, RotationRulesType).
MIN_HOURS_BETWEEN_ROTATIONS = 4
# The functions look for a new secret this often.
NEW_OWNER_DELAY = "The stack uses a new secret within five minutes."


@dataclass(frozen=True, slots=True)
class OwnerSecrets:
    """The names of an owner's two secrets: `token` is rotated with the credential in `credential`."""

    token: str
    credential: str

    @classmethod
    def of(cls, session: Session, username: str, *, is_admin: bool) -> "OwnerSecrets":
        """Return the names of the secrets of an owner, or of the administrator."""
        stack = session.stack
        if is_admin:
            return cls(stack.output("AdminSecretName"), stack.output("CredentialSecretPrefix") + "admin")
        spelled = encode_username(username)
        return cls(
            stack.output("OwnerSecretPrefix") + spelled, f"{stack.output('CredentialSecretPrefix')}owners/{spelled}"
        )


def encode_username(username: str) -> str:
    """Return the user name in the form that secret names contain. The archive's functions use the same form."""
    return quote(username, safe="@+").replace("%", "=").replace("~", "=7E")


def decode_username(text: str) -> str:
    """Return the user name that `encode_username` encoded."""
    return unquote(text.replace("=", "%"))


def read_credential(path: Path | None, username: str) -> dict[str, str]:
    """Return the credential in the file, or ask for a password if no file is given.

    Raises CommandError if the file does not contain a credential of this user.
    """
    if path is None:
        if not sys.stdin.isatty():
            raise CommandError(
                "credential-missing",
                "The command needs a password, and there is no terminal to ask on. Nothing was changed.",
                remedy="Give a file with the credential, with --credential.",
                command="notebook-archive owners add --help",
                status=ExitStatus.USAGE,
            )
        credential: Any = {"username": username, "password": getpass.getpass(f"ArcGIS password of {username}: ")}
    else:
        try:
            credential = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _wrong_credential(f"{path} cannot be read as JSON ({type(error).__name__}).") from None
    if not isinstance(credential, dict) or set(credential) not in CREDENTIAL_FORMS or not all(credential.values()):
        raise _wrong_credential("The credential does not have one of the two forms, or a value is empty.")
    if credential.get("username", username) != username:
        raise _wrong_credential(f"The credential belongs to {credential['username']!r}, not to {username!r}.")
    return credential


def _wrong_credential(message: str) -> CommandError:
    return CommandError(
        "credential-malformed",
        message,
        remedy='A credential is {"username": …, "password": …} or {"clientId": …, "clientSecret": …}. '
        "Give a file with one of them, or leave out --credential to type a password.",
        command="notebook-archive owners add --help",
        status=ExitStatus.USAGE,
    )


def check_schedule(expression: str) -> None:
    """Raise CommandError if Secrets Manager would refuse the schedule.

    Secrets Manager checks the schedule only after the secrets are written.
    """
    between = calculate_min_wait(expression)
    if between is None:
        message = f"{expression!r} is not a schedule for a rotation."
    elif between < MIN_HOURS_BETWEEN_ROTATIONS * 3600:
        message = (
            f"{expression!r} is too often: Secrets Manager requires at least {MIN_HOURS_BETWEEN_ROTATIONS} hours "
            "between two rotations."
        )
    else:
        return
    raise CommandError(
        "schedule-malformed",
        message,
        remedy="Examples: 'rate(12 hours)', 'rate(1 day)' and 'cron(0 1/8 * * ? *)'. In a cron expression, the minute "
        "must be 0 and the year *.",
        command="notebook-archive owners add --help",
        status=ExitStatus.USAGE,
    )


def list_owners(session: Session) -> list[dict[str, Any]]:
    """Return the owners that have a secret, and the administrator first, with the state of the rotation.

    `rotation` is `off` or the schedule. Times are in ISO 8601, or null. No secret is read.
    """
    prefix, admin = session.stack.output("OwnerSecretPrefix"), session.stack.output("AdminSecretName")
    pages = session.client("secretsmanager").get_paginator("list_secrets")
    filters = [{"Key": "name", "Values": [admin, prefix]}]
    secrets = [each for page in pages.paginate(Filters=filters) for each in page["SecretList"]]
    # The filter compares without case, and finds names that begin with the name of the administrator's secret.
    own = [each for each in secrets if each["Name"] == admin or each["Name"].startswith(prefix)]
    owners = [_describe_owner(each, prefix, is_admin=each["Name"] == admin) for each in own]
    return sorted(owners, key=lambda owner: (not owner["isAdmin"], owner["owner"]))


def _describe_owner(secret: dict[str, Any], prefix: str, *, is_admin: bool) -> dict[str, Any]:
    schedule = secret.get("RotationRules", {}).get("ScheduleExpression", "on")
    return {
        "owner": "" if is_admin else decode_username(secret["Name"].removeprefix(prefix)),
        "isAdmin": is_admin,
        "secret": secret["Name"],
        "rotation": schedule if secret.get("RotationEnabled") else "off",
        "lastRotatedAt": _format_time(secret.get("LastRotatedDate")),
        "nextRotationAt": _format_time(secret.get("NextRotationDate")),
    }


def _format_time(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if time else None


def find_secrets(session: Session, username: str) -> list[str]:
    """Return the names of the owner's secrets. Raises CommandError if the owner has none."""
    names, secrets = OwnerSecrets.of(session, username, is_admin=False), Secrets(session)
    found = [name for name in (names.token, names.credential) if secrets.read(name) is not None]
    if not found:
        raise CommandError(
            "owner-not-found",
            f"The owner {username!r} has no secret.",
            remedy="The next command lists the owners who have one. Names are case-sensitive.",
            command=session.options.command("owners", "list"),
            status=ExitStatus.NOT_FOUND,
        )
    return found


def remove_owner(session: Session, username: str, names: Sequence[str]) -> dict[str, Any]:
    """Delete the secrets of the owner that have these names, at once. Return their names."""
    secrets = Secrets(session)
    for name in names:
        secrets.delete(name)
    return {"owner": username, "removed": list(names)}


def render_owners(owners: list[dict[str, Any]], width: int, *, is_utc: bool = False) -> Iterator[RenderableType]:
    """Return the owners as a table."""
    if not owners:
        yield from wrap_text("No owner has a secret. The administrator has none either, so no run can succeed.", width)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Owner", "Rotation", "Last rotation"):
        table.add_column(name, no_wrap=True, overflow="ellipsis" if width < len(name) else "fold")
    for owner in owners:
        name = "(administrator)" if owner["isAdmin"] else owner["owner"]
        last = format_time(owner["lastRotatedAt"], is_utc=is_utc) if owner["lastRotatedAt"] else "never"
        table.add_row(name, owner["rotation"], last)
    yield table


def render_added(added: dict[str, Any], width: int, options: Options) -> Iterator[RenderableType]:
    """Return until when the new token is valid, and when the stack uses it."""
    until = f", valid until {format_time(added['tokenExpiresAt'])}" if added["tokenExpiresAt"] else ""
    text = f"{added['secret']} contains a token of {added['owner']}{until}. {NEW_OWNER_DELAY} Then start a run:"
    yield from wrap_text(text, width)
    yield f"  {options.command('run')}"


def render_removed(removed: dict[str, Any], width: int) -> Iterator[RenderableType]:
    """Return the names of the deleted secrets."""
    for name in removed["removed"]:
        yield f"{name}: deleted"
    yield from wrap_text(
        f"From now on, the administrator's credential tries to read the notebooks of {removed['owner']}. The report of "
        "the next run says whether it may.",
        width,
    )
