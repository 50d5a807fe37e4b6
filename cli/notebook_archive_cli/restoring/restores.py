"""Restore one version of a notebook, and undo a restore."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from notebook_archive.archive import RestoreId, keys
from notebook_archive.clock import format_moment
from notebook_archive.errors import ArchiveDamaged, NotAnId
from notebook_archive.models import truncate
from notebook_archive_cli.documents import read_document
from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.restoring.invocations import Remedy, invoke_function
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import replace_unprintable
from notebook_archive_cli.terminal.units import format_time

# Maximum number of restores in a list, and the number of characters of a title that are shown in any case.
MAX_LISTED = 20
MIN_TITLE = 20
# The lowest level of proof at which the cells are equal to the archived cells.
SAME_CELLS = 4
_MISSING_SECRET = re.compile("(?i)there is no secret '([^']+)'")
_PROOFS = {
    3: "Level 3 of 5: the cells are not proved to be the archived ones.",
    4: "Level 4 of 5: the cells are the archived ones. Something else differs.",
    5: "Level 5 of 5: cells and properties are as archived.",
}
_WAYS = {
    "new": "as a new item",
    "replace": "over the content of the item",
    "snapshot": "as a snapshot of the item",
}


def make_name(kind: str) -> str:
    """Return a new name for a request or an execution: `restore-20261128-213012-7c1f`."""
    return f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def terminal_width() -> int:
    """Return the number of columns for text on standard error."""
    return shutil.get_terminal_size().columns


@dataclass(frozen=True)
class VersionRestore:
    """A restore of one version, as the options of the command describe it. Empty texts stand for the defaults.

    `way` is `new`, `replace` or `snapshot`. A `folder` of None is the archived folder, and an empty one is the owner's
    root folder. `target_item_id` is another item that is replaced or gets the snapshot.
    """

    item_id: str
    resource_key: str
    way: str
    version_id: str = ""
    owner: str = ""
    folder: str | None = None
    title: str = ""
    target_item_id: str = ""
    portal_url: str = ""
    secret_prefix: str = ""
    is_private: bool = False
    is_forced: bool = False
    is_from_second_place: bool = False
    request_id: str = ""

    def event(self, *, is_dry_run: bool) -> dict[str, Any]:
        """Return the event of the function `restore_notebook`."""
        event: dict[str, Any] = {
            "requestId": self.request_id,
            "itemId": self.item_id,
            "resourceKey": self.resource_key,
            "as": self.way,
            "dryRun": is_dry_run,
        }
        texts = {
            "versionId": self.version_id,
            "owner": self.owner,
            "title": self.title,
            "targetItemId": self.target_item_id,
        }
        event |= {name: text for name, text in texts.items() if text}
        if self.folder is not None:
            event["folder"] = self.folder
        if self.portal_url:
            event["to"] = {"portalUrl": self.portal_url, "secretPrefix": self.secret_prefix}
        if self.is_from_second_place:
            event["from"] = "second-place"
        flags = {"private": self.is_private, "force": self.is_forced}
        return event | {name: True for name, value in flags.items() if value}

    def words(self) -> list[str]:
        """Return the words of the command that does this restore."""
        words = ["restore", f"{self.item_id}@{self.resource_key}", "--as", self.way]
        texts = {
            "--version-id": self.version_id,
            "--new-owner": self.owner,
            "--title": self.title,
            "--target-item": self.target_item_id,
            "--to": self.portal_url,
            "--secrets": self.secret_prefix,
            "--request-id": self.request_id,
        }
        for name, text in texts.items():
            words += [name, text] if text else []
        words += ["--folder", self.folder] if self.folder is not None else []
        return words + ["--private"] * self.is_private + ["--force"] * self.is_forced

    @property
    def changed_item_id(self) -> str:
        """The item that is replaced or gets a snapshot."""
        return self.target_item_id or self.item_id


def plan_restore(session: Session, restore: VersionRestore) -> dict[str, Any]:
    """Return what the restore would do, or the record of it if it was done before. Nothing is changed."""
    return _invoke_restore(session, restore, is_dry_run=True)


def carry_out_restore(session: Session, restore: VersionRestore) -> dict[str, Any]:
    """Restore the version, and return the record of it."""
    return _invoke_restore(session, restore, is_dry_run=False)


def _invoke_restore(session: Session, restore: VersionRestore, *, is_dry_run: bool) -> dict[str, Any]:
    options = session.options
    record = invoke_function(
        session,
        "RestoreNotebookFunction",
        restore.event(is_dry_run=is_dry_run),
        what="" if is_dry_run else f"restore {restore.request_id}",
        repeat=options.command(*restore.words()),
        list_remedies=lambda message: list_remedies(session, restore, message),
    )
    record = {**record, "requestId": restore.request_id}
    if record["status"] == "planned":
        return {**record, "url": None if restore.way == "new" else _item_url(record, restore.changed_item_id)}
    item_id = record.get("newItemId", restore.changed_item_id)
    return {**record, "url": _item_url(record, item_id), "undo": options.command("undo", record["restoreId"])}


def _item_url(record: dict[str, Any], item_id: str) -> str:
    return f"{record['portalUrl']}/home/item.html?id={item_id}"


def list_remedies(session: Session, restore: VersionRestore, message: str) -> dict[str, Remedy]:
    """Return what to do about each error of the function, by the name of its class. `message` is that of the error."""
    options = session.options
    afresh = replace(restore, request_id="")
    as_new = replace(afresh, way="new", title="", target_item_id="", is_forced=False)
    forced, nobody = replace(afresh, is_forced=True), replace(afresh, owner="MEMBER")

    def again(changed: VersionRestore) -> str:
        return options.command(*changed.words())

    return {
        "SessionOpen": Remedy(
            "Ask these users to close the notebook without saving, and run the command again. Or replace the content "
            "although they have it open:",
            again(forced),
        ),
        "SessionsUnknown": Remedy("Make sure that nobody has the notebook open. Then replace it:", again(forced)),
        "OwnerMissing": Remedy(
            "Add the member to the portal, and run the command again. Or give the notebook to another member, whose "
            "name you write in place of MEMBER:",
            again(nobody),
        ),
        "ItemMissing": Remedy("Restore the version as a new item:", again(as_new)),
        "SnapshotsFull": Remedy(
            "Delete a snapshot in ArcGIS, after you checked that the archive has it. Or restore the version as a new "
            "item:",
            again(as_new),
        ),
        "NoFreeSlot": Remedy("Delete a snapshot in ArcGIS. Or restore the version as a new item:", again(as_new)),
        "SnapshotUnsendable": Remedy("Restore the version as a new item:", again(as_new)),
        "SnapshotNameTaken": Remedy(
            "Give another name with --title. Or leave out --title:", again(replace(afresh, title=""))
        ),
        "RestoreIdTaken": Remedy("Leave out --request-id, so that a new one is made:", again(afresh), ExitStatus.USAGE),
        "RestoreTouched": Remedy(
            "Look at the item in ArcGIS. To restore the version all the same, start another restore:", again(afresh)
        ),
        "VersionMissing": Remedy(
            "List the versions of the notebook. If somebody deleted the object, give the id of an older S3 version "
            "with --version-id.",
            options.command("versions", restore.item_id),
        ),
        "ArchiveDamaged": Remedy(
            "Verify the notebook. Then restore another version, or an older S3 version with --version-id.",
            options.command("verify", restore.item_id),
        ),
        "VersionReplaced": Remedy(
            "Find out who replaced the object. The next command verifies the notebook, and names the good S3 version. "
            "Restore that one, with --version-id.",
            options.command("verify", restore.item_id),
        ),
        "RestoreInterrupted": Remedy(
            "Remove the cause, and run the next command, which completes the restore. Or take back what it did: "
            f"{options.command('undo', _restore_id(restore.request_id))}",
            again(restore),
        ),
        "RestoreInputInvalid": Remedy("Correct the options.", options.command("restore", "--help")),
        "RestoreForbidden": _describe_forbidden(session, message),
    }


def _describe_forbidden(session: Session, message: str) -> Remedy:
    """Return how to create the secret that the message misses, or else how to give an account the privilege."""
    options, missing = session.options, _MISSING_SECRET.search(message)
    other = session.stack.parameter("RestoreSecretPrefix")
    # `doctor` examines only the secrets for the stack's own portal.
    if missing and other and missing[1].startswith(f"{other}/"):
        words = ("secretsmanager", "create-secret", "--name", missing[1], "--secret-string", "file://credential.json")
        return Remedy(
            'Write {"username": "…", "password": "…"} of a member of the other portal into the file credential.json, '
            "store it with the next command, and delete the file (docs/restore.md, Another portal).",
            options.aws_command(*words),
        )
    return Remedy(
        "Create the secret, or give the account the privilege, that the message names (docs/secrets.md). The next "
        "command checks what the accounts may do.",
        options.command("doctor"),
    )


def _restore_id(request_id: str) -> str:
    return RestoreId.from_request(request_id) if request_id else ""


def describe_plan(record: dict[str, Any], width: int) -> list[str]:
    """Return the lines that say what a restore would do."""
    version = f"{record['itemId']}@{record['resourceKey']}"
    return [version, f"would be restored {_WAYS[record['as']]}:", *describe_steps(record, width)]


def describe_steps(record: dict[str, Any], width: int) -> list[str]:
    """Return the numbered steps of a restore or of an undo."""
    steps = enumerate(record["plan"], 1)
    return [line for number, step in steps for line in wrap_text(step, width, "   ", f"{number}. ")]


def render_restore(record: dict[str, Any], width: int) -> Iterator[str]:
    """Yield the plan of a restore, or its result."""
    way = _WAYS[record["as"]]
    if record["status"] == "planned":
        yield from describe_plan(record, width)
        yield ""
        yield "Nothing was changed."
        return
    yield f"Restored {way}, in {record['seconds']:.1f} s."
    yield ""
    yield f"Restore id  {record['restoreId']}"
    if "newItemId" in record:
        yield f"New item    {record['newItemId']}"
    if "snapshot" in record:
        yield f"Snapshot    {record['snapshot']}"
    if "archived" in record:
        yield f"Replaced    {record['archived'].removeprefix('notebooks/').replace('/', '@', 1)}"
    yield f"Address     {record['url']}"
    yield f"Proof       {_PROOFS[record['level']]}"
    for each in record["differences"]:
        yield from wrap_text(each, width, " " * 14, " " * 12 + "- ")
    yield f"Undo        {record['undo']}"


def plan_undo(session: Session, restore_id: str, *, is_forced: bool) -> dict[str, Any]:
    """Return what the undo of a restore would do, or the record of it if it was done before. Nothing is changed."""
    return _invoke_undo(session, restore_id, is_dry_run=True, is_forced=is_forced)


def carry_out_undo(session: Session, restore_id: str, *, is_forced: bool) -> dict[str, Any]:
    """Undo a restore, and return the record of it."""
    return _invoke_undo(session, restore_id, is_dry_run=False, is_forced=is_forced)


def _invoke_undo(session: Session, restore_id: str, *, is_dry_run: bool, is_forced: bool) -> dict[str, Any]:
    options = session.options
    words = ["undo", restore_id] + ["--force"] * is_forced
    return invoke_function(
        session,
        "UndoRestoreFunction",
        {"restoreId": restore_id, "dryRun": is_dry_run, "force": is_forced},
        what="" if is_dry_run else f"undo of {restore_id}",
        repeat=options.command(*words),
        list_remedies=lambda message: _list_undo_remedies(session, restore_id, message),
    )


def _list_undo_remedies(session: Session, restore_id: str, message: str) -> dict[str, Remedy]:
    options = session.options
    forced = options.command("undo", restore_id, "--force")
    by_hand = _describe_undo_by_hand(session, restore_id)
    return {
        "SessionOpen": Remedy(
            "Ask these users to close the notebook without saving, and run the command again. Or put the content back "
            "although they have it open:",
            forced,
        ),
        "SessionsUnknown": Remedy("Make sure that nobody has the notebook open. Then undo the restore:", forced),
        "RestoreTouched": by_hand,
        "UndoImpossible": by_hand,
        "RestoreInterrupted": Remedy(
            "Remove the cause, and run the next command, which completes the undo.",
            options.command("undo", restore_id),
        ),
        "RestoreUnknown": Remedy("The next command lists the restores.", options.command("undo", "--list")),
        "RestoreInputInvalid": Remedy("The next command lists the restores.", options.command("undo", "--list")),
        "RestoreForbidden": _describe_forbidden(session, message),
    }


def _describe_undo_by_hand(session: Session, restore_id: str) -> Remedy:
    """Return how to undo a restore by hand, which its record says."""
    options, record = session.options, read_restore(session, restore_id)
    if "archived" in record:
        _, item_id, name = record["archived"].split("/", 2)
        return Remedy(
            "Look at the item in ArcGIS. To put the earlier content back all the same, restore the copy of it:",
            options.command("restore", f"{item_id}@{name}", "--as", "replace"),
        )
    if "newItemId" not in record and "snapshot" not in record:
        return Remedy(
            "Look at the item in ArcGIS, and correct it by hand. The next command lists what the archive has of it.",
            options.command("versions", record["itemId"]) if record else options.command("undo", "--list"),
        )
    made = f"snapshot {record['snapshot']}" if "snapshot" in record else f"item {record['newItemId']}"
    return Remedy(
        f"Look at it in ArcGIS. If nobody needs it, delete {made} there. The next command shows what was restored.",
        options.command("show", f"{record['itemId']}@{record['resourceKey']}"),
    )


def read_restore(session: Session, restore_id: str) -> dict[str, Any]:
    """Return the record of a restore, or an empty dictionary if the archive does not have one."""
    try:
        return read_document(session.archive, keys.restore_result_key(RestoreId.parse(restore_id))) or {}
    except NotAnId:
        return {}


def render_undo(record: dict[str, Any], width: int) -> Iterator[str]:
    """Yield the plan of an undo, or its result."""
    if record["status"] == "planned":
        yield f"The undo of {record['restoreId']} would do this:"
        yield from describe_steps(record, width)
        yield ""
        yield "Nothing was changed."
        return
    if record["status"] == "already-undone":
        yield f"{record['restoreId']} was already undone. The undo did this:"
    else:
        yield f"Undone: {record['restoreId']}, in {record['seconds']:.1f} s."
    yield from describe_steps(record, width)


def list_restores(session: Session) -> list[dict[str, Any]]:
    """Return the newest restores, the newest first. Those of restore tests are left out."""
    begun: dict[str, datetime] = {}
    ended: set[str] = set()
    undone: set[str] = set()
    for listed in session.archive.list_documents(keys.RESTORES):
        restore_id, _, name = listed.key.removeprefix(keys.RESTORES).partition("/")
        if restore_id.startswith("test-") or not _is_restore_id(restore_id):
            continue
        if name == "plan.json":
            begun[restore_id] = listed.written
        elif name == "result.json":
            ended.add(restore_id)
        elif name == "undo/result.json":
            undone.add(restore_id)
    newest = sorted(begun, key=lambda each: begun[each], reverse=True)[:MAX_LISTED]
    return [
        _describe_listed(
            session,
            restore_id,
            begun[restore_id],
            "undone" if restore_id in undone else "restored" if restore_id in ended else "not-ended",
        )
        for restore_id in newest
    ]


def _is_restore_id(text: str) -> bool:
    try:
        RestoreId.parse(text)
    except NotAnId:
        return False
    return True


def _describe_listed(session: Session, restore_id: str, begun: datetime, state: str) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    # The list also has restores whose plan is damaged.
    with suppress(ArchiveDamaged):
        plan = read_document(session.archive, keys.restore_plan_key(RestoreId.parse(restore_id)), "request") or {}
    request = plan.get("request", {})
    return {
        "restoreId": restore_id,
        "startedAt": format_moment(int(begun.timestamp() * 1000)),
        "state": state,
        "as": request.get("as", ""),
        "itemId": request.get("itemId", ""),
        "owner": plan.get("owner", ""),
        "title": plan.get("title", ""),
    }


def render_restores(restores: list[dict[str, Any]], width: int, *, is_utc: bool = False) -> Iterator[str]:
    """Yield the newest restores, two lines each, because an id has up to 80 characters."""
    if not restores:
        yield "Nothing has been restored yet."
    for each in restores:
        yield each["restoreId"]
        line = f"  {format_time(each['startedAt'], is_utc=is_utc)}  {each['state']}  {_WAYS.get(each['as'], '')}  "
        yield line + truncate(replace_unprintable(each["title"]), max(width - len(line), MIN_TITLE))
