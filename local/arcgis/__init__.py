"""A local ArcGIS server: a portal with notebooks and their snapshots, in three deployments, over HTTPS on this machine.

    with LocalArcGIS(Seed.samples()) as arcgis:
        arcgis.enterprise.portal_url, arcgis.online.organisation.items, arcgis.kubernetes.faults.add(kind="http-503")

server.py        starts and stops everything
routes.py        which operation answers at which port and path; control.py is the control API for other processes
endpoint.py      how a request is answered; fault_injection.py applies a fault to it
operations/      what each REST operation does
responses.py     formats and error shapes
deployment.py    the state: organisation.py, tokens.py, switches.py (guesses about ArcGIS), faults.py, request_log.py
seed.py          what the state begins with

Imports go down this list only.
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
