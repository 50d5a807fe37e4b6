"""Test that one folder has one local system."""

from pathlib import Path

import pytest

from local.system import AlreadyRunningError, hold


def test_second_system_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    stack_file = tmp_path / "stack.json"
    with hold(stack_file):
        with pytest.raises(AlreadyRunningError, match="is not ready yet"), hold(stack_file):
            pass
        stack_file.touch()
        with pytest.raises(AlreadyRunningError, match=r"stack\.json describes it"), hold(stack_file):
            pass
