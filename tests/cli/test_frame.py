"""Test what all commands share: options, usage errors, exit statuses and JSON."""

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto.cloudformation.models import cloudformation_backends

from notebook_archive_cli.errors import CommandError
from notebook_archive_cli.options import Options
from notebook_archive_cli.terminal.output import Output, print_error
from tests.cli.archived import Archived
from tests.cli.conftest import ACCOUNT, REGION, MotoStack, Run, columns_of
from tests.cli.functions import Body, answered


@pytest.fixture
def archived(stack: MotoStack) -> Archived:
    return Archived(stack)


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


@pytest.mark.parametrize(
    ("state", "reason", "status"),
    [
        ("CREATE_IN_PROGRESS", "stack-in-progress", 6),
        ("ROLLBACK_COMPLETE", "stack-incomplete", 5),
        ("REVIEW_IN_PROGRESS", "stack-in-progress", 6),
    ],
)
def test_stack_without_outputs_says_its_state(run: Run, stack: MotoStack, state: str, reason: str, status: int) -> None:
    stack.outputs.clear()
    stack.deploy()
    [deployed] = cloudformation_backends[ACCOUNT][REGION].stacks.values()
    deployed.status = state
    result = run("list", "--json")
    assert (result.status, result.error["reason"]) == (status, reason)
    assert state in result.error["message"]


@pytest.mark.parametrize("content", ["", "[]", "null", "{", '{"region": "local"}', "5"])
def test_damaged_local_file_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(content)
    result = run("--local", "list", "--json")
    assert (result.status, result.error["reason"]) == (6, "local-system-missing")


@pytest.mark.usefixtures("stack")
def test_empty_variables_of_a_script_are_refused(run: Run) -> None:
    version = f"{'0' * 32}@latest"
    for arguments in (
        ["restore", ""],
        ["restore", version, "--to", ""],
        ["restore", version, "--as", "replace", "--target-item", ""],
        ["restore", version, "--request-id", ""],
        ["restore", "--owner", "ana", "--at", ""],
        ["restore", "--all", "--map", ""],
        ["restore-test", "--run", ""],
        ["get", "--all", "copy", "--owner", ""],
        ["owners", "add", ""],
        ["undo", ""],
        ["acknowledge", "", "--why", "x", "--yes"],
        ["erase", ""],
    ):
        assert (arguments, run(*arguments).status) == (arguments, 2)


@pytest.mark.usefixtures("stack")
def test_password_is_not_asked_without_a_terminal(run: Run) -> None:
    result = run("owners", "add", "ana", "--json")
    assert (result.status, result.error["reason"]) == (2, "credential-missing")


@pytest.mark.usefixtures("stack")
def test_argument_that_is_not_utf_8_is_a_usage_error(run: Run) -> None:
    assert run("owners", "remove", "\udcff", "--yes", "--json").error["reason"] == "usage"


def test_next_command_repeats_the_stack() -> None:
    options = Options(profile="my profile", region="eu-west-1", stack="gis", is_local=True)
    expected = [
        "notebook-archive", "versions", "Ana's", "--local", "--profile", "my profile", "--region", "eu-west-1",
        "--stack", "gis",
    ]  # fmt: skip
    assert shlex.split(options.command("versions", "Ana's")) == expected
    assert Options().command("list") == "notebook-archive list"


def test_aws_command_of_the_local_system_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").mkdir()
    url = "http://127.0.0.1:4566"
    system = {"awsEndpointUrl": url, "awsAccessKeyId": "one", "awsSecretAccessKey": "two", "region": "eu-west-1"}
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(system))
    assert shlex.split(Options(is_local=True).aws_command("sts", "get-caller-identity")) == [
        "AWS_ACCESS_KEY_ID=one", "AWS_SECRET_ACCESS_KEY=two", "aws", "sts", "get-caller-identity",
        "--endpoint-url", url, "--region", "eu-west-1",
    ]  # fmt: skip


def test_next_command_has_no_character_of_a_terminal() -> None:
    word = "Ana's \x1b[2J\n\udcff\u202e"
    printed = Options().command("versions", word)
    assert printed.isprintable()
    typed = subprocess.run(
        ["bash", "-c", printed.replace("notebook-archive", "printf %s", 1)], capture_output=True, check=True, timeout=10
    )
    assert typed.stdout == b"versions" + os.fsencode(word)


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


def test_suggestion_has_a_line_of_its_own(run: Run) -> None:
    lines = run("run", "--nam", "x").stderr.splitlines()
    assert lines[1:3] == ["Did you mean --name?", "Usage: notebook-archive run [OPTIONS] [ITEM]..."]


class Terminal(io.StringIO):
    """A standard input on which a person types."""

    def isatty(self) -> bool:
        return True


def test_no_is_not_called_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(CommandError) as caught:
        Output(Options()).confirm(["It changes."], "Do it?", is_confirmed=False)
    capsys.readouterr()
    print_error(caught.value, Options())
    assert (caught.value.status, capsys.readouterr().err) == (130, "Nothing was changed.\n")


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


@pytest.mark.usefixtures("stack")
def test_page_of_a_proxy_is_no_defect(run: Run) -> None:
    page = AWSResponse("https://aws", 200, HTTPHeaders(), Body(b"<html>Sign in to the network"))
    with answered(cloudformation_DescribeStacks=lambda **_: page):
        result = run("list", "--json")
    assert (result.status, result.error["reason"]) == (6, "aws-unavailable")


def test_foreign_and_damaged_restores_hide_no_other(run: Run, archived: Archived) -> None:
    for key in ("restores/", "restores/readme.txt", "restores/a b/plan.json", "restores/back-1/plan.json"):
        archived.client.put_object(Bucket=archived.bucket, Key=key, Body=b"[]", ChecksumAlgorithm="SHA256")
    listed = run("undo", "--list", "--json")
    assert [each["restoreId"] for each in listed.document] == ["back-1"]


@pytest.mark.usefixtures("in_berlin")
def test_times_of_restores_are_in_utc_on_request(run: Run, archived: Archived) -> None:
    archived.client.put_object(
        Bucket=archived.bucket, Key="restores/back-1/plan.json", Body=b"[]", ChecksumAlgorithm="SHA256"
    )
    assert " CE" in run("undo", "--list").stdout
    assert " UTC  " in run("undo", "--list", "--utc").stdout
    assert run("undo", "back-1", "--utc").status == 2


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


def call_with(stdout: int | None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `completion fish` in another process, with this standard output. Without one, it is closed."""
    root = Path(__file__).parents[2]
    return subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$0" -m notebook_archive_cli completion fish{"" if stdout else " >&-"}',
            sys.executable,
        ],
        env={"PYTHONPATH": f"{root}/cli:{root}/layers/notebook_archive"} | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


def test_closed_pipe_is_no_defect() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = call_with(writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_pipe_of_a_text_is_left_to_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """`rich` would end the process with the status of a defect."""
    reading, writing = os.pipe()
    os.close(reading)
    closed = io.TextIOWrapper(io.FileIO(writing, "w", closefd=False), write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", closed)
        with pytest.raises(BrokenPipeError):
            Output(Options()).show({}, lambda _document, _width: ["a line"])
    os.close(writing)


def test_closed_output_is_no_error() -> None:
    done = call_with(None)
    assert (done.returncode, done.stderr) == (0, "")


def test_full_disk_is_reported_once() -> None:
    with Path("/dev/full").open("w") as full:
        done = call_with(full.fileno())
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Cannot use the file or the output that is written: No space left on\n")
    assert done.stderr.endswith("  notebook-archive completion fish\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_missing_letters_of_an_encoding_are_replaced(
    run: Run, archived: Archived, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    archived.add_item("Rivers", "Карта \N{BULLET} рек")
    archived.add_snapshot("Rivers", "one")
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", output)
    result = run("list")
    assert (result.status, result.stderr) == (0, "")
    output.seek(0)
    assert "?????" in output.read()


@pytest.mark.parametrize("columns", ["0", "1", "-5", "x", "40"])
def test_odd_width_is_no_error(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run("get", "--help").status == 0
    assert run("verson").status == 2
