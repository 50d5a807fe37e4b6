"""Check how ArcGIS behaves where Esri's documentation leaves it open (docs/beliefs.md)."""

import io
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.item_editor import ItemEditor, ItemProperties
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import NOTEBOOK
from notebook_archive.arcgis.token_renewal import FixedToken
from notebook_archive.clock import Deadline
from notebook_archive.errors import (
    ArcGISError,
    ChangeSearchUnsupported,
    NotebookArchiveError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    SessionNotFound,
    TokenRejected,
)
from notebook_archive.models import ItemId, ResourceKey, SessionId, Snapshot
from notebook_archive.polling.poll_changes import MARGIN_MS
from notebook_archive_cli.doctor.arcgis import CALL_SECONDS
from notebook_archive_cli.doctor.checks import Check, bad, good, unknown
from notebook_archive_cli.doctor.secrets import list_secrets, search
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

# Number of owners, and of each owner's notebooks, that are searched for a notebook with a snapshot.
MAX_OWNERS = 10
MAX_NOTEBOOKS = 5
# A larger snapshot is not downloaded.
MAX_BYTES = 20_000_000
# The title and the type keyword of the notebook that `--probe` makes.
PROBE_TITLE = "Test of notebook-archive doctor"
PROBE_KEYWORD = "notebook-archive-doctor"
PROBE_CONTENT = (
    b'{"cells":[{"cell_type":"raw","metadata":{},"source":"doctor"}],"metadata":{},"nbformat":4,"nbformat_minor":2}'
)
# The id of no session.
NO_SESSION = SessionId("0" * 32)


@dataclass(frozen=True, slots=True)
class Sample:
    """A notebook of an owner who has a secret, and one of its snapshots."""

    secret: str
    owner: str
    item_id: ItemId
    snapshots: tuple[Snapshot, ...]


def check_beliefs(target: Target) -> list[Check]:
    """Check the beliefs that can be checked by reading."""
    sample = _find_sample(target)
    found = [_check_closed_session(target), _check_refusal(target), _check_folder(target), _check_range(target)]
    if sample is None:
        message = "no owner with a secret has a notebook with a snapshot"
        return [*found, unknown("belief snapshots", message, "Make a snapshot of a notebook, and check again.")]
    checks = (_check_resources, _check_administrator, _check_download, _check_lookup)
    return [*found, *(_run(check, target, sample) for check in checks)]


def _run(check: Callable[[Target, Sample], Check], target: Target, sample: Sample) -> Check:
    """Return the result of a check. An error of ArcGIS becomes its result."""
    try:
        return check(target, sample)
    except ArcGISError as error:
        return unknown(f"belief {check.__name__.removeprefix('_check_')}", f"{error}")


def _find_sample(target: Target) -> Sample | None:
    if target.parameter("Route") == "portal":
        return None
    for secret in list_secrets(target, target.output("OwnerSecretPrefix"))[:MAX_OWNERS]:
        try:
            portal = target.arcgis.portal(secret["Name"])
            owner = portal.get_organization().username
            for item in search(portal, f'type:"{NOTEBOOK}" AND owner:"{owner}"')[:MAX_NOTEBOOKS]:
                item_id = ItemId.parse(item.get("id"))
                listing = target.arcgis.find_notebook_server(secret["Name"]).list_snapshots(item_id)
                if listing.snapshots:
                    return Sample(secret["Name"], owner, item_id, listing.snapshots)
        except NotebookArchiveError:
            continue  # the checks of the secrets report this
    return None


def _check_closed_session(target: Target) -> Check:
    name = "belief closed_session_body"
    try:
        target.arcgis.find_notebook_server(target.arcgis.admin_secret).get_session(NO_SESSION)
    except SessionNotFound:
        return good(name, "a session that is not open is recognized")
    except ArcGISError as error:
        return unknown(name, f"{error} A restore needs --force if it cannot see who has a notebook open.")
    return unknown(name, "ArcGIS describes a session that does not exist")


def _check_refusal(target: Target) -> Check:
    """Check that a wrong token is recognized as such. It cannot lock an account, because it names nobody."""
    name, arcgis = "belief auth_error_shape", target.arcgis
    url = arcgis.find_notebook_server(arcgis.admin_secret).admin_url
    client = ArcGISClient(arcgis.transport, FixedToken("wrong"), Deadline(CALL_SECONDS))
    try:
        NotebookServer(client, url).list_snapshots(ItemId("0" * 32))
    except TokenRejected:
        return good(name, "the notebook server refuses a wrong token in a form that the archive understands")
    except ArcGISError as error:
        return unknown(name, f"a wrong token led to another error. {error}")
    return unknown(name, "the notebook server accepts a wrong token")


def _check_folder(target: Target) -> Check:
    name = "belief search_gives_folder"
    found = search(target.arcgis.portal(target.arcgis.admin_secret), f'type:"{NOTEBOOK}"')
    if not found:
        return unknown(name, "the portal shows no notebook yet")
    if any("ownerFolder" in each for each in found):
        return good(name, "results of a search name the folder")
    return good(name, "does not hold; the archive asks for each item when it writes item.json")


def _check_range(target: Target) -> Check:
    """Check that the search finds the last change in a range of times, as polls for changes need it."""
    name = "belief modified_range"
    portal = target.arcgis.portal(target.arcgis.admin_secret)
    organization = portal.get_organization().id
    changed = portal.find_last_change(organization)
    if not changed:
        return unknown(name, "the portal shows no notebook yet")
    try:
        found = portal.list_changed_notebooks(organization, changed - MARGIN_MS).notebooks
    except ChangeSearchUnsupported as error:
        return _describe_lost_range(target, name, str(error))
    if not found:
        return _describe_lost_range(target, name, "The portal's search does not find the last change by its time.")
    return good(name, "a search finds notebooks by the time of their last change, so ChangePoll works")


def _describe_lost_range(target: Target, name: str, message: str) -> Check:
    if target.parameter("ChangePoll"):
        return bad(name, f"polls for changes cannot work. {message}", *target.deploy_with("ChangePoll", ""))
    return good(name, f"does not hold, so leave ChangePoll empty. {message}")


def _check_resources(target: Target, sample: Sample) -> Check:
    name, arcgis = "belief snapshots_are_resources", target.arcgis
    if target.parameter("Route") == "notebook-server":
        return good(name, "not needed with Route=notebook-server")
    portal = arcgis.portal(arcgis.admin_secret)
    try:
        listed = portal.list_snapshots(sample.item_id)
        by_id = "by the item's id"
    except (PermissionDenied, NotebookNotFound, RequestRejected):
        listed = portal.list_snapshots(sample.item_id, owner=sample.owner)
        by_id = "below the owner's content alone"
    missing = {each.resource_key for each in sample.snapshots} - {each.resource_key for each in listed.snapshots}
    if missing:
        return bad(
            name,
            f"the portal does not list {format_count(len(missing), 'snapshot')} of notebook {sample.item_id} to the "
            "administrator, so the notebooks of owners without a secret have no archived snapshots",
            "Add a secret for each owner.",
            target.command("owners", "add", "USERNAME"),
        )
    return good(name, f"the administrator sees the snapshots of {sample.owner}, {by_id}")


def _check_administrator(target: Target, sample: Sample) -> Check:
    name = "belief admin_may_use_snapshots"
    try:
        target.arcgis.find_notebook_server(target.arcgis.admin_secret).list_snapshots(sample.item_id)
    except (PermissionDenied, RequestRejected, NotebookNotFound):
        return good(name, "administrators may not use the snapshot operations of others, as documented")
    return good(name, "does not hold: administrators may; the archive does not use this")


def _check_download(target: Target, sample: Sample) -> Check:
    name = "belief download_as_json"
    server, key = target.arcgis.find_notebook_server(sample.secret), sample.snapshots[0].resource_key
    body = server.read_snapshot(sample.item_id, key, MAX_BYTES, b"".join)
    if not _is_notebook(body):
        return unknown(name, f"snapshot {key} of notebook {sample.item_id} is not a notebook")
    return good(name, f"a snapshot can be downloaded ({len(body):,} bytes, and a notebook)")


def _check_lookup(target: Target, sample: Sample) -> Check:
    name, portal = "belief servers_need_privileges", target.arcgis.portal(sample.secret)
    try:
        portal.find_notebook_admin_urls(portal.get_organization())
    except ArcGISError:
        return good(
            name, "does not hold: owners may not look up the notebook server; the administrator's credential does"
        )
    return good(name, f"{sample.owner} may look up the notebook server's address")


def _is_notebook(body: bytes) -> bool:
    try:
        notebook = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(notebook, dict) and {"cells", "nbformat"} <= notebook.keys()


def describe_probe(target: Target) -> list[str]:
    """Return what `check_by_writing` changes in ArcGIS, for a question."""
    lines = [
        f"This adds a private notebook, {PROBE_TITLE!r},",
        "for an owner who has a secret, makes a snapshot of it, and deletes both.",
        "It changes nothing else.",
    ]
    if target.parameter("WebhookSecret"):
        lines.append("The webhook may archive the test notebook. The archive then keeps it.")
    return lines


def check_by_writing(target: Target) -> list[Check]:
    """Make a notebook and a snapshot in ArcGIS, check how ArcGIS behaves, and delete both."""
    for secret in list_secrets(target, target.output("OwnerSecretPrefix"))[:MAX_OWNERS]:
        try:
            portal = target.arcgis.portal(secret["Name"], seconds=60.0)
            owner = portal.get_organization().username
        except NotebookArchiveError:
            continue
        if owner:
            return list(_probe(target, secret["Name"], owner))
    return [unknown("probe", "no owner has a secret that signs in")]


def _probe(target: Target, secret: str, owner: str) -> Iterator[Check]:
    portal = target.arcgis.portal(secret, seconds=60.0)
    editor = ItemEditor(portal.client, portal.url, owner)
    keyword = f"{PROBE_KEYWORD}-{secrets.token_hex(8)}"
    properties = ItemProperties(title=PROBE_TITLE, type_keywords=(NOTEBOOK, "Python", keyword), tags=("test",))
    try:
        item_id = editor.add_item(properties)
    except ArcGISError as error:
        yield bad(
            "probe item",
            f"{owner} cannot add a notebook. {error}",
            f"Give {owner} the privilege portal:user:createItem.",
        )
        return
    try:
        editor.upload(item_id, "", io.BytesIO(PROBE_CONTENT), len(PROBE_CONTENT))
        yield good("probe item", f"{owner} may add a notebook")
        yield from _probe_snapshot(target, secret, item_id)
    except ArcGISError as error:
        yield bad("probe", f"the test of notebook {item_id} stopped. {error}", error.remedy)
    finally:
        cleanup = _delete(editor, owner, item_id)
    yield cleanup


def _probe_snapshot(target: Target, secret: str, item_id: ItemId) -> Iterator[Check]:
    portal, server = target.arcgis.portal(secret, seconds=60.0), target.arcgis.find_notebook_server(secret)
    before = portal.get_item(item_id).modified
    try:
        key = server.create_snapshot(item_id, PROBE_TITLE, PROBE_CONTENT.decode() if server.is_on_kubernetes else "")
    except (PermissionDenied, RequestRejected) as error:
        yield bad(
            "probe snapshot",
            f"the owner cannot make a snapshot. {error}",
            "Give the owner the privilege *Create and edit notebooks*.",
        )
        return
    yield good("probe snapshot", f"made {key}")
    is_same = portal.get_item(item_id).modified == before
    yield good(
        "belief snapshot_bumps_modified",
        "a snapshot does not change the item's time"
        if is_same
        else "does not hold: a snapshot changes the item's time; the archive compares the content, with one download",
    )
    body = server.read_snapshot(item_id, key, MAX_BYTES, b"".join)
    if body == PROBE_CONTENT:
        yield good("belief snapshots_written_anew", "a snapshot has the bytes of the content")
    elif _is_notebook(body) and json.loads(body) == json.loads(PROBE_CONTENT):
        yield good(
            "belief snapshots_written_anew", "does not hold: other bytes, same JSON; the archive compares the JSON"
        )
    else:
        fix = "Do not switch Capture on, because its snapshots would not have the content."
        yield bad("belief snapshots_written_anew", "a snapshot does not have the content that it was made from", fix)
    yield _delete_snapshot(target, secret, item_id, key)


def _delete_snapshot(target: Target, secret: str, item_id: ItemId, key: ResourceKey) -> Check:
    """Delete the snapshot that the probe made. `NotebookServer.delete_snapshot` deletes only archived snapshots."""
    client, server = target.arcgis.portal(secret).client, target.arcgis.find_notebook_server(secret)
    fields = {"itemId": item_id, "resourceKeys": key, "f": "json"}
    client.call("POST", f"{server.admin_url}/notebooks/snapshots/delete", f"Deleting snapshot {key}", fields)
    if any(each.resource_key == key for each in server.list_snapshots(item_id).snapshots):
        return bad("probe deletion", f"ArcGIS did not delete snapshot {key}", "Do not switch SlotRotation on.")
    return good("probe deletion", "the snapshot was deleted")


def _delete(editor: ItemEditor, owner: str, item_id: ItemId) -> Check:
    try:
        editor.delete_item(item_id, "", permanently=True)
    except NotebookNotFound:
        pass
    except ArcGISError as error:
        fix = f"Sign in to ArcGIS as {owner}, and delete the notebook {PROBE_TITLE!r}."
        return bad("probe cleanup", f"the test notebook {item_id} remains. {error}", fix)
    return good("probe cleanup", f"the test notebook {item_id} was deleted")
