"""Read and write secrets in Secrets Manager, with their versions and staging labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.errors import ConfigurationError, SecretMissing, SecretUnreadable, SecretUnwritable
from notebook_archive.secret_store.rotation_schedule import calculate_max_wait

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"
_ABSENT = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class RotationState:
    """A secret's rotation rules and versions.

    `secret_id` is the ARN or the name that was requested. `name` is always the name. `labels` contains the staging
    labels of each version, by version id. `max_wait` is the maximum number of seconds between two rotations, or None if
    the rules do not define it.
    """

    secret_id: str
    name: str
    is_enabled: bool
    labels: Mapping[str, list[str]]
    max_wait: float | None

    def find_version(self, label: str) -> str | None:
        """Return the id of the version that has the label, or None."""
        return next((version for version, labels in self.labels.items() if label in labels), None)


class SecretStore:
    """The secrets of this account and region. Error messages contain the secret's name, but never its value."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    def read(self, name: str) -> str:
        """Return the value of a secret's current version. Raises SecretMissing or SecretUnreadable."""
        text = self._read_text(name)
        if text is None:
            raise SecretMissing(f"There is no secret {name!r}.")
        return text

    def read_pending(self, secret_id: str, version: str) -> str | None:
        """Return the value of the pending version, or None if no value was written to it yet.

        Secrets Manager labels a version as pending before a value is written to it.
        """
        return self._read_text(secret_id, VersionId=version, VersionStage=PENDING)

    def read_version_id(self, name: str) -> str:
        """Return the id of a secret's current version. Raises SecretMissing or SecretUnreadable."""
        answer = self._get_value(name)
        if answer is None:
            raise SecretMissing(f"There is no secret {name!r}.")
        return answer["VersionId"]

    def _read_text(self, secret_id: str, **which: str) -> str | None:
        answer = self._get_value(secret_id, **which)
        if answer is None:
            return None
        if "SecretBinary" in answer or ("SecretString" not in answer and not which):
            raise SecretUnreadable(f"Secret {secret_id!r} does not contain text.").of_secret(secret_id)
        return answer.get("SecretString")

    def _get_value(self, secret_id: str, **which: str) -> "GetSecretValueResponseTypeDef | None":
        try:
            return self._client.get_secret_value(SecretId=secret_id, **which)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _get_code(error) == _ABSENT:
                return None
            raise _make_unreadable(error, secret_id) from None

    def describe_rotation(self, secret_id: str) -> RotationState:
        """Return the secret's rotation rules and versions. Raises SecretMissing or SecretUnreadable."""
        try:
            answer = self._client.describe_secret(SecretId=secret_id)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _get_code(error) == _ABSENT:
                raise SecretMissing(f"There is no secret {secret_id!r}.") from None
            raise _make_unreadable(error, secret_id) from None
        return RotationState(
            secret_id=secret_id,
            name=answer["Name"],
            is_enabled=answer.get("RotationEnabled", False),
            labels=answer.get("VersionIdsToStages", {}),
            max_wait=calculate_max_wait(answer.get("RotationRules", {})),
        )

    def write_pending(self, secret_id: str, version: str, text: str) -> bool:
        """Write the value of the pending version. Return False if it has a value, because a version never changes."""
        try:
            self._client.put_secret_value(
                SecretId=secret_id, ClientRequestToken=version, SecretString=text, VersionStages=[PENDING]
            )
        except self._client.exceptions.ResourceExistsException:
            return False
        except (ClientError, BotoCoreError) as error:
            raise _make_unwritable(error, secret_id) from None
        return True

    def make_current(self, secret_id: str, version: str, current: str | None) -> None:
        """Move the label AWSCURRENT from the version `current` to `version`.

        Raises SecretUnwritable if the label could not be moved, unless `version` has it already.
        """
        from_version = {"RemoveFromVersionId": current} if current else {}
        try:
            self._change_label(secret_id, VersionStage=CURRENT, MoveToVersionId=version, **from_version)
        except SecretUnwritable:
            if self.describe_rotation(secret_id).find_version(CURRENT) != version:
                raise

    def add_label(self, secret_id: str, version: str, label: str) -> None:
        """Add a label to the version. No other version may have this label."""
        self._change_label(secret_id, VersionStage=label, MoveToVersionId=version)

    def remove_label(self, secret_id: str, version: str, label: str) -> None:
        """Remove a label from the version. If it is AWSPENDING, the next rotation begins with another version."""
        self._change_label(secret_id, VersionStage=label, RemoveFromVersionId=version)

    def _change_label(self, secret_id: str, **change: str) -> None:
        try:
            self._client.update_secret_version_stage(SecretId=secret_id, **change)
        except (ClientError, BotoCoreError) as error:
            raise _make_unwritable(error, secret_id) from None


def _make_unreadable(error: ClientError | BotoCoreError, secret_id: str) -> ConfigurationError:
    message = f"Secrets Manager {_describe(error)} for the read of secret {secret_id!r}."
    return SecretUnreadable(message).of_secret(secret_id)


def _make_unwritable(error: ClientError | BotoCoreError, secret_id: str) -> ConfigurationError:
    return SecretUnwritable(f"Secrets Manager {_describe(error)} for the change of secret {secret_id!r}.")


def _describe(error: ClientError | BotoCoreError) -> str:
    return f"returned {_get_code(error)}" if isinstance(error, ClientError) else f"failed ({type(error).__name__})"


def _get_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
