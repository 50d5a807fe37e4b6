"""Declare the command `completion`."""

import sys

import click

from notebook_archive_cli.options import COMPLETION_VARIABLE, Options, add_common_options


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@add_common_options
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands and options.

    \b
    bash: add this line to ~/.bashrc
      eval "$(notebook-archive completion bash)"
    zsh: add this line to ~/.zshrc
      eval "$(notebook-archive completion zsh)"
    fish: run this once
      notebook-archive completion fish > \\
        ~/.config/fish/completions/notebook-archive.fish
    """
    from click.shell_completion import get_completion_class

    root = context.find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"{shell!r} is not a shell that can complete.", context)
    script = kind(root.command, {}, "notebook-archive", COMPLETION_VARIABLE).source()
    if root.ensure_object(Options).is_json:
        from notebook_archive_cli.terminal.output import Output

        Output(root.ensure_object(Options)).show({"shell": shell, "script": script}, lambda _, __: ())
        return
    # A shell runs this at each start, so that the script is not printed with rich, whose import takes long.
    sys.stdout.write(script)
