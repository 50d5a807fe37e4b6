"""Test the deployed HTTP proxy with a real browser: start at the landing page, read a notebook, download its file."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from local.system import LocalSystem
from tests.local.proxy import DOWNLOAD, bytes_of, titled


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that trusts the local certificates."""
    with browser.new_context(ignore_https_errors=True) as context:
        yield context.new_page()


def test_a_person_reads_and_downloads_a_snapshot(open_system: LocalSystem, page: Page) -> None:
    item, token = titled(open_system, "Flood model"), open_system.arcgis.enterprise.token("ana")
    snapshot = item.snapshots[0]
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(error.message))

    page.goto(open_system.api_base_url + "/")
    page.get_by_role("link", name="Open an archived notebook").click()
    assert page.url == open_system.api_base_url + DOWNLOAD
    page.get_by_label("Item id").fill(item.id)
    page.get_by_label("Resource key").fill(snapshot.resource_key)
    page.get_by_label("ArcGIS token").fill(token)
    page.get_by_role("button", name="Open the notebook").click()
    page.locator(".notebook").get_by_role("heading", name="Flood model").wait_for()
    assert page.get_by_text("print(level)").is_visible()
    assert token not in page.content()

    page.locator("summary", has_text="Download").click()
    page.get_by_label("ArcGIS token").fill(token)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    saved = downloading.value
    assert saved.suggested_filename == "Flood model 2025-01-01.ipynb"
    assert Path(saved.path()).read_bytes() == bytes_of(snapshot)

    assert complaints == []
    origin = urlsplit(open_system.api_base_url)[:2]
    assert len(requests) >= 4
    assert {urlsplit(url)[:2] for url in requests} == {origin}
