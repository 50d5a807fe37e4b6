"""Test in a real browser that pages are shown, run no script, and request nothing else."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route

from notebook_archive import pages
from tests.browser.samples import EVIL, IMAGES, PLAIN, SCROLLING, WORDS
from tests.http.documents import snapshot_page
from tests.http.test_pages import SESSION, every_page, listing

LAPTOP, PHONE = 1280, 390


@dataclass
class Site:
    """A server that serves pages with their policy, and the paths that were requested."""

    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            page = site.pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html;charset=utf-8")
            self.send_header("Content-Security-Policy", pages.content_security_policy())
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


@dataclass
class Seen:
    """An open page, its requests, and everything that it reported."""

    page: Page
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def dismissed(self, dialog: Dialog) -> None:
        self.troubles.append(dialog.message)
        dialog.dismiss()


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Any]:
    """Yield a function that opens a page at a width and in a color scheme, and records what happens."""
    contexts = []

    def open_page(html: str, width: int = LAPTOP, scheme: Any = "light") -> Seen:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        seen = Seen(page)
        context.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.troubles.append(str(error)))
        page.on("dialog", seen.dismissed)
        site.pages["/admin/notebooks/snapshots/download"] = html
        page.goto(f"{site.url}/admin/notebooks/snapshots/download", wait_until="load")
        page.wait_for_timeout(200)
        return seen

    yield open_page
    for context in contexts:
        context.close()


def assert_quiet(seen: Seen, site: Site) -> None:
    """Assert that the page requested only itself, reported nothing and ran no script."""
    assert {url for url in seen.requests if not url.startswith("data:")} == {seen.page.url}
    assert set(site.asked) == {"/admin/notebooks/snapshots/download"}
    assert seen.troubles == []
    assert seen.page.evaluate("typeof window.hit") == "undefined"
    assert len(seen.page.context.pages) == 1
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no scrolling sideways"


SNAPSHOTS = {"plain": PLAIN, "images": IMAGES, "hostile": EVIL, "scrolling": SCROLLING}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
@pytest.mark.parametrize("name", [*SNAPSHOTS, *(name for name in every_page(token=True) if name != "snapshot")])
def test_page_is_shown_and_nothing_else_happens(
    opened: Any, site: Site, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    html = snapshot_page(SNAPSHOTS[name]) if name in SNAPSHOTS else every_page(token=True)[name]
    seen = opened(html, width, scheme)
    seen.page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
    assert_quiet(seen, site)
    heading = seen.page.locator("h1")
    assert heading.is_visible()
    assert heading.evaluate("heading => heading.getBoundingClientRect().right") <= width
    light = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light == "rgb(244, 246, 248)") == (scheme == "light"), "the policy allowed the stylesheet"


def test_hostile_content_is_shown_as_text(opened: Any, site: Site) -> None:
    seen = opened(snapshot_page(EVIL))
    assert seen.page.get_by_text(WORDS).is_visible()
    cover = seen.page.evaluate("document.elementFromPoint(640, 30).closest('header') !== null")
    assert cover, "nothing covers the page's own header"
    assert seen.page.evaluate("document.body instanceof HTMLBodyElement && document.attributes === undefined")
    images = seen.page.evaluate("[...document.images].map(image => image.complete)")
    assert images
    assert all(images)
    assert_quiet(seen, site)


def test_images_are_drawn(opened: Any, site: Site) -> None:
    seen = opened(snapshot_page(IMAGES), PHONE)
    widths = seen.page.evaluate(
        "[...document.images].map(image => [image.naturalWidth, image.getBoundingClientRect().width])"
    )
    assert len(widths) == 10
    assert all(natural > 0 and shown <= PHONE for natural, shown in widths)
    assert_quiet(seen, site)


def test_wide_table_scrolls_in_its_place(opened: Any) -> None:
    seen = opened(snapshot_page(PLAIN), PHONE)
    box = seen.page.locator(".rich:has(table.dataframe)")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")


@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_notebook_begins_on_the_first_screen(opened: Any, width: int) -> None:
    seen = opened(snapshot_page(PLAIN, token_field=True), width)
    assert seen.page.locator(".notebook").bounding_box()["y"] < 350
    assert not seen.page.get_by_text("Owner").is_visible()
    seen.page.locator("summary", has_text="About this snapshot").press("Enter")
    assert seen.page.get_by_text("Owner").is_visible(), "the keyboard unfolds the properties"


def test_formulas_are_drawn_as_math(opened: Any, site: Site) -> None:
    seen = opened(snapshot_page(SCROLLING))
    fraction = seen.page.locator("mfrac").first
    over, under = (fraction.locator(f"> :nth-child({place})").bounding_box() for place in (1, 2))
    assert over["y"] + over["height"] <= under["y"] + 1
    right, left = (seen.page.locator(f"mtd.{name}").first for name in ("right", "left"))
    assert right.evaluate("cell => getComputedStyle(cell).textAlign") == "right"
    assert right.bounding_box()["x"] < left.bounding_box()["x"]
    assert_quiet(seen, site)


@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_output_that_scrolls_shows_that_it_does(opened: Any, width: int) -> None:
    seen = opened(snapshot_page(SCROLLING), width)
    long = seen.page.locator("pre.stdout")
    assert long.evaluate("box => box.scrollHeight > box.clientHeight")
    assert seen.page.get_by_text("120 lines of output").is_visible()
    long.focus()
    seen.page.keyboard.press("End")
    seen.page.wait_for_timeout(300)
    assert long.evaluate("box => box.scrollTop > 0")
    for wide in (seen.page.locator(".rich:has(table.dataframe)"), seen.page.locator("pre.code").last):
        assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
        assert wide.evaluate("box => getComputedStyle(box).backgroundAttachment").endswith("scroll"), "a shadow stays"


LONG_SESSION = SESSION | {"itemTitle": "Flood" * 40, "username": "a.very.long.name@example.com" * 3}


def test_item_column_is_inside_its_card_on_a_laptop(opened: Any) -> None:
    listed = listing(1, 1, 1) | {"notebooks": [LONG_SESSION]}
    seen = opened(pages.sessions_page(listed, token_field=True))
    card, item = (seen.page.locator(each).bounding_box() for each in (".scroll", "td[data-label=Item] .id"))
    assert item["x"] + item["width"] <= card["x"] + card["width"]
    assert seen.page.locator(".scroll").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_item_column_is_reached_on_a_phone(opened: Any) -> None:
    listed = listing(1, 1, 1) | {"notebooks": [LONG_SESSION]}
    seen = opened(pages.sessions_page(listed, token_field=True), PHONE)
    item = seen.page.locator("td[data-label=Item]")
    assert item.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Item"'
    item.scroll_into_view_if_needed()
    box = item.bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE


def test_keyboard_reaches_each_control_with_visible_focus(opened: Any) -> None:
    seen = opened(every_page(token=True)["sessions"])
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert seen.page.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Notebook Archive"
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.name") == "token"
    reached = set()
    for _ in range(40):
        reached.add(seen.page.evaluate("document.activeElement.textContent.trim()"))
        assert seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement === document.body"):
            break
    assert reached >= {
        "JSON",
        "Indented JSON",
        "Flood <model>",
        "Previous",
        "Next",
        "Open an archived notebook",
        "Show again",
    }


def test_form_sends_what_the_operation_expects(opened: Any) -> None:
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.post_data or "")
        route.fulfill(body="ok")

    seen = opened(pages.download_form("9a" * 16, "", token_field=True))
    seen.page.route("**/*", answer)
    seen.page.get_by_label("Resource key").fill("snapshot-" + "0d" * 16 + ".json")
    seen.page.get_by_label("ArcGIS token").fill("a-token")
    seen.page.get_by_role("button", name="Open the notebook").click()
    seen.page.get_by_text("ok").wait_for()
    assert sent == [
        f"itemId={'9a' * 16}&resourceKey=snapshot-{'0d' * 16}.json&source=archive&token=a-token&referer=&f=html"
    ]
    assert "token" not in seen.page.url
