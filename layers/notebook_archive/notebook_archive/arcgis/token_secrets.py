"""Parse the secrets that tokens come from.

A secret is JSON with a token, with a user name and password, or with an application's id and secret.
"""

import json
import re
from typing import Any

from notebook_archive.errors import SecretMalformed, SecretNotRotated

# The JSON field in a rotated token's secret that names another secret: the one with the token's credential.
CREDENTIAL = "credential"

TOKEN = re.compile(r"[!-~]+")
_FORMS = (frozenset(("token",)), frozenset(("username", "password")), frozenset(("clientId", "clientSecret")))


def name_owner_secret(prefix: str, owner: str) -> str:
    """Return the name of an owner's secret.

    Each byte of a character that a secret's name may not contain is written as `=XX`, in hexadecimal.
    """
    safe = "".join(
        c if c.isascii() and (c.isalnum() or c in "_.@-+") else "".join(f"={b:02X}" for b in c.encode()) for c in owner
    )
    return f"{prefix}/owners/{safe}"


def parse_secret(name: str, text: str) -> dict[str, str]:
    """Return the fields of a secret that has one of the three forms.

    Raises SecretNotRotated if the secret names a credential, but contains no token yet. Raises SecretMalformed for
    anything else. The messages name the secret and the missing fields, but never contain a value.
    """
    fields = parse_fields(name, text)
    if not any(form <= fields.keys() for form in _FORMS):
        if CREDENTIAL in fields:
            message = f"Secret {name!r} names a credential, but contains no token, because it has not been rotated yet."
            raise SecretNotRotated(message).of_secret(name)
        missing = [" and ".join(sorted(form - fields.keys())) for form in _FORMS]
        raise SecretMalformed(f"Secret {name!r} is missing {', or '.join(missing)}.").of_secret(name)
    if "token" in fields and not TOKEN.fullmatch(fields["token"]):
        message = f"The token in secret {name!r} contains a character that no token has, such as a space or line break."
        raise SecretMalformed(message).of_secret(name)
    return fields


def require_credential(name: str, fields: dict[str, str]) -> dict[str, str]:
    """Return the fields of a secret that contains a credential. Raises SecretMalformed if it contains a token."""
    if "token" in fields:
        message = f"Secret {name!r} contains a token, not a credential that can sign in."
        raise SecretMalformed(message).of_secret(name)
    return fields


def parse_fields(name: str, text: str) -> dict[str, str]:
    """Return the secret's fields that are strings or integers. Raises SecretMalformed if it is not a JSON object."""
    try:
        secret: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise SecretMalformed(f"Secret {name!r} is not JSON.").of_secret(name) from None
    if not isinstance(secret, dict):
        raise SecretMalformed(f"Secret {name!r} is JSON, but not an object.").of_secret(name)
    return {key: str(value) for key, value in secret.items() if type(value) in (str, int) and str(value)}
