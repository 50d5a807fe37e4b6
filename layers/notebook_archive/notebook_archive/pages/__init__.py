"""Make pages for people, in the style of the ArcGIS REST services directory.

Every page is one complete HTML document with one stylesheet. It has no script and loads nothing. All links are
relative, because this code knows neither the stage nor the prefix of a custom domain. The libraries are imported when
a page is requested, so that a caller who requests JSON does not wait for them.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_archive.models import format_size
from notebook_archive.models.graphemes import cut_text, replace_invisible

if TYPE_CHECKING:
    from jinja2 import Environment

# Maximum size of a page in bytes of UTF-8. Lambda returns at most 6 MB, and base64 makes a body a third larger.
MAX_PAGE_BYTES = 4_000_000
# Maximum number of characters of a value in a table.
_MAX_VALUE_LENGTH = 1_000
# Maximum number of characters of a value in a list of sessions, which has up to a hundred entries.
_MAX_LISTED_TEXT = 200
_MAX_ROWS = 40


def content_security_policy() -> str:
    """Return the Content-Security-Policy header of every page. It allows only the stylesheet and embedded images.

    Links open other sites in a new window. `allow-popups-to-escape-sandbox` lets those work as usual.
    """
    style = b64encode(hashlib.sha256(_read_stylesheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; sandbox allow-forms allow-same-origin allow-downloads allow-popups "
        "allow-popups-to-escape-sandbox"
    )


def landing_page(landing: Mapping[str, Any], *, link_prefix: str) -> str:
    """Return the page at the root of the API: what it offers and how to sign in. `link_prefix` begins each link."""
    return _render("landing.html", landing=landing, link_prefix=link_prefix)


def sessions_page(listing: Mapping[str, Any], *, token_field: bool) -> str:
    """Return the open notebooks as a table, with links to each one and to the previous and next page."""
    start, num, total, unreadable = (
        _parse_count(listing.get(name)) for name in ("start", "num", "total", "unreadable")
    )
    num += unreadable  # unreadable sessions also count toward the page size
    step = num if start + num <= total else max(num, 10)
    found = listing.get("notebooks")
    return _render(
        "sessions.html",
        token_field=token_field,
        listing={"start": start, "num": num, "total": total, "unreadable": unreadable},
        sessions=[_describe_session(each, _MAX_LISTED_TEXT) for each in found if isinstance(each, Mapping)]
        if isinstance(found, list)
        else [],
        before=f"start={max(1, start - step)}&num={step}" if start > 1 else "",
        after=f"start={start + num}&num={step}" if num > 0 and start + num <= total else "",
        here=f"start={start}&num={step}",
    )


def session_page(session: Mapping[str, Any], *, token_field: bool) -> str:
    """Return the fields of one open notebook as a table. Times are shown as dates and in milliseconds."""
    return _render("session.html", token_field=token_field, session=_describe_session(session))


def snapshot_page(
    body: bytes | None,
    *,
    item_id: str,
    resource_key: str,
    details: Mapping[str, str],
    source: str,
    file_url: str | None,
    token_field: bool,
) -> str:
    """Return a snapshot or a copy as a rendered notebook of at most MAX_PAGE_BYTES, with links to the file.

    `body` is None if the snapshot is too large to render. A note replaces each part that does not fit or cannot be
    shown safely. `file_url` is a link to the file if the file is too large for a response. The function never fails
    because of the contents of `body`.
    """
    from notebook_archive.notebook.cells import read_notebook
    from notebook_archive.pages.rendering import render
    from notebook_archive.pages.rendering.budget import Budget

    notebook = None
    if body is not None:
        try:
            notebook = read_notebook(body)
        except ValueError:
            notebook = None
    values: dict[str, Any] = {
        "token_field": token_field,
        "item_id": item_id,
        "resource_key": resource_key,
        "title": _clean(details.get("Title", "")),
        "name": _clean(details.get("Snapshot", "")),
        "moment": _format_value(details.get("Changed") or details.get("Created") or ""),
        "details": [
            (_clean(label), _format_value(value)) for label, value in list(details.items())[:_MAX_ROWS] if value
        ],
        "source": source,
        "file_url": file_url,
        "notebook": notebook,
        "size": None if body is None else len(body),
    }
    frame = _render("snapshot.html", cells=[], **values)
    if notebook is None:
        return frame
    budget = Budget(MAX_PAGE_BYTES - len(frame.encode(errors="replace")))
    cells = list(render(notebook, budget, _make_environment().get_template("cell.html").render))
    return _render("snapshot.html", cells=cells, **values)


def download_form(item_id: str, resource_key: str, *, token_field: bool) -> str:
    """Return the form of the download operation, filled in with the given ids."""
    return _render("download.html", token_field=token_field, item_id=_clean(item_id), resource_key=_clean(resource_key))


def error_page(
    status: int,
    title: str,
    text: str,
    correlation_id: str,
    *,
    token_form: bool,
    home_url: str = "",
    fields: Mapping[str, str] | None = None,
    form_url: str = "",
) -> str:
    """Return a page that says what went wrong and what to do, in the words of the title and the text.

    With `token_form`, the page has a form for a token. The form sends the same `fields` to the same address again.
    `form_url` is a link back to the form that was sent, and `home_url` to the landing page, relative to this page.
    """
    return _render(
        "error.html",
        token_field=token_form,
        status=status,
        title=_clean(title).strip() or "Something went wrong",
        text=_clean(text),
        correlation_id=_clean(correlation_id),
        fields={name: _clean(value) for name, value in (fields or {}).items()},
        form_url=form_url,
        home_url=home_url,
    )


def _render(template: str, **values: Any) -> str:  # noqa: ANN401 - the values of the template
    return _make_environment().get_template(template).render(**values)


def _describe_session(session: Mapping[str, Any], length: int = _MAX_VALUE_LENGTH) -> dict[str, Any]:
    """Return the fields of a session as strings of at most `length` characters each, and its times as dates."""
    times = {"dateLastActivity", "revision"}
    fields = [(_clean(name, 100), _clean(value, length)) for name, value in list(session.items())[:_MAX_ROWS]]
    words = {name: _format_time(session.get(name)) for name in times}
    return {"fields": fields, "times": words} | {name: _clean(session.get(name) or "", length) for name in (
        "id", "itemId", "itemTitle", "username"
    )}  # fmt: skip


def _format_time(milliseconds: object) -> str:
    """Return an epoch time in milliseconds as a date and time, or an empty string for 0 or an impossible time."""
    try:
        moment = datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.timestamp() else ""


def _format_value(value: str) -> str:
    """Return a value from the archive's metadata. A time is returned as a readable date and time."""
    if value[-1:] != "Z":
        return _clean(value)
    try:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return _clean(value)


def _parse_count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0


def _clean(text: object, length: int = _MAX_VALUE_LENGTH) -> str:
    """Return the text, without control characters and unpaired surrogates, cut to the length between characters."""
    plain = cut_text(str(text), length).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return replace_invisible(plain, "", kept="\n\t")


def _find_templates() -> Path:
    return Path(__file__).parent / "templates"


@cache
def _read_stylesheet() -> str:
    return (_find_templates() / "pages.css").read_text(encoding="utf-8")


@cache
def _make_environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_find_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["stylesheet"] = Markup(_read_stylesheet())  # noqa: S704 - our own file
    environment.filters["format_size"] = format_size
    return environment
