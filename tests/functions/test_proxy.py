"""Test the two functions behind the proxy's API, called as API Gateway calls them."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import pytest

from local.arcgis import Deployment, Item
from notebook_archive.http import Answer, responses
from tests.functions.conftest import Functions, sample
from tests.site import stored_body
from tests.strict_s3 import ACCOUNT, BUCKET, contents

DOWNLOAD = "/admin/notebooks/snapshots/download"
type Dialect = Literal["enterprise", "online", "kubernetes"]
dialects = pytest.mark.parametrize("dialect", ["enterprise", "online", "kubernetes"])
FIELDS = {
    "itemId": str,
    "notebookUrl": str,
    "itemTitle": str,
    "dateLastActivity": int,
    "id": str,
    "notebookDeploymentId": str,
    "username": str,
    "revision": int,
}


@dataclass
class Reply:
    """The response that API Gateway would send."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        code: int = self.json()["error"]["code"]
        return code


class Text(HTMLParser):
    """The text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.words = ""
        self.feed(page.decode())

    def handle_data(self, data: str) -> None:
        self.words += data


def send(functions: Functions, name: str, event: dict[str, Any]) -> Reply:
    functions.milliseconds = 29_000
    answer = functions.invoke(name, event)
    assert answer["isBase64Encoded"]
    body = base64.b64decode(answer["body"])
    headers = answer["headers"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Correlation-Id"] == event["requestContext"]["requestId"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "sandbox" in headers["Content-Security-Policy"]
    if headers["Content-Type"].startswith("text/html"):
        assert b"<script" not in body.lower()
    assert len(json.dumps(answer)) < 6 * 1024 * 1024
    return Reply(answer["statusCode"], headers, body)


def download(
    functions: Functions,
    item: Item,
    form: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send a POST that downloads the item's first snapshot, or the one that the form names."""
    event = sample("download_snapshot")
    fields = {"itemId": item.id, "resourceKey": item.snapshots[0].resource_key, **(form or {})}
    event["body"] = urlencode(fields)
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in (query or {}).items()}
    event["headers"] |= headers or {}
    return send(functions, "download_snapshot", event)


def notebook(deployment: Deployment, owner: str) -> Item:
    """Return an owner's first notebook that has snapshots."""
    return next(item for item in deployment.organisation.notebooks() if item.owner == owner and item.snapshots)


def content(item: Item) -> bytes:
    held = item.snapshots[0].content
    assert isinstance(held, bytes)
    return held


def enlarge(item: Item) -> None:
    """Give the item's first snapshot a body that is too large for a response."""
    cell = {"cell_type": "markdown", "metadata": {}, "source": "x" * 1000}
    body = json.dumps({"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [cell] * 5000}).encode()
    assert len(body) > responses.MAX_INLINE_BYTES
    item.snapshots[0].content = body


def damage(item: Item) -> None:
    """Change the archived bytes of the item's first snapshot, but not their metadata."""
    key = f"notebooks/{item.id}/snapshots/{item.snapshots[0].resource_key}"
    s3 = boto3.Session().client("s3")  # StrictS3 does not check this call
    noted = s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    s3.put_object(Bucket=BUCKET, Key=key, Body=content(item)[:-1] + b" ", Metadata=noted)


def archive(functions: Functions, *items: Item) -> None:
    """Archive some notebooks."""
    run = {"runId": "run", "startedAt": "2026-11-22T02:00:00.000Z"}
    plan = functions.invoke("plan_run", {**run, "input": {"itemIds": [item.id for item in items]}})
    for line in stored_body(plan["planKey"]).splitlines():
        assert functions.invoke("archive_notebooks", {**run, "batch": json.loads(line)})["batch"] is None


def upstream(functions: Functions) -> dict[str, int]:
    return dict(functions.deployment.requests.counts())


@pytest.fixture
def item(functions: Functions) -> Item:
    return notebook(functions.deployment, "ana")


class TestSamples:
    def test_sample_session_is_returned_as_json(self, functions: Functions) -> None:
        reply = send(functions, "get_notebook", sample("get_notebook"))
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json;charset=utf-8")
        assert {name: type(value) for name, value in reply.json().items()} == FIELDS
        assert reply.json()["itemTitle"] == "Flood model"
        assert b"\n" not in reply.body

    def test_sample_with_singular_path_returns_indented_json(self, functions: Functions) -> None:
        reply = send(functions, "get_notebook", sample("get_notebook.singular"))
        assert reply.json().keys() == FIELDS.keys()
        assert reply.body.startswith(b'{\n  "itemId"')

    def test_sample_list_returns_all_sessions(self, functions: Functions) -> None:
        listing = send(functions, "get_notebook", sample("get_notebook.list")).json()
        assert (listing["total"], listing["start"], listing["num"]) == (3, 1, 3)
        assert all({name: type(value) for name, value in each.items()} == FIELDS for each in listing["notebooks"])

    def test_sample_session_is_returned_as_a_page(self, functions: Functions) -> None:
        reply = send(functions, "get_notebook", sample("get_notebook.page"))
        assert reply.headers["Content-Type"] == "text/html;charset=utf-8"
        assert "Flood model" in Text(reply.body).words

    def test_sample_snapshot_is_returned_as_a_file(self, functions: Functions, item: Item) -> None:
        reply = send(functions, "download_snapshot", sample("download_snapshot"))
        assert (reply.status, reply.body) == (200, content(item))
        name = item.snapshots[0].resource_key.replace(".json", ".ipynb")
        assert reply.headers["Content-Disposition"] == f'attachment; filename="{name}"', "no extra call for a program"
        assert reply.headers["X-Notebook-Source"] == "arcgis"
        digest = base64.b64encode(hashlib.sha256(reply.body).digest()).decode()
        assert reply.headers["Repr-Digest"] == f"sha-256=:{digest}:"

    def test_sample_snapshot_is_returned_as_a_page(self, functions: Functions) -> None:
        reply = send(functions, "download_snapshot", sample("download_snapshot.page"))
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
        words = Text(reply.body).words
        assert "Flood model" in words
        assert "Ownerana" in words  # a label and its value

    def test_sample_root_is_the_landing_page(self, functions: Functions) -> None:
        reply = send(functions, "get_notebook", sample("get_notebook.landing"))
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
        assert b'href="./admin/notebooks/snapshots/download"' in reply.body
        assert upstream(functions) == {}
        assert functions.s3.calls == []

    def test_sample_get_returns_the_download_form(self, functions: Functions) -> None:
        reply = send(functions, "download_snapshot", sample("download_snapshot.form"))
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
        assert b'method="post"' in reply.body.lower()
        assert upstream(functions) == {}


class TestFormats:
    def test_format_json_returns_unchanged_bytes(self, functions: Functions, item: Item) -> None:
        reply = download(functions, item, {"f": "json"})
        assert reply.body == content(item)
        assert "attachment" in reply.headers["Content-Disposition"]

    def test_pjson_is_indented_and_shown(self, functions: Functions, item: Item) -> None:
        reply = download(functions, item, {"f": "pjson"})
        assert reply.json() == json.loads(content(item))
        assert reply.body.startswith(b'{\n  "')
        assert "Content-Disposition" not in reply.headers

    def test_default_is_a_page_for_browsers_a_file_for_programs(self, functions: Functions, item: Item) -> None:
        browser = download(functions, item, headers={"Accept": "text/html,*/*;q=0.8"})
        program = download(functions, item, headers={"Accept": "*/*"})
        assert browser.headers["Content-Type"].startswith("text/html")
        assert program.body == content(item)

    def test_caller_without_accept_header_gets_text(self, functions: Functions) -> None:
        """API Gateway might not decode base64 for such a caller."""
        for each in functions.deployment.organisation.notebooks():
            if each.owner in ("ana", "ben") and each.snapshots:
                event = sample("download_snapshot")
                del event["headers"]["Accept"]
                event["body"] = urlencode({"itemId": each.id, "resourceKey": each.snapshots[0].resource_key})
                answer = functions.invoke("download_snapshot", event)
                assert (answer["isBase64Encoded"], answer["body"].encode()) == (False, content(each))

    @pytest.mark.parametrize("body", [b'{"cells": ["\xff"]}', b'"' + b'\\"' * 2_000_000 + b'"'])
    def test_binary_and_very_large_bodies_stay_base64(self, body: bytes) -> None:
        answer = Answer(HTTPStatus.OK, body, "application/json").to_gateway("id", has_accept_header=False)
        assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, body)

    def test_every_sample_notebook_has_a_page(self, functions: Functions) -> None:
        for each in functions.deployment.organisation.notebooks():
            if each.owner in ("ana", "ben") and each.snapshots and each.title != "Without cells":
                reply = download(functions, each, {"f": "html"})
                assert (reply.status, len(reply.body) > 1000) in ((200, True), (502, True)), each.title

    @pytest.mark.parametrize("name", ["resourceKey", "resourceKeys"])
    def test_parameters_may_be_in_the_query(self, functions: Functions, item: Item, name: str) -> None:
        event = sample("download_snapshot")
        values = {"itemId": [item.id], name: [item.snapshots[0].resource_key], "f": ["json"]}
        event |= {"body": None, "multiValueQueryStringParameters": values}
        assert send(functions, "download_snapshot", event).body == content(item)

    def test_body_may_be_base64(self, functions: Functions, item: Item) -> None:
        event = sample("download_snapshot")
        event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
        assert send(functions, "download_snapshot", event).body == content(item)

    def test_get_by_a_program_is_refused(self, functions: Functions) -> None:
        event = sample("download_snapshot.form")
        event["headers"]["Accept"] = "*/*"
        reply = send(functions, "download_snapshot", event)
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, 405, "POST")


class TestFileNames:
    @staticmethod
    def _press_download(functions: Functions, item: Item) -> str:
        """Return the header with the file's name after a browser's form was sent."""
        reply = download(functions, item, {"f": "json"}, headers={"Accept": "text/html"})
        assert reply.body == content(item)
        return reply.headers["Content-Disposition"]

    @pytest.mark.parametrize("archived", [True, False])
    def test_browser_saves_title_and_day(self, functions: Functions, item: Item, archived: bool) -> None:
        if archived:
            archive(functions, item)
        assert self._press_download(functions, item) == 'attachment; filename="Flood model 2025-01-01.ipynb"'

    def test_program_gets_the_same_name_from_the_archive(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        assert "Flood model 2025-01-01.ipynb" in download(functions, item).headers["Content-Disposition"]

    def test_title_is_encoded_in_the_header_and_in_the_link(self, functions: Functions, item: Item) -> None:
        item.title = 'R\u00f6hn "\U0001f468\u200d\U0001f469\u200d\U0001f467"\r\nX-Evil: 1'
        encoded = "R%C3%B6hn%20_%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7_"
        header = self._press_download(functions, item)
        assert header.isascii()
        assert f"filename*=UTF-8''{encoded}" in header
        enlarge(item)
        location = download(functions, item).headers["Location"]
        assert f"filename*=UTF-8''{encoded}" in parse_qs(urlsplit(location).query)["response-content-disposition"][0]

    def test_page_of_arcgis_has_title_name_and_time(self, functions: Functions, item: Item) -> None:
        words = Text(download(functions, item, {"f": "html"}).body).words
        assert "Flood model 1 · 2025-01-01 10:00:01 UTC" in words

    def test_snapshot_is_shown_if_the_portal_cannot_describe_it(self, functions: Functions, item: Item) -> None:
        functions.deployment.faults.add("snapshots/list", "http-503", times=100, retry_after="0")
        reply = download(functions, item, {"f": "html"})
        functions.deployment.faults.clear()
        assert (reply.status, "Flood model" in Text(reply.body).words) == (200, True)


class TestCopies:
    @pytest.fixture
    def copy(self, functions: Functions, item: Item) -> str:
        """Archive the notebook with a copy of its content, and return the name of the copy."""
        functions.configure(ARCHIVE_CURRENT="true")
        archive(functions, item)
        (key,) = [key for key in contents(f"notebooks/{item.id}/current/") if key.endswith(".ipynb")]
        return key.removeprefix(f"notebooks/{item.id}/")

    @staticmethod
    def _read(item: Item, copy: str) -> bytes:
        return stored_body(f"notebooks/{item.id}/{copy}")

    def test_copy_is_returned_as_a_file(self, functions: Functions, item: Item, copy: str) -> None:
        functions.deployment.requests.clear()
        reply = download(functions, item, {"resourceKey": copy})
        assert (reply.status, reply.body) == (200, self._read(item, copy))
        assert (reply.headers["X-Notebook-Source"], upstream(functions)) == ("archive", {})
        assert re.search(r'"Flood model \d{4}-\d\d-\d\d\.ipynb"', reply.headers["Content-Disposition"])

    def test_copy_is_shown_as_a_page(self, functions: Functions, item: Item, copy: str) -> None:
        words = Text(download(functions, item, {"resourceKey": copy, "f": "html"}).body).words
        assert "About this copy" in words
        assert copy in words

    def test_copy_of_a_deleted_notebook_is_returned(self, functions: Functions, item: Item, copy: str) -> None:
        del functions.deployment.organisation.items[item.id]
        assert download(functions, item, {"resourceKey": copy}).body == self._read(item, copy)

    def test_large_copy_is_a_link(self, functions: Functions, item: Item, copy: str) -> None:
        key = f"notebooks/{item.id}/{copy}"
        s3 = boto3.Session().client("s3")
        body = b'{"cells": [], "nbformat": 4, "x": "' + b"x" * responses.MAX_INLINE_BYTES + b'"}'
        noted = s3.head_object(Bucket=BUCKET, Key=key)["Metadata"] | {"sha256": hashlib.sha256(body).hexdigest()}
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=noted, ChecksumAlgorithm="SHA256")
        reply = download(functions, item, {"resourceKey": copy})
        assert (reply.status, key in reply.headers["Location"]) == (303, True)

    def test_damaged_copy_is_not_sent(self, functions: Functions, item: Item, copy: str) -> None:
        key = f"notebooks/{item.id}/{copy}"
        s3 = boto3.Session().client("s3")
        noted = s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]
        s3.put_object(Bucket=BUCKET, Key=key, Body=self._read(item, copy)[:-1] + b" ", Metadata=noted)
        assert download(functions, item, {"resourceKey": copy}).status == 500

    def test_arcgis_has_no_copies(self, functions: Functions, item: Item, copy: str) -> None:
        functions.deployment.requests.clear()
        reply = download(functions, item, {"resourceKey": copy, "source": "arcgis"})
        assert (reply.status, upstream(functions)) == (400, {})

    def test_unknown_copy_is_not_found(self, functions: Functions, item: Item) -> None:
        reply = download(functions, item, {"resourceKey": "current/1735725600000-0123456789ab.ipynb"})
        assert (reply.status, reply.code, upstream(functions)) == (404, 404, {})

    @pytest.mark.parametrize("change", [
        "current/", "current/../snapshots/x", "current/1735725600000-0123456789ab.seen", "current/{}\n", "{}.ipynb",
        "current/{}/../{}", "CURRENT/{}", "current//{}", " current/{}", "current/1735725600000-0123456789AB.ipynb",
        "current%2f{}", "current/\u0661735725600000-0123456789ab.ipynb",
    ])  # fmt: skip
    def test_malformed_copies_are_refused(self, functions: Functions, item: Item, change: str) -> None:
        key = change.replace("{}", "1735725600000-0123456789ab.ipynb")
        reply = download(functions, item, {"resourceKey": key})
        assert (reply.status, reply.code, upstream(functions)) == (400, 400, {})
        assert functions.s3.calls == []

    @pytest.mark.parametrize(("username", "status"), [("ana", 200), ("gis_admin", 200), ("ben", 404)])
    def test_rights_are_those_of_a_snapshot(
        self, functions: Functions, item: Item, copy: str, username: str, status: int
    ) -> None:
        functions.configure(API_AUTH="ArcGIS")
        headers = {"X-Esri-Authorization": f"Bearer {functions.deployment.token(username)}"}
        reply = download(functions, item, {"resourceKey": copy}, headers=headers)
        assert reply.status == status
        missing = download(
            functions, item, {"resourceKey": "current/1735725600000-0123456789ab.ipynb"}, headers=headers
        )
        assert status == 200 or (reply.headers, reply.body) == (missing.headers, missing.body)


class TestLandingPage:
    @pytest.mark.parametrize("auth", ["IAM", "ArcGIS"])
    def test_landing_page_needs_no_token_and_no_secret(self, functions: Functions, auth: str) -> None:
        functions.configure(API_AUTH=auth, SECRET_PREFIX="unreadable", PORTAL_URL="https://localhost:1/portal")
        event = sample("get_notebook.landing")
        event["multiValueQueryStringParameters"] = {"f": ["json"]}
        described = send(functions, "get_notebook", event).json()
        assert (described["title"], described["apiAuth"]) == ("Notebook Archive", auth)
        paths = [each["path"] for each in described["resources"]]
        assert paths == ["admin/notebooks/snapshots/download", "admin/notebooks"]
        assert "localhost" not in json.dumps(described)

    @pytest.mark.parametrize(("path", "prefix"), [
        ("/v1", "v1/"), ("/v1/", "./"), ("/", "./"), ("", "./"), ("/prefix/deep", "deep/"), ("//evil.example/", "./"),
        ("/v1//", "./"), ("/\"><script>", "./"), ("/..", "./"), ("/\\evil", "./"), ("/javascript:x", "./"),
    ])  # fmt: skip
    def test_links_are_relative_to_the_root(self, functions: Functions, path: str, prefix: str) -> None:
        event = sample("get_notebook.landing")
        event["requestContext"]["path"] = path
        page = send(functions, "get_notebook", event).body
        assert f'<a href="{prefix}admin/notebooks">'.encode() in page

    def test_misuse_of_the_root_is_a_page_for_people(self, functions: Functions) -> None:
        event = sample("get_notebook.landing")
        event["multiValueQueryStringParameters"] = {"token": ["CANARY"]}
        reply = send(functions, "get_notebook", event)
        assert (reply.status, "A value is missing or not valid" in Text(reply.body).words) == (400, True)
        assert b"CANARY" not in reply.body


class TestWordsForPeople:
    @pytest.mark.parametrize(("form", "words"), [
        ({"itemId": "0" * 32}, "Snapshot not found"), ({"itemId": "x"}, "An id is not valid"),
        ({"resourceKey": ""}, "A value is missing or not valid"),
    ])  # fmt: skip
    def test_browser_reads_words_and_a_way_back(
        self, functions: Functions, item: Item, form: dict[str, str], words: str
    ) -> None:
        reply = download(functions, item, form, headers={"Accept": "text/html"})
        text = Text(reply.body).words
        assert words in text
        assert "Back to the form" in text
        assert b'<a href="../../../">To the start</a>' in reply.body

    def test_link_without_a_token_asks_the_reader_for_one(self, functions: Functions) -> None:
        functions.configure(API_AUTH="ArcGIS", SECRET_PREFIX="unreadable")
        reply = send(functions, "get_notebook", sample("get_notebook.page"))
        assert (reply.status, "Sign in with an ArcGIS token" in Text(reply.body).words) == (401, True)
        assert b'<a href="../../">To the start</a>' in reply.body


class TestArchiveFirst:
    def test_archived_snapshot_comes_from_the_archive(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        functions.deployment.requests.clear()
        reply = download(functions, item)
        assert (reply.body, reply.headers["X-Notebook-Source"]) == (content(item), "archive")
        assert upstream(functions) == {}

    def test_source_arcgis_reads_from_arcgis(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        reply = download(functions, item, {"source": "arcgis"})
        assert (reply.body, reply.headers["X-Notebook-Source"]) == (content(item), "arcgis")

    @pytest.mark.parametrize("large", [False, True])
    def test_damaged_copy_is_not_sent(self, functions: Functions, item: Item, large: bool) -> None:
        if large:
            enlarge(item)
        archive(functions, item)
        damage(item)
        reply = download(functions, item)
        assert (reply.status, reply.code) == (500, 500)
        assert download(functions, item, {"source": "arcgis"}).status == (409 if large else 200)

    def test_truncated_snapshot_of_arcgis_is_refused(self, functions: Functions, item: Item) -> None:
        functions.deployment.faults.add("snapshots/download", "length-too-short", times=10)
        reply = download(functions, item)
        assert (reply.status, reply.code) == (502, 502)

    def test_response_has_retry_after_while_arcgis_is_down(self, functions: Functions, item: Item) -> None:
        functions.configure(PORTAL_URL="https://localhost:1/portal")
        functions.milliseconds = 10_000
        reply = download(functions, item)
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, 503, "5")


class TestAnySize:
    @pytest.fixture
    def large(self, item: Item) -> Item:
        enlarge(item)
        return item

    @pytest.mark.parametrize("form", ["", "json", "pjson"])
    def test_large_snapshot_is_archived_and_linked(self, functions: Functions, large: Item, form: str) -> None:
        reply = download(functions, large, {"f": form})
        assert (reply.status, reply.body, reply.headers["X-Notebook-Source"]) == (303, b"", "arcgis")
        key = f"notebooks/{large.id}/snapshots/{large.snapshots[0].resource_key}"
        location = reply.headers["Location"]
        assert key in location
        assert "X-Amz-Expires=300" in location
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in location
        assert "response-content-disposition=attachment" in location
        held = boto3.client("s3").get_object(Bucket=BUCKET, Key=key, ExpectedBucketOwner=ACCOUNT)
        assert held["Body"].read() == large.snapshots[0].content
        noted = held["Metadata"]
        assert (noted["title"], noted["owner"], noted["snapshot-name"]) == ("Flood model", "ana", "Flood model 1")
        assert noted["run-id"] == "2026-11-22/proxy-00000000-0000-4000-8000-000000000005"
        again = download(functions, large)
        assert (again.status, again.headers["X-Notebook-Source"]) == (303, "archive")

    def test_page_of_a_large_snapshot_has_the_link(self, functions: Functions, large: Item) -> None:
        reply = download(functions, large, {"f": "html"})
        assert reply.status == 200
        assert b"X-Amz-Signature" in reply.body

    def test_snapshot_above_the_limit_is_refused(self, functions: Functions, large: Item) -> None:
        functions.configure(MAX_SNAPSHOT_MB="1")
        reply = download(functions, large)
        assert (reply.status, reply.code) == (413, 413)
        assert not any(key.startswith("notebooks/") for key in contents(""))

    def test_conflict_with_the_archive_is_not_linked(self, functions: Functions, large: Item) -> None:
        archive(functions, large)
        body = large.snapshots[0].content
        assert isinstance(body, bytes)
        large.snapshots[0].content = body.replace(b"xx", b"yy")
        reply = download(functions, large, {"source": "arcgis"})
        assert (reply.status, reply.code) == (409, 409)
        assert download(functions, large).status == 303


class TestRefusals:
    @pytest.mark.parametrize(
        "form",
        [
            {"itemId": ""},
            {"itemId": "../../security/users"},
            {"itemId": "E49A12B28DA29E813EE6BE0B546A3015"},
            {"itemId": "x" * 10_000},
            {"itemId": "e49a12b28da29e813ee6be0b546a3015\r\nX-Evil: 1"},
            {"itemId": "e49a12b28da29e813ee6be0b546a3015\n"},
            {"resourceKey": "snapshot-0.json"},
            {"resourceKey": "https://portal.corp@evil.example/"},
            {"resourceKeys": "snapshot-" + "0" * 32 + ".json"},
            {"f": "xml"},
            {"f": "html\x00"},
            {"source": "elsewhere"},
        ],
        ids=str,
    )
    def test_invalid_parameters_are_refused(self, functions: Functions, item: Item, form: dict[str, str]) -> None:
        reply = download(functions, item, form)
        assert (reply.status, reply.code) == (400, 400)
        assert upstream(functions) == {}
        assert len(reply.body) < 1000

    def test_contradicting_parameters_are_refused(self, functions: Functions, item: Item) -> None:
        reply = download(functions, item, query={"itemId": "0" * 32})
        assert (reply.status, upstream(functions)) == (400, {})
        assert download(functions, item, query={"itemId": item.id}).status == 200

    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
    def test_wrong_content_types_are_refused(self, functions: Functions, item: Item, kind: str) -> None:
        reply = download(functions, item, headers={"Content-Type": kind})
        assert (reply.status, reply.code, upstream(functions)) == (415, 415, {})

    @pytest.mark.parametrize("body", [b"\xff\xfe=1", b"&".join([b"a=1"] * 51), b"a=" + b"x" * 70_000, b"a=%ff"])
    def test_bodies_that_are_not_forms_are_refused(self, functions: Functions, body: bytes) -> None:
        event = sample("download_snapshot")
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        assert send(functions, "download_snapshot", event).status == 400

    def test_token_in_the_query_is_refused_and_not_logged(self, functions: Functions, item: Item) -> None:
        reply = download(functions, item, query={"token": "CANARY"})
        assert (reply.status, upstream(functions)) == (400, {})
        assert b"CANARY" not in reply.body
        assert "CANARY" not in functions.log.getvalue()

    def test_browser_gets_errors_as_a_page(self, functions: Functions, item: Item) -> None:
        for form in ({"f": "html", "itemId": "<script>"}, {"f": "<b>", "itemId": item.id}):
            reply = download(functions, item, form, headers={"Accept": "text/html"})
            assert (reply.status, reply.headers["Content-Type"]) == (400, "text/html;charset=utf-8")
            assert reply.headers["X-Correlation-Id"] in Text(reply.body).words

    @pytest.mark.parametrize("change", [{"itemId": "0" * 32}, {"resourceKey": f"snapshot-{'0' * 32}.json"}], ids=str)
    @pytest.mark.parametrize("shape", ["A", "B", "C", "D"])
    def test_unknown_snapshot_is_not_found(
        self, functions: Functions, item: Item, change: dict[str, str], shape: Any
    ) -> None:
        functions.deployment.switches.snapshot_read_error_shape = shape
        reply = download(functions, item, change)
        assert (reply.status, reply.code) == (404, 404)

    def test_missing_secret_is_not_named_to_callers(self, functions: Functions, item: Item) -> None:
        boto3.client("secretsmanager").delete_secret(SecretId="notebook-archive/admin", ForceDeleteWithoutRecovery=True)
        reply = download(functions, item)
        assert (reply.status, reply.code) == (500, 500)
        assert b"notebook-archive/admin" not in reply.body
        assert "notebook-archive/admin" in functions.log.getvalue()

    def test_defect_returns_500(self, functions: Functions) -> None:
        event = sample("download_snapshot")
        event["requestContext"]["requestTimeEpoch"] = 0
        event["multiValueQueryStringParameters"] = {"f": 5}
        reply = send(functions, "download_snapshot", event)
        assert (reply.status, reply.code) == (500, 500)
        assert b"Traceback" not in reply.body


def test_iam_refuses_a_caller_without_an_aws_identity(functions: Functions) -> None:
    for name in ("download_snapshot", "get_notebook.list"):
        event = sample(name)
        event["requestContext"]["identity"]["userArn"] = None
        reply = send(functions, name.partition(".")[0], event)
        assert (reply.status, upstream(functions)) == (403, {})
        assert not any(operation.startswith("Get") for operation, _ in functions.s3.calls)


class TestSessions:
    @dialects
    def test_sessions_look_the_same_in_each_dialect(self, functions: Functions, dialect: Dialect) -> None:
        deployment: Deployment = getattr(functions.arcgis, dialect)
        functions.configure(PORTAL_URL=deployment.portal_url)
        session = deployment.organisation.sessions[0]
        event = sample("get_notebook")
        event["pathParameters"]["notebookId"] = session.id
        session_json = send(functions, "get_notebook", event).json()
        assert {name: type(value) for name, value in session_json.items()} == FIELDS
        assert (session_json["id"], session_json["itemId"], session_json["itemTitle"]) == (
            session.id,
            session.item_id,
            "Flood model",
        )
        assert (session_json["notebookDeploymentId"], session_json["dateLastActivity"]) == (
            session.container_id,
            session.last_activity,
        )
        assert session_json["revision"] > 1_700_000_000_000
        listing = send(functions, "get_notebook", sample("get_notebook.list")).json()
        assert listing["notebooks"][0] == session_json
        second = sample("get_notebook.list")
        second["multiValueQueryStringParameters"] = {"f": ["json"], "start": ["2"], "num": ["1"]}
        page = send(functions, "get_notebook", second).json()
        assert page["notebooks"] == listing["notebooks"][1:2]
        assert (page["total"], page["start"], page["num"]) == (3, 2, 1)

    @dialects
    @pytest.mark.parametrize("code", [404, 400])
    def test_closed_session_is_explained(self, functions: Functions, dialect: Dialect, code: int) -> None:
        deployment: Deployment = getattr(functions.arcgis, dialect)
        deployment.switches.closed_session_body = {"error": {"code": code, "message": "?", "details": None}}
        functions.configure(PORTAL_URL=deployment.portal_url)
        event = sample("get_notebook")
        event["pathParameters"]["notebookId"] = "0" * 32
        reply = send(functions, "get_notebook", event)
        assert (reply.status, reply.code) == (404, 404)
        assert "open session" in reply.json()["error"]["message"]

    @pytest.mark.parametrize(
        "session_id", ["..", "x", "A" * 32, "0" * 33, "%2e%2e", "a9d4cf916ceb72e9b33e572d72fcdd5d\n"]
    )
    def test_malformed_ids_are_refused(self, functions: Functions, session_id: str) -> None:
        event = sample("get_notebook")
        event["pathParameters"]["notebookId"] = session_id
        assert (send(functions, "get_notebook", event).status, upstream(functions)) == (400, {})

    @pytest.mark.parametrize("name", ["get_notebook", "get_notebook.list"])
    @pytest.mark.parametrize(
        ("misuse", "status"),
        [
            ({"multiValueQueryStringParameters": {"f": ["xml"]}}, 400),
            ({"multiValueQueryStringParameters": {"f": ["json", "html"]}}, 400),
            ({"body": "f=json&" * 51}, 415),
        ],
    )
    def test_misuse_is_refused_before_arcgis_is_asked(
        self, functions: Functions, name: str, misuse: dict[str, Any], status: int
    ) -> None:
        reply = send(functions, "get_notebook", sample(name) | misuse)
        assert (reply.status, upstream(functions)) == (status, {})

    @pytest.mark.parametrize("paging", [{"start": "0"}, {"num": "101"}, {"num": "-1"}, {"start": "1e3"}, {"num": "٣"}])
    def test_invalid_paging_is_refused(self, functions: Functions, paging: dict[str, str]) -> None:
        event = sample("get_notebook.list")
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in paging.items()}
        assert (send(functions, "get_notebook", event).status, upstream(functions)) == (400, {})


class TestArcGISTokens:
    @pytest.fixture
    def asking(self, functions: Functions) -> Functions:
        functions.configure(API_AUTH="ArcGIS", SECRET_PREFIX="unreadable")
        return functions

    @staticmethod
    def _as(functions: Functions, username: str, referer: str = "") -> dict[str, str]:
        token = functions.deployment.token(username, referer=referer)
        return {"X-Esri-Authorization": f"Bearer {token}", **({"Referer": referer} if referer else {})}

    def test_request_without_token_is_refused(self, asking: Functions, item: Item) -> None:
        reply = download(asking, item)
        assert (reply.status, reply.code, upstream(asking)) == (401, 499, {})
        listed = send(asking, "get_notebook", sample("get_notebook.list"))
        assert (listed.status, listed.code, upstream(asking)) == (401, 499, {})

    def test_browser_without_token_gets_a_form_for_one(self, asking: Functions) -> None:
        reply = send(asking, "get_notebook", sample("get_notebook.page"))
        assert reply.status == 401
        assert b'name="token"' in reply.body

    def test_form_keeps_the_other_fields_after_a_wrong_token(self, asking: Functions, item: Item) -> None:
        reply = download(asking, item, {"token": "CANARY", "f": "html", "source": "arcgis"})
        assert reply.status == 401
        for name, value in (("itemId", item.id), ("resourceKey", item.snapshots[0].resource_key), ("source", "arcgis")):
            assert f'name="{name}" value="{value}"'.encode() in reply.body
        assert f"download?itemId={item.id}".encode() in reply.body
        assert b"CANARY" not in reply.body

    def test_unknown_token_is_refused_by_arcgis(self, asking: Functions, item: Item) -> None:
        reply = download(asking, item, {"token": "rubbish"})
        assert (reply.status, reply.code) == (401, 498)
        assert b"rubbish" not in reply.body

    @pytest.mark.parametrize("token", ["a b", "a\r\nb", "ü", "x" * 9000])
    def test_malformed_token_is_not_sent_to_arcgis(self, asking: Functions, item: Item, token: str) -> None:
        assert (download(asking, item, {"token": token}).status, upstream(asking)) == (400, {})

    @pytest.mark.parametrize("referer", ["", "http", "https://gis.example.com/"])
    def test_owner_reads_the_snapshot(self, asking: Functions, item: Item, referer: str) -> None:
        reply = download(asking, item, headers=self._as(asking, "ana", referer))
        assert (reply.status, reply.body, reply.headers["X-Notebook-Source"]) == (200, content(item), "arcgis")

    @pytest.mark.parametrize("username", ["ana", "gis_admin"])
    @pytest.mark.parametrize("source", ["archive", "arcgis"])
    def test_unknown_snapshot_is_not_found(self, functions: Functions, item: Item, username: str, source: str) -> None:
        functions.configure(API_AUTH="ArcGIS")
        unknown = {"source": source, "resourceKey": f"snapshot-{'0' * 32}.json"}
        reply = download(functions, item, unknown, headers=self._as(functions, username))
        assert (reply.status, reply.code) == (404, 404)

    @pytest.mark.parametrize("way", ["token", "X-Esri-Authorization", "Authorization"])
    def test_token_is_accepted_in_three_places(self, asking: Functions, item: Item, way: str) -> None:
        token = asking.deployment.token("ana")
        form = {"token": token} if way == "token" else {}
        headers = {} if form else {way: f"Bearer {token}"}
        assert download(asking, item, form, headers=headers).body == content(item)

    def test_token_bound_to_a_referer_needs_it(self, asking: Functions, item: Item) -> None:
        headers = self._as(asking, "ana", "https://gis.example.com/") | {"Referer": "https://elsewhere.example/"}
        assert download(asking, item, headers=headers).code == 498

    @pytest.mark.parametrize("archived", [True, False])
    @pytest.mark.parametrize("source", ["archive", "arcgis"])
    def test_notebook_of_another_owner_looks_missing(
        self, functions: Functions, item: Item, archived: bool, source: str
    ) -> None:
        if archived:
            archive(functions, item)
        functions.configure(API_AUTH="ArcGIS")
        headers = self._as(functions, "ben")
        theirs = download(functions, item, {"source": source}, headers=headers)
        none = download(
            functions, item, {"source": source, "resourceKey": f"snapshot-{'0' * 32}.json"}, headers=headers
        )
        assert (theirs.status, theirs.headers, theirs.body) == (404, none.headers, none.body)
        administrator = download(functions, item, {"source": source}, headers=self._as(functions, "gis_admin"))
        assert (administrator.status, administrator.body) == (200, content(item))
        owner = download(functions, item, {"source": source}, headers=self._as(functions, "ana"))
        assert owner.body == content(item)

    @pytest.mark.parametrize("state", ["damaged", "large", "ArcGIS is down", "the notebook server is down"])
    def test_no_fault_reveals_the_archive_to_other_callers(self, functions: Functions, item: Item, state: str) -> None:
        if state == "large":
            enlarge(item)
        archive(functions, item)
        functions.configure(API_AUTH="ArcGIS")
        ben = self._as(functions, "ben")
        functions.milliseconds = 6_000
        download(functions, item, headers=ben)  # the caller is identified once, before the fault
        if state == "damaged":
            damage(item)
        elif state != "large":
            operation = "*" if state == "ArcGIS is down" else "snapshots/download"
            functions.deployment.faults.add(operation, "http-503", times=100, retry_after="0")
        theirs = download(functions, item, headers=ben)
        none = download(functions, item, {"resourceKey": f"snapshot-{'0' * 32}.json"}, headers=ben)
        functions.deployment.faults.clear()
        assert (theirs.status, theirs.headers, theirs.body) == (none.status, none.headers, none.body)

    @pytest.mark.parametrize("username", ["ana", "gis_admin"])
    def test_token_of_another_online_organization_is_refused(self, functions: Functions, username: str) -> None:
        online = functions.arcgis.online
        mine = notebook(online, "ana")
        functions.configure(PORTAL_URL=online.portal_url)
        archive(functions, mine)
        functions.configure(PORTAL_URL=online.portal_url, API_AUTH="ArcGIS")
        headers = {"X-Esri-Authorization": f"Bearer {online.token(username)}"}
        online.switches.tokens_of_another_organisation = True
        assert download(functions, mine, headers=headers).code == 498
        listing = sample("get_notebook.list")
        listing["headers"] |= headers
        assert send(functions, "get_notebook", listing).code == 498
        online.switches.tokens_of_another_organisation = False
        assert download(functions, mine, headers=headers).body == content(mine)

    def test_owner_reads_a_deleted_notebook_from_the_archive(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        del functions.deployment.organisation.items[item.id]
        functions.configure(API_AUTH="ArcGIS")
        assert download(functions, item, headers=self._as(functions, "ana")).body == content(item)
        assert download(functions, item, headers=self._as(functions, "ben")).status == 404

    def test_new_owner_reads_snapshots_of_the_old_one(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        functions.deployment.organisation.items[item.id].owner = "ben"
        functions.configure(API_AUTH="ArcGIS")
        assert download(functions, item, headers=self._as(functions, "ben")).body == content(item)

    def test_known_caller_reads_while_arcgis_is_down(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        functions.configure(API_AUTH="ArcGIS")
        headers = self._as(functions, "ana")
        assert download(functions, item, headers=headers).status == 200
        functions.deployment.faults.add("*", "http-503", times=100, retry_after="0")
        assert download(functions, item, headers=headers).body == content(item)
        functions.deployment.faults.clear()

    def test_caller_is_identified_once(self, functions: Functions, item: Item) -> None:
        archive(functions, item)
        functions.configure(API_AUTH="ArcGIS")
        headers = self._as(functions, "gis_admin")
        functions.deployment.requests.clear()
        for _ in range(3):
            assert download(functions, item, headers=headers).status == 200
        assert sum(upstream(functions).values()) == 1

    def test_session_of_another_user_looks_missing(self, asking: Functions) -> None:
        event = sample("get_notebook")
        event["headers"] |= self._as(asking, "gis_admin")
        assert send(asking, "get_notebook", event).json()["username"] == "ana"
        event["headers"] |= self._as(asking, "ben")
        reply = send(asking, "get_notebook", event)
        assert (reply.status, reply.code) == (404, 404)

    def test_tokens_stay_out_of_the_log(self, asking: Functions, item: Item) -> None:
        token = asking.deployment.token("ana")
        for fault in ("none", "http-503", "shape-e"):
            if fault != "none":
                asking.deployment.faults.add("*", fault, times=1)
            download(asking, item, {"token": token})
            download(asking, item, {"token": token + "x"})
        asking.deployment.faults.clear()
        assert token not in asking.log.getvalue()
