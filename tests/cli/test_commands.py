"""Test what every command has: a help page that is fast and fits, a section in the document, and schemas."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import click
import jsonschema  # type: ignore[import-untyped]
import pytest

from notebook_archive_cli.main import notebook_archive
from tests.cli.conftest import MAX_COLUMNS, SCHEMAS, Run, columns_of
from tests.cli.parsing import PROGRAM, find_command_lines, parse_arguments
from tests.docs.documents import CLI, DOCUMENTS, ROOT, Document

# Modules that take long to import. A help page needs none of them.
SLOW_MODULES = {"boto3", "botocore", "rich", "requests", "msgspec", "notebook_archive", "dataclasses", "shutil"}
COMMON_OPTIONS = {"--profile", "--region", "--stack", "--local", "--json", "--debug"}


def all_commands(group: click.Group = notebook_archive, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words that call each command, without groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, (*words, name))
        else:
            yield (*words, name)


def find_command(words: tuple[str, ...]) -> click.Command:
    command: click.Command | None = notebook_archive
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command
    return command


COMMANDS = list(all_commands())
every_command = pytest.mark.parametrize("words", COMMANDS, ids=" ".join)


@every_command
def test_help_fits_and_explains_each_option(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert (result.status, result.stderr) == (0, "")
    assert columns_of(result.stdout) <= MAX_COLUMNS
    command = find_command(words)
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert {name for option in options for name in option.opts} >= COMMON_OPTIONS
    assert all(option.help for option in options)
    assert command.help


def test_help_imports_nothing_that_takes_long() -> None:
    program = f"""
import sys
from notebook_archive_cli.main import main
for words in {[[], *map(list, COMMANDS)]!r}:
    try:
        main([*words, "--help"])
    except SystemExit as exit:
        assert exit.code == 0
print("imported:", *sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{ROOT}/cli:{ROOT}/layers/notebook_archive", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = set(done.stdout.rpartition("imported:")[2].split())
    assert imported & SLOW_MODULES == set()


@every_command
def test_document_has_a_section_of_each_command(words: tuple[str, ...]) -> None:
    section = CLI.section(words[0])
    # More than its first sentence, which is also in the list of commands.
    assert f"notebook-archive {' '.join(words)}" in section.text


@every_command
def test_each_command_has_a_schema(words: tuple[str, ...]) -> None:
    schema = json.loads((SCHEMAS / f"{'-'.join(words)}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_command_lines_in_documents_are_right(document: Document) -> None:
    """They are parsed, and are not run."""
    lines = [line for block in document.fences("sh") for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *document.code]:
        if PROGRAM in line:
            for words in find_command_lines(line):
                # A sentence may name a command without its arguments.
                with contextlib.suppress(click.MissingParameter) if line in document.code else contextlib.nullcontext():
                    if "COMMAND" not in words:
                        parse_arguments(words)
