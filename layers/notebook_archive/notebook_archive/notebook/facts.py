"""Collect facts about a notebook while its pieces are checked."""

from dataclasses import dataclass
from typing import Any

import msgspec

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class NotebookFacts:
    """Facts about a notebook. A text is empty if the notebook does not say."""

    nbformat: str
    kernel: str
    runtime: str
    runtime_version: str
    cells: int


class FactCollector:
    """Collects facts from the members of one piece after another.

    `cells` is the number of cells so far, or None if there was no list of cells yet. `path` are the keys of the open
    containers of the first two levels.
    """

    def __init__(self) -> None:
        self.cells: int | None = None
        self.path = ["", ""]
        self._members: dict[str, Any] = {}
        self._metadata: dict[str, dict[str, Any]] = {"kernelspec": {}, "esriNotebookRuntime": {}}

    def add_piece(self, members: dict[str, msgspec.Raw], before: bytes, after: bytes) -> str:
        """Add a piece, given the containers that are open before and after it. Return what is wrong with it, or ""."""
        if bytes(members.get("error", b"null")) != b"null":
            return "it is an error message"
        for name in ("nbformat", "nbformat_minor"):
            if name in members:
                self._members[name] = _decode(members[name])
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
            value = _decode(metadata[name])
            self._metadata[name] |= value if isinstance(value, dict) else {}
        if members:
            self.path = [next(reversed(members)), next(reversed(metadata), "")]
        return ""

    def finish(self) -> NotebookFacts | str:
        """Return the facts at the end of the body, or a text that says what is missing."""
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


def _decode(raw: msgspec.Raw) -> object:
    """Return a small value, or None if msgspec cannot decode it, for example because of half a surrogate pair."""
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
