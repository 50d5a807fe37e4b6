"""Test the proxy's pages: their frame, links, forms and content security policy."""

import hashlib
import subprocess
import sys
from base64 import b64encode
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_archive import pages
from tests.http.documents import ITEM, KEY, Element, markdown, notebook, parsed, snapshot_page

HERE = "https://api.example.com/v1"
SESSION = {
    "itemId": ITEM,
    "notebookUrl": f"/notebooks/c4/notebooks/{ITEM}.ipynb",
    "itemTitle": "Flood <model>",
    "dateLastActivity": 1735725600123,
    "id": "5b" * 16,
    "notebookDeploymentId": "c4" * 16,
    "username": "ana",
    "revision": 1735725590000,
}


def listing(start: int, num: int, total: int) -> dict[str, Any]:
    return {"total": total, "start": start, "num": num, "unreadable": 0, "notebooks": [SESSION] * num}


def every_page(*, token: bool) -> dict[str, str]:
    return {
        "sessions": pages.sessions_page(listing(11, 10, 31), token_field=token),
        "no sessions": pages.sessions_page(listing(1, 0, 0), token_field=token),
        "session": pages.session_page(SESSION, token_field=token),
        "snapshot": snapshot_page(notebook(markdown("# A\n\n##### B")), token_field=token),
        "large": snapshot_page(None, file_url="https://bucket.example/x?a=1&b=2", token_field=token),
        "form": pages.download_form(ITEM, "", token_field=token),
        "error": pages.error_page(404, "404 Not Found", "No such <notebook>.", "c0ffee", token_form=token),
    }


EVERY = [(name, token) for token in (False, True) for name in every_page(token=token)]


def targets(document: Element, path: str) -> set[str]:
    """Return the targets of links and buttons, relative to the stage, without the fields of forms."""
    found = {each.attributes["href"] for each in document.all("a") if each.attributes["href"] != "#main"}
    found |= {
        each.attributes[name]
        for each in document.below()
        for name in ("action", "formaction")
        if name in each.attributes
    }
    return {urljoin(HERE + path, target).removeprefix(HERE) for target in found}


@pytest.mark.parametrize(("name", "token"), EVERY)
def test_every_page_is_a_complete_accessible_document(name: str, token: bool) -> None:
    page = every_page(token=token)[name]
    assert page.startswith("<!DOCTYPE html>")
    document = parsed(page)
    assert document.attributes["lang"] == "en"
    assert document.one("meta", name="viewport").attributes["content"] == "width=device-width, initial-scale=1"
    assert document.one("link").attributes == {"rel": "icon", "href": "data:,"}
    assert document.one("title").text.endswith("Notebook Archive")
    assert len(document.all("h1")) == 1
    levels = [int(each.tag[1]) for each in document.below() if each.tag in ("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no heading level is skipped"
    labels = [each.one("input") for each in document.all("label") if each.all("input")]
    fields = [each for each in document.all("input") if each.attributes.get("type") != "hidden"]
    assert fields == labels, "every field has a label"
    assert document.one("a", class_="skip").attributes["href"] == f"#{document.one('main').attributes['id']}"
    assert all(each.text.strip() for tag in ("a", "button") for each in document.all(tag))


@pytest.mark.parametrize(("name", "token"), EVERY)
def test_only_pages_with_token_forms_ask_for_a_token(name: str, token: bool) -> None:
    document = parsed(every_page(token=token)[name])
    asked = document.all("input", name="token")
    assert len(asked) == (token and name != "large")
    for each in asked:
        assert each.attributes.keys() == {"type", "name", "autocomplete", "spellcheck", "required"}
        assert each.attributes["type"] == "password"
        assert each.attributes["autocomplete"] == "off"
    assert all(each.attributes["method"] == "post" for each in document.all("form")), "no address contains a token"


@pytest.mark.parametrize("name", every_page(token=False))
def test_the_policy_allows_the_stylesheet_and_no_script(name: str) -> None:
    document = parsed(every_page(token=False)[name])
    digest = b64encode(hashlib.sha256(document.one("style").text.encode()).digest()).decode()
    policy = dict(part.strip().partition(" ")[::2] for part in pages.content_security_policy().split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "sandbox": "allow-forms allow-same-origin allow-downloads allow-popups allow-popups-to-escape-sandbox",
    }
    assert not document.all("script")
    assert not [
        name for each in document.below() for name in each.attributes if name == "style" or name.startswith("on")
    ]


def test_the_stylesheet_loads_nothing() -> None:
    style = parsed(pages.download_form("", "", token_field=False)).one("style").text
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


@pytest.mark.parametrize("token", [False, True])
def test_the_list_links_to_sessions_and_other_pages(token: bool) -> None:
    path = "/admin/notebooks"
    found = targets(parsed(pages.sessions_page(listing(11, 10, 31), token_field=token)), path)
    assert found >= {
        f"{path}/{'5b' * 16}",
        f"{path}/snapshots/download",
        f"{path}?start=1&num=10",
        f"{path}?start=21&num=10",
    }
    assert {parse_qs(urlsplit(target).query)["f"][0] for target in found if "f=" in target} == {"json", "pjson"}


@pytest.mark.parametrize(("start", "num", "total", "before", "after"), [
    (1, 10, 10, None, None), (1, 10, 11, None, 11), (11, 1, 11, 1, None), (4, 3, 9, 1, 7), (50, 0, 9, 40, None),
])  # fmt: skip
def test_sessions_are_paged(start: int, num: int, total: int, before: int | None, after: int | None) -> None:
    document = parsed(pages.sessions_page(listing(start, num, total), token_field=False))
    found = {each.text: parse_qs(urlsplit(each.attributes["href"]).query) for each in document.all("a")}
    assert [int(found[name]["start"][0]) if name in found else None for name in ("Previous", "Next")] == [before, after]


def test_sessions_left_out_are_counted_on_the_page() -> None:
    listed = listing(1, 8, 11) | {"unreadable": 2}
    page = pages.sessions_page(listed, token_field=False)
    assert "2 left out" in page
    assert "start=11" in page, "the next page starts after them"


@pytest.mark.parametrize("path", ["/admin/notebooks/5b", "/admin/notebook/5b"])
def test_a_session_shows_its_eight_fields_and_links(path: str) -> None:
    document = parsed(pages.session_page(SESSION, token_field=False))
    rows = {row.one("th").text: row.one("td").text for row in document.one("table").all("tr")}
    assert rows == {name: str(value) for name, value in SESSION.items()} | {
        "dateLastActivity": "2025-01-01 10:00:00 UTC 1735725600123",
        "revision": "2025-01-01 09:59:50 UTC 1735725590000",
    }
    found = targets(document, path)
    assert found == {
        "/admin/notebooks",
        f"/admin/notebooks/snapshots/download?itemId={ITEM}",
        f"{path}?f=json",
        f"{path}?f=pjson",
    }


@given(st.dictionaries(st.sampled_from([*SESSION, "other"]), st.none() | st.integers() | st.text() | st.floats()))
def test_any_session_is_rendered(session: dict[str, Any]) -> None:
    parsed(pages.session_page(session, token_field=True)).one("h1")
    page = pages.sessions_page({"total": 1, "start": 1, "num": 1, "notebooks": [session]}, token_field=False)
    page.encode()
    assert len(parsed(page).one("tbody").all("tr")) == 1


def test_the_download_form_repeats_the_parameters() -> None:
    document = parsed(snapshot_page(notebook(), source="arcgis", token_field=True))
    form = document.one("form")
    assert form.attributes["action"] == "download"
    hidden = {each.attributes["name"]: each.attributes["value"] for each in form.all("input", type="hidden")}
    assert hidden == {"itemId": ITEM, "resourceKey": KEY, "source": "arcgis"}, "the same copy as on the page"
    assert [each.attributes["value"] for each in form.all("button", name="f")] == ["json", "pjson"]
    assert "From ArcGIS" in document.text


def test_a_large_snapshot_is_a_link_and_not_a_form() -> None:
    """A browser applies `form-action` also to a redirect after a form, and `form-action` does not allow the bucket."""
    document = parsed(every_page(token=True)["large"])
    assert document.one("a", class_="button").attributes["href"] == "https://bucket.example/x?a=1&b=2"
    assert not document.all("button")


def test_only_existing_details_are_shown() -> None:
    page = snapshot_page(
        notebook(), details={"Title": "A <b>", "Owner": "", "Created": "2025-01-01T02:00:00.123Z", "X": "Z"}
    )
    document = parsed(page)
    rows = {each.one("dt").text: each.one("dd").text for each in document.one("dl").all("div")}
    assert rows == {
        "Title": "A <b>", "Created": "2025-01-01 02:00:00 UTC", "X": "Z", "Item id": ITEM, "Resource key": KEY,
        "Format": "nbformat 4.5", "Cells": "0",
    }  # fmt: skip
    assert document.one("h1").text == "A <b>"


def test_the_form_is_filled_in() -> None:
    document = parsed(pages.download_form(ITEM, '"><script>', token_field=False))
    values = {each.attributes["name"]: each.attributes["value"] for each in document.all("input")}
    assert values == {"itemId": ITEM, "resourceKey": '"><script>'}
    assert [each.attributes["value"] for each in document.all("button")] == ["html"]


HOSTILE_TEXTS = ["x", '"', "\u6c34", "\U0001f4a7", "\ud800", "\x00"]


@pytest.mark.parametrize("character", HOSTILE_TEXTS)
def test_long_texts_of_a_session_fit_into_a_page(character: str) -> None:
    text = character * 1_000_000
    session = dict.fromkeys((*SESSION, *(f"{text}{number}" for number in range(100))), text)
    sessions = {"total": 100, "start": 1, "num": 100, "notebooks": [session] * 100}
    for page in (pages.session_page(session, token_field=True), pages.sessions_page(sessions, token_field=True)):
        assert len(page.encode(errors="replace")) <= pages.MAX_PAGE_BYTES


@pytest.mark.parametrize("character", HOSTILE_TEXTS)
def test_long_texts_of_an_error_and_a_form_fit_into_a_page(character: str) -> None:
    text = character * 1_000_000
    error = pages.error_page(400, text, text, text, token_form=True, fields=dict.fromkeys(["f", "itemId"], text))
    for page in (error, pages.download_form(text, text, token_field=True)):
        assert len(page.encode(errors="replace")) <= pages.MAX_PAGE_BYTES


@pytest.mark.parametrize("character", HOSTILE_TEXTS)
def test_long_texts_around_a_full_notebook_fit_into_a_page(character: str) -> None:
    text = character * 1_000_000
    about = ["Title", "Owner", "Snapshot", "Created", "Kernel", "Runtime", "Runtime version", "SHA-256"]
    names = {"language_info": {"name": text}, "kernelspec": {"name": text, "display_name": text, "language": text}}
    body = notebook(*[{"cell_type": "raw", "source": "x" * 140_000}] * 40, metadata=names)
    page = snapshot_page(body, details=dict.fromkeys(about, text), token_field=True)
    assert pages.MAX_PAGE_BYTES * 0.9 < len(page.encode(errors="replace")) <= pages.MAX_PAGE_BYTES


@given(st.text(), st.text())
def test_an_error_page_shows_title_and_text(title: str, text: str) -> None:
    page = pages.error_page(400, title, text, "c0ffee", token_form=False)
    page.encode()
    document = parsed(page)
    assert document.one("code").text == "c0ffee"
    assert document.one("p", class_="status").text == "400"
    assert document.one("h1").text.isprintable() or "\n" in title or "\t" in title


def test_error_page_shows_its_status_once() -> None:
    document = parsed(pages.error_page(404, "404 Not Found", "Gone.", "c0ffee", token_form=False))
    assert (document.one("p", class_="status").text, document.one("h1").text) == ("404", "Not Found")


def test_libraries_are_imported_only_for_a_page() -> None:
    program = (
        "import sys, notebook_archive.pages as pages; pages.content_security_policy();"
        "print([name for name in ('jinja2', 'markdown_it', 'nh3', 'pygments', 'markupsafe') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"
