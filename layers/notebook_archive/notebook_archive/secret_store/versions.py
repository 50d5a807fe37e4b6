"""Secrets as Secrets Manager keeps them: a name, versions with labels, and rules for their rotation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.errors import ConfigurationError, SecretMissing, SecretUnreadable, SecretUnwritable
from notebook_archive.secret_store.rotation_schedule import longest_wait

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"
_ABSENT = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a secret is rotated, and which versions it has.

    ``name`` is the secret's, also where its ARN was asked for.  ``wait`` is the most seconds between two rotations,
    None where the rules do not say.
    """

    name: str
    enabled: bool
    labels: Mapping[str, list[str]]
    wait: float | None

    def holder(self, label: str) -> str | None:
        """Return the id of the version that has the label."""
        return next((version for version, labels in self.labels.items() if label in labels), None)


class SecretStore:
    """The secrets of this account and region.  Errors name the secret and hold nothing of it."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    def read(self, name: str) -> str:
        """Return a secret's text as it is now; raise SecretMissing or SecretUnreadable."""
        text = self._text(name)
        if text is None:
            raise SecretMissing(f"There is no secret {name!r}.")
        return text

    def pending(self, secret_id: str, version: str) -> str | None:
        """Return the text of the pending version, None where it is empty: Secrets Manager labels it before it is
        written."""
        return self._text(secret_id, VersionId=version, VersionStage=PENDING)

    def version(self, name: str) -> str:
        """Return the id of a secret's current version; raise SecretMissing or SecretUnreadable."""
        answer = self._value(name)
        if answer is None:
            raise SecretMissing(f"There is no secret {name!r}.")
        return answer["VersionId"]

    def _text(self, secret_id: str, **which: str) -> str | None:
        answer = self._value(secret_id, **which)
        if answer is None:
            return None
        if "SecretBinary" in answer or ("SecretString" not in answer and not which):
            raise SecretUnreadable(f"Secret {secret_id!r} holds no text.").of_secret(secret_id)
        return answer.get("SecretString")

    def _value(self, secret_id: str, **which: str) -> "GetSecretValueResponseTypeDef | None":
        try:
            return self._client.get_secret_value(SecretId=secret_id, **which)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _code(error) == _ABSENT:
                return None
            raise _unreadable(error, secret_id) from None

    def rotation(self, secret_id: str) -> Rotation:
        """Return how the secret is rotated; raise SecretMissing or SecretUnreadable."""
        try:
            answer = self._client.describe_secret(SecretId=secret_id)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _code(error) == _ABSENT:
                raise SecretMissing(f"There is no secret {secret_id!r}.") from None
            raise _unreadable(error, secret_id) from None
        return Rotation(
            name=answer["Name"],
            enabled=answer.get("RotationEnabled", False),
            labels=answer.get("VersionIdsToStages", {}),
            wait=longest_wait(answer.get("RotationRules", {})),
        )

    def write_pending(self, secret_id: str, version: str, text: str) -> bool:
        """Write the pending version; return False where it was written meanwhile, for a version never changes."""
        try:
            self._client.put_secret_value(
                SecretId=secret_id, ClientRequestToken=version, SecretString=text, VersionStages=[PENDING]
            )
        except self._client.exceptions.ResourceExistsException:
            return False
        except (ClientError, BotoCoreError) as error:
            raise _unwritable(error, secret_id) from None
        return True

    def make_current(self, secret_id: str, version: str, instead_of: str | None) -> None:
        """Move the label AWSCURRENT to the version, from the one that has it, unless somebody was here first."""
        others = {"RemoveFromVersionId": instead_of} if instead_of else {}
        try:
            self._relabel(secret_id, VersionStage=CURRENT, MoveToVersionId=version, **others)
        except SecretUnwritable:
            if self.rotation(secret_id).holder(CURRENT) != version:
                raise

    def label(self, secret_id: str, version: str, label: str) -> None:
        """Give the version a label that no other has."""
        self._relabel(secret_id, VersionStage=label, MoveToVersionId=version)

    def unlabel(self, secret_id: str, version: str, label: str) -> None:
        """Take a label from the version.  Without AWSPENDING, the next rotation makes another."""
        self._relabel(secret_id, VersionStage=label, RemoveFromVersionId=version)

    def _relabel(self, secret_id: str, **change: str) -> None:
        try:
            self._client.update_secret_version_stage(SecretId=secret_id, **change)
        except (ClientError, BotoCoreError) as error:
            raise _unwritable(error, secret_id) from None


def _unreadable(error: ClientError | BotoCoreError, secret_id: str) -> ConfigurationError:
    what = f"answered {_code(error)}" if isinstance(error, ClientError) else f"failed ({type(error).__name__})"
    return SecretUnreadable(f"Secrets Manager {what} for secret {secret_id!r}.").of_secret(secret_id)


def _unwritable(error: ClientError | BotoCoreError, secret_id: str) -> ConfigurationError:
    what = f"answered {_code(error)}" if isinstance(error, ClientError) else f"failed ({type(error).__name__})"
    return SecretUnwritable(f"Secrets Manager {what} to a change of secret {secret_id!r}.")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
