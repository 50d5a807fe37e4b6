"""The unknowns of ArcGIS, as switches.

Esri's documentation leaves some behaviour open, and no public source settles it. Each field below is such a GUESS. The
default is what the documentation says or comes closest to saying; a test turns the switch to see that a client
survives the other answer too.
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
    """How one deployment behaves where ArcGIS is not documented. Every field may be changed while the server runs."""

    # Errors (the shapes are drawn in answers.py).
    auth_error_shape: Shape = "A"
    """Known of 499, from Esri's own client; a GUESS of 498: their shape from a notebook host. The portal uses A."""
    snapshot_read_error_shape: Shape = "A"
    """GUESS: shape of a refused `snapshots/list` or `snapshots/download`."""
    snapshot_change_error_shape: Shape = "A"
    """GUESS: shape of a refused create, restore, delete or convertToItem. Documented is `status` success or failure;
    Esri's own client looks for shape A."""
    real_http_status: bool = False
    """GUESS: errors carry their code as the HTTP status too. Documented samples come with HTTP 200."""
    closed_session_body: dict[str, Any] = field(default_factory=_closed_session)
    """GUESS: what `/admin/notebooks/<id>` answers for a session that is not open."""

    # Discovery.
    servers_need_privileges: Literal["no", "refused", "hidden"] = "no"
    """GUESS: who may look up the federated servers and the hosts of ArcGIS Online.

    Members without administrative privileges may be refused, or may see no server.
    """

    # Sessions.
    online_sessions: Literal["filename", "item-id"] = "filename"
    """GUESS: `/admin/notebooks` of ArcGIS Online has entries like the list of a container's sessions.

    They name the item only in `filename`, and there is no `total`. Otherwise it is like Notebook Server's list.
    """
    online_sessions_paged: bool = False
    """GUESS: that list obeys `start` and `num`, although the answer does not name them."""

    tokens_of_another_organisation: bool = False
    """Not a guess: ArcGIS Online describes to each user the own organisation, whatever the URL that was asked."""

    # Snapshots.
    max_snapshots: int = 5
    """Not a guess: `maxSnapshotsPerNotebookItem`, 5 by default, changed by an administrator."""
    restore_at_limit: AtLimit = "refuse"
    """GUESS: restore with `preserveCurrentAsSnapshot=true` when the notebook already has the most it may have."""
    create_at_limit: Literal["refuse", "drop-oldest"] = "refuse"
    """GUESS: creating a snapshot when the notebook already has the most it may have."""
    snapshots_written_anew: bool = False
    """GUESS: a snapshot is the same JSON as the item's content, and not the same bytes."""
    snapshot_bumps_modified: bool = False
    """GUESS: creating or deleting a snapshot changes the item's `modified`."""
    admin_may_use_snapshots: bool = False
    """GUESS: an administrator may use `snapshots/*` on another's notebook. Documented: the owner alone."""
    app_token_may_use_snapshots: bool = False
    """GUESS: a `client_credentials` token, which has no user, may use `snapshots/*`."""
    kubernetes_snapshots_need_privileges: bool = False
    """GUESS: on Kubernetes only a role with administrative privileges may use `snapshots/*`; to be the owner is not
    enough.
    """
    kubernetes_empty_snapshots: bool = False
    """GUESS: on Kubernetes, `snapshots/create` without `notebookJSON` makes a snapshot without cells. Documented: it is
    made of the saved state. Esri's client for Kubernetes always sends the content."""

    # Snapshot files.
    download_filename: str = "{key}.ipynb"
    """GUESS: file name of `snapshots/download`; `{key}` is the resource key without `.json`, `{item}` the item id."""
    download_content_type: str = "application/json;charset=utf-8"
    """GUESS: content type of `snapshots/download`."""
    disposition_with_format: bool = False
    """GUESS: `snapshots/download` sends Content-Disposition although `f` was given."""

    download_as_json: DownloadAsJson = "bare"
    """GUESS: what `snapshots/download` answers to `f=json`. One sample of the documentation shows the bare notebook; it
    may come `wrapped` in an answer, `reserialised`, or as an `html` page. Without `f` a file comes in any case."""

    # Snapshots as item resources.
    snapshots_are_resources: bool = True
    """GUESS: `/resources` lists an item's snapshots (documented that they are stored as resources)."""
    resources_refused_by_item: bool = False
    """GUESS: `/content/items/<id>/resources` is refused to administrators.

    The same path below `/content/users/<owner>` is not refused. Documented: both are open to them.
    """
    snapshot_preview: str = "{key}_preview.json"
    """GUESS: name of the resource that holds the preview of a snapshot; `{key}` is its resource key, `{stem}` that
    without `.json`."""
    resource_properties: bool = True
    """GUESS: `/resources` fills `properties` with the snapshot's name, description and runtime."""
    listed_size_offset: int = 0
    """GUESS: `size` in `/resources` is this many bytes more than the resource has."""
    private_snapshots_are_private_resources: bool = True
    """GUESS: a snapshot made with `privateAccess=true` has resource access `private`, else `inherit`."""

    # Tokens.
    referer_binding: bool = True
    """Not a guess: a token made with `client=referer` is valid only with that Referer."""
    query_token_on_post: bool = True
    """GUESS: a POST may carry `token` in the query string."""
    kubernetes_post_token_in_body: bool = True
    """Documented for Kubernetes: an admin POST must carry `token` in its body. False also accepts headers."""
    notebook_server_token_on_portal: bool = False
    """GUESS: a token made by the notebook server's own generateToken is good on the portal."""
    notebook_server_token_by_get: bool = True
    """GUESS: the notebook server's generateToken answers GET (its page prints GET, its sisters POST)."""
    portal_token_minutes: float = 120
    portal_token_max_minutes: float = 21_600
    notebook_server_token_minutes: float = 60
    notebook_server_token_max_minutes: float = 21_600
    app_token_minutes: float = 120
    app_token_max_minutes: float = 20_160
    token_seconds: float | None = None
    """Not a guess: when set, every new token lives this long whatever was asked (the server clamps silently)."""

    # Search and content.
    index_lag_seconds: float = 0
    """GUESS for its length: an item appears in, and leaves, the search index this much later than the item itself."""
    search_limit: int = 10_000
    """Documented: only the first 10,000 hits can be paged."""
    search_gives_folder: bool = True
    """GUESS: results of a search say `ownerFolder`, as the item itself does, to the owner and to administrators."""
    next_start_at_limit: bool = False
    """GUESS: at the ceiling `nextStart` still points past it (that page is refused). Default: it is -1."""
    data_redirect: bool = False
    """Known to happen: `/data` redirects to storage, which refuses a request that still carries a token."""
    empty_data: Literal["error", "empty-body"] = "error"
    """Both are known: `/data` of an item without a file answers code 500, or an empty body."""

    # Webhooks.
    webhook_probe: Probe = "GET"
    """GUESS: how a portal tries the address of a new webhook (documented: it "will be queried")."""
    webhook_signature: bool = False
    """GUESS: deliveries of organisation webhooks are signed with the webhook's secret, as those of services are."""
    webhook_secret_in_payload: str = "info.secret"
    """GUESS: where the payload of an organisation webhook carries the webhook's secret: a path of members, or "" for
    nowhere. Documented: the secret "can be added to the payload"."""
    webhook_form_encoded: bool = False
    """GUESS: deliveries are forms with a field `payload`, as some of services are."""
    webhook_source: Source = "item"
    """GUESS: `source` of an item's event; Esri's samples say `item`, the text beside them `items`."""
    snapshot_fires_update: bool = False
    """GUESS: making a snapshot fires `/items/update`."""
    webhook_ca_bundle: str = ""
    """Not a guess: a PEM file, the authorities that the portal trusts when it calls; empty for the public ones."""
    latency_seconds: float = 0
    """Not a guess: every call takes this much longer, as over a distance, whatever faults strike it."""
    json_content_type: str = "application/json;charset=utf-8"
    """Older servers answer `text/plain;charset=utf-8`."""
