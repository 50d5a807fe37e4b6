"""Test that the deployed functions capture content only if an environment variable enables it."""

import json

import pytest

from notebook_archive.backup.slots import CAPTURE_PREFIX
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import whole_run
from tests.functions.test_requests import Queues
from tests.runs.scene import makers


def made(functions: Functions) -> dict[str, list[str]]:
    """Return the names of the snapshots that this system made, by owner."""
    found: dict[str, list[str]] = {}
    for item in functions.deployment.organisation.notebooks():
        names = [snapshot.name for snapshot in item.snapshots if snapshot.name.startswith(CAPTURE_PREFIX)]
        if names:
            found.setdefault(item.owner, []).extend(names)
    return found


def save_all(functions: Functions) -> None:
    for item in functions.deployment.organisation.notebooks():
        item.content = b'{"cells":[],"metadata":{"saved":true},"nbformat":4,"nbformat_minor":5}'
        item.modified += 60_000


@pytest.mark.parametrize("capture", [False, True])
def test_run_captures_only_for_owners_with_a_secret(functions: Functions, capture: bool) -> None:
    save_all(functions)
    if capture:
        functions.configure(CAPTURE="true")
    report = whole_run(functions)
    owners = {user.username for user in functions.deployment.users if user.has_secret and user.role != "admin"}
    assert made(functions).keys() == (
        {item_owner for item_owner in owners if owns(functions, item_owner)} if capture else set()
    )
    assert len(makers()) == sum(map(len, made(functions).values()))
    assert report["notebooks"]["failed"] == {}


def owns(functions: Functions, owner: str) -> bool:
    return any(item.owner == owner for item in functions.deployment.organisation.notebooks())


def test_repeated_event_captures_once(functions: Functions) -> None:
    save_all(functions)
    queues = Queues(functions)
    functions.configure(CAPTURE="true", SLOT_ROTATION="true")
    body = json.loads(sample("archive_requests")["Records"][0]["body"])
    for _ in range(3):
        assert queues.deliver(body, body) == []
    names = [name for names in made(functions).values() for name in names]
    assert len(names) == len(body["detail"]["itemIds"])
    assert all(name.startswith(f"{CAPTURE_PREFIX}20") and "/event-" in name for name in names)
    assert functions.deployment.requests.counts()["snapshots/delete"] == 0
