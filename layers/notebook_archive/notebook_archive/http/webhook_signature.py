"""Authenticate a webhook's sender by the secret path and the HMAC signature of a delivery."""

import hmac
import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from urllib.parse import unquote

from notebook_archive.errors import SecretMalformed, WebhookForged, WebhookUnknown, WebhookUnsigned
from notebook_archive.http.webhook import Delivery

# Minimum length of a key in characters. HMAC accepts a key of any length, but a short key can be guessed.
MIN_KEY_LENGTH = 16

_PATH = re.compile(r"[A-Za-z0-9_-]{32,200}")


@dataclass(frozen=True, slots=True, repr=False)
class WebhookSecret:
    """The secret that a webhook's sender must know: the last part of the path, and a key.

    `keys` contains the current key and, if there is one, the previous key. Both are valid.
    """

    path: str
    keys: tuple[bytes, ...]
    requires_signature: bool

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Return the secret. Raises SecretMalformed, whose message says what is wrong but contains no secret value."""
        try:
            secret: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise SecretMalformed(f"Secret {name!r} is not JSON.") from None
        if not isinstance(secret, dict):
            raise SecretMalformed(f"Secret {name!r} is JSON, but not an object.")
        path, key, previous = secret.get("path"), secret.get("key"), secret.get("previousKey") or ""
        required = secret.get("requireSignature", False)
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise SecretMalformed(
                f"'path' in secret {name!r} is missing, or is not 32 to 200 letters, digits, _ and -."
            )
        if not isinstance(key, str) or len(key) < MIN_KEY_LENGTH:
            raise SecretMalformed(
                f"'key' in secret {name!r} is missing, or has fewer than {MIN_KEY_LENGTH} characters."
            )
        if not isinstance(previous, str) or 0 < len(previous) < MIN_KEY_LENGTH:
            raise SecretMalformed(
                f"'previousKey' in secret {name!r} is not a string of {MIN_KEY_LENGTH} characters or more."
            )
        if not isinstance(required, bool):
            raise SecretMalformed(f"'requireSignature' in secret {name!r} is not true or false.")
        return cls(path, tuple(each.encode() for each in (key, previous) if each), required)

    def authenticate(self, delivery: Delivery) -> None:
        """Raise a WebhookRefused unless the sender knows the secret.

        Hashes of the paths are compared, so that the response time does not show the path's length or a correct part.
        A GET without a signature needs only the path. Esri does not document how a portal uses a webhook's secret. So
        if `requireSignature` is set, the key itself in the payload counts as a signature. Any other string there is
        ignored, because it may not be meant as the key.
        """
        if not hmac.compare_digest(_hash(delivery.key), _hash(self.path)):
            raise WebhookUnknown("The path of the delivery is not the path that is stored in the secret.")
        if delivery.method == "GET":
            return
        body, signature = delivery.body, delivery.signature
        if signature is None and self.requires_signature and not self._is_key(delivery.payload_secrets):
            raise WebhookUnsigned("The delivery has no signature, and its payload does not contain the key.")
        if signature is not None and not self._is_signed(body, signature):
            raise WebhookForged("The delivery's signature was made with neither the current nor the previous key.")

    def _is_signed(self, body: bytes, signature: str) -> bool:
        """Return whether the header is a valid signature of the body. Some senders percent-encode the header."""
        scheme, _, digest = unquote(signature.strip()).partition("=")
        try:
            given = b64decode(digest, validate=True) if scheme.lower() == "sha256" else b""
        except ValueError:
            given = b""
        # Always compare with both keys, so that the response time does not show which key was used.
        matches = [hmac.compare_digest(hmac.digest(key, body, sha256), given) for key in self.keys]
        return any(matches)

    def _is_key(self, texts: list[str]) -> bool:
        """Return whether one of the strings is a key. The time that this takes does not show how much is correct."""
        hashes = [_hash(text) for text in texts]
        matches = [hmac.compare_digest(sha256(key).digest(), given) for key in self.keys for given in hashes]
        return any(matches)

    def sign_probe(self, delivery: Delivery) -> str | None:
        """Return the signature of the delivery's `crc_token` with the current key, or None if there is no token."""
        if not delivery.crc_token:
            return None
        return f"sha256={b64encode(hmac.digest(self.keys[0], delivery.crc_token.encode(), sha256)).decode()}"


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()
