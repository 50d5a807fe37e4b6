"""Test the formats `html` (the default), `json` and `pjson`, and the download, which is a file without a format."""

import json

from tests.arcgis_server.client import Client


def test_html_is_the_default_format(each: Client) -> None:
    item = each.item("Flood model")
    portal = each.raw_get(f"{each.rest}/content/items/{item.id}", "ana")
    listing = each.raw_post(f"{each.admin}/notebooks/snapshots/list", "ana", itemId=item.id)
    sessions = each.raw_get(f"{each.admin}/notebooks", "ana")
    for answer in (portal, listing, sessions):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html;charset=utf-8"
        assert answer.text.startswith("<!DOCTYPE html>")


def test_html_shows_markup_in_titles_as_text(enterprise: Client) -> None:
    item = enterprise.deployment.organisation.add_notebook("ana", "<script>alert(1)</script>")
    assert "<script>" not in enterprise.raw_get(f"{enterprise.rest}/content/items/{item.id}", "ana").text


def test_pjson_is_indented_json(each: Client) -> None:
    item = each.item("Карта рек")
    url = f"{each.rest}/content/items/{item.id}"
    compact = each.raw_get(url, "ana", f="json")
    pretty = each.raw_get(url, "ana", f="pjson")
    assert compact.headers["content-type"] == "application/json;charset=utf-8"
    assert "\n" not in compact.text
    assert '\n  "title": "Карта рек"' in pretty.text


def test_errors_have_the_requested_format(enterprise: Client) -> None:
    url = f"{enterprise.rest}/content/items/{'0' * 32}"
    assert "CONT_0001" in enterprise.raw_get(url, "ana").text
    assert enterprise.raw_get(url, "ana").headers["content-type"].startswith("text/html")
    assert enterprise.raw_get(url, "ana", f="pjson").text.startswith("{\n")


def test_a_download_without_format_is_a_file(each: Client) -> None:
    item = each.item("Flood model")
    snapshot = item.snapshots[0]
    url = f"{each.admin}/notebooks/snapshots/download"
    answer = each.raw_post(url, "ana", itemId=item.id, resourceKey=snapshot.resource_key)
    assert answer.content == snapshot.content
    key = snapshot.resource_key.removesuffix(".json")
    assert answer.headers["content-disposition"] == f'attachment; filename="{key}.ipynb"'


def test_a_download_as_json_or_pjson_is_the_bare_notebook(each: Client) -> None:
    item = each.item("Карта рек")
    snapshot = item.snapshots[0]
    url = f"{each.admin}/notebooks/snapshots/download"
    answer = each.raw_post(url, "ana", itemId=item.id, resourceKey=snapshot.resource_key, f="json")
    assert answer.content == snapshot.content
    assert "content-disposition" not in answer.headers
    assert isinstance(snapshot.content, bytes)
    pretty = each.raw_post(url, "ana", itemId=item.id, resourceKey=snapshot.resource_key, f="pjson")
    assert pretty.json() == json.loads(snapshot.content)
    page = each.raw_post(url, "ana", itemId=item.id, resourceKey=snapshot.resource_key, f="html")
    assert page.headers["content-type"].startswith("text/html")


def test_switches_change_name_and_type_of_a_download(enterprise: Client) -> None:
    switches = enterprise.deployment.switches
    switches.disposition_with_format = True
    switches.download_filename = "{item}.json"
    switches.download_content_type = "text/plain;charset=utf-8"
    item = enterprise.item("Flood model")
    url = f"{enterprise.admin}/notebooks/snapshots/download"
    answer = enterprise.raw_post(url, "ana", itemId=item.id, resourceKey=item.snapshots[0].resource_key, f="json")
    assert answer.headers["content-disposition"] == f'attachment; filename="{item.id}.json"'
    assert answer.headers["content-type"] == "text/plain;charset=utf-8"


def test_an_unknown_path_returns_http_404(each: Client) -> None:
    answer = each.raw_get(f"{each.rest}/no/such/thing", f="json")
    assert answer.status_code == 404
    assert each.deployment.requests.counts() == {"unknown": 1}
