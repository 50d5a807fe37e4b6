"""Show a notebook in a terminal.

Everything that a notebook contains is untrusted: it may contain escape sequences, and text of any size.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Markdown
from rich.segment import Segment
from rich.syntax import Syntax
from rich.text import Text

from notebook_archive.models import format_size
from notebook_archive.notebook.terminal import remove_sequences
from notebook_archive_cli.terminal.formatting import join_facts
from notebook_archive_cli.terminal.output import format_count, replace_unprintable
from notebook_archive_cli.terminal.units import format_time

# Number of lines of an output that are shown. `--outputs` shows all.
MAX_OUTPUT_LINES = 12
# Longer lines are cut, unless `--outputs` is given. A progress bar may have megabytes in one line.
MAX_LINE_CHARACTERS = 2_000
# Longer texts are shown as they are, because Markdown and highlighting would take seconds.
MAX_RICH_CHARACTERS = 16_000
# Only these languages are highlighted: Pygments needs minutes for hostile texts in some others.
_PYTHON = ("", "python", "ipython", "python3", "ipython3")
_HTML = re.compile(r"^\s{0,3}<[A-Za-z/!?]", re.MULTILINE)
_MARGIN = "    "


def render_notebook(document: Mapping[str, Any], width: int, *, is_whole: bool, utc: bool) -> Iterator[RenderableType]:
    """Yield a notebook cell by cell. With `is_whole`, outputs are not cut."""
    yield Text(_make_title(document), style="bold", no_wrap=True)
    yield join_facts(_list_facts(document, utc=utc), width)
    for number, cell in enumerate(document["cells"], 1):
        yield ""
        yield Text(_make_cell_title(number, cell), style="cyan", no_wrap=True)
        yield from _render_source(cell, document["language"])
        for output in cell["outputs"]:
            yield from _render_output(output, is_whole=is_whole)
    if not document["cells"]:
        yield "The notebook has no cells."


def make_safe_line(text: str) -> str:
    """Return a line of a source, with a mark in place of each character that does not print."""
    return replace_unprintable(text.expandtabs(4))


def highlight_python(source: str) -> Text:
    """Return safe code with colors, if it is not too long for that. It has no line feed at its end."""
    if len(source) > MAX_RICH_CHARACTERS:
        return Text(source, no_wrap=True)
    text = Syntax(source, "python", theme="ansi_dark", background_color="default").highlight(source)
    text.rstrip()
    text.no_wrap = True
    return text


class _SafeMarkdown:
    """Markdown without links of the terminal, without other languages than text, and with printable characters only.

    Entities such as `&#8238;` become characters only when the Markdown is rendered.
    """

    def __init__(self, source: str) -> None:
        self._markdown = _PlainMarkdown(source, hyperlinks=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._markdown, options):
            text = "\n".join(map(replace_unprintable, segment.text.split("\n")))
            yield Segment(text, segment.style, segment.control)


class _PlainCodeBlock(CodeBlock):
    """Code in Markdown without highlighting: the notebook would choose the language, and some take minutes."""

    @classmethod
    def create(cls, markdown: Markdown, token: object) -> "_PlainCodeBlock":  # noqa: ARG003 - rich's signature
        return cls("text", markdown.code_theme)


class _PlainMarkdown(Markdown):
    elements = {**Markdown.elements, "fence": _PlainCodeBlock, "code_block": _PlainCodeBlock}  # noqa: RUF012 - as in rich


def _make_title(document: Mapping[str, Any]) -> str:
    name = f" · {document['name']}" if document["name"] else ""
    return replace_unprintable(f"{document['title'] or document['itemId']}{name}")


def _list_facts(document: Mapping[str, Any], *, utc: bool) -> tuple[str, ...]:
    return (
        replace_unprintable(document["owner"]),
        format_time(document["contentAt"], is_utc=utc),
        format_count(len(document["cells"]), "cell"),
        format_size(document["bytes"]),
        replace_unprintable(document["runtime"]),
    )


def _make_cell_title(number: int, cell: Mapping[str, Any]) -> str:
    count = cell["executionCount"]
    ran = "" if count is None else f", run {count}"
    return f"[{number}] {cell['type']}{ran}"


def _render_source(cell: Mapping[str, Any], language: str) -> Iterator[RenderableType]:
    whole = cell["source"].replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    source = "\n".join(map(make_safe_line, whole.split("\n")))
    if cell["type"] == "unknown":
        yield f"{_MARGIN}This is not a cell."
    elif not source:
        return
    elif cell["type"] == "markdown" and len(source) <= MAX_RICH_CHARACTERS and not _HTML.search(source):
        yield _SafeMarkdown(source)
    elif cell["type"] == "code" and language.lower() in _PYTHON:
        yield highlight_python(source)
    else:
        yield source


def _render_output(output: Mapping[str, Any], *, is_whole: bool) -> Iterator[RenderableType]:
    if output["kind"] == "unknown":
        yield f"{_MARGIN}This is not an output."
        return
    if not output["text"]:
        yield f"{_MARGIN}({replace_unprintable(output['name'][:100]) or 'nothing'}, {format_size(output['bytes'])})"
        return
    lines = output["text"].rstrip("\r\n").split("\n")
    kept = lines if is_whole else [_cut(line) for line in lines[:MAX_OUTPUT_LINES]]
    style = "red" if output["name"] in ("stderr", "error") else "dim"
    yield Text("\n".join(_MARGIN + make_safe_line(remove_sequences(line)) for line in kept), style=style, no_wrap=True)
    left = len(lines) - len(kept)
    if left:
        yield f"{_MARGIN}… {left:,} more line{'' if left == 1 else 's'}: show --outputs"


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARACTERS else f"{line[:MAX_LINE_CHARACTERS]}…"
