"""`snapshots/*` and createNotebookPreview: the same on the Notebook Server, ArcGIS Online and Kubernetes."""

import html
import json

from local.arcgis.content import read
from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.operations.items import GONE
from local.arcgis.organisation import Item, Resource, Snapshot, now_ms
from local.arcgis.responses import OperationError, Payload, Response, make_page
from local.arcgis.switches import Shape

# The documented page shows shape A with `details` null for this server.
NO_DETAILS = None
WITHOUT_CELLS = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}'


def _refusal(code: int, message: str, shape: Shape) -> OperationError:
    return OperationError(code, message, details=NO_DETAILS, shape=shape)


def _is_owner(call: Call, item: Item) -> bool:
    if call.token is None:
        return False
    if call.username is None:
        return call.switches.app_token_may_use_snapshots
    if call.area == "kubernetes" and call.switches.kubernetes_snapshots_need_privileges:
        return item.owner == call.username and call.has_privilege("portal:admin:updateItems")
    if item.owner == call.username:
        return True
    return call.switches.admin_may_use_snapshots and call.has_privilege("portal:admin:updateItems")


def _notebook(call: Call, shape: Shape) -> Item:
    item = call.organisation.items.get(call.require("itemId", shape))
    if item is None or item.type != "Notebook":
        raise _refusal(400, GONE, shape)
    return item


def _own_notebook(call: Call, shape: Shape) -> Item:
    item = _notebook(call, shape)
    if not _is_owner(call, item):
        raise _refusal(403, NO_PERMISSION, shape)
    return item


def _snapshot(item: Item, key: str, shape: Shape) -> Snapshot:
    snapshot = item.snapshot(key)
    if snapshot is None:
        raise _refusal(404, "Snapshot does not exist.", shape)
    return snapshot


def _changed(call: Call, item: Item) -> None:
    if call.switches.snapshot_bumps_modified:
        item.modified = max(now_ms(), item.modified + 1)


def _list(call: Call) -> Payload:
    shape = call.switches.snapshot_read_error_shape
    item = _notebook(call, shape)
    snapshots = list(item.snapshots)
    if not _is_owner(call, item):
        # People with whom the notebook is shared see what was not made private; nobody else sees anything.
        shared = item.access in {"org", "public"} or call.username in item.shared_with
        if not shared:
            raise _refusal(403, NO_PERMISSION, shape)
        snapshots = [snapshot for snapshot in snapshots if not snapshot.private]
    rows = [
        {"resourceKey": snapshot.resource_key, "created": str(snapshot.created), "properties": snapshot.properties}
        for snapshot in snapshots
    ]
    return {"snapshots": rows, "total": len(rows), "status": "success"}


def _create(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _own_notebook(call, shape)
    content = item.content
    if call.area == "kubernetes" and call.switches.kubernetes_empty_snapshots:
        content = WITHOUT_CELLS
    if text := call.get("notebookJSON"):
        content = text.encode()
        try:
            json.loads(text)
        except ValueError:
            raise _refusal(400, "'notebookJSON' is not JSON.", shape) from None
    snapshot = _add(call, item, call.require("name", shape), content)
    snapshot.description = call.get("description")
    snapshot.private = call.get("privateAccess", "true") != "false"
    return {"snapshotResourceKey": snapshot.resource_key, "status": "success"}


def _add(call: Call, item: Item, name: str, content: bytes | object) -> Snapshot:
    shape = call.switches.snapshot_change_error_shape
    if len(item.snapshots) >= call.switches.max_snapshots and call.switches.create_at_limit == "drop-oldest":
        item.snapshots.pop(0)
    if len(item.snapshots) >= call.switches.max_snapshots:
        raise _refusal(400, f"The notebook already has {call.switches.max_snapshots} snapshots.", shape)
    if any(snapshot.name == name for snapshot in item.snapshots):
        raise _refusal(400, "A snapshot of that name exists.", shape)
    if call.switches.snapshots_written_anew:
        content = json.dumps(json.loads(read(content), strict=False), indent=1).encode()  # type: ignore[arg-type]
    snapshot = item.add_snapshot(content, name, runtime=item.runtime)  # type: ignore[arg-type]
    _changed(call, item)
    if call.switches.snapshot_fires_update:
        call.fire_webhooks("update", item)
    return snapshot


def _download(call: Call) -> Payload | Response:
    switches = call.switches
    shape = switches.snapshot_read_error_shape
    item = _own_notebook(call, shape)
    # One page of the documentation spells the parameter in the plural.
    key = call.get("resourceKey") or call.get("resourceKeys") or call.require("resourceKey", shape)
    snapshot = _snapshot(item, key, shape)
    asked = call.get("f")
    if asked == "json" and switches.download_as_json != "bare":
        return _as_json(call, snapshot)
    if asked == "html" or asked == "pjson":
        return dict(json.loads(read(snapshot.content), strict=False))
    headers = {}
    if not asked or switches.disposition_with_format:
        name = switches.download_filename.format(key=key.removesuffix(".json"), item=item.id)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(snapshot.content, switches.download_content_type, headers=headers)


def _as_json(call: Call, snapshot: Snapshot) -> Response:
    """The answer to `f=json` in one of the undocumented forms."""
    if call.switches.download_as_json == "html":
        return make_page("snapshots/download", "Download")
    notebook = json.loads(read(snapshot.content), strict=False)
    wrapped = call.switches.download_as_json == "wrapped"
    return Response(json.dumps({"notebook": notebook, "status": "success"} if wrapped else notebook).encode())


def _restore(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _own_notebook(call, shape)
    snapshot = _snapshot(item, call.require("resourceKey", shape), shape)
    answer = {"status": "success"}
    if call.require("preserveCurrentAsSnapshot", shape) == "true":
        full = len(item.snapshots) >= call.switches.max_snapshots
        if not (full and call.switches.restore_at_limit == "restore-without-copy"):
            copy = _add(call, item, call.get("title") or f"{item.title} {now_ms()}", item.content)
            copy.description = call.get("description")
            answer["resourceKey"] = copy.resource_key
    item.content = snapshot.content
    item.modified = max(now_ms(), item.modified + 1)
    call.fire_webhooks("update", item)
    return answer


def _delete(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _own_notebook(call, shape)
    doomed = [_snapshot(item, key.strip(), shape) for key in call.require("resourceKeys", shape).split(",")]
    for snapshot in doomed:
        item.snapshots.remove(snapshot)
    _changed(call, item)
    return {"status": "success"}


def _convert(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _own_notebook(call, shape)
    snapshot = _snapshot(item, call.require("resourceKey", shape), shape)
    new = call.organisation.add_notebook(
        item.owner, call.require("notebookTitle", shape), snapshot.content, runtime=snapshot.runtime
    )
    call.fire_webhooks("add", new)
    return {"itemId": new.id, "status": "success"}


def _preview(call: Call) -> Payload:
    shape = call.switches.snapshot_change_error_shape
    item = _own_notebook(call, shape)
    key = call.get("snapshotResourceKey")
    content = _snapshot(item, key, shape).content if key else item.content
    preview = {"html": f"<pre>{html.escape(read(content).decode('utf-8', 'replace'))}</pre>"}
    name = "notebook_preview.json"
    if key:
        name = call.switches.snapshot_preview.format(key=key, stem=key.removesuffix(".json"))
    item.resources = [resource for resource in item.resources if resource.name != name]
    item.resources.append(Resource(name, json.dumps(preview).encode()))
    return {"status": "success"}


def _directory(_: Call) -> Payload:
    return {"operations": ["create", "list", "download", "restore", "delete", "convertToItem"]}


POST = ("POST",)
OPERATIONS = (
    Operation("snapshots/list", "/notebooks/snapshots/list", _list, POST),
    Operation("snapshots/download", "/notebooks/snapshots/download", _download, POST),
    Operation("snapshots/create", "/notebooks/snapshots/create", _create, POST),
    Operation("snapshots/restore", "/notebooks/snapshots/restore", _restore, POST),
    Operation("snapshots/delete", "/notebooks/snapshots/delete", _delete, POST),
    Operation("snapshots/convertToItem", "/notebooks/snapshots/convertToItem", _convert, POST),
    Operation("snapshots", "/notebooks/snapshots", _directory),
    Operation("createNotebookPreview", "/notebooks/createNotebookPreview", _preview, POST),
)
