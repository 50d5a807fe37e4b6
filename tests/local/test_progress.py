"""Test how the steps of a command are shown on a terminal and in a pipe."""

import io
import re
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.progress import Steps


def test_a_step_in_a_pipe_is_one_line_at_its_start() -> None:
    output = io.StringIO()
    with Steps(Console(file=output, width=80)) as steps:
        steps.start("Building")
        assert output.getvalue() == "Building …\n"
        steps.update("half of it")
        steps.start("Deploying")
        steps.end()
    assert output.getvalue() == "Building …\nDeploying …\n"


def test_a_long_step_on_a_terminal_shows_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    with Steps(Console(file=output, width=40, force_terminal=True, color_system=None)) as steps:
        steps.start("Deploying")
        steps.update("a detail that is too long for this terminal")
        time.sleep(2.4)
    frames = re.split(r"\r|\n|\x1b\[[?0-9]*[A-Za-z]", output.getvalue())
    assert "⠋ Deploying: a detail that is too long …" in frames
    assert frames[-2] == "Deploying: a detail that is too …, 2 s"
    assert all(cell_len(frame) <= 40 for frame in frames)
