"""Markdown and HTML of a notebook as HTML that may stand in a page."""

from markupsafe import Markup

from notebook_archive.pages.rendering.budget import Budget
from notebook_archive.pages.rendering.markdown import MARKDOWN_CHARACTERS, markdown_html
from notebook_archive.pages.rendering.pictures import Pictures
from notebook_archive.pages.rendering.sanitising import is_workable, sanitised
from notebook_archive.pages.rendering.terminal import printable


def rich_markdown(text: str, pictures: Pictures, budget: Budget) -> Markup | None:
    """Return Markdown as HTML, or None where it would take too long."""
    text = pictures.take_out(printable(text))
    if len(text) > MARKDOWN_CHARACTERS or not budget.in_time:
        return None
    return _rich(markdown_html(text), pictures)


def rich_html(html: str, pictures: Pictures, budget: Budget) -> Markup | None:
    """Return HTML that is harmless, or None where that would take too long."""
    return _rich(pictures.take_out(printable(html)), pictures) if budget.in_time else None


def _rich(html: str, pictures: Pictures) -> Markup | None:
    if not is_workable(html):
        return None
    return Markup(pictures.put_back(sanitised(html, pictures)))  # noqa: S704 - sanitised
