"""Switches for what is not known about ArcGIS.

Esri's documentation leaves some behaviour open, and no public source settles it. A comment that begins with GUESS marks
a field for such behaviour. Its default is what the documentation says or comes closest to. Tests set the other values
to check that a client handles them too.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

type Shape = Literal["A", "B", "C", "D"]
type Probe = Literal["GET", "POST", "none"]
type Source = Literal["item", "items"]
type DownloadAsJson = Literal["bare", "wrapped", "reserialised", "html"]
type AtLimit = Literal["refuse", "restore-without-copy"]


def _closed_session() -> dict[str, Any]:
    return {"error": {"code": 404, "message": "Notebook not found", "details": None}}


@dataclass
class Switches:
    """How one deployment behaves. Every field may be changed while the server runs."""

    # Errors. responses.py explains the shapes.

    # Known for 499, from Esri's own client; a GUESS for 498: the shape of these errors from a notebook host. The portal
    # uses A.
    auth_error_shape: Shape = "A"
    # GUESS: the error shape of `snapshots/list` and `snapshots/download`.
    snapshot_read_error_shape: Shape = "A"
    # GUESS: the error shape of create, restore, delete and convertToItem. The documentation has `status` success or
    # failure; Esri's own client looks for shape A.
    snapshot_change_error_shape: Shape = "A"
    # GUESS: errors also have their code as the HTTP status. Documented samples come with HTTP 200.
    real_http_status: bool = False
    # GUESS: the body that `/admin/notebooks/<id>` returns for a session that is not open.
    closed_session_body: dict[str, Any] = field(default_factory=_closed_session)

    # Discovery.

    # GUESS: who may look up the federated servers and the hosts of ArcGIS Online. A member without administrative
    # privileges may get an error (`refused`) or an empty list (`hidden`).
    servers_need_privileges: Literal["no", "refused", "hidden"] = "no"
    # Not a guess: ArcGIS Online describes to each user the user's own organisation, whatever the URL of the request.
    tokens_of_another_organisation: bool = False

    # Sessions.

    # GUESS: `/admin/notebooks` of ArcGIS Online has entries like the list of a container's sessions. They name the item
    # only in `filename`, and the list has no `total`. Otherwise it is like the list of Notebook Server.
    online_sessions: Literal["filename", "item-id"] = "filename"
    # GUESS: that list honours `start` and `num`, although its response does not name them.
    online_sessions_paged: bool = False

    # Snapshots.

    # Not a guess: `maxSnapshotsPerNotebookItem`, which is 5 until an administrator changes it.
    max_snapshots: int = 5
    # GUESS: what restore with `preserveCurrentAsSnapshot=true` does if the notebook has the maximum of snapshots.
    restore_at_limit: AtLimit = "refuse"
    # GUESS: what creating a snapshot does if the notebook has the maximum of snapshots.
    create_at_limit: Literal["refuse", "drop-oldest"] = "refuse"
    # GUESS: a snapshot is the same JSON as the item's content, but other bytes.
    snapshots_written_anew: bool = False
    # GUESS: creating or deleting a snapshot changes the item's `modified`.
    snapshot_bumps_modified: bool = False
    # GUESS: an administrator may use `snapshots/*` on another user's notebook. Documented: only the owner may.
    admin_may_use_snapshots: bool = False
    # GUESS: a `client_credentials` token, which has no user, may use `snapshots/*`.
    app_token_may_use_snapshots: bool = False
    # GUESS: on Kubernetes, `snapshots/*` needs a role with administrative privileges, even for the owner.
    kubernetes_snapshots_need_privileges: bool = False
    # GUESS: on Kubernetes, `snapshots/create` without `notebookJSON` makes a snapshot without cells. Documented: it
    # makes one of the saved state. Esri's client for Kubernetes always sends the content.
    kubernetes_empty_snapshots: bool = False

    # Snapshot files.

    # GUESS: the file name of `snapshots/download`. `{key}` is the resource key without `.json`, `{item}` the item id.
    download_filename: str = "{key}.ipynb"
    # GUESS: the content type of `snapshots/download`.
    download_content_type: str = "application/json;charset=utf-8"
    # GUESS: `snapshots/download` sends Content-Disposition even if the call has `f`.
    disposition_with_format: bool = False
    # GUESS: what `snapshots/download` returns for `f=json`. One documented sample shows the bare notebook. It may also
    # be `wrapped` in an object, `reserialised`, or an `html` page. Without `f`, it is always a file.
    download_as_json: DownloadAsJson = "bare"

    # Snapshots as item resources.

    # GUESS: `/resources` lists an item's snapshots. Documented: they are stored as resources.
    snapshots_are_resources: bool = True
    # GUESS: administrators may not read `/content/items/<id>/resources`, but may read the same path below
    # `/content/users/<owner>`. Documented: they may read both.
    resources_refused_by_item: bool = False
    # GUESS: the name of the resource with a snapshot's preview. `{key}` is the snapshot's resource key, `{stem}` the
    # same without `.json`.
    snapshot_preview: str = "{key}_preview.json"
    # GUESS: in `/resources`, `properties` holds the snapshot's name, description and runtime.
    resource_properties: bool = True
    # GUESS: `size` in `/resources` exceeds the size of the resource by this many bytes.
    listed_size_offset: int = 0
    # GUESS: the resource of a snapshot made with `privateAccess=true` has access `private`, others have `inherit`.
    private_snapshots_are_private_resources: bool = True

    # Tokens.

    # Not a guess: a token made with `client=referer` is valid only with that Referer.
    referer_binding: bool = True
    # GUESS: a POST may have `token` in the query string.
    query_token_on_post: bool = True
    # Documented for Kubernetes: an admin POST must have `token` in its body. False accepts headers as well.
    kubernetes_post_token_in_body: bool = True
    # GUESS: a token from the notebook server's own generateToken is valid on the portal.
    notebook_server_token_on_portal: bool = False
    # GUESS: the notebook server's generateToken accepts GET. Its page shows GET, the pages of similar operations POST.
    notebook_server_token_by_get: bool = True
    # Documented: how long tokens live by default, and at most.
    portal_token_minutes: float = 120
    portal_token_max_minutes: float = 21_600
    notebook_server_token_minutes: float = 60
    notebook_server_token_max_minutes: float = 21_600
    app_token_minutes: float = 120
    app_token_max_minutes: float = 20_160
    # Not a guess: if set, every new token lives this long, whatever the call asks for. ArcGIS shortens the lifetime
    # without an error.
    token_seconds: float | None = None

    # Search and content.

    # A GUESS for its length: an item enters and leaves the search index this much later than it is created and deleted.
    index_lag_seconds: float = 0
    # Documented: only the first 10,000 results can be paged.
    search_limit: int = 10_000
    # GUESS: search results have `ownerFolder` for the owner and for administrators, as the item itself does.
    search_gives_folder: bool = True
    # GUESS: at the limit, `nextStart` still points behind it, to a page that is refused. By default it is -1.
    next_start_at_limit: bool = False
    # Known to happen: `/data` redirects to storage, which refuses a request that still has a token.
    data_redirect: bool = False
    # Both are known: `/data` of an item without a file returns code 500, or an empty body.
    empty_data: Literal["error", "empty-body"] = "error"

    # Webhooks.

    # GUESS: the method by which a portal checks the URL of a new webhook. Documented: the URL "will be queried".
    webhook_probe: Probe = "GET"
    # GUESS: deliveries of organisation webhooks are signed with the webhook's secret, like those of service webhooks.
    webhook_signature: bool = False
    # GUESS: where the payload of an organisation webhook has the webhook's secret: names of members joined by dots, or
    # "" for nowhere. Documented: the secret "can be added to the payload".
    webhook_secret_in_payload: str = "info.secret"
    # GUESS: deliveries are forms with a field `payload`, like some of service webhooks.
    webhook_form_encoded: bool = False
    # GUESS: `source` of an item's event. Esri's samples have `item`, the text beside them `items`.
    webhook_source: Source = "item"
    # GUESS: making a snapshot fires `/items/update`.
    snapshot_fires_update: bool = False
    # Not a guess: a PEM file with the authorities that the portal trusts for deliveries; empty for the public ones.
    webhook_ca_bundle: str = ""

    # Every call.

    # Not a guess: every call takes this much longer, as over a slow network, with or without a fault.
    latency_seconds: float = 0
    # Older servers send `text/plain;charset=utf-8`.
    json_content_type: str = "application/json;charset=utf-8"
