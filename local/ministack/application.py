"""MiniStack's ASGI application, as the local AWS runs it.

The server loads this file in MiniStack's virtual environment.

The stack's policies deny requests without TLS, even those from root. Here, root's requests over plain HTTP come only
from this machine, so this application marks them as secure. Other plain HTTP requests are denied, as on AWS.

If a function raises an error, AWS returns the name of its class as `errorType`. MiniStack returns the same name for all
errors. So this application takes the name from the stack trace.

MiniStack extracts the layers for each process of a function, which takes more than a second of processor time. So this
application extracts each layer once, and each process gets links to it.
"""

import hashlib
import re
import tempfile
import threading
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.app import app as ministack  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

type Message = dict[str, Any]

# Every request that MiniStack's root signs contains this text.
ROOT = b"Credential=test/"

# What MiniStack returns as the name of every error.
UNNAMED = "Runtime.HandlerError"

_execute = lambda_svc._execute_function_warm  # noqa: SLF001 - MiniStack has no other place for this


def execute(*arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - MiniStack's arguments
    """Invoke a function. If it raised an error, return the name of the error's class, as AWS does."""
    result: dict[str, Any] = _execute(*arguments)
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == UNNAMED:
        # The last lines of a stack trace are the full name of the class, a colon and the message.
        message = re.escape(body.get("errorMessage", ""))
        if found := re.search(rf"^(?:\w+\.)*(\w+): {message}\s*\Z", result.get("log", ""), re.MULTILINE):
            body["errorType"] = found[1]
    return result


lambda_svc._execute_function_warm = execute  # noqa: SLF001

# The folder is below MiniStack's folder, which is deleted when MiniStack ends.
LAYERS = Path(tempfile.gettempdir()) / "layers"
_extracting = threading.Lock()


class LayerFile(zipfile.ZipFile):
    """The zip file of a layer or of a function's code. A layer is extracted once."""

    def namelist(self) -> list[str]:
        """Return the names of the members, which MiniStack checks. Those of an extracted layer were checked before."""
        return [] if self._extracted.exists() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:  # noqa: ANN401
        """Extract a function's code into the folder, or put links to the extracted layer there."""
        folder = Path(path)
        if not folder.name.startswith("layer_"):
            super().extractall(path, members, pwd)
            return
        with _extracting:
            if not self._extracted.exists():
                draft = self._extracted.with_suffix(".draft")
                super().extractall(draft, members, pwd)
                draft.rename(self._extracted)
        for entry in self._extracted.iterdir():
            (folder / entry.name).symlink_to(entry)

    @property
    def _extracted(self) -> Path:
        return LAYERS / hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()


lambda_runtime.zipfile = SimpleNamespace(ZipFile=LayerFile, BadZipFile=zipfile.BadZipFile)


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Pass a request to MiniStack. If root sent it over plain HTTP, add the header of a proxy that terminated TLS."""
    if (
        scope["type"] == "http"
        and scope["scheme"] == "http"
        and ROOT in dict(scope["headers"]).get(b"authorization", b"")
    ):
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)
