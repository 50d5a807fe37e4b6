"""Check the secrets: their form, whose they are, what their accounts may do in ArcGIS, and their rotation."""

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from notebook_archive.arcgis.portal import NOTEBOOK, Portal
from notebook_archive.arcgis.token_secrets import CREDENTIAL, name_owner_secret, parse_fields, parse_secret
from notebook_archive.clock import format_moment
from notebook_archive.errors import (
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SecretMalformed,
    SecretMissing,
    SecretNotRotated,
    TokenRejected,
)
from notebook_archive.models import ItemId, parse_epoch_milliseconds
from notebook_archive.secret_store import calculate_max_wait
from notebook_archive_cli.doctor.checks import Check, bad, good, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count
from notebook_archive_cli.translation import translate_error

# Number of owners' secrets that sign in at the same time.
THREADS = 4
# Number of notebooks that are requested to find one with a certain owner.
SEARCH_RESULTS = 20
# A token that is not rotated, and expires within three days, is bad.
MIN_TOKEN_MILLISECONDS = 3 * 86_400_000

VIEW, UPDATE, NOTEBOOKS, CREATE = (
    "portal:admin:viewItems", "portal:admin:updateItems", "premium:publisher:createNotebooks", "portal:user:createItem",
)  # fmt: skip
# The last part of the name of the administrator's secret.
ADMIN = "admin"
_REFUSED = re.compile(r"refused-.+-([0-9]{1,12})")


def check_administrator(target: Target) -> Check:
    """Check the administrator's secret."""
    name, secret = "admin secret", target.arcgis.admin_secret
    account = _sign_in(target, name, secret, ADMIN)
    if isinstance(account, Check):
        return account
    return good(name, f"signs in as {_name_account(account)}{_describe_lifetime(target, secret)}")


def check_privileges(target: Target) -> Check:
    """Check the privileges of the administrator's account."""
    name, account = "admin privileges", target.arcgis.describe_portal(target.arcgis.admin_secret)
    who, privileges = _name_account(account), _list_privileges(account)
    needed = [VIEW] if target.parameter("Route") == "notebook-server" else [VIEW, UPDATE]
    missing = [each for each in needed if each not in privileges]
    if missing:
        return bad(
            name,
            f"{who} does not have {' and '.join(missing)}",
            f"In the portal, give {who} an administrator's role, or a custom role with these privileges.",
        )
    return good(name, f"{who} has {' and '.join(needed)}")


def check_reading_others(target: Target) -> Check:
    """Check that the administrator may list the snapshots of another member's notebook."""
    name, arcgis = "admin reads others", target.arcgis
    if target.parameter("Route") == "notebook-server":
        return good(name, "not needed with Route=notebook-server")
    portal = arcgis.portal(arcgis.admin_secret)
    me = str(_get_user(arcgis.describe_portal(arcgis.admin_secret)).get("username", ""))
    others = [each for each in search(portal, f'type:"{NOTEBOOK}"') if each.get("owner") != me]
    if not others:
        return unknown(name, "the portal shows no notebook of another member yet")
    item, owner = ItemId.parse(others[0].get("id")), others[0].get("owner")
    try:
        listing = portal.list_snapshots(item)
    except (PermissionDenied, NotebookNotFound, RequestRejected) as error:
        return bad(
            name,
            f"the administrator may not list the resources of {owner}'s notebook {item}. {error}",
            f"In the portal, give the account a role with {UPDATE}.",
        )
    return good(name, f"{owner}'s notebook {item} has {format_count(len(listing.snapshots), 'snapshot')}")


def check_owners(target: Target) -> list[Check]:
    """Check the secret of each owner."""
    name, route = "owner secrets", target.parameter("Route")
    if route == "portal":
        return [good(name, "not used with Route=portal")]
    prefix = target.output("OwnerSecretPrefix")
    names = [each["Name"] for each in list_secrets(target, prefix)]
    if not names and route == "notebook-server":
        return [
            bad(
                name,
                f"no secret begins with {prefix}, so no notebook can be read with Route=notebook-server",
                "Add the owners, or set Route=auto.",
                target.command("owners", "add", "USERNAME"),
            )
        ]
    if not names:
        return [good(name, "none; the administrator's credential reads the notebooks of all owners")]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda each: _check_owner(target, each), names))


def _check_owner(target: Target, secret: str) -> Check:
    """Check an owner's secret. Any error becomes the result, so that the other secrets are checked too."""
    try:
        return _examine_owner(target, secret)
    except Exception as error:  # noqa: BLE001 - see above
        return unknown(f"secret {secret}", str(translate_error(error, target.options)))


def _examine_owner(target: Target, secret: str) -> Check:
    name, prefix = f"secret {secret}", target.arcgis.secret_prefix
    owner = decode_username(secret.removeprefix(f"{prefix}/owners/"))
    account = _sign_in(target, name, secret, owner)
    if isinstance(account, Check):
        return account
    user = str(_get_user(account).get("username", ""))
    if not user:
        message = "its credential is that of an application, which owns no notebooks"
        return bad(name, message, *_correct(target, secret, owner))
    if name_owner_secret(prefix, user) != secret:
        fix, command = _correct(target, secret, owner)
        message = f"it signs in as {user!r}, but its name is that of {owner!r}"
        return bad(name, message, f"{fix} The secret of {user} is {name_owner_secret(prefix, user)}.", command)
    privileges = _list_privileges(account)
    if privileges and NOTEBOOKS not in privileges:
        return bad(
            name,
            f"{user} signs in, but does not have {NOTEBOOKS}",
            f"In the portal, give {user} a role with the privilege *Create and edit notebooks*.",
        )
    return _check_listing(target, name, secret, user)


def _check_listing(target: Target, name: str, secret: str, user: str) -> Check:
    """Check that the owner may list the snapshots of one of the owner's notebooks."""
    portal, lifetime = target.arcgis.portal(secret), _describe_lifetime(target, secret)
    own = [each for each in search(portal, f'type:"{NOTEBOOK}" AND owner:"{user}"') if each.get("owner") == user]
    if not own:
        return good(name, f"signs in as {user}, who has no notebook yet{lifetime}")
    item = ItemId.parse(own[0].get("id"))
    try:
        listing = target.arcgis.find_notebook_server(secret).list_snapshots(item)
    except (PermissionDenied, RequestRejected) as error:
        return bad(
            name,
            f"{user} may not list the snapshots of notebook {item}. {error}",
            f"In the portal, give {user} the privilege *Create and edit notebooks*. On Kubernetes, an administrative "
            "privilege may be needed too.",
        )
    snapshots = format_count(len(listing.snapshots), "snapshot")
    return good(name, f"signs in as {user}; notebook {item} has {snapshots}{lifetime}")


def check_restore_test(target: Target) -> Check:
    """Check the secret of the account for restore tests."""
    name, secret = "restore test secret", f"{target.arcgis.secret_prefix}/restore-test"
    if not target.parameter("RestoreTestSchedule"):
        return good(name, "not needed: RestoreTestSchedule is not set")
    account = _sign_in(target, name, secret, "restore-test")
    if isinstance(account, Check):
        return account
    who, privileges = _name_account(account), _list_privileges(account)
    if CREATE not in privileges:
        return bad(name, f"{who} does not have {CREATE}", f"In the portal, give {who} a role with that privilege.")
    if powerful := [each for each in privileges if each.startswith("portal:admin:")]:
        return bad(
            name,
            f"{who} has {format_count(len(powerful), 'administrative privilege')}, which restore tests do not need",
            f"In the portal, give {who} a role without {', '.join(powerful)}.",
        )
    return good(name, f"signs in as {who}, with {CREATE}")


def check_rotations(target: Target) -> list[Check]:
    """Check the rotation of each secret whose token is rotated."""
    secrets = list_secrets(target, f"{target.arcgis.secret_prefix}/")
    rotated = [each for each in secrets if each.get("RotationEnabled")]
    found = [check_rotation(target, each) for each in rotated]
    names = {each["Name"] for each in rotated}
    found += [
        bad(
            f"rotation {each['Name']}",
            "its token comes from another secret, but rotation is switched off",
            "Add the owner again, which switches it on.",
            _add_owner(target, each["Name"]),
        )
        for each in secrets
        if each["Name"] not in names and CREDENTIAL in _read_fields(target, each["Name"])
    ]
    return found or [good("rotation", "no token is rotated; the secrets contain credentials, or tokens of yours")]


def check_rotation(target: Target, secret: Mapping[str, Any]) -> Check:
    """Check the rotation of one secret. `secret` is what ListSecrets returns for it."""
    name, now = f"rotation {secret['Name']}", time.time()
    labels = [label for stages in secret.get("SecretVersionsToStages", {}).values() for label in stages]
    again = _add_owner(target, secret["Name"])
    if any((match := _REFUSED.fullmatch(label)) and int(match[1]) > now for label in labels):
        return bad(
            name, "ArcGIS refused the credential within the last hour", "Add the owner with the right password.", again
        )
    function = secret.get("RotationLambdaARN", "")
    if function and function != target.output("RotateTokenFunction"):
        return bad(name, f"another function rotates it: {function}", "Add the owner again to this stack.", again)
    last = secret.get("LastRotatedDate")
    wait = calculate_max_wait(secret.get("RotationRules", {}))
    if last is None:
        return unknown(name, "it is switched on, but no rotation has been recorded yet", "Check again later.")
    if wait and now - last.timestamp() > wait:
        return bad(
            name,
            f"it is overdue: the last rotation was on {last:%Y-%m-%d %H:%M %Z}",
            "Add the owner again. If that fails, it says why.",
            again,
        )
    return good(name, f"last on {last:%Y-%m-%d %H:%M %Z}")


def check_encryption(target: Target) -> list[Check]:
    """Check that the functions may use the KMS keys of the secrets."""
    key = target.parameter("KmsKeyArn")
    return [
        bad(
            f"encryption {each['Name']}",
            f"it is encrypted with {used}, which the functions may not use",
            "Encrypt it with the key of the stack." if key else "Encrypt it with the key that AWS manages.",
            target.aws(
                "secretsmanager", "update-secret", "--secret-id", each["Name"],
                "--kms-key-id", key or "alias/aws/secretsmanager",
            ),
        )
        for each in list_secrets(target, f"{target.arcgis.secret_prefix}/")
        if (used := each.get("KmsKeyId")) and used not in {key, key.rpartition("/")[2], "alias/aws/secretsmanager"}
    ] or [good("secret encryption", "the functions may use the keys of the secrets")]  # fmt: skip


def list_secrets(target: Target, prefix: str) -> list[dict[str, Any]]:
    """Return the descriptions of the secrets whose names begin with the prefix, ordered by name."""
    pages = target.client("secretsmanager").get_paginator("list_secrets")
    found = [
        each
        for page in pages.paginate(Filters=[{"Key": "name", "Values": [prefix]}])
        for each in page["SecretList"]
        if each["Name"].startswith(prefix)
    ]
    return sorted(found, key=lambda each: str(each["Name"]))


def search(portal: Portal, query: str) -> list[dict[str, Any]]:
    """Return some of the notebooks that a search finds."""
    fields = {"q": query, "num": str(SEARCH_RESULTS), "f": "json"}
    answer = portal.client.call("GET", f"{portal.rest_url}/search", "The search for a notebook", fields)
    results = answer.get("results")
    found = [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    return [each for each in found if each.get("type") == NOTEBOOK]


def decode_username(spelled: str) -> str:
    """Return the user name in the last part of a secret's name, in which `=XX` stands for a byte."""
    return unquote(spelled.replace("%", "%25").replace("=", "%"))


def _sign_in(target: Target, name: str, secret: str, owner: str) -> dict[str, Any] | Check:
    """Return `portals/self` for the account of the secret, or a check that says what is wrong with the secret."""
    arcgis = target.arcgis
    try:
        fields = parse_secret(secret, arcgis.read_secret(secret))
        account = arcgis.describe_portal(secret)
    except SecretMissing:
        fix, file = _write_credential(secret, owner)
        words = ("create-secret", "--name", secret, "--secret-string", f"file://{file}")
        return bad(name, f"there is no secret {secret!r}", fix, target.aws("secretsmanager", *words))
    except (SecretNotRotated, SecretMalformed, TokenRejected) as error:
        return bad(name, str(error), *_correct(target, secret, owner))
    if not account.get("user") and not account.get("appInfo"):
        message = "the portal ignores its token, and responds as if nobody had signed in"
        return bad(name, message, *_correct(target, secret, owner))
    expires = parse_epoch_milliseconds(fields.get("expires"))
    if "token" in fields and CREDENTIAL not in fields and 0 < expires < time.time() * 1000 + MIN_TOKEN_MILLISECONDS:
        message = f"its token is not rotated, and expires at {format_moment(expires)}"
        return bad(name, message, *_correct(target, secret, owner))
    return account


def _correct(target: Target, secret: str, owner: str) -> tuple[str, str]:
    """Return the sentence and the command that store another credential, whether or not its token is rotated."""
    if CREDENTIAL in _read_fields(target, secret):
        return "Add the owner again, with the right password.", _add_owner(target, secret)
    fix, file = _write_credential(secret, owner)
    return fix, put_secret(target, secret, file)


def _write_credential(secret: str, owner: str) -> tuple[str, str]:
    """Return the sentence that says what to write, and the name of the file to write."""
    file = f"{secret.rpartition('/')[2]}.json"
    whose = "the administrator" if owner == ADMIN else owner
    return f"Write the credential of {whose} into {file}, as docs/secrets.md shows, and store it.", file


def put_secret(target: Target, secret: str, file: str) -> str:
    """Return the command that stores the content of a file in a secret."""
    return target.aws("secretsmanager", "put-secret-value", "--secret-id", secret, "--secret-string", f"file://{file}")


def _add_owner(target: Target, secret: str) -> str:
    if secret == target.arcgis.admin_secret:
        return target.command("owners", "add", "USERNAME", "--admin")
    return target.command(
        "owners", "add", decode_username(secret.removeprefix(f"{target.arcgis.secret_prefix}/owners/"))
    )


def _read_fields(target: Target, secret: str) -> Mapping[str, str]:
    """Return the fields of a secret, or nothing if it has another form."""
    try:
        return parse_fields(secret, target.arcgis.read_secret(secret))
    except SecretMalformed:
        return {}


def _describe_lifetime(target: Target, secret: str) -> str:
    """Return when a stored token expires, as the end of a sentence, or an empty string."""
    expires = parse_epoch_milliseconds(_read_fields(target, secret).get("expires"))
    return f"; its token expires at {format_moment(expires)}" if expires else ""


def _get_user(account: Mapping[str, Any]) -> Mapping[str, Any]:
    user = account.get("user")
    return user if isinstance(user, dict) else {}


def _name_account(account: Mapping[str, Any]) -> str:
    return str(_get_user(account).get("username") or "an application")


def _list_privileges(account: Mapping[str, Any]) -> list[str]:
    application = account.get("appInfo")
    privileges = _get_user(account).get("privileges") or (application or {}).get("privileges")
    return [str(each) for each in privileges] if isinstance(privileges, list) else []
