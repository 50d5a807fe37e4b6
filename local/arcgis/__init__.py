"""A local ArcGIS server. It serves three portals with notebooks and their snapshots over HTTPS on this machine.

    with LocalArcGIS(Seed.samples()) as arcgis:
        arcgis.enterprise.portal_url, arcgis.online.organisation.items, arcgis.kubernetes.faults.add(kind="http-503")

server.py        starts and stops everything
routes.py        maps ports and paths to operations; control.py is the control API for other processes
endpoint.py      handles one request; fault_injection.py applies a fault to it
operations/      the REST operations
responses.py     formats and error shapes
deployment.py    the state: organisation.py, tokens.py, switches.py (guesses about ArcGIS), faults.py, request_log.py
seed.py          the initial state

A module imports only modules that stand below it in this list.
"""

from local.arcgis.deployment import Deployment
from local.arcgis.faults import Fault, Faults
from local.arcgis.organisation import App, Item, Organisation, Resource, Session, Snapshot, User, Webhook
from local.arcgis.request_log import LoggedRequest, RequestLog
from local.arcgis.seed import Seed
from local.arcgis.server import LocalArcGIS
from local.arcgis.switches import Switches

__all__ = [
    "App",
    "Deployment",
    "Fault",
    "Faults",
    "Item",
    "LocalArcGIS",
    "LoggedRequest",
    "Organisation",
    "RequestLog",
    "Resource",
    "Seed",
    "Session",
    "Snapshot",
    "Switches",
    "User",
    "Webhook",
]
