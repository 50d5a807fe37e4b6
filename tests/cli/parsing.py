"""Parse command lines of `notebook-archive` without running them."""

import shlex
from collections.abc import Iterator

import click

from notebook_archive_cli.main import notebook_archive
from notebook_archive_cli.options import Options

PROGRAM = "notebook-archive"


def find_command_lines(line: str) -> Iterator[list[str]]:
    """Yield the words of each call of the program in a line of a shell script, without the program's name."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, ";"]:
        if token == "$" or not set(token) <= set("();<>|&"):
            words.append(token)
            continue
        # The program's name alone may be the name of a stack.
        if len(words) > 1 and words[0].rpartition("/")[2] == PROGRAM:
            yield words[1:]
        words = []


def parse_arguments(words: list[str]) -> click.Context:
    """Parse the arguments of a call, and return the context of its command. Raise click.UsageError if they are wrong.

    Of a call that asks for a help page, only the names of the command are checked.
    """
    is_help = not {"--help", "-h"}.isdisjoint(words)
    rest = [word for word in words if word not in {"--help", "-h"}]
    command: click.Command = notebook_archive
    context: click.Context | None = None
    name: str | None = PROGRAM
    while True:
        context = command.make_context(name, rest, parent=context, resilient_parsing=is_help, obj=Options())
        rest = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group) or not rest:
            return context
        name, found, rest = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"No such command {name!r}.", context)
        command = found
