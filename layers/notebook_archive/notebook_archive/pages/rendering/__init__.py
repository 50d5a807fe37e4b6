"""Render a notebook as HTML, cell by cell, within the limits of a page."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markupsafe import Markup

from notebook_archive.notebook.cells import Cell, Notebook, parse_cell, parse_outputs
from notebook_archive.notebook.terminal import remove_controls
from notebook_archive.pages.rendering.budget import Budget, make_note
from notebook_archive.pages.rendering.highlighting import MAX_CODE_CHARACTERS, highlight_code
from notebook_archive.pages.rendering.outputs import render_output, render_text
from notebook_archive.pages.rendering.rich_text import render_rich_html, render_rich_markdown

# Takes the parts of a cell and returns its HTML.
type Template = Callable[[Mapping[str, Any]], str]


def render(notebook: Notebook, budget: Budget, template: Template) -> Iterator[Markup]:
    """Yield the cells as HTML, and a note in place of those that do not fit.

    The function never fails because of the contents of the notebook. It ignores `metadata.trusted`.
    """
    for number, raw in enumerate(notebook.cells):
        if budget.is_full:
            left = len(notebook.cells) - number
            yield make_note(
                f"{left:,} more {'cells' if left > 1 else 'cell'} left out: the page is full. The download has them."
            )
            return
        budget.count_frame()
        yield Markup(template(_build_parts(parse_cell(raw), notebook.language, budget)))  # noqa: S704 - the template escapes


def _build_parts(cell: Cell | None, language: str, budget: Budget) -> Mapping[str, Any]:
    """Return the values for the template of a cell."""
    parts: dict[str, Any] = {"kind": "raw", "count": None, "outputs": []}
    if cell is None:
        return parts | {"body": [budget.add(make_note("Not a cell."))]}
    match cell.kind:
        case "code":
            body = list(_render_code(cell.source, language, budget))
            return parts | {
                "kind": "code",
                "count": cell.count,
                "body": body,
                "outputs": list(_render_outputs(cell, budget)),
            }
        case "markdown" | "heading" | "html":
            return parts | {"kind": "text", "body": list(_render_prose(cell, budget))}
        case _:
            return parts | {"body": list(render_text(cell.source, budget, "raw"))}


def _render_code(source: str, language: str, budget: Budget) -> Iterator[Markup]:
    source = remove_controls(source)
    if len(source) > MAX_CODE_CHARACTERS or not budget.has_time:
        yield from render_text(source, budget, "code")
    elif source:
        code = highlight_code(source, language or "python")
        yield budget.add(Markup('<pre class="code"><code>{}</code></pre>').format(code), "Code", len(source))


def _render_prose(cell: Cell, budget: Budget) -> Iterator[Markup]:
    images = budget.make_images(cell.attachments)
    if cell.kind == "html":
        part = render_rich_html(cell.source, images, budget)
    else:
        marks = f"{'#' * cell.level} " if cell.kind == "heading" else ""
        part = render_rich_markdown(marks + cell.source, images, budget)
    if part is None:
        yield from render_text(cell.source, budget, "raw")
    else:
        yield budget.add(Markup('<div class="rich">{}</div>').format(part), "Text", len(cell.source))


def _render_outputs(cell: Cell, budget: Budget) -> Iterator[Mapping[str, Any]]:
    """Yield the `count` and the `parts` of each output."""
    for number, output in enumerate(parse_outputs(cell)):
        if budget.is_full:
            left = len(cell.outputs) - number
            yield {"count": None, "parts": [make_note(f"{left:,} more outputs left out: the page is full.")]}
            return
        budget.count_frame()
        if output is None:
            yield {"count": None, "parts": [budget.add(make_note("Not an output."))]}
        else:
            yield {"count": output.count, "parts": list(render_output(output, budget))}
