"""Describe an archived notebook as a document: its cells with their sources and outputs."""

import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from notebook_archive.errors import ArchiveDamaged, NotANotebook
from notebook_archive.notebook.cells import Output, join_text, parse_cell, parse_outputs, read_notebook
from notebook_archive_cli.reading.catalog import ArchivedVersion
from notebook_archive_cli.reading.versions import VerifiedVersion, copy_verified, raise_damaged, read_entry
from notebook_archive_cli.session import Session

# The forms of an output that are text, the best first.
_TEXT_TYPES = ("text/markdown", "text/plain", "text/latex")
_BINARY_TYPES = ("image/", "application/pdf", "audio/", "video/")


def read_body(session: Session, version: ArchivedVersion) -> tuple[bytes, VerifiedVersion]:
    """Return the bytes of a version, which were verified. Raises CommandError if they are damaged."""
    entry, file = read_entry(session, version), BytesIO()
    try:
        verified = copy_verified(session, version, file, entry)
    except ArchiveDamaged as error:
        raise_damaged(session, version, error, entry, "")
    return file.getvalue(), verified


def describe_notebook(body: bytes, verified: VerifiedVersion) -> dict[str, Any]:
    """Return a notebook as a document. What is not a cell has the type `unknown`.

    Raises NotANotebook if the bytes are not a JSON object.
    """
    try:
        notebook, metadata = read_notebook(body), verified.metadata
    except ValueError as error:
        raise NotANotebook(f"{verified.version.key} is not a notebook. {error}") from None
    return {
        **describe_version(verified),
        "runtime": " ".join(filter(None, (metadata.get("runtime", ""), metadata.get("runtime-version", "")))),
        "language": notebook.language,
        "cells": [_describe_cell(raw) for raw in notebook.cells],
    }


def describe_version(verified: VerifiedVersion) -> dict[str, Any]:
    """Return what is known of a version, as part of a document."""
    return {
        "itemId": verified.version.item_id,
        "resourceKey": verified.version.resource_key,
        "key": verified.version.key,
        "title": verified.metadata.get("title", ""),
        "owner": verified.metadata.get("owner", ""),
        "name": verified.metadata.get("snapshot-name", ""),
        "contentAt": verified.content_at,
        "bytes": verified.size,
        "sha256": verified.sha256,
    }


def _describe_cell(raw: object) -> dict[str, Any]:
    cell = parse_cell(raw)
    if cell is None:
        return {"type": "unknown", "executionCount": None, "source": "", "outputs": []}
    source = f"{'#' * cell.level} {cell.source}" if cell.kind == "heading" else cell.source
    return {
        "type": "markdown" if cell.kind == "heading" else cell.kind,
        "executionCount": cell.count,
        "source": source,
        "outputs": [_describe_output(output) for output in parse_outputs(cell)],
    }


def _describe_output(output: Output | None) -> dict[str, Any]:
    """Return an output: its text, or the media type and the size of its best form."""
    if output is None:
        return {"kind": "unknown", "name": "", "text": "", "bytes": 0}
    if output.kind != "data":
        name = output.name or output.kind
        return {"kind": output.kind, "name": name, "text": output.text, "bytes": _measure_text(output.text)}
    binary = next((name for name in output.data if name.startswith(_BINARY_TYPES)), "")
    if binary:
        return {"kind": "data", "name": binary, "text": "", "bytes": _measure_binary(output.data[binary])}
    for name in _TEXT_TYPES:
        if text := join_text(output.data.get(name)):
            return {"kind": "data", "name": name, "text": text, "bytes": _measure_text(text)}
    name = next(iter(output.data), "")
    text = _format_value(output.data, name) if name == "application/json" else ""
    size = _measure_text(text or join_text(output.data.get(name)))
    return {"kind": "data", "name": name, "text": text, "bytes": size}


def _format_value(data: Mapping[str, Any], name: str) -> str:
    try:
        return json.dumps(data[name], indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


def _measure_text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _measure_binary(value: object) -> int:
    """Return the size of an image in bytes. It is base64, or the text of an SVG."""
    text = join_text(value)
    try:
        return len(b64decode("".join(text.split()), validate=True))
    except (NotBase64, ValueError):
        return _measure_text(text)
