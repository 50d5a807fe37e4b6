"""Declare the options that every command has."""

from collections.abc import Callable
from typing import Any

import click

DEFAULT_STACK_NAME = "notebook-archive"
# A shell's completion script sets this variable to ask for completions.
COMPLETION_VARIABLE = "_NOTEBOOK_ARCHIVE_COMPLETE"
# The commands that read the second place with `--second-place`.
SECOND_PLACE_READERS = frozenset({"list", "versions", "show", "diff", "get", "restore"})
# The stages of samconfig.toml, by the names of their stacks.
_STAGES = {DEFAULT_STACK_NAME: "prod", "notebook-archive-dev": "dev", "notebook-archive-staging": "staging"}


class Options:
    """The values of the options that every command has.

    `stack` is the name of the deployed stack. With `is_local`, AWS is the one that `make local` runs in the same
    folder. With `is_second_place`, archived versions are read from the bucket to which S3 replicates the archive. Empty
    texts stand for the defaults of the AWS profile. `arguments` are those that the program was called with.
    """

    # This is not a dataclass, because importing dataclasses would take longer than a tenth of the time of `--help`.
    def __init__(
        self,
        *,
        profile: str = "",
        region: str = "",
        stack: str = DEFAULT_STACK_NAME,
        is_local: bool = False,
        is_second_place: bool = False,
        is_json: bool = False,
        is_debug: bool = False,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.profile = profile
        self.region = region
        self.stack = stack
        self.is_local = is_local
        self.is_second_place = is_second_place
        self.is_json = is_json
        self.is_debug = is_debug
        self.arguments = arguments

    def command(self, *words: str) -> str:
        """Return the command line that runs this program with these words, quoted for a shell.

        It ends with the options of this call that choose the stack and the place: `versions ITEM` becomes
        `notebook-archive versions ITEM --local`.
        """
        chosen = ["--second-place"] if self.is_second_place and words[0] in SECOND_PLACE_READERS else []
        chosen += ["--local"] if self.is_local else []
        if self.profile:
            chosen += ["--profile", self.profile]
        if self.region:
            chosen += ["--region", self.region]
        if self.stack != DEFAULT_STACK_NAME:
            chosen += ["--stack", self.stack]
        return _join(["notebook-archive", *words, *chosen])

    def same_command(self, *words: str) -> str:
        """Return the command line that runs this call again, with more options, such as `--yes`."""
        # Words after `--` are not options.
        end = self.arguments.index("--") if "--" in self.arguments else len(self.arguments)
        return _join(["notebook-archive", *self.arguments[:end], *words, *self.arguments[end:]])

    def changed_command(self, old: str, new: str) -> str:
        """Return the command line that runs this call again with another argument in the place of `old`."""
        return _join(["notebook-archive", *(new if each == old else each for each in self.arguments)])

    def aws_command(self, *words: str) -> str:
        """Return a command line of the AWS CLI for the account, the region and the endpoint of this call.

        Raises CommandError if this folder does not have the local system that `--local` names.
        """
        if self.is_local:
            from notebook_archive_cli.local_system import read_local_system

            local = read_local_system()
            keys = f"AWS_ACCESS_KEY_ID={local['awsAccessKeyId']} AWS_SECRET_ACCESS_KEY={local['awsSecretAccessKey']}"
            chosen = ["--endpoint-url", local["awsEndpointUrl"], "--region", local["region"]]
            return f"{keys} {_join(['aws', *words, *chosen])}"
        chosen = ["--profile", self.profile] if self.profile else []
        if self.region:
            chosen += ["--region", self.region]
        return _join(["aws", *words, *chosen])

    def deploy_command(self) -> str:
        """Return the command line that deploys the chosen stack from a checkout. Without STAGE, it would be `dev`."""
        return "make local" if self.is_local else f"make deploy STAGE={_STAGES.get(self.stack, 'STAGE')}"

    def deploy_with(self, name: str, value: str) -> tuple[str, str]:
        """Return the sentence and the command that change a parameter of the stack."""
        setting = f"{name}={value}"
        if self.is_local:
            return f"Start the local system with {setting}.", f"{self.deploy_command()} PARAMETERS={_quote(setting)}"
        sentence = f'Put "{setting}" into parameter_overrides of your stage in samconfig.toml, and deploy.'
        return sentence, self.deploy_command()


def _join(words: list[str]) -> str:
    return " ".join(map(_quote, words))


def _quote(word: str) -> str:
    """Quote a word for a shell. A terminal must not interpret it, so bash's quotes have escapes for such characters."""
    import os
    import shlex

    if word.isprintable():
        return shlex.quote(word)
    escaped = [
        each if each.isprintable() and each not in "'\\" else "".join(f"\\x{byte:02x}" for byte in os.fsencode(each))
        for each in word
    ]
    return f"$'{''.join(escaped)}'"


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401 - click's signature
    """Keep the value of an option if it was given. So it may stand before or after the name of the command."""
    options = context.find_root().ensure_object(Options)
    if value is not None and parameter.name:
        setattr(options, parameter.name, value)


def _add(*names: str, **attributes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's attributes
    return click.option(*names, callback=_store, expose_value=False, default=None, **attributes)


_COMMON_OPTIONS = (
    _add("--profile", metavar="NAME", help="AWS profile.  [default: that of the environment]"),
    _add("--region", metavar="REGION", help="AWS region.  [default: that of the profile]"),
    _add("--stack", metavar="NAME", help=f"Name of the deployed stack.  [default: {DEFAULT_STACK_NAME}]"),
    _add("--local", "is_local", is_flag=True, help="Use the system that `make local` runs in this folder."),
    _add("--json", "is_json", is_flag=True, help="Print the result as one JSON document."),
    _add("--debug", "is_debug", is_flag=True, help="Print the stack trace of an error."),
)


# Only the commands in SECOND_PLACE_READERS have this option.
add_second_place_option = _add(
    "--second-place", "is_second_place", is_flag=True, help="Read from the second place, the bucket SecondBucket."
)


def add_common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command has."""
    for add in reversed(_COMMON_OPTIONS):
        command = add(command)
    return command
