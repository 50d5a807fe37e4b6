"""Provide the local portal and MiniStack's Secrets Manager.

moto is not used, because it returns the old value after AWSCURRENT has moved.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_secretsmanager import SecretsManagerClient

from local.arcgis import Deployment, LocalArcGIS, Seed
from local.aws import LocalAws
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.rotation import RotationContext, StepResult, rotate_token
from notebook_archive.secret_store import SecretStore
from tests.arcgis_client.client import transport

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
ANA = "notebook-archive/owners/ana"
CREDENTIAL = "notebook-archive-credentials/owners/ana"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:rotate-token"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs MiniStack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("local")


@dataclass
class Rotations:
    """The secret of ana's token with its credential. The tests call the steps that Secrets Manager would call."""

    client: SecretsManagerClient
    deployment: Deployment
    ca_pem: str
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.meta.events.register("before-call.secretsmanager", self._count)
        self.keep(CREDENTIAL, {"username": "ana", "password": self.deployment.user("ana").password})
        self.keep(ANA, {"credential": CREDENTIAL})
        self.switch_on()
        self.start()

    def _count(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)

    def start(self) -> None:
        """Start a new container: no connection, no memory of refused credentials."""
        to_arcgis = transport(self.ca_pem)
        url = self.deployment.portal_url
        sources: dict[str, TokenSource] = {}

        def credential(name: str) -> TokenSource:
            return sources.setdefault(name, TokenSource(to_arcgis, url, name, secret_store.read))

        secret_store = SecretStore(self.client)
        self.context = RotationContext(
            secret_store, to_arcgis, url, credential, "notebook-archive", "notebook-archive-credentials"
        )

    def keep(self, name: str, value: Any) -> None:
        """Create or change a secret."""
        text = value if isinstance(value, str) else json.dumps(value)
        try:
            self.client.create_secret(Name=name, SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=name, SecretString=text)

    def switch_on(self, name: str = ANA, **rules: Any) -> None:
        """Switch rotation on. MiniStack then copies the current version, and calls no function."""
        rules = rules or {"ScheduleExpression": "rate(12 hours)"}
        self.client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, RotationRules=rules)  # type: ignore[arg-type]

    def begin(self, name: str = ANA) -> str:
        """Create an empty pending version, as Secrets Manager does, and return its id."""
        for earlier, labels in self.labels(name).items():
            if "AWSPENDING" in labels:  # AWS allows a label only once, MiniStack does not check it
                self.client.update_secret_version_stage(
                    SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=earlier
                )
        version = str(uuid.uuid4())
        self.client.put_secret_value(SecretId=name, ClientRequestToken=version, VersionStages=["AWSPENDING"])
        return version

    def step(self, step: str, version: str, name: str = ANA) -> StepResult:
        """Do one step as the function does, with the secret's ARN."""
        arn = name if name.startswith("arn:") else self.client.describe_secret(SecretId=name)["ARN"]
        self.calls.clear()
        return rotate_token(step, arn, version, self.context, Deadline(30))

    def rotate(self, name: str = ANA) -> str:
        """Do a whole rotation and return its version."""
        version = self.begin(name)
        for step in STEPS:
            self.step(step, version, name)
        return version

    def current(self, name: str = ANA) -> dict[str, Any]:
        """Return the current text of the secret."""
        value: dict[str, Any] = json.loads(self.client.get_secret_value(SecretId=name)["SecretString"])
        return value

    def pending(self, version: str, name: str = ANA) -> dict[str, Any] | None:
        text = self.client.get_secret_value(SecretId=name, VersionId=version).get("SecretString")
        return json.loads(text) if text else None

    def labels(self, name: str = ANA) -> dict[str, list[str]]:
        return self.client.describe_secret(SecretId=name)["VersionIdsToStages"]

    def whose(self, token: str) -> str:
        """Return the user that the token belongs to, according to the portal."""
        return self.context.portal(token, Deadline(30)).get_organization().username

    def lifetime(self, token: str) -> float:
        """Return the remaining lifetime of the token in minutes, according to the portal."""
        found = self.deployment.tokens.find(token)
        assert found
        return (found.expires - time.time()) / 60

    def asked(self) -> dict[str, int]:
        """Return how often each operation of ArcGIS was called since the last time."""
        counts = dict(self.deployment.requests.counts())
        self.deployment.requests.clear()
        return counts

    @contextlib.contextmanager
    def fails(self, kind: type[NotebookArchiveError], *words: str) -> Iterator[None]:
        """Expect this error with these words, and that the current token is unchanged."""
        before = self.current()
        with pytest.raises(kind) as caught:
            yield
        for word in words:
            assert word in str(caught.value)
        assert self.current() == before


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def rotations(aws: LocalAws, running: LocalArcGIS) -> Iterator[Rotations]:
    running.reset()
    client = aws.session.client("secretsmanager", endpoint_url=aws.endpoint_url)
    yield Rotations(client, running.enterprise, running.ca_bundle.read_text())
    for secret in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        client.delete_secret(SecretId=secret["Name"], ForceDeleteWithoutRecovery=True)
