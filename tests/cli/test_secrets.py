"""Test the creation of a secret after one with the same name was deleted. AWS deletes secrets in the background."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from notebook_archive_cli.accounts.secrets import Secrets
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from tests.cli.conftest import MotoStack

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NAME = "notebook-archive/owners/ana"
SCHEDULED = "You can't create this secret because a secret with this name is already scheduled for deletion."


@dataclass
class Deletion:
    """A deletion that is not complete. The next `refusals` calls of an operation fail with the error `code`."""

    secrets: Secrets
    waits: list[float]
    refusals: int = 0
    code: str = "InvalidRequestException"

    @property
    def client(self) -> "SecretsManagerClient":
        return self.secrets.client

    def lasts(self, operation: str, refusals: int, code: str = "InvalidRequestException") -> None:
        self.refusals, self.code = refusals, code
        self.client.meta.events.register(f"before-call.secretsmanager.{operation}", self._refuse)  # type: ignore[arg-type]

    def _refuse(self, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if not self.refusals:
            return None
        self.refusals -= 1
        answer = {"Error": {"Code": self.code, "Message": SCHEDULED}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return AWSResponse("https://secretsmanager.invalid", 400, HTTPHeaders(), None), answer


@pytest.fixture
def deletion(stack: MotoStack) -> Deletion:
    assert stack.outputs
    waits: list[float] = []
    return Deletion(Secrets(Session(Options()), waits.append), waits)


def keep(deletion: Deletion) -> bool:
    return deletion.secrets.write(NAME, {"token": "t"}, "ArcGIS token of ana")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("CreateSecret", "InvalidRequestException"),
        ("CreateSecret", "ResourceExistsException"),
        ("GetSecretValue", "InvalidRequestException"),
    ],
)
def test_creation_waits_for_a_deletion_to_end(deletion: Deletion, operation: str, code: str) -> None:
    deletion.lasts(operation, 3, code)
    assert keep(deletion)
    assert json.loads(deletion.client.get_secret_value(SecretId=NAME)["SecretString"]) == {"token": "t"}
    assert deletion.waits == [0.5, 1, 2]


def test_a_deletion_that_does_not_end_is_reported(deletion: Deletion) -> None:
    """A secret that was deleted with a recovery window keeps its name for days."""
    deletion.lasts("CreateSecret", 100)
    with pytest.raises(ClientError, match="already scheduled for deletion"):
        keep(deletion)
    assert sum(deletion.waits) < 20


def test_other_refusal_is_reported_at_once(deletion: Deletion) -> None:
    deletion.lasts("CreateSecret", 100, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        keep(deletion)
    assert deletion.waits == []
