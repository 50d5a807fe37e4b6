"""Render a notebook's Markdown and HTML as HTML that is safe in a page."""

from markupsafe import Markup

from notebook_archive.notebook.terminal import remove_controls
from notebook_archive.pages.rendering.budget import Budget, make_note
from notebook_archive.pages.rendering.formulas import Formulas
from notebook_archive.pages.rendering.images import Images
from notebook_archive.pages.rendering.markdown import MAX_MARKDOWN_CHARACTERS, render_markdown
from notebook_archive.pages.rendering.sanitizing import can_sanitize, sanitize_html


def render_rich_markdown(text: str, images: Images, budget: Budget) -> Markup | None:
    """Return Markdown as HTML, or None if that would take too long."""
    text = images.extract_data_urls(remove_controls(text))
    if len(text) > MAX_MARKDOWN_CHARACTERS or not budget.has_time:
        return None
    formulas = Formulas()
    part = _sanitize(render_markdown(text, formulas), images, formulas)
    if part is None or not formulas.reasons:
        return part
    return part + make_note(f"Shown as TeX, not as a formula: {'; '.join(formulas.reasons)}.")


def render_rich_html(html: str, images: Images, budget: Budget) -> Markup | None:
    """Return sanitized HTML, or None if that would take too long."""
    return _sanitize(images.extract_data_urls(remove_controls(html)), images, Formulas()) if budget.has_time else None


def _sanitize(html: str, images: Images, formulas: Formulas) -> Markup | None:
    if not can_sanitize(html):
        return None
    return Markup(images.restore_text(sanitize_html(html, images.find_url, formulas.take)))  # noqa: S704 - sanitized
