"""Functions and state machines as AWS shows them. Tests say what each call returns."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botocore.handlers
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

# What a function returns, an error that it raises, an error of Lambda, or an error of the client.
type Answer = dict[str, Any] | Failure | Refusal | BaseException
type Handler = Callable[[dict[str, Any]], Answer]


@dataclass(frozen=True)
class Failure:
    """An error of a function: the name of its class, and its message."""

    kind: str
    message: str = "It did not work."


@dataclass(frozen=True)
class Refusal:
    """An error of Lambda, which did not start the function."""

    status: int
    code: str


class Body(io.BytesIO):
    """A response's body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while data := self.read(1024):
            yield data


@dataclass
class Functions:
    """The functions of a stack. `calls` are the events of the invocations, with the name of each function."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def returns(self, name: str, answer: Answer) -> None:
        """Let each invocation of a function have this result."""
        self.handlers[name] = lambda _: answer

    def invoke(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        name = request.url.split("/functions/")[1].split("/")[0]
        event = read_body(request)
        self.calls.append((name, event))
        answer = self.handlers[name](event)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Refusal):
            return respond({"message": "Refused."}, {"x-amzn-ErrorType": answer.code}, answer.status)
        if isinstance(answer, Failure):
            error = {"errorType": answer.kind, "errorMessage": answer.message}
            return respond(error, {"X-Amz-Function-Error": "Unhandled"})
        return respond(answer)


@dataclass
class Executions:
    """The executions of a state machine. `work` gets the name and the input of each, and does its work."""

    work: Callable[[str, dict[str, Any]], None]

    def start(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        given = read_body(request)
        self.work(given["name"], json.loads(given["input"]))
        arn = f"{given['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{given['name']}"
        return respond({"executionArn": arn, "startDate": time.time()})

    def describe(self, **_: Any) -> AWSResponse:
        return respond({"executionArn": "arn", "stateMachineArn": "arn", "status": "SUCCEEDED", "startDate": 0})


def read_body(request: AWSPreparedRequest) -> dict[str, Any]:
    assert isinstance(request.body, str | bytes)
    body: dict[str, Any] = json.loads(request.body)
    return body


def respond(document: dict[str, Any], headers: dict[str, str] | None = None, status: int = 200) -> AWSResponse:
    return AWSResponse("https://aws", status, HTTPHeaders.from_dict(headers or {}), Body(json.dumps(document).encode()))


@contextmanager
def answered(**handlers: Any) -> Iterator[None]:
    """Let these functions respond to the calls of new clients. Names are those of botocore: `lambda_Invoke`."""
    events = [(f"before-send.{name.replace('_', '.')}", handler) for name, handler in handlers.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.handlers, "BUILTIN_HANDLERS", [*botocore.handlers.BUILTIN_HANDLERS, *events])
        yield
