"""Run the `aws` commands that a command prints, with boto3, so that the tests need no AWS CLI."""

import functools
import json
import shlex
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape

# Options of the AWS CLI that are not parameters of an operation.
GLOBAL_OPTIONS = {"--profile", "--region", "--endpoint-url", "--query", "--output"}


def run_aws(line: str) -> dict[str, Any]:
    """Run one command line, and return the response. Files are read from the working directory.

    The line may begin with assignments of credentials, as with `--local`.
    """
    words = shlex.split(line)
    credentials = dict(each.split("=", 1) for each in words[: words.index("aws")])
    service, operation, *rest = words[words.index("aws") + 1 :]
    chosen: dict[str, str] = {}
    options: dict[str, list[str]] = {}
    for word in rest:
        if word.startswith("--"):
            options[word] = []
        else:
            options[list(options)[-1]].append(word)
    for name in GLOBAL_OPTIONS & options.keys():
        chosen[name] = options.pop(name)[0]
    client = _make_client(
        {"s3api": "s3"}.get(service, service),
        credentials.get("AWS_ACCESS_KEY_ID"),
        credentials.get("AWS_SECRET_ACCESS_KEY"),
        chosen.get("--region"),
        chosen.get("--endpoint-url"),
    )
    shape = _find_input(client, operation)
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    # The AWS CLI has another name for this parameter of `sns subscribe`.
    members |= {"--notification-endpoint": "Endpoint"} if operation == "subscribe" else {}
    arguments = {members[option]: _parse(values, shape.members[members[option]]) for option, values in options.items()}
    response: dict[str, Any] = getattr(client, operation.replace("-", "_"))(**arguments)
    return response


@functools.cache
def _make_client(service: str, key: str | None, secret: str | None, region: str | None, endpoint: str | None) -> Any:
    """Return a client. It is made once, because that takes most of the time of a command."""
    session = boto3.Session(key, secret, region_name=region)
    return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def _find_input(client: Any, operation: str) -> StructureShape:
    name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shape: StructureShape = client.meta.service_model.operation_model(name).input_shape
    return shape


def _parse(values: list[str], shape: Shape) -> Any:
    """Return the value of an option: JSON, the shorthand `Name=value,Name=value`, a list of words, or one word."""
    if shape.type_name == "boolean":
        return True
    if isinstance(shape, ListShape) and not values[0].startswith("["):
        return values
    text = values[0]
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text(encoding="utf-8")
    if isinstance(shape, StructureShape | MapShape) and not text.startswith("{"):
        pairs = (each.split("=", 1) for each in text.split(","))
        return {name: {"true": True, "false": False}.get(value, value) for name, value in pairs}
    if isinstance(shape, StructureShape | MapShape | ListShape):
        return json.loads(text)
    return int(text) if shape.type_name in {"integer", "long"} else text
