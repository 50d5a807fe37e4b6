"""Switches for ArcGIS behaviour that is not known.

Neither Esri's documentation nor another public source describes some behaviour. A comment that begins with GUESS marks
a switch for such behaviour. Its default follows the documentation as far as possible. Tests set the other values to
check that a client handles them too.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

type Shape = Literal["A", "B", "C", "D"]
type Probe = Literal["GET", "POST", "none"]
type Source = Literal["item", "items"]
type DownloadAsJson = Literal["bare", "wrapped", "reserialised", "html"]
type ModifiedRange = Literal["applied", "refused", "ignored", "matches-nothing"]
type AtLimit = Literal["refuse", "restore-without-copy"]


def _closed_session() -> dict[str, Any]:
    return {"error": {"code": 404, "message": "Notebook not found", "details": None}}


@dataclass
class Switches:
    """The behaviour of one deployment. Every field may be changed while the server runs."""

    # Errors. responses.py explains the shapes.

    # The shape in which a notebook host reports codes 498 and 499. It is known for 499, from Esri's client, and a GUESS
    # for 498. The portal uses shape A.
    auth_error_shape: Shape = "A"
    # GUESS: the error shape of `snapshots/list` and `snapshots/download`.
    snapshot_read_error_shape: Shape = "A"
    # GUESS: the error shape of create, restore, delete and convertToItem. The documentation shows a `status` with
    # `success` or `failure`. Esri's client checks for shape A.
    snapshot_change_error_shape: Shape = "A"
    # GUESS: the HTTP status of an error is its code. Documented samples come with HTTP 200.
    real_http_status: bool = False
    # GUESS: the body that `/admin/notebooks/<id>` returns for a session that is not open.
    closed_session_body: dict[str, Any] = field(default_factory=_closed_session)

    # Discovery.

    # GUESS: whether a member without administrative privileges may list the federated servers and the hosts of ArcGIS
    # Online. With `refused` such a member gets an error, with `hidden` an empty result.
    servers_need_privileges: Literal["no", "refused", "hidden"] = "no"
    # Not a guess: ArcGIS Online always describes the user's own organisation, even if the URL names another one.
    tokens_of_another_organisation: bool = False

    # Sessions.

    # GUESS: `/admin/notebooks` of ArcGIS Online returns entries in the form that is documented for one container's
    # sessions. With `filename`, the item id is only in the field `filename`, and the list has no `total`. With
    # `item-id`, entries have an `itemId`, and the list is like that of Notebook Server.
    online_sessions: Literal["filename", "item-id"] = "filename"
    # GUESS: that list applies `start` and `num`, although its response does not contain them.
    online_sessions_paged: bool = False

    # Snapshots.

    # Not a guess: `maxSnapshotsPerNotebookItem`. It is 5 unless an administrator changes it.
    max_snapshots: int = 5
    # GUESS: what restore with `preserveCurrentAsSnapshot=true` does when the notebook already has the maximum number of
    # snapshots.
    restore_at_limit: AtLimit = "refuse"
    # GUESS: what `snapshots/create` does when the notebook already has the maximum number of snapshots.
    create_at_limit: Literal["refuse", "drop-oldest"] = "refuse"
    # GUESS: a snapshot contains the same JSON as the item's content, but in different bytes.
    snapshots_written_anew: bool = False
    # GUESS: creating or deleting a snapshot changes the item's `modified`.
    snapshot_bumps_modified: bool = False
    # GUESS: an administrator may use `snapshots/*` on another user's notebook. Documented: only the owner may.
    admin_may_use_snapshots: bool = False
    # GUESS: an application's token from `client_credentials` may use `snapshots/*`. It belongs to no user.
    app_token_may_use_snapshots: bool = False
    # GUESS: on Kubernetes, `snapshots/*` needs a role with administrative privileges, even for the owner.
    kubernetes_snapshots_need_privileges: bool = False
    # GUESS: on Kubernetes, `snapshots/create` without `notebookJSON` makes a snapshot without cells. Documented: the
    # snapshot has the saved content. Esri's client for Kubernetes always sends the content.
    kubernetes_empty_snapshots: bool = False

    # Snapshot files.

    # GUESS: the file name of `snapshots/download`. `{key}` is the resource key without `.json`, `{item}` the item id.
    download_filename: str = "{key}.ipynb"
    # GUESS: the content type of `snapshots/download`.
    download_content_type: str = "application/json;charset=utf-8"
    # GUESS: `snapshots/download` sends Content-Disposition even if the request contains `f`.
    disposition_with_format: bool = False
    # GUESS: what `snapshots/download` returns for `f=json`. One documented sample shows the `bare` notebook. The server
    # may also return the notebook `wrapped` in an object or `reserialised`, or an `html` page. Without `f`, it always
    # returns a file.
    download_as_json: DownloadAsJson = "bare"

    # Snapshots as item resources.

    # GUESS: `/resources` lists an item's snapshots. Documented: they are stored as resources.
    snapshots_are_resources: bool = True
    # GUESS: administrators may read `/content/users/<owner>/items/<id>/resources`, but not
    # `/content/items/<id>/resources`. Documented: they may read both.
    resources_refused_by_item: bool = False
    # GUESS: the name of the resource that contains a snapshot's preview. `{key}` is the snapshot's resource key.
    # `{stem}` is that key without `.json`.
    snapshot_preview: str = "{key}_preview.json"
    # GUESS: in `/resources`, `properties` contains the snapshot's name, description and runtime.
    resource_properties: bool = True
    # GUESS: `size` in `/resources` is this many bytes larger than the resource.
    listed_size_offset: int = 0
    # GUESS: a snapshot that was created with `privateAccess=true` is a resource with access `private`. The resources of
    # other snapshots have access `inherit`.
    private_snapshots_are_private_resources: bool = True

    # Tokens.

    # Not a guess: a token that was requested with `client=referer` is valid only with that Referer header.
    referer_binding: bool = True
    # GUESS: a POST may contain `token` in the query string.
    query_token_on_post: bool = True
    # Documented for Kubernetes: a POST to the administration must contain `token` in its body. If this is False, the
    # server also accepts a token in a header.
    kubernetes_post_token_in_body: bool = True
    # GUESS: a token that the notebook server issued is valid on the portal.
    notebook_server_token_on_portal: bool = False
    # GUESS: the notebook server's generateToken accepts GET. Its documentation shows GET. The documentation of similar
    # operations shows POST.
    notebook_server_token_by_get: bool = True
    # Documented: the default and the maximum lifetimes of tokens.
    portal_token_minutes: float = 120
    portal_token_max_minutes: float = 21_600
    notebook_server_token_minutes: float = 60
    notebook_server_token_max_minutes: float = 21_600
    app_token_minutes: float = 120
    app_token_max_minutes: float = 20_160
    # Not a guess: if this is set, it is the lifetime of every new token, whatever the request asks for. ArcGIS shortens
    # a lifetime without an error.
    token_seconds: float | None = None

    # Search and content.

    # The search index is updated this long after an item is created, changed or deleted. The length of time is a GUESS.
    index_lag_seconds: float = 0
    # GUESS: what a search does with a range of `modified`. Documented: it is applied.
    modified_range: ModifiedRange = "applied"
    # Documented: pages are available for the first 10,000 results only.
    search_limit: int = 10_000
    # GUESS: search results contain `ownerFolder` if the caller is the owner or an administrator, as item pages do.
    search_gives_folder: bool = True
    # GUESS: on the last page before the limit, `nextStart` points to the next page, which the portal refuses. If this
    # is False, `nextStart` is -1 on that page.
    next_start_at_limit: bool = False
    # Not a guess: `/data` may redirect to an object store, which refuses a request that still contains a token.
    data_redirect: bool = False
    # Not a guess: `/data` of an item without a file returns error code 500 or an empty body. Both are known to happen.
    empty_data: Literal["error", "empty-body"] = "error"

    # Changes of items.

    # GUESS: an administrator may add items to another member's content. Documented: "This operation is available only
    # to the specified user". Esri's Python package has a parameter for the owner, which it describes as one for
    # administrators.
    admin_may_add_items: bool = True
    # GUESS: the name of an uploaded file is its name in the multipart form. With `parameter`, it is the form field
    # `fileName`, and without that field it is `file`.
    file_name_from: Literal["form", "parameter"] = "form"
    # GUESS: an update that sends `typeKeywords` replaces all of them. With `kept`, those of the item's type stay.
    type_keywords_of_type: Literal["replaced", "kept"] = "replaced"
    # GUESS: `share` replaces the groups of an item. Esri's Python package always sends all of them.
    share_replaces_groups: bool = True
    # GUESS: the largest value of one form field in bytes, for example of `description` or `notebookJSON`. 0 means that
    # there is no limit.
    max_field_bytes: int = 0
    # Not a guess: a web adaptor or a load balancer may refuse larger requests with HTTP 413. 0 means that there is no
    # limit.
    max_request_bytes: int = 0
    # Documented: the largest file that one request may upload.
    max_upload_bytes: int = 5_000_000_000
    # Documented: the smallest size of a part that is not the last one.
    min_part_bytes: int = 5 * 1024 * 1024
    # Documented: a commit is processed after its response. The length of time is a GUESS.
    commit_seconds: float = 0
    # GUESS: while an update is uploaded in parts, the status is `partial`. Documented: only for a new item.
    update_is_partial: bool = False
    # Documented for ArcGIS Online: a deleted item stays in the recycle bin for 14 days.
    recycle_bin: bool = True

    # Webhooks.

    # GUESS: the method by which a portal checks the URL of a new webhook. Documented: the URL "will be queried".
    webhook_probe: Probe = "GET"
    # GUESS: deliveries of organisation webhooks are signed with the webhook's secret, like those of service webhooks.
    webhook_signature: bool = False
    # GUESS: the place of the webhook's secret in the payload of an organisation webhook, as member names with dots
    # between them. If it is empty, the payload does not contain the secret. Documented: the secret "can be added to the
    # payload".
    webhook_secret_in_payload: str = "info.secret"
    # GUESS: deliveries are forms with a field `payload`, like some deliveries of service webhooks.
    webhook_form_encoded: bool = False
    # GUESS: the value of `source` in an event about an item. Esri's samples show `item`, but the text beside them says
    # `items`.
    webhook_source: Source = "item"
    # GUESS: creating a snapshot fires `/items/update`.
    snapshot_fires_update: bool = False
    # Not a guess: a PEM file with the CAs that the portal trusts for deliveries. If it is empty, the portal trusts the
    # public CAs.
    webhook_ca_bundle: str = ""

    # Every call.

    # Not a guess: an extra delay for every call, with or without a fault, as over a slow network.
    latency_seconds: float = 0
    # The content type of JSON responses. Older servers send `text/plain;charset=utf-8`.
    json_content_type: str = "application/json;charset=utf-8"
