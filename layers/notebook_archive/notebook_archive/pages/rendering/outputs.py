"""Outputs of code as HTML: of each the richest form that is safe to show."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from notebook_archive.pages.rendering.budget import Budget, note, size
from notebook_archive.pages.rendering.cells import Output, text_of
from notebook_archive.pages.rendering.pictures import RASTER, picture_url
from notebook_archive.pages.rendering.prose import rich_html, rich_markdown
from notebook_archive.pages.rendering.sanitising import is_active, is_empty
from notebook_archive.pages.rendering.terminal import printable, terminal_plain, terminal_text

TEXT_CHARACTERS = 150_000
"""Most characters of a text that are shown, two thirds of them from its beginning."""
_KNOWN = frozenset(("text/html", "image/svg+xml", *RASTER, "text/markdown", "text/latex", "text/plain"))
_ALT_CHARACTERS = 150
_NUMBER_MOST = 10_000


def shown(output: Output, budget: Budget) -> Iterator[Markup]:
    """Yield the parts of an output, within the budget."""
    if output.kind != "data":
        kind = output.name if output.kind == "stream" else "error"
        yield from text_parts(output.text, budget, f"terminal {kind}")
        return
    data, missed = output.data, list[str]()
    html, part = text_of(data.get("text/html")), None
    if html:
        part = rich_html(html, budget.pictures(), budget)
        missed += ["interactive content"] * is_active(html)
        missed += [f"HTML of {size(len(html))}"] * (part is None)
    if part is not None and not is_empty(part):
        yield from _missing(missed, budget)
        yield budget.admit(Markup('<div class="rich">{}</div>').format(part), "HTML", len(html))
    elif part := _picture(data, output.metadata):
        yield budget.admit_picture(part)
    else:
        missed += [str(kind)[:100] for kind in data if kind not in _KNOWN and kind != "application/json"]
        yield from _missing(missed, budget)
        yield from _as_text(data, budget)


def _as_text(data: Mapping[str, Any], budget: Budget) -> Iterator[Markup]:
    """Yield the best of the forms that are text."""
    if (text := text_of(data.get("text/markdown"))) and (part := rich_markdown(text, budget.pictures(), budget)):
        yield budget.admit(Markup('<div class="rich">{}</div>').format(part), "Markdown", len(text))
    elif text := text_of(data.get("text/latex")):
        yield from text_parts(text, budget, "tex")
    elif text := text_of(data.get("text/plain")):
        yield from text_parts(text, budget, "terminal")
    elif "application/json" in data:
        yield from text_parts(_json(data["application/json"]), budget, "terminal")


def text_parts(text: str, budget: Budget, classes: str) -> Iterator[Markup]:
    """Yield a text as a terminal shows it, its middle left out where it is long."""
    if len(text) <= TEXT_CHARACTERS:
        yield _text(text, budget, classes)
        return
    yield _text(text[: TEXT_CHARACTERS * 2 // 3], budget, classes)
    yield budget.admit(note(f"{size(len(text) - TEXT_CHARACTERS)} of text left out here. The download has all of it."))
    yield _text(text[-TEXT_CHARACTERS // 3 :], budget, classes)


def _text(text: str, budget: Budget, classes: str) -> Markup:
    shown_text = terminal_text(text) if budget.in_time else terminal_plain(text)
    return budget.admit(Markup('<pre class="{}"><samp>{}</samp></pre>').format(classes, shown_text), "Text", len(text))


def _missing(missed: list[str], budget: Budget) -> Iterator[Markup]:
    if missed:
        yield budget.admit(note(f"Not shown: {', '.join(missed)[:400]}."))


def _picture(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Markup | None:
    """Return the best picture as an ``img``.  In one, neither SVG's scripts run nor do its links load."""
    alt = printable(text_of(data.get("text/plain")))[:_ALT_CHARACTERS] or "Output"
    if url := _svg(text_of(data.get("image/svg+xml"))):
        return Markup('<img src="{}" alt="{}">').format(url, alt)
    for kind in RASTER:
        if url := picture_url(kind, data.get(kind)):
            return Markup('<img src="{}" alt="{}"{}>').format(url, alt, _dimensions(metadata, kind))
    return None


def _svg(text: str) -> str | None:
    opening = re.search(r"<svg\b[^>]{0,4000}", text)
    if not opening:
        return None
    if "xmlns" not in opening[0]:  # a document of its own has to say what it is
        text = f'{text[: opening.start()]}<svg xmlns="http://www.w3.org/2000/svg"{text[opening.start() + 4 :]}'
    return f"data:image/svg+xml;base64,{b64encode(text.encode()).decode()}"


def _dimensions(metadata: Mapping[str, Any], kind: str) -> Markup:
    """Return width and height in pixels where the metadata of the output, or of this form of it, give them."""
    own = metadata.get(kind)
    told = own if isinstance(own, dict) else metadata
    sizes = {name: told.get(name) for name in ("width", "height")}
    fit = {name: value for name, value in sizes.items() if isinstance(value, int) and 0 < value < _NUMBER_MOST}
    return Markup("").join(Markup(' {}="{}"').format(name, int(value)) for name, value in fit.items())


def _json(value: object) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="replace").decode()
    except (ValueError, RecursionError):
        return ""
