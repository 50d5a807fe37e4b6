"""`snapshots/*` and createNotebookPreview. They are the same on Notebook Server, ArcGIS Online and Kubernetes."""

import html
import json

from local.arcgis.content import read
from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.operations.items import NO_ITEM
from local.arcgis.organisation import Item, Resource, Snapshot, now_ms
from local.arcgis.responses import OperationError, Payload, Response, make_page
from local.arcgis.switches import Shape

# The documentation shows that `details` is null in this server's errors of shape A.
NO_DETAILS = None
EMPTY_NOTEBOOK = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}'


def _make_error(code: int, message: str, shape: Shape) -> OperationError:
    return OperationError(code, message, details=NO_DETAILS, shape=shape)


def _has_owner_rights(call: Call, item: Item) -> bool:
    if call.token is None:
        return False
    if call.username is None:
        return call.switches.app_token_may_use_snapshots
    if call.area == "kubernetes" and call.switches.kubernetes_snapshots_need_privileges:
        return item.owner == call.username and call.has_privilege("portal:admin:updateItems")
    if item.owner == call.username:
        return True
    return call.switches.admin_may_use_snapshots and call.has_privilege("portal:admin:updateItems")


def _get_notebook(call: Call, shape: Shape) -> Item:
    item = call.organisation.items.get(call.require("itemId", shape))
    if item is None or item.type != "Notebook":
        raise _make_error(400, NO_ITEM, shape)
    return item


def _get_own_notebook(call: Call, shape: Shape) -> Item:
    item = _get_notebook(call, shape)
    if not _has_owner_rights(call, item):
        raise _make_error(403, NO_PERMISSION, shape)
    return item


def _get_snapshot(item: Item, key: str, shape: Shape) -> Snapshot:
    snapshot = item.snapshot(key)
    if snapshot is None:
        raise _make_error(404, "Snapshot does not exist.", shape)
    return snapshot


def _bump_modified(call: Call, item: Item) -> None:
    if call.switches.snapshot_bumps_modified:
        item.touch()


def _list_snapshots(call: Call) -> Payload:
    shape = call.switches.snapshot_read_error_shape
    item = _get_notebook(call, shape)
    snapshots = list(item.snapshots)
    if not _has_owner_rights(call, item):
        # If the notebook is shared with a member, the member sees the snapshots that are not private.
        is_shared = item.access in {"org", "public"} or call.username in item.shared_with
        if not is_shared:
            raise _make_error(403, NO_PERMISSION, shape)
        snapshots = [snapshot for snapshot in snapshots if not snapshot.private]
    rows = [
        {"resourceKey": snapshot.resource_key, "created": str(snapshot.created), "properties": snapshot.properties}
        for snapshot in snapshots
    ]
    return {"snapshots": rows, "total": len(rows), "status": "success"}


def _create_snapshot(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _get_own_notebook(call, shape)
    content = item.content
    if call.area == "kubernetes" and call.switches.kubernetes_empty_snapshots:
        content = EMPTY_NOTEBOOK
    if text := call.get("notebookJSON"):
        content = text.encode()
        try:
            json.loads(text)
        except ValueError:
            raise _make_error(400, "'notebookJSON' is not JSON.", shape) from None
    snapshot = _add_snapshot(call, item, call.require("name", shape), content)
    snapshot.description = call.get("description")
    snapshot.private = call.get("privateAccess", "true") != "false"
    return {"snapshotResourceKey": snapshot.resource_key, "status": "success"}


def _add_snapshot(call: Call, item: Item, name: str, content: bytes | object) -> Snapshot:
    shape = call.switches.snapshot_change_error_shape
    if len(item.snapshots) >= call.switches.max_snapshots and call.switches.create_at_limit == "drop-oldest":
        item.snapshots.pop(0)
    if len(item.snapshots) >= call.switches.max_snapshots:
        raise _make_error(400, f"The notebook already has {call.switches.max_snapshots} snapshots.", shape)
    if any(snapshot.name == name for snapshot in item.snapshots):
        raise _make_error(400, "A snapshot with this name already exists.", shape)
    if call.switches.snapshots_written_anew:
        content = json.dumps(json.loads(read(content), strict=False), indent=1).encode()  # type: ignore[arg-type]
    snapshot = item.add_snapshot(content, name, runtime=item.runtime)  # type: ignore[arg-type]
    _bump_modified(call, item)
    if call.switches.snapshot_fires_update:
        call.fire_webhooks("update", item)
    return snapshot


def _download_snapshot(call: Call) -> Payload | Response:
    switches = call.switches
    shape = switches.snapshot_read_error_shape
    item = _get_own_notebook(call, shape)
    # One page of the documentation names the parameter `resourceKeys`.
    key = call.get("resourceKey") or call.get("resourceKeys") or call.require("resourceKey", shape)
    snapshot = _get_snapshot(item, key, shape)
    format_ = call.get("f")
    if format_ == "json" and switches.download_as_json != "bare":
        return _respond_as_json(call, snapshot)
    if format_ in {"html", "pjson"}:
        return dict(json.loads(read(snapshot.content), strict=False))
    headers = {}
    if not format_ or switches.disposition_with_format:
        name = switches.download_filename.format(key=key.removesuffix(".json"), item=item.id)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(snapshot.content, switches.download_content_type, headers=headers)


def _respond_as_json(call: Call, snapshot: Snapshot) -> Response:
    """Return the response to `f=json` in one of the forms that the documentation does not show."""
    if call.switches.download_as_json == "html":
        return make_page("snapshots/download", "Download")
    notebook = json.loads(read(snapshot.content), strict=False)
    is_wrapped = call.switches.download_as_json == "wrapped"
    return Response(json.dumps({"notebook": notebook, "status": "success"} if is_wrapped else notebook).encode())


def _restore_snapshot(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _get_own_notebook(call, shape)
    snapshot = _get_snapshot(item, call.require("resourceKey", shape), shape)
    answer = {"status": "success"}
    if call.require("preserveCurrentAsSnapshot", shape) == "true":
        is_full = len(item.snapshots) >= call.switches.max_snapshots
        if not (is_full and call.switches.restore_at_limit == "restore-without-copy"):
            copy = _add_snapshot(call, item, call.get("title") or f"{item.title} {now_ms()}", item.content)
            copy.description = call.get("description")
            answer["resourceKey"] = copy.resource_key
    item.content = snapshot.content
    item.touch()
    call.fire_webhooks("update", item)
    return answer


def _delete_snapshots(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _get_own_notebook(call, shape)
    snapshots = [_get_snapshot(item, key.strip(), shape) for key in call.require("resourceKeys", shape).split(",")]
    for snapshot in snapshots:
        item.snapshots.remove(snapshot)
    _bump_modified(call, item)
    return {"status": "success"}


def _convert_to_item(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _get_own_notebook(call, shape)
    snapshot = _get_snapshot(item, call.require("resourceKey", shape), shape)
    new = call.organisation.add_notebook(
        item.owner, call.require("notebookTitle", shape), snapshot.content, runtime=snapshot.runtime
    )
    call.fire_webhooks("add", new)
    return {"itemId": new.id, "status": "success"}


def _create_preview(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _get_own_notebook(call, shape)
    key = call.get("snapshotResourceKey")
    content = _get_snapshot(item, key, shape).content if key else item.content
    preview = {"html": f"<pre>{html.escape(read(content).decode('utf-8', 'replace'))}</pre>"}
    name = "notebook_preview.json"
    if key:
        name = call.switches.snapshot_preview.format(key=key, stem=key.removesuffix(".json"))
    item.resources = [resource for resource in item.resources if resource.name != name]
    item.resources.append(Resource(name, json.dumps(preview).encode()))
    return {"status": "success"}


def _list_operations(_: Call) -> Payload:
    return {"operations": ["create", "list", "download", "restore", "delete", "convertToItem"]}


POST = ("POST",)
OPERATIONS = (
    Operation("snapshots/list", "/notebooks/snapshots/list", _list_snapshots, POST),
    Operation("snapshots/download", "/notebooks/snapshots/download", _download_snapshot, POST),
    Operation("snapshots/create", "/notebooks/snapshots/create", _create_snapshot, POST),
    Operation("snapshots/restore", "/notebooks/snapshots/restore", _restore_snapshot, POST),
    Operation("snapshots/delete", "/notebooks/snapshots/delete", _delete_snapshots, POST),
    Operation("snapshots/convertToItem", "/notebooks/snapshots/convertToItem", _convert_to_item, POST),
    Operation("snapshots", "/notebooks/snapshots", _list_operations),
    Operation("createNotebookPreview", "/notebooks/createNotebookPreview", _create_preview, POST),
)
