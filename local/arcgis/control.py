"""The control API `/_local/...` on each portal's port, for other processes. ArcGIS has no control API.

GET    /_local                      kind, URLs, users, operation names
GET    /_local/requests             total, bytes, counts by operation, most in flight     DELETE clears the log
GET    /_local/faults               the faults and how many calls each has hit            DELETE removes them
POST   /_local/faults               a JSON object with the fields of Fault
GET    /_local/switches             the switches                                          POST a JSON object sets some
GET    /_local/items                the notebooks with their snapshots (key, size, SHA-256)
POST   /_local/items                {"owner", "title", ...}: adds a notebook
DELETE /_local/items/<id>           removes an item
POST   /_local/items/<id>/snapshots {"name", "content" or "path"}: adds a snapshot
GET    /_local/items/<id>/snapshots/<key>   the snapshot's bytes
POST   /_local/tokens               {"username", "seconds", "referer"}: issues a token    DELETE revokes all
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local.arcgis.content import Content, chunks
from local.arcgis.deployment import Deployment


def _hash_content(content: Content) -> str:
    digest = hashlib.sha256()
    for chunk in chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


def describe(deployment: Deployment) -> dict[str, Any]:
    """Return kind, URLs and users of a deployment. The file that `--write-ready` names contains the same."""
    users = [
        {"username": user.username, "password": user.password, "role": user.role, "hasSecret": user.has_secret}
        for user in deployment.users
    ]
    return {
        "kind": deployment.kind,
        "portalUrl": deployment.portal_url,
        "notebookAdminUrl": deployment.notebook_admin_url,
        "controlUrl": f"https://localhost:{deployment.portal_port}/_local",
        "users": users,
    }


class Control:
    """The control API of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def routes(self) -> list[Route]:
        """Return the routes for the portal's port."""
        return [
            Route("/_local", self._root),
            Route("/_local/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/_local/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/_local/switches", self._switches, methods=["GET", "POST"]),
            Route("/_local/items", self._items, methods=["GET", "POST"]),
            Route("/_local/items/{item_id}", self._remove_item, methods=["DELETE"]),
            Route("/_local/items/{item_id}/snapshots", self._add_snapshot, methods=["POST"]),
            Route("/_local/items/{item_id}/snapshots/{key}", self._snapshot),
            Route("/_local/tokens", self._tokens, methods=["POST", "DELETE"]),
        ]

    async def _root(self, _: Request) -> Response:
        return JSONResponse({**describe(self._deployment), "operations": self._deployment.operation_names})

    async def _requests(self, request: Request) -> Response:
        requests = self._deployment.requests
        if request.method == "DELETE":
            requests.clear()
        answer = {"total": len(requests), "bytes": requests.bytes, "counts": dict(requests.counts())}
        return JSONResponse({**answer, "mostInFlight": requests.most_in_flight})

    async def _faults(self, request: Request) -> Response:
        faults = self._deployment.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                faults.add(**await request.json())
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": f"not a fault: {error}"}, 400)
        return JSONResponse({"faults": [dataclasses.asdict(fault) for fault in faults.all()]})

    async def _switches(self, request: Request) -> Response:
        switches = self._deployment.switches
        if request.method == "POST":
            wanted = await request.json()
            if unknown := wanted.keys() - dataclasses.asdict(switches).keys():
                return JSONResponse({"error": f"no such switch: {', '.join(sorted(unknown))}"}, 400)
            for name, value in wanted.items():
                setattr(switches, name, value)
        return JSONResponse(dataclasses.asdict(switches))

    async def _items(self, request: Request) -> Response:
        organisation = self._deployment.organisation
        if request.method == "POST":
            wanted = await request.json()
            content = wanted.pop("content", None)
            item = organisation.add_notebook(content=content.encode() if content else None, **wanted)
            return JSONResponse({"id": item.id}, 201)
        rows = [
            {
                "id": item.id,
                "owner": item.owner,
                "title": item.title,
                "resourcesRefused": item.resources_refused,
                "snapshots": [
                    {"resourceKey": each.resource_key, "size": each.size, "sha256": _hash_content(each.content)}
                    for each in item.snapshots
                ],
            }
            for item in organisation.notebooks()
        ]
        return JSONResponse({"items": rows})

    async def _remove_item(self, request: Request) -> Response:
        gone = self._deployment.organisation.remove(request.path_params["item_id"])
        return Response(status_code=204 if gone else 404)

    async def _add_snapshot(self, request: Request) -> Response:
        item = self._deployment.organisation.items.get(request.path_params["item_id"])
        if item is None:
            return Response(status_code=404)
        wanted = await request.json()
        content = Path(wanted["path"]) if "path" in wanted else wanted["content"].encode()
        snapshot = item.add_snapshot(content, wanted.get("name"))
        return JSONResponse({"resourceKey": snapshot.resource_key}, 201)

    async def _snapshot(self, request: Request) -> Response:
        item = self._deployment.organisation.items.get(request.path_params["item_id"])
        snapshot = item.snapshot(request.path_params["key"]) if item else None
        return StreamingResponse(chunks(snapshot.content)) if snapshot else Response(status_code=404)

    async def _tokens(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._deployment.tokens.revoke_all()
            return Response(status_code=204)
        return JSONResponse({"token": self._deployment.token(**await request.json())}, 201)
