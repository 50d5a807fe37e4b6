"""A notebook as HTML, cell by cell, within a budget."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markupsafe import Markup

from notebook_archive.pages.rendering.budget import Budget, note
from notebook_archive.pages.rendering.cells import Cell, Notebook, cell_of, each_output
from notebook_archive.pages.rendering.highlighting import CODE_CHARACTERS, highlighted
from notebook_archive.pages.rendering.outputs import shown, text_parts
from notebook_archive.pages.rendering.prose import rich_html, rich_markdown
from notebook_archive.pages.rendering.terminal import printable

type Template = Callable[[Mapping[str, Any]], str]
"""Takes the parts of a cell and returns its HTML."""


def render(notebook: Notebook, budget: Budget, template: Template) -> Iterator[Markup]:
    """Yield the cells, and a note in place of those for which there is no room.

    Nothing in a notebook makes it fail, and its ``metadata.trusted`` is not looked at.
    """
    for number, raw in enumerate(notebook.cells):
        if budget.spent:
            left = len(notebook.cells) - number
            yield note(
                f"{left:,} more {'cells' if left > 1 else 'cell'} left out: the page is full. The download has them."
            )
            return
        budget.frame()
        yield Markup(template(_parts(cell_of(raw), notebook.language, budget)))  # noqa: S704 - the template escapes


def _parts(cell: Cell | None, language: str, budget: Budget) -> Mapping[str, Any]:
    """Return what the template of a cell takes."""
    parts: dict[str, Any] = {"kind": "raw", "count": None, "outputs": []}
    if cell is None:
        return parts | {"body": [budget.admit(note("Not a cell."))]}
    match cell.kind:
        case "code":
            body = list(_code(cell.source, language, budget))
            return parts | {"kind": "code", "count": cell.count, "body": body, "outputs": list(_outputs(cell, budget))}
        case "markdown" | "heading" | "html":
            return parts | {"kind": "text", "body": list(_prose(cell, budget))}
        case _:
            return parts | {"body": list(text_parts(cell.source, budget, "raw"))}


def _code(source: str, language: str, budget: Budget) -> Iterator[Markup]:
    source = printable(source)
    if len(source) > CODE_CHARACTERS or not budget.in_time:
        yield from text_parts(source, budget, "code")
    elif source:
        code = highlighted(source, language or "python")
        yield budget.admit(Markup('<pre class="code"><code>{}</code></pre>').format(code), "Code", len(source))


def _prose(cell: Cell, budget: Budget) -> Iterator[Markup]:
    pictures = budget.pictures(cell.attachments)
    if cell.kind == "html":
        part = rich_html(cell.source, pictures, budget)
    else:
        marks = f"{'#' * cell.level} " if cell.kind == "heading" else ""
        part = rich_markdown(marks + cell.source, pictures, budget)
    if part is None:
        yield from text_parts(cell.source, budget, "raw")
    else:
        yield budget.admit(Markup('<div class="rich">{}</div>').format(part), "Text", len(cell.source))


def _outputs(cell: Cell, budget: Budget) -> Iterator[Mapping[str, Any]]:
    """Yield the outputs: ``count`` and the ``parts`` of each."""
    for number, output in enumerate(each_output(cell)):
        if budget.spent:
            left = len(cell.outputs) - number
            yield {"count": None, "parts": [note(f"{left:,} more outputs left out: the page is full.")]}
            return
        budget.frame()
        if output is None:
            yield {"count": None, "parts": [budget.admit(note("Not an output."))]}
        else:
            yield {"count": output.count, "parts": list(shown(output, budget))}
