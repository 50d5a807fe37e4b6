"""Test the proxy's pages: their frame, links, forms and content security policy."""

import hashlib
import re
import subprocess
import sys
from base64 import b64encode
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.documents import named_errors
from notebook_archive import pages
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.error_table import find_failure
from notebook_archive.http.landing import describe_api
from tests.http.documents import DETAILS, ITEM, KEY, Element, markdown, notebook, parsed, snapshot_page

HERE = "https://api.example.com/v1"
COPY = "current/1735725600000-0123456789ab.ipynb"
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
        "copy": snapshot_page(notebook(), resource_key=COPY, token_field=token),
        "error": pages.error_page(404, "Not <found>", "No such notebook.", "c0ffee", token_form=token, home_url="../"),
        "landing": pages.landing_page(describe_api("ArcGIS" if token else "IAM"), link_prefix="./"),
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
    assert len(asked) == (token and name not in ("large", "landing"))
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
    assert "Noto Color Emoji" in style, "emoji have a font on each system"
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
        "/",
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


def test_the_notebook_comes_first_and_the_rest_is_folded() -> None:
    document = parsed(
        snapshot_page(notebook(markdown("x")), details=DETAILS | {"Snapshot": "Before"}, token_field=True)
    )
    folded = document.all("details")
    assert [each.one("summary").text for each in folded] == ["Download (121 bytes)", "About this snapshot"]
    assert all("open" not in each.attributes for each in folded)
    around = document.one("main").text
    for each in (*folded, document.one("section", class_="notebook")):
        around = around.replace(each.text, "")
    assert " ".join(around.split()) == "Flood model From the archive Before · 2025-01-01 02:00:00 UTC"


def test_a_download_without_a_token_is_one_button() -> None:
    document = parsed(snapshot_page(notebook(), token_field=False))
    assert len(document.all("details")) == 1
    assert [each.text for each in document.all("button")] == ["Download (65 bytes)", "Indented JSON"]


def test_a_copy_is_called_a_copy() -> None:
    document = parsed(snapshot_page(notebook(), resource_key=COPY, details={"Changed": "2026-11-22T02:00:00.000Z"}))
    assert document.one("summary").text == "About this copy"
    assert "2026-11-22 02:00:00 UTC" in document.one("p", class_="lead").text
    assert document.one("input", name="resourceKey").attributes["value"] == COPY


@pytest.mark.parametrize("key", [KEY, COPY])
def test_the_form_takes_snapshots_and_copies(key: str) -> None:
    field = parsed(pages.download_form(ITEM, key, token_field=False)).one("input", name="resourceKey").attributes
    assert re.fullmatch(field["pattern"], key)
    assert not re.fullmatch(field["pattern"], f"{key}x")
    assert len(key) <= int(field["maxlength"])


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def test_emoji_and_scripts_in_titles_stay_whole() -> None:
    title = f"{FAMILY} {ENGLAND} \u2764\ufe0f \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    page = snapshot_page(notebook(), details={"Title": f"\u202e{title}\u200b\x07"})
    assert parsed(page).one("h1").text == title, "but characters that hide or turn text around are removed"
    cut = parsed(snapshot_page(notebook(), details={"Title": "x" * 999 + FAMILY})).one("h1").text
    assert cut == "x" * 999


@pytest.mark.parametrize(("path", "prefix"), [("/v1/", "./"), ("/v1", "v1/"), ("/", "./")])
def test_the_landing_page_links_to_every_resource(path: str, prefix: str) -> None:
    page = parsed(pages.landing_page(describe_api("ArcGIS"), link_prefix=prefix))
    links = [each.attributes["href"] for each in page.one("main").all("a")]
    base = path.removesuffix("/")
    targets = ["/admin/notebooks/snapshots/download", "/admin/notebooks", "/?f=pjson"]
    assert [urljoin(f"https://api.example.com{path}", link) for link in links] == [
        f"https://api.example.com{base}{target}" for target in targets
    ]


@pytest.mark.parametrize(
    ("auth", "words"), [("ArcGIS", "/sharing/rest/generateToken"), ("IAM", "AWS Signature Version 4")]
)
def test_the_landing_page_says_how_to_sign_in(auth: Any, words: str) -> None:
    assert words in parsed(pages.landing_page(describe_api(auth), link_prefix="./")).one("main").text


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
    assert document.one("p", class_="reference").text == "For the operator: status 400, correlation id c0ffee"
    assert document.one("h1").text.strip()


def test_error_page_leads_back() -> None:
    page = pages.error_page(404, "Gone", "Gone.", "", token_form=False, home_url="../", form_url="download")
    links = {each.text: each.attributes["href"] for each in parsed(page).one("main").all("a")}
    assert links == {"Back to the form": "download", "To the start": "../"}


@pytest.mark.parametrize("error", [*named_errors(NotebookArchiveError)], ids=lambda error: error.__name__)
def test_every_error_has_words_for_people(error: type[NotebookArchiveError]) -> None:
    failure = find_failure(error("What was wrong."))
    assert re.fullmatch(r"[A-Z][^{}.]{5,40}", failure.title)
    assert not re.search(r"\d{3}|error", failure.title, re.IGNORECASE), "words, not a code"
    text = failure.page_text or failure.text
    assert text.endswith(".")
    assert "{message}" not in text
    assert not re.search(r"X-|`|openapi|source=|form field", failure.page_text), "no words for programs"


def test_libraries_are_imported_only_for_a_page() -> None:
    program = (
        "import sys, notebook_archive.pages as pages; pages.content_security_policy();"
        "names = ('jinja2', 'markdown_it', 'math_core', 'nh3', 'pygments', 'markupsafe');"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"
