"""List the commands, run one, and turn each error into a message and an exit status."""

import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import COMPLETION_VARIABLE, Options, add_common_options
from notebook_archive_cli.usage import describe_interruption, translate_usage_error

if TYPE_CHECKING:
    from typing import TextIO

    from click.shell_completion import CompletionItem

# Each command is the object `command` of a module of `commands/`. The module is imported when the command runs, because
# importing all of them for `--help` would take too long.
_COMMANDS = {
    "status": ("status", "Say whether the last backup succeeded, and what needs attention."),
    "run": ("run", "Archive all notebooks now, or chosen ones, and follow the run."),
    "runs": ("runs", "List runs, verifications or bulk restores."),
    "report": ("report", "Show the report of a run, a verification or a bulk restore."),
    "list": ("list_notebooks", "List the notebooks in the archive."),
    "versions": ("versions", "List the archived versions of a notebook."),
    "show": ("show", "Show an archived version in the terminal."),
    "diff": ("diff", "Compare two archived versions."),
    "get": ("get", "Download an archived version, or the whole archive."),
    "verify": ("verify", "Verify the archive now, and follow the verification."),
    "findings": ("findings", "List what verifications found in the archive."),
    "acknowledge": ("acknowledge", "Acknowledge a finding, so that it no longer fails verifications."),
    "restore": ("restore", "Put archived notebooks back into ArcGIS, one or many."),
    "undo": ("undo", "Take back a restore, or a bulk restore."),
    "restore-test": ("restore_test", "Test now whether archived versions can be restored."),
    "owners": ("owners", "Add, list and remove the owners whose tokens are rotated."),
    "webhook": ("webhook", "Create, list and remove the webhook on the portal."),
    "failed": ("failed", "List, retry and drop failed backup requests."),
    "erase": ("erase", "Erase the archived notebooks of a person for good."),
    "doctor": ("doctor", "Check the configuration, and say how to correct it."),
    "completion": ("completion", "Print the script that lets a shell complete commands."),
}

MIN_HELP_COLUMNS, MAX_HELP_COLUMNS = 20, 80


class _Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        name, _ = _COMMANDS[cmd_name]
        module = importlib.import_module(f"notebook_archive_cli.commands.{name}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem[str]"]:
        from click.shell_completion import CompletionItem

        names = [name for name in _COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=_COMMANDS[name][1]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@add_common_options
def notebook_archive() -> None:
    """Operate an archive of ArcGIS notebooks: see what is archived, prove it, and get notebooks back."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with these arguments, or with those of the process. Exit with one of `ExitStatus`."""
    options = Options(arguments=tuple(sys.argv[1:] if arguments is None else arguments))
    _prepare_streams()
    status: int
    try:
        status = _run(options)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _discard_output(sys.stdout, sys.stderr)
        status = ExitStatus.OUTPUT_CLOSED
    except OSError as error:
        # The result could not be written, for example because the disk is full.
        _discard_output(sys.stdout)
        status = _report_error(error, options)
    if arguments is None:
        # The process ends here. Without this, Python would first look for garbage in all modules, which takes a tenth
        # of the time of `--help`.
        gc.freeze()
    sys.exit(status)


def _prepare_streams() -> None:
    """Replace streams that are closed, and let no character be an error."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - importing pathlib is slow
    for stream in (sys.stdout, sys.stderr):
        # A stream's encoding, such as cp1252, may not have all characters of a title.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_output(*streams: "TextIO") -> None:
    """Let streams write nowhere. Python would flush them again when it ends, and report the error a second time."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def _help_columns() -> int:
    """Return the width of a help page. click would import shutil to find it, which takes longer."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        columns = MAX_HELP_COLUMNS
    return max(MIN_HELP_COLUMNS, min(columns, MAX_HELP_COLUMNS))


def _run(options: Options) -> int:
    """Run the command and print its error, if there is one. Return the exit status."""
    completion = os.environ.get(COMPLETION_VARIABLE)
    try:
        if completion:
            from click.shell_completion import shell_complete

            return shell_complete(notebook_archive, {}, "notebook-archive", COMPLETION_VARIABLE, completion)
        context = notebook_archive.make_context(
            "notebook-archive", [*options.arguments], obj=options, terminal_width=_help_columns()
        )
        with context:
            return notebook_archive.invoke(context) or ExitStatus.GOOD
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as caught:
        # A group was named without one of its commands.
        sys.stdout.write(caught.ctx.get_help() + "\n")
        return ExitStatus.GOOD
    except BrokenPipeError:
        raise
    except CommandError as caught:
        error = caught
    except click.UsageError as caught:
        # An error in the arguments may come before the option that says how to print it.
        options.is_json = options.is_json or "--json" in options.arguments
        options.is_debug = options.is_debug or "--debug" in options.arguments
        error = translate_usage_error(caught, options, _COMMANDS)
    except (KeyboardInterrupt, click.Abort) as caught:
        error = describe_interruption(options)
        error.__cause__ = caught
    except Exception as caught:  # noqa: BLE001 - each error becomes a message and a status
        return _report_error(caught, options)
    from notebook_archive_cli.terminal.output import print_error

    print_error(error, options)
    return error.status


def _report_error(caught: Exception, options: Options) -> int:
    """Print an error that is not described yet. Return the exit status."""
    from notebook_archive_cli.terminal.output import print_error
    from notebook_archive_cli.translation import translate_error

    error = translate_error(caught, options)
    error.__cause__ = caught
    print_error(error, options)
    return error.status
