"""Test the commands that list and remove owners. tests/rotation/test_add_owner.py tests how owners are added."""

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.cli.conftest import REGION, MotoStack, Run, columns_of

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def secrets(stack: MotoStack) -> "SecretsManagerClient":
    """The administrator and three owners have secrets."""
    assert stack.outputs["OwnerSecretPrefix"] == "notebook-archive/owners/"
    client = boto3.client("secretsmanager", REGION)
    spelled = ("owners/ana", "owners/b=C3=A9a@example.com", "owners/ben")
    for name in ("admin", "administration", "restore-test", *spelled):
        client.create_secret(Name=f"notebook-archive/{name}", SecretString=json.dumps({"token": "CANARY"}))
    client.create_secret(Name="notebook-archive-credentials/owners/ana", SecretString="CANARY")
    return client


@pytest.mark.usefixtures("secrets")
def test_owners_are_listed_with_the_administrator_first(run: Run) -> None:
    owners = run("owners", "list", "--json").document
    assert [(each["owner"], each["isAdmin"], each["rotation"]) for each in owners] == [
        ("", True, "off"),
        ("ana", False, "off"),
        ("ben", False, "off"),
        ("béa@example.com", False, "off"),
    ]
    assert run("owners", "list", "--utc").status == 0
    result = run("owners", "list")
    assert "CANARY" not in result.stdout
    assert columns_of(result.stdout) <= 80
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "Owner", "(administrator)", "ana", "ben", "béa@example.com",
    ]  # fmt: skip


@pytest.mark.usefixtures("stack")
def test_an_archive_without_secrets_is_explained(run: Run) -> None:
    assert run("owners", "list", "--json").document == []
    assert "No owner has a secret." in run("owners", "list").stdout


def test_both_secrets_of_an_owner_are_removed(secrets: "SecretsManagerClient", run: Run) -> None:
    refused = run("owners", "remove", "ana")
    assert refused.status == 2
    assert "notebook-archive/owners/ana\nnotebook-archive-credentials/owners/ana\n" in refused.stderr
    removed = run("owners", "remove", "ana", "--yes", "--json").document["removed"]
    assert removed == ["notebook-archive/owners/ana", "notebook-archive-credentials/owners/ana"]
    left = [each["Name"] for each in secrets.list_secrets()["SecretList"]]
    assert not [name for name in left if name.endswith("/ana")]
    assert "notebook-archive/owners/ben" in left


@pytest.mark.usefixtures("secrets")
def test_removal_promises_no_access_of_the_administrator(run: Run) -> None:
    text = run("owners", "remove", "ben", "--yes").stdout
    assert "the administrator's credential tries to read the notebooks of ben." in " ".join(text.split())
    assert columns_of(text) <= 80


@pytest.mark.usefixtures("secrets")
def test_an_unknown_owner_is_reported_before_any_question(run: Run) -> None:
    result = run("owners", "remove", "Ana", "--json")
    assert (result.status, result.error["reason"]) == (5, "owner-not-found")
    assert result.error["command"] == "notebook-archive owners list"
