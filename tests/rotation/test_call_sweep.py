"""Test that a rotation continues after each call to Secrets Manager has failed once, before or after its effect."""

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from notebook_archive.errors import NotebookArchiveError
from tests.rotation.conftest import STEPS, Rotations

# The number of calls that test_steps.py counts. The test also breaks the one after the last, which must not be made.
CALLS = 14


class Breaks:
    """Breaks the connection at the n-th call."""

    def __init__(self, rotations: Rotations, call: int, *, lost_answer: bool) -> None:
        self.left, self.struck = call, False
        event = "after-call.secretsmanager" if lost_answer else "before-call.secretsmanager"
        rotations.client.meta.events.register(event, self)

    def __call__(self, **_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            raise ConnectionClosedError(endpoint_url="https://secretsmanager.invalid")


@pytest.mark.parametrize("lost_answer", [False, True], ids=["never arrives", "answer lost"])
@pytest.mark.parametrize("call", range(1, CALLS + 2))
def test_a_rotation_continues_after_any_failed_call(rotations: Rotations, call: int, lost_answer: bool) -> None:
    before = rotations.rotate()
    old = rotations.current()
    version = rotations.begin()
    arn = rotations.client.describe_secret(SecretId="notebook-archive/owners/ana")["ARN"]
    rotations.asked()
    breaks = Breaks(rotations, call, lost_answer=lost_answer)
    said = "ConnectionClosedError"
    try:
        for step in STEPS:
            rotations.step(step, version, arn)
    except NotebookArchiveError as error:
        said = str(error)
    breaks.left = -1
    assert breaks.struck == (call <= CALLS)
    assert "ConnectionClosedError" in said
    assert rotations.current() == old or "AWSCURRENT" in rotations.labels()[version]
    assert rotations.whose(rotations.current()["token"]) == "ana"

    rotations.start()
    for step in STEPS:
        rotations.step(step, version)
    assert "AWSCURRENT" in rotations.labels()[version]
    assert "AWSPREVIOUS" in rotations.labels()[before]
    assert rotations.whose(rotations.current()["token"]) == "ana"
    assert rotations.asked()["generateToken"] <= 2
