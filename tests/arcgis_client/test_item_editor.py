"""Test that an owner's items can be added, filled, changed, shared, moved and deleted, and what each failure leaves."""

import io
import json
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.arcgis import Item
from local.arcgis.organisation import id_of as make_id
from notebook_archive.arcgis.item_editor import (
    EMPTY_NOTEBOOK,
    MAX_SINGLE_UPLOAD_BYTES,
    PART_BYTES,
    ItemEditor,
    ItemProperties,
)
from notebook_archive.arcgis.transport import REFERER, Transport
from notebook_archive.errors import (
    ArcGISError,
    ArcGISUnavailable,
    DeadlineExceeded,
    ListingIncomplete,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
    UploadTooLarge,
)
from notebook_archive.models import ItemId
from tests.arcgis_client.client import PREFIX, Client, editor_at, id_of
from tests.arcgis_client.conftest import Serve
from tests.arcgis_client.wire import WireRequest, answer

HEX = ItemId("0123456789abcdef" * 2)
KEYWORD = "notebook-archive-restore-7"
RUNTIME = {"notebookRuntimeName": "ArcGIS Notebook R", "notebookRuntimeVersion": "4.2"}
PROPERTIES = ItemProperties(
    title="Rivières, 水位",
    type_keywords=("Notebook", "Python", KEYWORD),
    tags=("water", "eau potable"),
    description="<p>Levels & flows = all</p>",
    snippet="In short",
    runtime=RUNTIME,
    license_info="CC0",
    access_information="Ana",
)


def upload(to: ItemEditor, item: Item | ItemId, content: bytes) -> None:
    item_id = item if isinstance(item, str) else id_of(item)
    to.upload(item_id, "", io.BytesIO(content), len(content))


def stored(client: Client, item_id: str) -> Item:
    return client.deployment.organisation.items[item_id]


def large(parts: float = 2.5) -> bytes:
    """Return a notebook that is sent in parts."""
    return (
        b'{"cells":[],"metadata":{"x":"%s"}}' % random.Random(7).randbytes(int(parts * PART_BYTES) // 2).hex().encode()
    )


def test_an_item_is_added_with_all_its_properties(client: Client) -> None:
    item_id = client.editor().add_item(PROPERTIES)
    item = stored(client, item_id)
    assert (item.owner, item.type, item.access, item.folder) == ("ana", "Notebook", "private", None)
    assert item.content == EMPTY_NOTEBOOK
    listed = client.portal("ana").get_item(item_id).properties
    assert ItemProperties.from_item(listed) == PROPERTIES


def test_an_item_is_added_to_a_folder_with_an_administrators_token(client: Client) -> None:
    folders = client.editor(tokens="gis_admin")
    folder = folders.create_folder("Restored")
    assert folders.list_folders()[folder] == "Restored"
    item_id = folders.add_item(PROPERTIES, folder)
    assert (stored(client, item_id).owner, stored(client, item_id).folder) == ("ana", "Restored")
    assert [each["id"] for each in folders.list_items(folder)] == [item_id]
    assert item_id not in [each["id"] for each in folders.list_items()]


def test_only_enterprise_keeps_the_requested_item_id(client: Client) -> None:
    item_id = client.editor().add_item(PROPERTIES, item_id=HEX)
    assert (item_id == HEX) == (client.deployment.kind != "online")
    assert item_id in client.deployment.organisation.items


def test_a_taken_item_id_is_rejected(enterprise: Client) -> None:
    with pytest.raises(RequestRejected):
        enterprise.editor().add_item(PROPERTIES, item_id=id_of(enterprise.item()))


@pytest.mark.parametrize("file_name_from", ["form", "parameter"])
def test_two_items_may_have_the_same_title(file_name_from: Any, enterprise: Client) -> None:
    enterprise.deployment.switches.file_name_from = file_name_from
    first, second = (enterprise.editor().add_item(PROPERTIES) for _ in range(2))
    assert first != second


@pytest.mark.parametrize("size", [0, 1_000, 1_000_000, MAX_SINGLE_UPLOAD_BYTES])
def test_a_file_of_up_to_10_mb_is_one_request(size: int, client: Client) -> None:
    item = client.item()
    content = random.Random(1).randbytes(size)
    upload(client.editor(), item, content)
    assert (item.content, item.name) == (content, f"{item.id}.ipynb")
    assert client.deployment.requests.counts() == {"items/update": 1}


def test_a_larger_file_is_sent_in_parts(client: Client) -> None:
    item, content = client.item(), large()
    upload(client.editor(), item, content)
    assert (item.content, item.name) == (content, f"{item.id}.ipynb")
    expected = {"items/update": 1, "items/addPart": 3, "items/commit": 1, "items/status": 1}
    assert client.deployment.requests.counts() == expected


@pytest.mark.parametrize("size", [MAX_SINGLE_UPLOAD_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 1])
def test_the_last_part_may_have_any_size(size: int, enterprise: Client) -> None:
    content = random.Random(2).randbytes(size)
    upload(enterprise.editor(), enterprise.item(), content)
    assert enterprise.item().content == content


@pytest.mark.parametrize("file_name_from", ["form", "parameter"])
@pytest.mark.parametrize("size", [10, MAX_SINGLE_UPLOAD_BYTES + 1])
def test_the_file_has_the_name_that_arcgis_gives_it(size: int, file_name_from: Any, enterprise: Client) -> None:
    enterprise.deployment.switches.file_name_from = file_name_from
    item_id = enterprise.editor().add_item(PROPERTIES)
    upload(enterprise.editor(), item_id, bytes(size))
    assert stored(enterprise, item_id).name == f"{item_id}.ipynb"


def test_a_file_of_50_mb_needs_nine_requests(client: Client) -> None:
    upload(client.editor(), client.item(), bytes(50_000_000))
    expected = {"items/update": 1, "items/addPart": 6, "items/commit": 1, "items/status": 1}
    assert client.deployment.requests.counts() == expected


def test_a_large_upload_needs_memory_for_a_few_parts(wire: Transport, serve: Serve, tmp_path: Path) -> None:
    def accept(request: WireRequest) -> list[bytes]:
        server.requests.clear()
        return [answer(b'{"status":"completed"}' if request.method == "GET" else b'{"success":true}')]

    server = serve(accept)
    path = tmp_path / "large.ipynb"
    with path.open("wb") as empty:
        empty.truncate(200_000_000)
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            editor_at(wire, server.url).upload(HEX, "", file, 200_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 7 * PART_BYTES, "the server in this process holds one part too"


def test_the_client_waits_for_a_slow_commit(client: Client) -> None:
    client.deployment.switches.commit_seconds = 0.3
    client.deployment.switches.update_is_partial = True
    item, content = client.item(), large()
    upload(client.editor(), item, content)
    assert item.content == content
    assert client.pauses[:6] == [0.5, 1, 2, 4, 8, 10]


def test_a_commit_beyond_the_deadline_is_reported(enterprise: Client) -> None:
    enterprise.deployment.switches.commit_seconds = 60
    with pytest.raises(DeadlineExceeded, match="still processing"):
        upload(enterprise.editor(seconds=3), enterprise.item(), large())


def test_parts_that_arcgis_cannot_process_are_rejected(client: Client) -> None:
    client.deployment.switches.min_part_bytes = PART_BYTES + 1
    item = client.item()
    before = item.content
    with pytest.raises(RequestRejected):
        upload(client.editor(), item, large())
    assert item.content == before


@pytest.mark.parametrize("size", [10, MAX_SINGLE_UPLOAD_BYTES + 1])
def test_a_token_that_expires_during_an_upload_is_renewed(size: int, client: Client) -> None:
    item, content = client.item(), random.Random(3).randbytes(size)
    for operation in ("items/update", "items/addPart", "items/commit", "items/status"):
        client.deployment.faults.add(operation=operation, kind="tokens-revoked", times=1)
    upload(client.editor(tokens=client.tokens(f"{PREFIX}/owners/ana")), item, content)
    assert item.content == content
    assert client.count("items/commit") == (2 if size > 10 else 0)


def test_a_rejected_token_adds_one_item(client: Client) -> None:
    client.deployment.faults.add(operation="items/addItem", kind="tokens-revoked", times=1)
    count = len(client.deployment.organisation.items)
    client.editor(tokens=client.tokens(f"{PREFIX}/owners/ana")).add_item(PROPERTIES)
    assert len(client.deployment.organisation.items) == count + 1


@pytest.mark.parametrize("kind", ["http-503", "http-413", "http-403", "hang-up", "reset", "cut-body"])
@pytest.mark.parametrize("operation", ["items/update", "items/addPart", "items/commit", "items/status"])
def test_an_upload_survives_one_fault_at_each_request(operation: str, kind: str, enterprise: Client) -> None:
    enterprise.deployment.faults.add(operation=operation, kind=kind, times=1)
    item, content = enterprise.item(), large(1.5)
    upload(enterprise.editor(), item, content)
    assert item.content == content


@pytest.mark.parametrize("kind", ["http-503", "hang-up", "shape-e"])
def test_after_a_lost_commit_the_whole_file_is_sent_again(kind: str, client: Client) -> None:
    client.deployment.faults.add(operation="items/commit", kind=kind, times=1)
    item, content = client.item(), large(1.5)
    upload(client.editor(), item, content)
    assert item.content == content
    assert (client.count("items/commit"), client.count("items/addPart")) == (2, 4)


def test_a_commit_that_is_lost_twice_is_an_error(enterprise: Client) -> None:
    enterprise.deployment.faults.add(operation="items/commit", kind="http-503")
    item = enterprise.item()
    before = item.content
    with pytest.raises(ArcGISUnavailable):
        upload(enterprise.editor(), item, large(1.5))
    assert (item.content, enterprise.count("items/commit")) == (before, 2)


@pytest.mark.parametrize("kind", ["hang-up", "reset", "cut-body", "length-too-short"])
def test_an_item_whose_response_is_lost_is_found_by_keyword(kind: str, client: Client) -> None:
    to = client.editor()
    folder = to.create_folder("Restored")
    assert to.find_item_by_keyword(KEYWORD) is None
    client.deployment.faults.add(operation="items/addItem", kind=kind, times=1)
    with pytest.raises((ArcGISUnavailable, UnexpectedAnswer)):
        to.add_item(PROPERTIES, folder)
    assert client.count("items/addItem") == 1
    found = to.find_item_by_keyword(KEYWORD)
    assert found
    assert (found["title"], found["ownerFolder"]) == (PROPERTIES.title, folder)


def test_a_keyword_is_found_at_once_and_only_if_it_is_whole(enterprise: Client) -> None:
    enterprise.deployment.switches.index_lag_seconds = 60
    item_id = enterprise.editor().add_item(PROPERTIES)
    found = enterprise.editor().find_item_by_keyword(KEYWORD)
    assert found
    assert (found["id"], found["ownerFolder"]) == (item_id, "")
    assert enterprise.editor().find_item_by_keyword(KEYWORD[:-1]) is None


def test_adding_and_creating_are_never_repeated(enterprise: Client) -> None:
    for operation in ("items/addItem", "content/createFolder"):
        enterprise.deployment.faults.add(operation=operation, kind="http-503")
    with pytest.raises(ArcGISUnavailable):
        enterprise.editor().add_item(PROPERTIES)
    with pytest.raises(ArcGISUnavailable):
        enterprise.editor().create_folder("Restored")
    assert (enterprise.count("items/addItem"), enterprise.count("content/createFolder")) == (1, 1)


def test_a_second_folder_with_the_same_title_is_rejected(client: Client) -> None:
    client.editor().create_folder("Restored")
    with pytest.raises(RequestRejected):
        client.editor().create_folder("Restored")


def test_an_update_keeps_what_it_does_not_name(client: Client) -> None:
    item_id = client.editor().add_item(PROPERTIES)
    client.editor().update_item(item_id, "", ItemProperties(type_keywords=("Notebook", "Python")))
    now = ItemProperties.from_item(client.portal("ana").get_item(item_id).properties)
    assert now == replace(PROPERTIES, type_keywords=("Notebook", "Python"))


def test_an_update_with_empty_values_removes_them(client: Client) -> None:
    item_id = client.editor().add_item(PROPERTIES)
    client.editor().update_item(item_id, "", ItemProperties(tags=(), description="", snippet="", license_info=""))
    now = ItemProperties.from_item(client.portal("ana").get_item(item_id).properties)
    assert now == replace(PROPERTIES, tags=(), description="", snippet="", license_info="")


def test_type_keywords_of_the_type_may_stay(enterprise: Client) -> None:
    enterprise.deployment.switches.type_keywords_of_type = "kept"
    item_id = enterprise.editor().add_item(replace(PROPERTIES, type_keywords=(KEYWORD,)))
    assert stored(enterprise, item_id).type_keywords == ["Notebook", "Python", KEYWORD]


def test_properties_of_any_shape_can_be_read_and_sent(enterprise: Client) -> None:
    odd = {"title": "a\ud800b", "tags": ["x", 5, None], "typeKeywords": "Notebook", "properties": [], "snippet": 7}
    properties = ItemProperties.from_item(odd)
    assert properties == ItemProperties("a?b", (), ("x",), "", "", {}, "", "")
    item_id = enterprise.editor().add_item(properties)
    assert stored(enterprise, item_id).title == "a?b"


def test_a_deleted_item_is_gone_or_in_the_recycle_bin(client: Client) -> None:
    item = client.item()
    client.editor().delete_item(id_of(item), "")
    assert item.id not in [each["id"] for each in client.editor().list_items()]
    assert (item.id in client.deployment.organisation.recycle_bin) == (client.deployment.kind == "online")
    with pytest.raises(NotebookNotFound):
        client.editor().delete_item(id_of(item), "")


def test_an_item_can_be_deleted_permanently(client: Client) -> None:
    client.editor(tokens="gis_admin").delete_item(id_of(client.item()), "", permanently=True)
    assert client.deployment.organisation.recycle_bin == {}


def test_a_protected_item_is_not_deleted(client: Client) -> None:
    client.item().protected = True
    with pytest.raises(RequestRejected):
        client.editor().delete_item(id_of(client.item()), "")


def test_an_item_is_moved_into_a_folder_and_out_of_it(client: Client) -> None:
    item, to = client.item(), client.editor()
    folder = to.create_folder("Restored")
    to.move(id_of(item), "", folder)
    assert item.folder == "Restored"
    to.move(id_of(item), folder, "")
    assert item.folder is None
    with pytest.raises(RequestRejected):
        to.move(id_of(item), "", "0" * 32)


def test_an_item_is_shared_with_the_groups_that_exist(client: Client) -> None:
    client.deployment.organisation.groups.append("Water")
    item, water = client.item(), make_id("Water")
    item.groups = ()
    missing = client.editor().share(id_of(item), "", org=True, groups=(water, HEX))
    assert missing == (HEX,)
    assert item.access == "org"
    assert client.portal("ana").list_groups(id_of(item)) == [{"id": water, "title": "Water"}]


def test_sharing_with_everyone_needs_the_privilege(client: Client) -> None:
    item = client.item()
    with pytest.raises(PermissionDenied):
        client.editor().share(id_of(item), "", everyone=True)
    assert client.editor(tokens="gis_admin").share(id_of(item), "", everyone=True) == ()
    assert item.access == "public"


CHANGES: dict[str, Callable[[ItemEditor, ItemId], object]] = {
    "add": lambda to, _: to.add_item(PROPERTIES),
    "folder": lambda to, _: to.create_folder("Restored"),
    "list": lambda to, _: to.list_items(),
    "folders": lambda to, _: to.list_folders(),
    "find": lambda to, _: to.find_item_by_keyword("x"),
    "upload": lambda to, item_id: to.upload(item_id, "", io.BytesIO(b"{}"), 2),
    "parts": lambda to, item_id: to.upload(item_id, "", io.BytesIO(bytes(PART_BYTES)), MAX_SINGLE_UPLOAD_BYTES + 1),
    "update": lambda to, item_id: to.update_item(item_id, "", PROPERTIES),
    "share": lambda to, item_id: to.share(item_id, "", org=True),
    "move": lambda to, item_id: to.move(item_id, "", ""),
    "delete": lambda to, item_id: to.delete_item(item_id, ""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_member_may_change_nothing(change: str, client: Client) -> None:
    item = client.item()
    before = (item.title, item.content, item.access, item.folder)
    with pytest.raises(PermissionDenied):
        CHANGES[change](client.editor(tokens="ben"), id_of(item))
    assert (item.title, item.content, item.access, item.folder) == before


def test_an_administrator_may_be_refused_to_add_items(client: Client) -> None:
    client.deployment.switches.admin_may_add_items = False
    with pytest.raises(PermissionDenied):
        client.editor(tokens="gis_admin").add_item(PROPERTIES)


@pytest.mark.parametrize("size", [5_000, MAX_SINGLE_UPLOAD_BYTES + 1])
def test_a_request_too_large_for_a_server_is_named(size: int, client: Client) -> None:
    client.deployment.switches.max_request_bytes = 4_000
    with pytest.raises(UploadTooLarge, match=f"{size} bytes"):
        upload(client.editor(), client.item(), bytes(size))


def test_a_file_of_more_than_10000_parts_is_not_sent(enterprise: Client) -> None:
    with pytest.raises(UploadTooLarge):
        enterprise.editor().upload(HEX, "", io.BytesIO(), 10_000 * PART_BYTES + 1)
    assert len(enterprise.deployment.requests) == 0


def test_a_property_too_long_for_arcgis_is_rejected(client: Client) -> None:
    client.deployment.switches.max_field_bytes = 1_000
    with pytest.raises(RequestRejected, match="new item of ana"):
        client.editor().add_item(replace(PROPERTIES, description="x" * 1_001))


def test_all_pages_of_a_folder_are_listed(client: Client) -> None:
    organisation = client.deployment.organisation
    added = {organisation.add_notebook("ana", f"Notebook {number}", folder="Many").id for number in range(230)}
    listed = client.editor().list_items(make_id("Many"))
    assert {each["id"] for each in listed} == added
    assert client.count("content/folder") == 3


@pytest.mark.parametrize(
    "page",
    [
        {"total": 5, "nextStart": -1, "items": [{"id": HEX}]},
        {"total": 1, "nextStart": 1, "items": [{"id": HEX}]},
        {"total": 1, "nextStart": 2, "items": [{"id": HEX}]},
    ],
)
def test_an_incomplete_listing_is_an_error(page: Any, wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(json.dumps(page).encode())])
    with pytest.raises(ListingIncomplete):
        editor_at(wire, server.url).list_items()


@pytest.mark.parametrize("change", ["add", "upload", "parts"])
def test_an_upload_has_token_and_length_in_its_body(change: str, wire: Transport, serve: Serve) -> None:
    body = json.dumps({"success": True, "id": HEX, "status": "completed"}).encode()
    server = serve(lambda _: [answer(body)])
    CHANGES[change](editor_at(wire, server.url), HEX)
    for sent in server.requests:
        assert "t0k3n" not in sent.target
        assert sent.headers["referer"] == REFERER
        if sent.method == "POST":
            assert int(sent.headers["content-length"]) == len(sent.body)
            assert b"t0k3n" in sent.body
            assert "x-esri-authorization" not in sent.headers


@pytest.mark.parametrize("change", CHANGES)
def test_redirects_are_refused(change: str, wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(b"", f"Location: {server.url}/elsewhere", status="307 T")])
    with pytest.raises(UnexpectedAnswer):
        CHANGES[change](editor_at(wire, server.url), HEX)
    assert not any(request.path == "/elsewhere" for request in server.requests)


REFUSALS: list[tuple[bytes, type[ArcGISError]]] = [
    (b'{"error": {"code": 400, "message": "CANARY", "details": ["CANARY"]}}', RequestRejected),
    (b'{"error": {"code": 403, "message": "CANARY"}}', PermissionDenied),
    (b'{"error": {"code": 498, "message": "CANARY"}}', TokenRejected),
    (b'{"error": {"code": 500, "message": "CANARY"}}', ArcGISUnavailable),
    (b'{"success": false, "id": "CANARY"}', RequestRejected),
    (b'{"success": "true", "id": "CANARY", "folder": {"id": 5}, "notSharedWith": 5}', UnexpectedAnswer),
    (b'{"success": true, "id": "CANARY", "folder": {"title": "CANARY"}}', UnexpectedAnswer),
    (b"<html>CANARY</html>", UnexpectedAnswer),
    (b"[]", UnexpectedAnswer),
    (b"", UnexpectedAnswer),
]


@pytest.mark.parametrize("change", ["add", "folder"])
@pytest.mark.parametrize(("body", "kind"), REFUSALS)
def test_refusals_are_named_and_their_text_is_not_repeated(
    change: str, body: bytes, kind: type[ArcGISError], wire: Transport, serve: Serve
) -> None:
    server = serve(lambda _: [answer(body)])
    with pytest.raises(kind) as raised:
        CHANGES[change](editor_at(wire, server.url), HEX)
    assert type(raised.value) is kind
    assert "CANARY" not in str(raised.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("change", ["upload", "parts", "update", "share", "move", "delete"])
@pytest.mark.parametrize("body", [b'{"success": false}', b"{}", b'{"id": "CANARY"}', b"<p>CANARY</p>"])
def test_a_change_without_proof_of_success_is_an_error(change: str, body: bytes, wire: Transport, serve: Serve) -> None:
    server = serve(lambda _: [answer(body)])
    with pytest.raises((RequestRejected, UnexpectedAnswer)) as raised:
        CHANGES[change](editor_at(wire, server.url), HEX)
    assert "CANARY" not in str(raised.value)
