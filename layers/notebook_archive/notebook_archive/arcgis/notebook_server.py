"""The notebook server: snapshots with their owner's token.

One class for both dialects.  ArcGIS Notebook Server and ArcGIS Online serve ``<admin>/notebooks/snapshots/<op>`` on a
host of their own, Enterprise on Kubernetes below the portal's ``/admin``; the operations are the same, and all are
POST.
"""

from collections.abc import Generator

from notebook_archive.arcgis.transport import Transport
from notebook_archive.deadline import Deadline
from notebook_archive.errors import UnexpectedAnswer
from notebook_archive.models import ItemId, Listing, ResourceKey


class NotebookServer:
    """The ``notebooks/snapshots`` operations.  Every method may raise any ArcGISError."""

    def __init__(self, transport: Transport, admin_url: str) -> None:
        self._transport = transport
        self._snapshots_url = f"{admin_url}/notebooks/snapshots"

    def snapshots(self, item_id: ItemId, token: str, deadline: Deadline) -> Listing:
        """Return the notebook's snapshots; raise UnexpectedAnswer unless the listing says that it succeeded."""
        what = f"The snapshots of notebook {item_id}"
        fields = {"itemId": item_id, "f": "json"}
        answer = self._transport.call("POST", f"{self._snapshots_url}/list", what, deadline, token=token, fields=fields)
        entries = answer.get("snapshots")
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{what}: the answer holds no list of snapshots.")
        return Listing.of(entries, answer.get("total"))

    def download(
        self, item_id: ItemId, key: ResourceKey, limit: int, token: str, deadline: Deadline
    ) -> Generator[bytes]:
        """Yield the snapshot's bytes.  The Kubernetes page says ``resourceKeys`` in a table, its sample and Esri's
        client ``resourceKey``."""
        url, what = f"{self._snapshots_url}/download", f"Snapshot {key} of item {item_id}"
        fields = {"itemId": item_id, "resourceKey": key, "f": "json"}
        return self._transport.stream("POST", url, what, deadline, limit, token=token, fields=fields)
