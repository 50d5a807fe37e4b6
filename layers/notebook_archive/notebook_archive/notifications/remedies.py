"""Choose the command that fixes a failure, or that says how to fix it."""

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from notebook_archive.errors import (
    ArcGISUnavailable,
    ArchiveDenied,
    ArchiveUnavailable,
    CertificateUntrusted,
    DeadlineExceeded,
    EventRefused,
    ListingIncomplete,
    NotebookArchiveError,
    PermissionDenied,
    SecretMalformed,
    SecretMissing,
    SecretNotRotated,
    SecretUnreadable,
    SettingsInvalid,
    TokenRejected,
    UnexpectedAnswer,
)
from notebook_archive.notifications.notification import Stack

_OWNERS, _ADMIN = "/owners/", "/admin"
# An error that ended an execution has no member `secret`, but its message names the secret.
_SECRET_IN_MESSAGE = re.compile(r"\bsecret '([^']+)'", re.IGNORECASE)


def _list_names(*errors: type[NotebookArchiveError]) -> frozenset[str]:
    """Return how reports name these errors: by their reasons, and by their class names if they ended an execution."""
    return frozenset(name for each in errors for name in (each.reason, each.__name__))


_NO_SECRET = _list_names(SecretMissing) | {"owner-credentials-missing"}
# The credential in a secret is the cause.
_CREDENTIALS = _list_names(TokenRejected, SecretMalformed, SecretNotRotated) | _NO_SECRET | {"credential-broken"}
# The configuration is the cause. The command `doctor` finds the fault and says how to correct it.
_CONFIGURATION = _list_names(
    ArchiveDenied,
    ArchiveUnavailable,
    CertificateUntrusted,
    EventRefused,
    PermissionDenied,
    SecretUnreadable,
    SettingsInvalid,
    UnexpectedAnswer,
) | {"administrator-sees-not-all", "no-notebooks", "notebooks-vanished"}
# Another run archives what is missing, as soon as the cause is gone.
_PASSING = _list_names(ArcGISUnavailable, DeadlineExceeded, ListingIncomplete) | {
    "batch-crashed",
    "plan-incomplete",
}
_AGAIN = "Then start a run, with `notebook-archive run`, or wait for the next one."
_SEARCH = frozenset(("notebooks-not-looked-up", "notebooks-vanished", "search-missed", "search-stale"))


def choose_command(problem: Mapping[str, Any], run: str, stack: Stack) -> tuple[str, str]:
    """Return what the command for the problem of a run does, and the command.

    If no command fixes the problem, the command shows the report.
    """
    reason, secret = problem["reason"], problem.get("secret", "") or _find_secret(problem["message"])
    if reason in _CREDENTIALS and _OWNERS in secret:
        # See `name_owner_secret` of arcgis/token_secrets.py.
        owner = unquote(secret.partition(_OWNERS)[2].replace("=", "%"))
        return f"The command asks for the password, and stores the credential. {_AGAIN}", stack.command(
            f"owners add {shlex.quote(owner)}"
        )
    if reason in _CREDENTIALS and secret.endswith(_ADMIN):
        words = "create-secret --name" if reason in _NO_SECRET else "put-secret-value --secret-id"
        sentence = "Write the credential into admin.json, as docs/secrets.md shows. The command stores it."
        return f"{sentence} {_AGAIN}", stack.aws_command(
            f"secretsmanager {words} {shlex.quote(secret)} --secret-string file://admin.json"
        )
    if reason in _CREDENTIALS | _CONFIGURATION:
        return "The command finds the fault, and says how to correct it.", stack.command("doctor")
    if reason in _PASSING | _SEARCH:
        return "When the cause is gone, the command archives what is missing.", stack.command("run")
    return "The command shows the report.", stack.command(f"report {shlex.quote(run)}")


def choose_page(reason: str) -> str:
    """Return the page of the documents that explains this reason, with its section."""
    if reason in _NO_SECRET:
        return "docs/operations.md, Unprotected notebooks"
    if reason in _CREDENTIALS:
        return "docs/operations.md, Renew a credential"
    if reason in _list_names(CertificateUntrusted):
        return "docs/operations.md, A private CA and TlsStrict"
    if reason in _SEARCH:
        return "docs/operations.md, Notebooks that the search does not show"
    return "docs/errors.md, Errors by name"


def name_reason(name: str) -> str:
    """Return the reason of an error in words, such as `token rejected`, if it is named by its class or its reason."""
    kinds = [NotebookArchiveError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    reason = next((kind.reason for kind in kinds if kind.__name__ == name), name)
    return reason.replace("-", " ").replace("arcgis", "ArcGIS")


def _find_secret(message: str) -> str:
    found = _SECRET_IN_MESSAGE.search(message)
    return found[1] if found else ""
