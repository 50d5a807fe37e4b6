"""The secrets that the scripts read, make and change."""

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from notebook_archive.errors import SecretMissing, SecretUnreadable
from scripts.stack import ScriptError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


FILE = "file://"
# Seconds between tries while a deletion is under way. AWS ends it in the background, after a short delay (API
# reference, DeleteSecret).
DELETION_WAITS = (0.5, 1, 2, 4, 8)


def read(name: str) -> str:
    """Return a secret's text, or a file's; raise SecretMissing or SecretUnreadable, naming it, or what is REPORTED_ERRORS."""
    try:
        if name.startswith(FILE):
            return Path(name.removeprefix(FILE)).expanduser().read_text(encoding="utf-8")
        return boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except FileNotFoundError:
        raise SecretMissing(f"There is no file {name.removeprefix(FILE)!r}.") from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if Path(name).is_file():
            raise ScriptError(f"There is no secret {name!r}, but a file of this name: say {FILE}{name}") from None
        if code == "ResourceNotFoundException":
            raise SecretMissing(f"There is no secret {name!r}.") from None
        raise SecretUnreadable(f"Secrets Manager answered {code} for secret {name!r}.") from None
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise SecretUnreadable(f"{name!r} could not be read as text ({type(error).__name__}).") from None


class Secrets:
    """Secrets Manager, where a secret is made or changed, and not changed into what it is already."""

    def __init__(self, client: "SecretsManagerClient", key: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client, self._sleep = client, sleep
        self._with_key: Any = {"KmsKeyId": key} if key else {}

    def read(self, name: str) -> str | None:
        """Return the text, None where there is no such secret."""
        try:
            return self._after_deletion(lambda: self.client.get_secret_value(SecretId=name)).get("SecretString", "")
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def description(self, name: str) -> str:
        """Return the secret's description, empty where there is no such secret."""
        try:
            return self.client.describe_secret(SecretId=name).get("Description", "")
        except self.client.exceptions.ResourceNotFoundException:
            return ""

    def refused(self, name: str, credential: str) -> bool:
        """Return whether the rotation function has noted that the credential, as it is now, was refused."""
        version = self.client.get_secret_value(SecretId=credential)["VersionId"]
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        noted = (
            re.fullmatch(f"refused-{re.escape(version)}-([0-9]+)", each) for has in labels.values() for each in has
        )
        return any(found and int(found[1]) > time.time() for found in noted)

    def keep(self, name: str, value: Mapping[str, Any], description: str) -> bool:
        """Make the secret hold the value; return whether anything had to be done."""
        before = self.read(name)
        if before is None:
            text = json.dumps(value)
            self._after_deletion(
                lambda: self.client.create_secret(
                    Name=name, SecretString=text, Description=description, **self._with_key
                )
            )
        elif object_in(before) != value:
            self.client.put_secret_value(SecretId=name, SecretString=json.dumps(value))
        return before is None or object_in(before) != value

    def _after_deletion[Answer](self, call: Callable[[], Answer]) -> Answer:
        """Return the call's answer, after waiting until a deleted secret of this name is gone."""
        being_deleted = (
            self.client.exceptions.InvalidRequestException,
            self.client.exceptions.ResourceExistsException,
        )
        for seconds in DELETION_WAITS:
            try:
                return call()
            except being_deleted:
                self._sleep(seconds)
        return call()

    def clear_the_way(self, name: str) -> bool:
        """Take AWSPENDING from a version that a failed rotation left: Secrets Manager would start no other."""
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        stuck = [version for version, has in labels.items() if "AWSPENDING" in has and "AWSCURRENT" not in has]
        for version in stuck:
            self.client.update_secret_version_stage(
                SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version
            )
        return bool(stuck)

    def delete(self, name: str) -> None:
        """Delete a secret with its rotation, and at once: while one waits for its deletion, to read it is an error and
        to make it anew as well."""
        self.client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def object_in(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object that the text is, empty where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
