"""Functions that the scripts share: read the deployed stack's outputs, and print text for people."""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

DEFAULT_STACK_NAME = "notebook-archive"

# This invisible character is part of many emoji and does not move the cursor.
_ZERO_WIDTH_JOINER = "\u200d"


class ScriptError(Exception):
    """The script cannot complete. Its message is printed on the terminal and contains no secret."""


# If one of these errors ends a script, the script prints a message and no traceback.
REPORTED_ERRORS = (ScriptError, ClientError, BotoCoreError)


def describe_error(error: Exception) -> str:
    """Return the message for one of REPORTED_ERRORS.

    It may contain AWS's message. The error messages of the operations that the scripts call contain no secret values.
    """
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error.response['Error'].get('Message')}"
    if isinstance(error, NoRegionError):
        return "No AWS region is set: set AWS_DEFAULT_REGION, or the region of your AWS profile."
    if isinstance(error, NoCredentialsError):
        return "No AWS credentials are found: set AWS_PROFILE, or sign in with the AWS CLI."
    if isinstance(error, BotoCoreError):
        return f"AWS cannot be reached: {error}"
    return str(error)


def replace_unprintable(text: str) -> str:
    """Replace characters that move a terminal's cursor or change the direction of its text. Return the text."""
    kept = (each if each.isprintable() or each == _ZERO_WIDTH_JOINER else "\N{REPLACEMENT CHARACTER}" for each in text)
    return "".join(kept)


def print_line(text: str) -> None:
    """Print a line on standard output, without unprintable characters. It is never wrapped, so ids can be copied."""
    sys.stdout.write(f"{replace_unprintable(text)}\n")


def print_error(text: str) -> None:
    """Print a line on standard error, as `print_line` does."""
    sys.stderr.write(f"{replace_unprintable(text)}\n")


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 snapshot`, `1,200 snapshots`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Stack:
    """The deployed stack."""

    def __init__(self, name: str) -> None:
        """Read the stack. Raise ScriptError if this account and region have no stack with this name."""
        try:
            (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            message = error.response["Error"].get("Message")
            raise ScriptError(
                f"This account and region have no stack {name!r} ({message}). Check --stack-name, AWS_PROFILE and "
                "AWS_DEFAULT_REGION."
            ) from None
        self.name = name
        self._outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        parameters = stack.get("Parameters", ())
        self._parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in parameters}

    def output(self, name: str) -> str:
        """Return the value of an output. Raise ScriptError if this stack does not have the output."""
        if name not in self._outputs:
            raise ScriptError(
                f"Stack {self.name!r} has no output {name!r}. First deploy this version with make deploy."
            )
        return self._outputs[name]

    def parameter(self, name: str) -> str:
        """Return a parameter's value, or an empty string if this stack does not have the parameter."""
        return self._parameters.get(name, "")
