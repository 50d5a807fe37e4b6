"""Pages for people, in the manner of the ArcGIS REST services directory.

Every page is one complete HTML document: no script, one stylesheet in it, nothing loaded from elsewhere.  All links are
relative, because neither the stage nor a custom domain's prefix is known here.  The libraries are imported when a page
is asked for, so that a caller who asks for JSON does not wait for them.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_BYTES = 4_000_000
"""Most bytes of a page in UTF-8.  Lambda answers with 6 MB at most, and a body grows by a third in base64."""
_VALUE = 1_000
"""Most characters of a value in a table."""
# Maximum characters of a value in a list of sessions, which has up to a hundred entries.
_MAX_LISTED_TEXT = 200
_ROWS = 40


def content_security_policy() -> str:
    """Return the header that belongs to every page: the one stylesheet, images within the page, and nothing else.

    Links open pages of others in a new window, which ``allow-popups-to-escape-sandbox`` lets be pages as usual.
    """
    style = b64encode(hashlib.sha256(_stylesheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; sandbox allow-forms allow-same-origin allow-downloads allow-popups "
        "allow-popups-to-escape-sandbox"
    )


def sessions_page(listing: Mapping[str, Any], *, token_field: bool) -> str:
    """Return the open notebooks as a table, with the way to each and to those before and after."""
    start, num, total, unreadable = (_whole(listing.get(name)) for name in ("start", "num", "total", "unreadable"))
    num += unreadable  # they take up places of the page
    step = num if start + num <= total else max(num, 10)
    found = listing.get("notebooks")
    return _page(
        "sessions.html",
        token_field=token_field,
        listing={"start": start, "num": num, "total": total, "unreadable": unreadable},
        sessions=[_session(each, _MAX_LISTED_TEXT) for each in found if isinstance(each, Mapping)]
        if isinstance(found, list)
        else [],
        before=f"start={max(1, start - step)}&num={step}" if start > 1 else "",
        after=f"start={start + num}&num={step}" if num > 0 and start + num <= total else "",
        here=f"start={start}&num={step}",
    )


def session_page(session: Mapping[str, Any], *, token_field: bool) -> str:
    """Return one open notebook: its fields as a table, times readable beside the milliseconds."""
    return _page("session.html", token_field=token_field, session=_session(session))


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
    """Return a snapshot as a rendered notebook of at most PAGE_BYTES, with the ways to its bytes.

    ``body`` is None where it is too large to be looked at.  What does not fit, and what cannot be shown safely, is
    replaced by a note.  ``file_url`` is a link to the bytes where they are too large for an answer.  No body makes it
    fail.
    """
    from notebook_archive.pages.rendering import render
    from notebook_archive.pages.rendering.budget import Budget
    from notebook_archive.pages.rendering.cells import read_notebook

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
        "title": _cut(details.get("Title", "")),
        "name": _cut(details.get("Snapshot", "")),
        "details": [(_cut(label), _readable(value)) for label, value in list(details.items())[:_ROWS] if value],
        "source": source,
        "file_url": file_url,
        "notebook": notebook,
        "size": None if body is None else len(body),
    }
    frame = _page("snapshot.html", cells=[], **values)
    if notebook is None:
        return frame
    budget = Budget(PAGE_BYTES - len(frame.encode(errors="replace")))
    cells = list(render(notebook, budget, _environment().get_template("cell.html").render))
    return _page("snapshot.html", cells=cells, **values)


def download_form(item_id: str, resource_key: str, *, token_field: bool) -> str:
    """Return the form of the download operation, with what is known filled in."""
    return _page("download.html", token_field=token_field, item_id=_cut(item_id), resource_key=_cut(resource_key))


def error_page(
    status: int,
    title: str,
    text: str,
    correlation_id: str,
    *,
    token_form: bool,
    fields: Mapping[str, str] | None = None,
    form_url: str = "",
) -> str:
    """Return what went wrong in words for people; with ``token_form`` a form that asks the same address again, with the
    same ``fields``.  ``form_url`` leads back to the form that was sent, relative to this page."""
    return _page(
        "error.html",
        token_field=token_form,
        status=status,
        title=_cut(title).removeprefix(str(status)).strip() or "Error",
        text=_cut(text),
        correlation_id=_cut(correlation_id),
        fields={name: _cut(value) for name, value in (fields or {}).items()},
        form_url=form_url,
    )


def _page(template: str, **values: Any) -> str:  # noqa: ANN401 - what the template takes
    return _environment().get_template(template).render(**values)


def _session(session: Mapping[str, Any], longest: int = _VALUE) -> dict[str, Any]:
    """Return the fields of a session as text of at most `longest` characters each, and its times in words."""
    times = {"dateLastActivity", "revision"}
    fields = [(_cut(name, 100), _cut(value, longest)) for name, value in list(session.items())[:_ROWS]]
    words = {name: _moment(session.get(name)) for name in times}
    return {"fields": fields, "times": words} | {name: _cut(session.get(name) or "", longest) for name in (
        "id", "itemId", "itemTitle", "username"
    )}  # fmt: skip


def _moment(milliseconds: object) -> str:
    """Return an epoch time in milliseconds as people read it, empty for 0 and what no calendar has."""
    try:
        moment = datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.timestamp() else ""


def _readable(value: str) -> str:
    """Return a value of the archive's metadata; times in words."""
    if value[-1:] != "Z":
        return _cut(value)
    try:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return _cut(value)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0


def _cut(text: object, longest: int = _VALUE) -> str:
    """Return a text that an answer can carry: not long, no half of a surrogate pair, no control character."""
    plain = str(text)[:longest].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(character for character in plain if character.isprintable() or character in " \n\t")


def _templates() -> Path:
    return Path(__file__).parent / "templates"


@cache
def _stylesheet() -> str:
    return (_templates() / "pages.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from notebook_archive.pages.rendering.budget import size

    environment = Environment(
        loader=FileSystemLoader(_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["stylesheet"] = Markup(_stylesheet())  # noqa: S704 - our own file
    environment.filters["size"] = size
    return environment
