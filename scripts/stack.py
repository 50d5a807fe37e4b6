"""What the scripts share: the deployed stack's outputs, how trouble is told, and how others' text is shown."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from rich.text import Text

_JOINER = "\u200d"  # holds emoji sequences together


class ScriptError(Exception):
    """The script cannot do what it is for; the message is one sentence or two, and holds no secret."""


TROUBLE = (ScriptError, ClientError, BotoCoreError)
"""What ends a script with a sentence in place of a traceback."""


def sentence(error: Exception) -> str:
    """Return what to say of an error that is TROUBLE.  Of the operations that the scripts call, none repeats what a
    secret holds."""
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error.response['Error'].get('Message')}"
    if isinstance(error, NoRegionError):
        return "No AWS region is set: set AWS_DEFAULT_REGION, or the region of your AWS profile."
    if isinstance(error, NoCredentialsError):
        return "No AWS credentials are found: set AWS_PROFILE, or sign in with the AWS CLI."
    if isinstance(error, BotoCoreError):
        return f"AWS cannot be reached: {error}"
    return str(error)


def printable(text: str) -> str:
    """Return a text without the characters that would move a terminal's cursor or its direction."""
    return "".join(each if each.isprintable() or each == _JOINER else "\N{REPLACEMENT CHARACTER}" for each in text)


def shown(text: str) -> Text:
    """Return a text for a console that takes nothing in it for markup, whoever wrote it."""
    return Text(printable(text))


class Stack:
    """The deployed stack."""

    def __init__(self, name: str) -> None:
        """Raise ScriptError where there is no stack of that name in this account and region."""
        try:
            (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            message = error.response["Error"].get("Message")
            raise ScriptError(f"There is no stack {name!r} here: {message}") from None
        self.name = name
        self._outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        parameters = stack.get("Parameters", ())
        self._parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in parameters}

    def output(self, name: str) -> str:
        """Return an output; raise ScriptError where this stack has none of that name."""
        if name not in self._outputs:
            raise ScriptError(f"Stack {self.name!r} has no output {name!r}: deploy this version first.")
        return self._outputs[name]

    def parameter(self, name: str) -> str:
        """Return a parameter's value, empty where this stack has none of that name."""
        return self._parameters.get(name, "")
