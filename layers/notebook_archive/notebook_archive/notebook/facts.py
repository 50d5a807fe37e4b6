"""What a notebook says of itself, noted while its pieces go by."""

from dataclasses import dataclass
from typing import Any

import msgspec

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class NotebookFacts:
    """What a notebook says of itself; empty where it says nothing."""

    nbformat: str
    kernel: str
    runtime: str
    runtime_version: str
    cells: int


class Notes:
    """Takes the members of one piece after the other.  ``cells`` counts so far; None where there was no list."""

    def __init__(self) -> None:
        self.cells: int | None = None
        self.path = ["", ""]
        """The keys under which the open containers of the first two levels stand."""
        self._members: dict[str, Any] = {}
        self._metadata: dict[str, dict[str, Any]] = {"kernelspec": {}, "esriNotebookRuntime": {}}

    def take(self, members: dict[str, msgspec.Raw], before: bytes, after: bytes) -> str:
        """Note a piece that leads from one stack of open containers to another; return what is wrong with it, or ""."""
        if bytes(members.get("error", b"null")) != b"null":
            return "it is an error message"
        for name in ("nbformat", "nbformat_minor"):
            if name in members:
                self._members[name] = _read(members[name])
        metadata: dict[str, msgspec.Raw] = {}
        try:
            if "cells" in members:
                continued = self.path[0] == "cells" and len(before) > 1
                followed = next(reversed(members)) == "cells" and len(after) == 2
                self.cells = (self.cells or 0) + len(_list.decode(members["cells"])) - continued - followed
            if "metadata" in members:
                metadata = _object.decode(members["metadata"])
        except msgspec.ValidationError:
            return "its cells are not a list, or its metadata not an object"
        for name in self._metadata.keys() & metadata.keys():
            value = _read(metadata[name])
            self._metadata[name] |= value if isinstance(value, dict) else {}
        if members:
            self.path = [next(reversed(members)), next(reversed(metadata), "")]
        return ""

    def facts(self) -> NotebookFacts | str:
        """Return the facts, now that the body has ended, or what is missing."""
        nbformat, minor = self._members.get("nbformat"), self._members.get("nbformat_minor")
        if self.cells is None:
            return "it has no cells"
        if not isinstance(nbformat, int):
            return "it has no nbformat"
        kernel, runtime = self._metadata["kernelspec"], self._metadata["esriNotebookRuntime"]
        return NotebookFacts(
            f"{nbformat}.{minor}" if isinstance(minor, int) else str(nbformat),
            str(kernel.get("name") or ""),
            str(runtime.get("notebookRuntimeName") or ""),
            str(runtime.get("notebookRuntimeVersion") or ""),
            self.cells,
        )


def _read(raw: msgspec.Raw) -> object:
    """Return a small value; None where it holds what only a lenient reader takes, such as half of a surrogate pair."""
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
