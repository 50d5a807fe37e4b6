"""A site whose notebooks are archived, and requests to restore them to it or to another portal."""

from dataclasses import dataclass, field
from typing import Any

from moto.s3.models import s3_backends

from local.arcgis import Deployment, Item
from local.arcgis.deployment import Kind
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import ArchiveReader, Ledger
from notebook_archive.clock import Deadline
from notebook_archive.restore import (
    RestoreContext,
    RestoreRecord,
    RestoreRequest,
    TargetPortal,
    TargetPortals,
    UndoRecord,
    UndoRequest,
    restore_version,
    undo_restore,
)
from tests.site import PREFIX, Site
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, SECOND_BUCKET

KINDS: tuple[Kind, ...] = ("enterprise", "online", "kubernetes")
OTHER_PREFIX = "restore-secrets"
# Operations of the local ArcGIS that change nothing.
READS = frozenset(
    {
        "generateToken", "portals/self", "portals/servers", "portals/urls", "items/item", "items/data",
        "items/groups", "items/resources", "items/resource", "content/user", "content/folder", "notebooks",
        "snapshots/list", "snapshots/download",
    }
)  # fmt: skip


@dataclass
class RestoreScene:
    """A site after its first run, and another portal. `ids` counts the requests without a request id.

    With `has_second_place`, restores may read the second place. The test makes its bucket.
    """

    site: Site
    other: Deployment
    max_snapshot_bytes: int = 100_000_000
    snapshot_limit: int = 5
    seconds: float = 60.0
    has_second_place: bool = False
    ids: int = 0
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start a new container."""
        self.site.start()
        own = self.site.deployment.portal_url
        portals = TargetPortals(
            TargetPortal(self.site.routes, own, PREFIX, is_own=True), OTHER_PREFIX, self._make_routes
        )
        s3 = self.site._client
        reader, ledger = ArchiveReader(s3, BUCKET, ACCOUNT), Ledger(s3, LEDGER_BUCKET, ACCOUNT)
        limits = self.max_snapshot_bytes, self.snapshot_limit
        replicas = ArchiveReader(s3, SECOND_BUCKET, ACCOUNT) if self.has_second_place else None
        self.context = RestoreContext(self.site.archive, reader, ledger, portals, *limits, replicas)

    def _make_routes(self, url: str, prefix: str) -> Routes:
        transport = Transport(make_tls_context(self.site.ca_bundle.read_text(), strict=True), sleep=lambda _: None)
        return Routes(transport, url, "auto", Discovery(""), prefix, self.site._read_secret)

    def restore(self, item: Item, way: str, **fields: Any) -> RestoreRecord:
        """Restore the item's last snapshot, or the version that `resourceKey` names."""
        if "requestId" not in fields:
            self.ids += 1
        key = item.snapshots[-1].resource_key if item.snapshots else ""
        event = {"requestId": f"request-{self.ids}", "itemId": item.id, "resourceKey": key, "as": way, **fields}
        return restore_version(RestoreRequest.parse(event, ""), self.context, Deadline(self.seconds))

    def undo(self, restore_id: str, **fields: Any) -> UndoRecord:
        """Undo a restore."""
        request = UndoRequest.parse({"restoreId": restore_id, **fields})
        return undo_restore(request, self.context, Deadline(self.seconds))

    @property
    def items(self) -> dict[str, Item]:
        """The site's items by their ids."""
        return self.site.deployment.organisation.items

    def delete(self, item: Item) -> None:
        """Delete an item for good, as its owner does."""
        self.site.deployment.organisation.remove(item.id)

    def to_other(self) -> dict[str, str]:
        """Return the field `to` for the other portal, after storing secrets for it."""
        for user in self.other.users:
            if user.has_secret:
                name = "admin" if user.role == "admin" else f"owners/{user.username}"
                self.site.secrets[f"{OTHER_PREFIX}/{name}"] = (
                    f'{{"username": "{user.username}", "password": "{user.password}"}}'
                )
        return {"portalUrl": self.other.portal_url, "secretPrefix": OTHER_PREFIX}


def changes(deployment: Deployment) -> list[str]:
    """Return the logged operations that change something, in order."""
    return [request.operation for request in deployment.requests if request.operation not in READS]


def put_object(key: str, content: bytes) -> None:
    """Replace an object in the bucket, as somebody with AWS permissions can do. It has no metadata."""
    s3_backends[ACCOUNT]["aws"].put_object(BUCKET, key, content)


def delete_object(key: str) -> None:
    """Put a delete marker on an object."""
    s3_backends[ACCOUNT]["aws"].delete_object(BUCKET, key)


def version_ids(key: str) -> list[str]:
    """Return the ids of an object's S3 versions."""
    return [each.version_id for each in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.getlist(key)]
