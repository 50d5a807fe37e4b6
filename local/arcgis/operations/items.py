"""Operations that read portal items: properties, content, resources, groups, and the items of a member."""

import dataclasses
from typing import Any

from local.arcgis.content import size_of
from local.arcgis.operations.call import NO_PERMISSION, Call, Operation
from local.arcgis.organisation import Item, Resource, id_of
from local.arcgis.responses import OperationError, Payload, Response

NO_ITEM = "Item does not exist or is inaccessible."
NO_FOLDER = "Folder does not exist or is inaccessible."
NO_RESOURCE = "Resource does not exist or is inaccessible."


def describe(call: Call, item: Item) -> dict[str, Any]:
    """Return the item's properties as the search and the item page contain them."""
    runtime, version = item.runtime
    resources_size = sum(size_of(each.content) for each in item.resources) + sum(each.size for each in item.snapshots)
    notebook = item.type == "Notebook"
    return {
        "id": item.id,
        "owner": item.owner,
        "orgId": call.organisation.id,
        "created": item.created,
        "modified": item.modified,
        "guid": None,
        "name": item.name if notebook else None,
        "title": item.title,
        "type": item.type,
        "typeKeywords": item.type_keywords if notebook else [],
        "description": item.description,
        "snippet": item.snippet,
        "tags": item.tags,
        "thumbnail": None,
        "documentation": None,
        "extent": [],
        "categories": [],
        "licenseInfo": item.license_info,
        "accessInformation": item.access_information,
        "spatialReference": None,
        "culture": "en-us",
        "properties": {"notebookRuntimeName": runtime, "notebookRuntimeVersion": version} if notebook else None,
        "url": None,
        "proxyFilter": None,
        "access": item.access,
        **_describe_folder(call, item),
        "size": size_of(item.content) + resources_size,
        "numComments": 0,
        "numRatings": 0,
        "avgRating": 0,
        "numViews": item.views,
        "scoreCompleteness": 20,
    }


def _describe_folder(call: Call, item: Item) -> dict[str, str | None]:
    """Return the id of the item's folder if the caller is the owner or an administrator."""
    if item.owner != call.username and not call.has_privilege("portal:admin:viewItems"):
        return {}
    return {"ownerFolder": item.folder and id_of(item.folder)}


def get_visible_item(call: Call) -> Item:
    """Return the call's item. Raise OperationError if it does not exist or the caller may not see it."""
    item = call.organisation.items.get(call.item_id or "")
    if item is None:
        raise OperationError(400, NO_ITEM, message_code="CONT_0001")
    if not call.can_see(item):
        if call.token is None:
            raise OperationError(499, "Token Required", message_code="GWM_0003")
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    return item


def _get_item(call: Call) -> Payload:
    item = get_visible_item(call)
    item.views += 1
    return {**describe(call, item), "sharing": {"access": item.access, "groups": []}}


def _list_groups(call: Call) -> Payload:
    item = get_visible_item(call)
    groups = [{"id": id_of(title), "title": title, "owner": item.owner} for title in item.groups]
    return {"admin": [], "member": [], "other": groups}


def _get_data(call: Call) -> Payload | Response:
    item = get_visible_item(call)
    if item.content_refused and item.owner != call.username:
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    if not size_of(item.content):
        if call.switches.empty_data == "empty-body":
            return Response()
        raise OperationError(500, "Item does not have a file.")
    if call.switches.data_redirect:
        location = f"https://{call.request.url.netloc}/storage/{call.deployment.make_storage_key(item)}"
        return Response(status=302, headers={"location": location})
    return Response(item.content, headers={"content-disposition": f'attachment; filename="{item.id}.ipynb"'})


def _is_hidden(call: Call, resource: Resource, item: Item) -> bool:
    return (
        resource.access == "private"
        and item.owner != call.username
        and not call.has_privilege("portal:admin:updateItems")
    )


def _list_readable_resources(call: Call, item: Item) -> list[tuple[Resource, dict[str, Any] | None]]:
    """Return the item's resources that the caller may read, each with its properties. They include snapshots."""
    if item.resources_refused and item.owner != call.username:
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    found: list[tuple[Resource, dict[str, Any] | None]] = [(resource, None) for resource in list(item.resources)]
    if call.switches.snapshots_are_resources:
        for snapshot in list(item.snapshots):
            private = snapshot.private and call.switches.private_snapshots_are_private_resources
            resource = Resource(
                snapshot.resource_key, snapshot.content, snapshot.created, "private" if private else "inherit"
            )
            found.append((resource, snapshot.properties if call.switches.resource_properties else None))
    return [(resource, properties) for resource, properties in found if not _is_hidden(call, resource, item)]


def _list_resources_of_item(call: Call) -> Payload:
    item = get_visible_item(call)
    if call.switches.resources_refused_by_item and item.owner != call.username:
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    return _list_resources(call, item)


def _list_resources_of_owner(call: Call) -> Payload:
    item = get_visible_item(call)
    if item.owner != call.request.path_params["username"]:
        raise OperationError(400, NO_ITEM, message_code="CONT_0001")
    return _list_resources(call, item)


def _list_resources(call: Call, item: Item) -> Payload:
    rows = []
    for resource, properties in _list_readable_resources(call, item):
        row: dict[str, Any] = {"resource": resource.name, "created": resource.created}
        row |= {"size": size_of(resource.content) + call.switches.listed_size_offset, "access": resource.access}
        rows.append(row if properties is None else {**row, "properties": properties})
    field = call.get("sortField", "created")
    if field in {"created", "size", "resource"}:
        rows.sort(key=lambda row: (row[field], row["resource"]), reverse=call.get("sortOrder") == "desc")
    paging, chosen = call.paginate(rows, default=50, largest=1000)
    # Here `num` is the length of the returned list. In a search it is the number that the caller asked for.
    return {**paging, "num": len(chosen), "resources": chosen}


def _get_resource(call: Call) -> Response:
    key = call.request.path_params["key"]
    for resource, _ in _list_readable_resources(call, get_visible_item(call)):
        if resource.name == key:
            kind = "application/json" if key.endswith(".json") else "application/octet-stream"
            return Response(resource.content, kind)
    raise OperationError(404, NO_RESOURCE)


def _list_items_of_user(call: Call) -> Payload:
    params = call.request.path_params
    owner, folder = params["username"], params.get("folder")
    if owner not in call.organisation.users:
        raise OperationError(400, "User does not exist or is inaccessible.", message_code="COM_0018")
    if owner != call.username and not call.has_privilege("portal:admin:viewItems"):
        raise OperationError(403, NO_PERMISSION, message_code="GWM_0003")
    if call.get("inRecycleBin") == "true":
        owned = [item for item in list(call.organisation.recycle_bin.values()) if item.owner == owner]
    else:
        owned = [item for item in list(call.organisation.items.values()) if item.owner == owner]
    folders = call.organisation.list_folders(owner)
    if folder is not None and folder not in folders:
        raise OperationError(400, NO_FOLDER, message_code="CONT_0011")
    paging, chosen = call.paginate([item for item in owned if (item.folder and id_of(item.folder)) == folder])
    answer: dict[str, Any] = {"username": owner, **paging, "items": [describe(call, item) for item in chosen]}
    if folder is None:
        answer["folders"] = [{"username": owner, "id": id_, "title": title} for id_, title in folders.items()]
    return answer


def add_folder_path(operation: Operation) -> tuple[Operation, Operation]:
    """Return the operation at its own path, and at the path with a folder."""
    inside = operation.path.replace("/{username}/", "/{username}/{folder}/")
    return operation, dataclasses.replace(operation, path=inside)


OPERATIONS = (
    Operation("items/resource", "/content/items/{item_id}/resources/{key:path}", _get_resource, needs_token=False),
    Operation("items/resources", "/content/items/{item_id}/resources", _list_resources_of_item, needs_token=False),
    *add_folder_path(
        Operation(
            "items/resourcesOfOwner", "/content/users/{username}/items/{item_id}/resources", _list_resources_of_owner
        )
    ),
    Operation("items/data", "/content/items/{item_id}/data", _get_data, needs_token=False),
    Operation("items/groups", "/content/items/{item_id}/groups", _list_groups, needs_token=False),
    Operation("items/item", "/content/items/{item_id}", _get_item, needs_token=False),
)
# The items of a member. A folder has any name, so these paths are compared after all other paths of that content.
LISTINGS = (
    Operation("content/user", "/content/users/{username}", _list_items_of_user),
    Operation("content/folder", "/content/users/{username}/{folder}", _list_items_of_user),
)
