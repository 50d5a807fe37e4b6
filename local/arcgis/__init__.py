"""A local ArcGIS server: a portal with notebooks and their snapshots, in three deployments, over HTTPS on this machine.

    with LocalArcGIS(Seed.varied()) as arcgis:
        arcgis.enterprise.portal_url, arcgis.online.organisation.items, arcgis.kubernetes.faults.add(kind="http-503")

Where things are: switches.py (what is a guess), faults.py (what can be made to fail), seed.py (what it starts with),
control.py (the HTTP control resource), and the operations in portal.py, items.py, token_operations.py, webhooks.py,
snapshots.py, notebook_server.py and kubernetes.py.
"""

from local.arcgis.deployment import Deployment
from local.arcgis.faults import Fault, Faults
from local.arcgis.organisation import App, Item, Organisation, Resource, Session, Snapshot, User, Webhook
from local.arcgis.recording import RecordedRequest, Requests
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
    "Organisation",
    "RecordedRequest",
    "Requests",
    "Resource",
    "Seed",
    "Session",
    "Snapshot",
    "Switches",
    "User",
    "Webhook",
]
