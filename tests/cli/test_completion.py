"""Test that a shell completes commands and options with the script that `completion` prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def complete_in_bash(folder: Path, *words: str) -> list[str]:
    """Return what bash suggests for the last of these words after `notebook-archive`."""
    program = folder / "notebook-archive"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m notebook_archive_cli "$@"\n')
    program.chmod(0o700)
    script = (
        'eval "$(notebook-archive completion bash)"\n'
        'COMP_WORDS=(notebook-archive "$@")\n'
        "COMP_CWORD=$#\n"
        'function=$(complete -p notebook-archive | sed "s/.*-F //; s/ .*//")\n'
        '"$function" notebook-archive "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "cli"), str(ROOT / "layers/notebook_archive")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands(tmp_path: Path) -> None:
    assert complete_in_bash(tmp_path, "ver") == ["versions", "verify"]


def test_bash_completes_options_of_a_command(tmp_path: Path) -> None:
    assert complete_in_bash(tmp_path, "--local", "runs", "--j") == ["--json"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(run: Run, shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_NOTEBOOK_ARCHIVE_COMPLETE" in script
    assert run("completion", shell, "--json").document == {"shell": shell, "script": script}
