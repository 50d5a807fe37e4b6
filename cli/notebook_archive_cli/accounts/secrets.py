"""Read, create and change secrets."""

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notebook_archive.errors import SecretMissing, SecretUnreadable
from notebook_archive_cli.session import Session

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


FILE_PREFIX = "file://"
# Waits between attempts to use the name of a deleted secret. AWS completes a deletion in the background, after a short
# delay (API reference, DeleteSecret).
DELETION_WAITS_SECONDS = (0.5, 1, 2, 4, 8)


class Secrets:
    """Reads, creates and changes secrets in Secrets Manager. A secret that already contains the value is not written.

    Every method may raise CommandError or an error of botocore.
    """

    def __init__(self, session: Session, sleep: Callable[[float], None] = time.sleep) -> None:
        self._session, self._sleep = session, sleep

    @cached_property
    def client(self) -> "SecretsManagerClient":
        """The client of Secrets Manager."""
        client: SecretsManagerClient = self._session.client("secretsmanager")
        return client

    def read_text(self, name: str) -> str:
        """Return the text of a secret or, if the name begins with `file://`, of a file.

        Raises SecretMissing or SecretUnreadable.
        """
        if name.startswith(FILE_PREFIX):
            return _read_file(Path(name.removeprefix(FILE_PREFIX)).expanduser())
        try:
            return self.client.get_secret_value(SecretId=name)["SecretString"]
        except KeyError:
            raise SecretUnreadable(f"Secret {name!r} contains no text.") from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code != "ResourceNotFoundException":
                raise SecretUnreadable(f"Secrets Manager returned {code} for secret {name!r}.") from None
            is_file = Path(name).is_file()
            hint = f", but there is such a file. To read the file: {FILE_PREFIX}{name}" if is_file else "."
            raise SecretMissing(f"There is no secret {name!r}{hint}") from None

    @property
    def _key_parameters(self) -> Any:  # noqa: ANN401 - parameters of create_secret
        key = self._session.stack.parameter("KmsKeyArn")
        return {"KmsKeyId": key} if key else {}

    def read(self, name: str) -> str | None:
        """Return the secret's text, or None if the secret does not exist."""
        try:
            return self._after_deletion(lambda: self.client.get_secret_value(SecretId=name)).get("SecretString", "")
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def read_description(self, name: str) -> str:
        """Return the secret's description, or an empty string if the secret does not exist."""
        try:
            return self.client.describe_secret(SecretId=name).get("Description", "")
        except self.client.exceptions.ResourceNotFoundException:
            return ""

    def is_refused(self, name: str, credential: str) -> bool:
        """Return whether ArcGIS refused the current credential. The rotation function records this in a label."""
        version = self.client.get_secret_value(SecretId=credential)["VersionId"]
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        noted = (
            re.fullmatch(f"refused-{re.escape(version)}-([0-9]+)", each) for has in labels.values() for each in has
        )
        return any(found and int(found[1]) > time.time() for found in noted)

    def write(self, name: str, value: Mapping[str, Any], description: str) -> bool:
        """Create or change the secret unless it already contains the value. Return whether it was written."""
        before = self.read(name)
        if before is None:
            text = json.dumps(value)
            self._after_deletion(
                lambda: self.client.create_secret(
                    Name=name, SecretString=text, Description=description, **self._key_parameters
                )
            )
        elif parse_object(before) != value:
            self.client.put_secret_value(SecretId=name, SecretString=json.dumps(value))
        return before is None or parse_object(before) != value

    def _after_deletion[Answer](self, call: Callable[[], Answer]) -> Answer:
        """Repeat the call until a deleted secret with this name no longer exists. Return the call's result."""
        being_deleted = (
            self.client.exceptions.InvalidRequestException,
            self.client.exceptions.ResourceExistsException,
        )
        for seconds in DELETION_WAITS_SECONDS:
            try:
                return call()
            except being_deleted:
                self._sleep(seconds)
        return call()

    def cancel_rotation(self, name: str) -> bool:
        """Remove the label AWSPENDING that a failed rotation did not remove. Return whether there was one.

        Secrets Manager starts no other rotation while such a version exists.
        """
        labels = self.client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        stuck = [version for version, has in labels.items() if "AWSPENDING" in has and "AWSCURRENT" not in has]
        for version in stuck:
            self.client.update_secret_version_stage(
                SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version
            )
        return bool(stuck)

    def delete(self, name: str) -> None:
        """Delete a secret and its rotation at once, without a recovery window.

        During a recovery window, nobody can read the secret or create one with the same name.
        """
        self.client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SecretMissing(f"There is no file {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(f"{str(path)!r} could not be read as text ({type(error).__name__}).") from None


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in the text, or an empty one if the text is not a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
