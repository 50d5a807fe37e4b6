"""Test what all commands share: options, usage errors, exit statuses and JSON."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from notebook_archive_cli.options import Options
from tests.cli.conftest import MotoStack, Run, columns_of
from tests.cli.functions import answered


@pytest.mark.usefixtures("stack")
def test_runs_of_an_empty_archive_are_none(run: Run) -> None:
    result = run("runs", "--json")
    assert (result.status, result.document, result.stderr) == (0, [], "")


def test_stack_can_be_named(run: Run, stack: MotoStack) -> None:
    stack.name = "gis-archive"
    stack.deploy()
    assert run("--stack", "gis-archive", "runs", "--json").status == 0
    assert run("runs", "--stack", "gis-archive", "--json").status == 0


@pytest.mark.usefixtures("stack")
def test_missing_stack_is_reported(run: Run) -> None:
    result = run("runs", "--stack", "none", "--region", "eu-west-1", "--json")
    assert (result.status, result.error["reason"]) == (5, "stack-missing")
    assert result.error["command"].endswith(" --region eu-west-1")


def test_next_command_repeats_the_stack() -> None:
    options = Options(profile="my profile", region="eu-west-1", stack="gis", is_local=True)
    expected = [
        "notebook-archive", "versions", "Ana's", "--local", "--profile", "my profile", "--region", "eu-west-1",
        "--stack", "gis",
    ]  # fmt: skip
    assert shlex.split(options.command("versions", "Ana's")) == expected
    assert Options().command("list") == "notebook-archive list"


def test_same_command_gets_an_option_before_the_end() -> None:
    options = Options(arguments=("get", "--", "-x"))
    assert options.same_command("--debug") == "notebook-archive get --debug -- -x"


@pytest.mark.parametrize("arguments", [["verson"], ["runs", "--jsn"], ["runs", "one"], ["runs", "--stack"]])
def test_usage_error_names_a_help_page(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.status == 2
    assert result.stdout == ""
    assert columns_of(result.stderr) <= 80
    command = shlex.split(result.stderr.splitlines()[-1])
    assert command[0] == "notebook-archive"
    assert command[-1] == "--help"


def test_similar_names_are_suggested(run: Run) -> None:
    assert "Did you mean versions?" in run("verson").stderr
    assert "Did you mean --json?" in run("runs", "--jsn").stderr


def test_usage_error_before_json_is_json(run: Run) -> None:
    assert run("runs", "--no", "--json").error["reason"] == "usage"


def test_local_system_must_exist(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("runs", "--local", "--json")
    assert (result.status, result.error["reason"]) == (6, "local-system-missing")
    assert result.error["command"] == "make local"


@pytest.mark.parametrize("words", [[], ["owners"]])
def test_group_alone_shows_its_help(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == run(*words, "--help").stdout


def raise_error(error: BaseException) -> Callable[..., NoReturn]:
    def respond(**_: Any) -> NoReturn:
        raise error

    return respond


@pytest.mark.usefixtures("stack")
def test_interruption_has_its_own_status(run: Run) -> None:
    with answered(cloudformation_DescribeStacks=raise_error(KeyboardInterrupt())):
        result = run("list", "--json")
    assert (result.status, result.error["reason"]) == (130, "interrupted")


@pytest.mark.usefixtures("stack")
def test_defect_shows_its_trace_only_with_debug(run: Run) -> None:
    with answered(cloudformation_DescribeStacks=raise_error(ZeroDivisionError("a secret"))):
        result = run("list")
        assert result.status == 1
        assert "ZeroDivisionError" in result.stderr
        assert "a secret" not in result.stderr
        assert result.stderr.endswith("  notebook-archive list --debug\n")
        traced = run("list", "--debug")
        assert "Traceback (most recent call last)" in traced.stderr
        assert "ZeroDivisionError" in run("list", "--debug", "--json").error["trace"]


def test_closed_output_is_no_defect() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "notebook_archive_cli", "completion", "fish"],
        env={"PYTHONPATH": f"{root}/cli:{root}/layers/notebook_archive"},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
