"""Render the outputs of code as HTML. Of each output, show the richest form that is safe."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from notebook_archive.models import format_size
from notebook_archive.models.graphemes import cut_text, find_boundary
from notebook_archive.notebook.cells import Output, join_text
from notebook_archive.notebook.terminal import remove_controls
from notebook_archive.pages.rendering.budget import Budget, make_note
from notebook_archive.pages.rendering.formulas import convert_only_formula
from notebook_archive.pages.rendering.images import RASTER_TYPES, make_data_url
from notebook_archive.pages.rendering.rich_text import render_rich_html, render_rich_markdown
from notebook_archive.pages.rendering.sanitizing import has_active_content, is_empty
from notebook_archive.pages.rendering.terminal import render_terminal, render_terminal_plain

# Maximum number of characters of a text that are shown. Two thirds of them are from its beginning, the rest is from its
# end.
MAX_TEXT_CHARACTERS = 150_000
# The number of rows, and of characters in a row, from which the text of an output may not fit into its box, which then
# scrolls. The stylesheet limits the height of the box.
_MANY_ROWS = 31
_ROW_CHARACTERS = 120
_RENDERED_TYPES = frozenset(("text/html", "image/svg+xml", *RASTER_TYPES, "text/markdown", "text/latex", "text/plain"))
_MAX_ALT_CHARACTERS = 150
_MAX_DIMENSION = 10_000


def render_output(output: Output, budget: Budget) -> Iterator[Markup]:
    """Yield the parts of an output as HTML, within the budget."""
    if output.kind != "data":
        kind = output.name if output.kind == "stream" else "error"
        yield from render_text(output.text, budget, f"terminal {kind}")
        return
    data, missing = output.data, list[str]()
    html, part = join_text(data.get("text/html")), None
    if html:
        part = render_rich_html(html, budget.make_images(), budget)
        missing += ["interactive content"] * has_active_content(html)
        missing += [f"HTML of {format_size(len(html))}"] * (part is None)
    if part is not None and not is_empty(part):
        yield from _note_missing(missing, budget)
        yield budget.add(Markup('<div class="rich">{}</div>').format(part), "HTML", len(html))
    elif part := _render_formula(data, budget):
        yield budget.add(part, "Formula", len(part))
    elif part := _render_image(data, output.metadata):
        yield budget.add_image(part)
    else:
        missing += [str(kind)[:100] for kind in data if kind not in _RENDERED_TYPES and kind != "application/json"]
        yield from _note_missing(missing, budget)
        yield from _render_as_text(data, budget)


def _render_as_text(data: Mapping[str, Any], budget: Budget) -> Iterator[Markup]:
    """Yield the best text form of the data."""
    if (text := join_text(data.get("text/markdown"))) and (
        part := render_rich_markdown(text, budget.make_images(), budget)
    ):
        yield budget.add(Markup('<div class="rich">{}</div>').format(part), "Markdown", len(text))
    elif text := join_text(data.get("text/latex")):
        yield budget.add(make_note("Shown as TeX, not as a formula."))
        yield from render_text(text, budget, "tex")
    elif text := join_text(data.get("text/plain")):
        yield from render_text(text, budget, "terminal")
    elif "application/json" in data:
        yield from render_text(_format_json(data["application/json"]), budget, "terminal")


def render_text(text: str, budget: Budget, classes: str) -> Iterator[Markup]:
    """Yield the text as a terminal would show it. The middle of a long text is left out."""
    if len(text) <= MAX_TEXT_CHARACTERS:
        yield _render_terminal(text, budget, classes)
        return
    head = find_boundary(text, MAX_TEXT_CHARACTERS * 2 // 3)
    tail = find_boundary(text, len(text) - MAX_TEXT_CHARACTERS // 3)
    yield _render_terminal(text[:head], budget, classes)
    yield budget.add(make_note(f"{format_size(tail - head)} of text left out here. The download has all of it."))
    yield _render_terminal(text[tail:], budget, classes)


def _render_terminal(text: str, budget: Budget, classes: str) -> Markup:
    rendered = render_terminal(text) if budget.has_time else render_terminal_plain(text)
    lines = text.count("\n") + 1
    if "terminal" not in classes or lines + len(text) // _ROW_CHARACTERS <= _MANY_ROWS:
        return budget.add(Markup('<pre class="{}"><samp>{}</samp></pre>').format(classes, rendered), "Text", len(text))
    amount = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
    box = Markup('<pre class="{}" tabindex="0" role="region" aria-label="Output"><samp>{}</samp></pre>')
    cue = Markup('<p class="more">{} of output. Scroll in the box to see all of it.</p>')
    return budget.add(box.format(classes, rendered) + cue.format(amount), "Text", len(text))


def _note_missing(missing: list[str], budget: Budget) -> Iterator[Markup]:
    if missing:
        yield budget.add(make_note(f"Not shown: {', '.join(missing)[:400]}."))


def _render_formula(data: Mapping[str, Any], budget: Budget) -> Markup | None:
    """Return LaTeX that consists of one formula as HTML."""
    text = join_text(data.get("text/latex"))
    formula = convert_only_formula(text) if text and budget.has_time else None
    return Markup('<div class="rich">{}</div>').format(formula) if formula else None


def _render_image(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Markup | None:
    """Return the best image as an `img` element. In it, the scripts of an SVG do not run and its links do not load."""
    alt = cut_text(remove_controls(join_text(data.get("text/plain"))), _MAX_ALT_CHARACTERS) or "Output"
    if url := _make_svg_url(join_text(data.get("image/svg+xml"))):
        return Markup('<img src="{}" alt="{}">').format(url, alt)
    for kind in RASTER_TYPES:
        if url := make_data_url(kind, data.get(kind)):
            return Markup('<img src="{}" alt="{}"{}>').format(url, alt, _format_dimensions(metadata, kind))
    return None


def _make_svg_url(text: str) -> str | None:
    opening = re.search(r"<svg\b[^>]{0,4000}", text)
    if not opening:
        return None
    if "xmlns" not in opening[0]:  # an SVG outside of HTML needs a namespace
        text = f'{text[: opening.start()]}<svg xmlns="http://www.w3.org/2000/svg"{text[opening.start() + 4 :]}'
    return f"data:image/svg+xml;base64,{b64encode(text.encode()).decode()}"


def _format_dimensions(metadata: Mapping[str, Any], kind: str) -> Markup:
    """Return the attributes `width` and `height` in pixels, if the output's metadata contain them."""
    own = metadata.get(kind)
    given = own if isinstance(own, dict) else metadata
    sizes = {name: given.get(name) for name in ("width", "height")}
    usable = {name: value for name, value in sizes.items() if isinstance(value, int) and 0 < value < _MAX_DIMENSION}
    return Markup("").join(Markup(' {}="{}"').format(name, int(value)) for name, value in usable.items())


def _format_json(value: object) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="replace").decode()
    except (ValueError, RecursionError):
        return ""
