"""Operations that change portal items: adding, saving, uploading in parts, sharing, moving and deleting."""

import asyncio
import json
from typing import Any

from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.operations.items import NO_FOLDER, NO_ITEM, add_folder_path, get_visible_item
from local.arcgis.organisation import Item, Resource, Upload, id_of
from local.arcgis.responses import OperationError, Payload

MAX_PARTS = 10_000
MAX_FOLDER_TITLE = 250
TYPE_KEYWORDS = ["Notebook", "Python"]
# The form fields with text, and the fields of Item that hold it.
TEXTS = {
    "description": "description",
    "snippet": "snippet",
    "licenseInfo": "license_info",
    "accessInformation": "access_information",
}


def _check_may_change(call: Call, owner: str, privilege: str) -> None:
    if call.username != owner and not call.has_privilege(privilege):
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")


def _get_own_item(call: Call, privilege: str = "portal:admin:updateItems") -> Item:
    item = get_visible_item(call)
    owner = call.request.path_params["username"]
    if item.owner != owner:
        raise OperationError(400, NO_ITEM, message_code="CONT_0001")
    _check_may_change(call, owner, privilege)
    return item


def _add_resource(call: Call) -> Payload:
    item = _get_own_item(call)
    sent_name, content = call.files.get("file", ("", call.get("text").encode()))
    name = call.get("fileName") or sent_name
    if not name:
        raise OperationError(400, "'fileName' must be specified.")
    if any(resource.name == name for resource in item.resources) or item.snapshot(name):
        raise OperationError(409, "Resource already present in the item.", message_code="CONT_0047")
    access = "private" if call.get("access") == "private" else "inherit"
    item.resources.append(Resource(name, content, access=access))  # type: ignore[arg-type]
    return {"success": True, "itemId": item.id, "owner": item.owner, "folder": item.folder}


def _copy_properties(call: Call, item: Item) -> None:
    """Copy the properties of the call into the item. With `clearEmptyFields`, empty properties are removed."""
    clears = call.get("clearEmptyFields") == "true"
    item.title = call.get("title") or item.title
    for name, attribute in TEXTS.items():
        if call.get(name) or (clears and name in call.body):
            setattr(item, attribute, call.get(name) or None)
    if call.get("tags") or (clears and "tags" in call.body):
        item.tags = _split(call.get("tags"))
    if call.get("typeKeywords") or (clears and "typeKeywords" in call.body):
        kept = TYPE_KEYWORDS if call.switches.type_keywords_of_type == "kept" else []
        item.type_keywords = list(dict.fromkeys([*kept, *_split(call.get("typeKeywords"))]))
    if properties := call.get("properties"):
        runtime = json.loads(properties)
        item.runtime = (runtime.get("notebookRuntimeName", ""), runtime.get("notebookRuntimeVersion", ""))


def _split(text: str) -> list[str]:
    return [each for part in text.split(",") if (each := part.strip())]


def _copy_content(call: Call, item: Item) -> None:
    """Copy the file or the text of the call into the item. The name of a file is unique within its folder."""
    if "file" not in call.files:
        if text := call.get("text"):
            item.content = text.encode()
        return
    sent_name, content = call.files["file"]
    if len(content) > call.switches.max_upload_bytes:
        raise OperationError(400, "The file is too large.")
    name = sent_name if call.switches.file_name_from == "form" else call.get("fileName") or "file"
    _check_name_is_free(call, item, name)
    item.name, item.content = name, content


def _check_name_is_free(call: Call, item: Item, name: str) -> None:
    for other in call.organisation.items.values():
        if (other.owner, other.folder, other.name) == (item.owner, item.folder, name) and other is not item:
            raise OperationError(409, "Item with this filename already exists.")


def _find_folder(call: Call, owner: str, folder_id: str) -> str:
    """Return the title of the owner's folder."""
    title = call.organisation.list_folders(owner).get(folder_id)
    if title is None:
        raise OperationError(400, NO_FOLDER, message_code="CONT_0011")
    return title


def _get_upload_name(call: Call) -> str:
    return call.get("fileName") or call.require("filename")


def _add_item(call: Call) -> Payload:
    owner = call.request.path_params["username"]
    if owner not in call.organisation.users:
        raise OperationError(400, "User does not exist or is inaccessible.", message_code="COM_0018")
    may_add = call.switches.admin_may_add_items
    _check_may_change(call, owner, "portal:admin:updateItems" if may_add else "nobody")
    folder_id = call.request.path_params.get("folder")
    folder = _find_folder(call, owner, folder_id) if folder_id else None
    is_multipart = call.get("multipart") == "true"
    title = call.get("title") if is_multipart else call.require("title")
    item = Item(owner, title, b"", call.get("type") if is_multipart else call.require("type"), folder=folder)
    wanted_id = call.get("itemId")
    if wanted_id and call.deployment.kind != "online":
        if wanted_id in call.organisation.items:
            raise OperationError(409, "Item id already exists.")
        item.id, item.name = wanted_id, f"{wanted_id}.ipynb"
    if is_multipart:
        call.organisation.uploads[item.id] = Upload(item, _get_upload_name(call), adds_item=True)
    else:
        _copy_properties(call, item)
        _copy_content(call, item)
        call.organisation.add(item)
        call.fire_webhooks("add", item)
    return {"success": True, "id": item.id, "folder": folder_id or ""}


def _update_item(call: Call) -> Payload:
    item = _get_own_item(call)
    if call.get("multipart") == "true":
        call.organisation.uploads[item.id] = Upload(item, _get_upload_name(call))
        return {"success": True, "id": item.id}
    _copy_content(call, item)
    _copy_properties(call, item)
    item.touch()
    call.fire_webhooks("update", item)
    return {"success": True, "id": item.id}


def _get_upload(call: Call) -> Upload:
    """Return the upload in parts of the call's item. The item need not exist yet."""
    upload = call.organisation.uploads.get(call.request.path_params["item_id"])
    owner = call.request.path_params["username"]
    if upload is None or upload.item.owner != owner:
        raise OperationError(400, NO_ITEM, message_code="CONT_0001")
    _check_may_change(call, owner, "portal:admin:updateItems")
    return upload


def _add_part(call: Call) -> Payload:
    upload = _get_upload(call)
    number = call.get_number("partNum", 0, MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS or "file" not in call.files or upload.status != "partial":
        raise OperationError(400, "The part is not valid.")
    upload.parts[number] = call.files["file"][1]
    return {"success": True, "id": upload.item.id}


def _commit(call: Call) -> Payload:
    upload = _get_upload(call)
    if upload.status != "partial":
        raise OperationError(400, "There are no parts to commit.")
    upload.status = "processing"
    if call.switches.commit_seconds:
        asyncio.get_running_loop().call_later(call.switches.commit_seconds, _process_upload, call, upload)
    else:
        _process_upload(call, upload)
    return {"success": True, "id": upload.item.id}


def _process_upload(call: Call, upload: Upload) -> None:
    """Make one file of the parts. The upload fails if a part is missing or too small."""
    item, parts = upload.item, [upload.parts[number] for number in sorted(upload.parts)]
    too_small = any(len(part) < call.switches.min_part_bytes for part in parts[:-1])
    if not parts or too_small or sorted(upload.parts) != list(range(1, len(parts) + 1)):
        upload.status = "failed"
        return
    item.content, item.name = b"".join(parts), upload.file_name
    item.touch()
    _copy_properties(call, item)
    upload.parts.clear()
    upload.status = "completed"
    if upload.adds_item:
        item.type = call.get("type") or "Notebook"
        call.organisation.add(item)
    call.fire_webhooks("add" if upload.adds_item else "update", item)


def _get_status(call: Call) -> Payload:
    upload = call.organisation.uploads.get(call.request.path_params["item_id"])
    if upload is None:
        item, status = _get_own_item(call), "completed"
    else:
        item, status = _get_upload(call).item, upload.status
        if status == "partial" and not upload.adds_item and not call.switches.update_is_partial:
            status = "completed"
    return {"status": status, "statusMessage": status, "itemId": item.id}


def _share_item(call: Call) -> Payload:
    item = _get_own_item(call)
    return {"notSharedWith": _share(call, item), "itemId": item.id}


def _share_item_as_administrator(call: Call) -> Payload:
    item = get_visible_item(call)
    _check_may_change(call, item.owner, "portal:admin:updateItems")
    return {"notSharedWith": _share(call, item), "itemId": item.id}


def _share_items(call: Call) -> Payload:
    owner = call.request.path_params["username"]
    _check_may_change(call, owner, "portal:admin:updateItems")
    results: list[dict[str, Any]] = []
    for item_id in _split(call.require("items")):
        item = call.organisation.items.get(item_id)
        if item is None or item.owner != owner:
            raise OperationError(400, NO_ITEM, message_code="CONT_0001")
        results.append({"itemId": item_id, "success": True, "notSharedWith": _share(call, item)})
    return {"results": results}


def _share(call: Call, item: Item) -> list[str]:
    """Set who may see the item, and return the ids of the groups that do not exist."""
    everyone, org = call.get("everyone").lower() == "true", call.get("org").lower() == "true"
    needed = "portal:user:shareToPublic" if everyone else "portal:user:shareToOrg"
    if (everyone or org) and not call.has_privilege(needed):
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    known, wanted = call.organisation.list_groups(), _split(call.get("groups"))
    kept = () if call.switches.share_replaces_groups and "groups" in call.body else item.groups
    item.groups = tuple(dict.fromkeys([*kept, *(known[id_] for id_ in wanted if id_ in known)]))
    item.access = "public" if everyone else "org" if org else "shared" if item.groups else "private"
    call.fire_webhooks("share", item)
    return [id_ for id_ in wanted if id_ not in known]


def _move_item(call: Call) -> Payload:
    item = _get_own_item(call)
    folder_id = call.require("folder")
    item.folder = None if folder_id == "/" else _find_folder(call, item.owner, folder_id)
    call.fire_webhooks("move", item)
    return {"success": True, "itemId": item.id, "owner": item.owner, "folder": item.folder and folder_id}


def _delete_item(call: Call) -> Payload:
    item = _get_own_item(call, "portal:admin:deleteItems")
    if item.protected:
        raise OperationError(400, "Unable to delete item. Delete protection is turned on.", message_code="CONT_0048")
    call.organisation.remove(item.id)
    is_recycled = call.deployment.kind == "online" and call.switches.recycle_bin
    if is_recycled and call.get("permanentDelete") != "true":
        call.organisation.recycle_bin[item.id] = item
    call.fire_webhooks("delete", item)
    return {"success": True, "itemId": item.id}


def _create_folder(call: Call) -> Payload:
    owner = call.request.path_params["username"]
    _check_may_change(call, owner, "portal:admin:updateItems")
    title = call.require("title")
    if len(title) > MAX_FOLDER_TITLE:
        raise OperationError(400, f"'title' must not have more than {MAX_FOLDER_TITLE} characters.")
    if title in call.organisation.list_folders(owner).values():
        raise OperationError(400, "Unable to create folder.", details=["Folder title not available."])
    call.organisation.folders.setdefault(owner, []).append(title)
    folder: dict[str, Any] = {"username": owner, "id": id_of(title), "title": title}
    return {"success": True, "folder": folder}


POST = ("POST",)
USER = "/content/users/{username}"
ITEM = f"{USER}/items/{{item_id}}"
OPERATIONS = (
    *add_folder_path(Operation("items/update", f"{ITEM}/update", _update_item, POST)),
    *add_folder_path(Operation("items/addResources", f"{ITEM}/addResources", _add_resource, POST)),
    *add_folder_path(Operation("items/delete", f"{ITEM}/delete", _delete_item, POST)),
    *add_folder_path(Operation("items/addPart", f"{ITEM}/addPart", _add_part, POST)),
    *add_folder_path(Operation("items/commit", f"{ITEM}/commit", _commit, POST)),
    *add_folder_path(Operation("items/status", f"{ITEM}/status", _get_status)),
    *add_folder_path(Operation("items/share", f"{ITEM}/share", _share_item, POST)),
    Operation("items/shareAsAdministrator", "/content/items/{item_id}/share", _share_item_as_administrator, POST),
    Operation("items/shareItems", f"{USER}/shareItems", _share_items, POST),
    *add_folder_path(Operation("items/move", f"{ITEM}/move", _move_item, POST)),
    *add_folder_path(Operation("items/addItem", f"{USER}/addItem", _add_item, POST)),
    Operation("content/createFolder", f"{USER}/createFolder", _create_folder, POST),
)
