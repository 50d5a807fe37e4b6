"""Map each port and path to an operation."""

from collections.abc import Sequence

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from local.arcgis.control import Control
from local.arcgis.deployment import ADMIN_CONTEXT, PORTAL_CONTEXT, Deployment, Kind
from local.arcgis.endpoint import OperationEndpoint, StorageEndpoint, make_not_found_app
from local.arcgis.operations import item_changes, items, notebook_admin, portal, tokens, webhooks
from local.arcgis.operations.call import Area, Operation

# Routes are compared in this order, so the operations that an archive calls most often come first.
PORTAL_OPERATIONS = (
    *items.OPERATIONS,
    *item_changes.OPERATIONS,
    *items.LISTINGS,
    *portal.OPERATIONS,
    *tokens.PORTAL,
    *webhooks.OPERATIONS,
)


def list_operation_names(kind: Kind) -> list[str]:
    """Return the deployment's operation names, for the request log and for faults."""
    return sorted({operation.name for operation in (*PORTAL_OPERATIONS, *_admin_operations(kind))})


def make_application(deployments: Sequence[Deployment]) -> ASGIApp:
    """Return one application that selects the routes by the port at which a request arrives."""
    routers: dict[int, Router] = {}
    for deployment in deployments:
        for port, routes in _routes_by_port(deployment).items():
            routers[port] = Router(routes, redirect_slashes=False, default=make_not_found_app(deployment))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await routers[scope["server"][1]](scope, receive, send)

    return application


def _routes_by_port(deployment: Deployment) -> dict[int, list[Route]]:
    rest = f"{PORTAL_CONTEXT[deployment.kind]}/sharing/rest"
    routes = _make_routes(deployment, "portal", rest, PORTAL_OPERATIONS)
    routes.append(Route("/storage/{key}", StorageEndpoint(deployment)))
    routes += Control(deployment).routes()
    area: Area = "kubernetes" if deployment.kind == "kubernetes" else "notebook-server"
    admin = _make_routes(deployment, area, ADMIN_CONTEXT[deployment.kind], _admin_operations(deployment.kind))
    if deployment.portal_port == deployment.notebook_port:
        return {deployment.portal_port: admin + routes}
    return {deployment.portal_port: routes, deployment.notebook_port: admin}


def _admin_operations(kind: Kind) -> Sequence[Operation]:
    return notebook_admin.KUBERNETES if kind == "kubernetes" else notebook_admin.NOTEBOOK_SERVER


def _make_routes(deployment: Deployment, area: Area, root: str, operations: Sequence[Operation]) -> list[Route]:
    return [
        Route(root + operation.path, OperationEndpoint(deployment, area, operation), methods=list(operation.methods))
        for operation in operations
    ]
