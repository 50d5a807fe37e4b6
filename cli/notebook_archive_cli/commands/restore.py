"""Declare the command `restore`."""

from typing import TYPE_CHECKING, Any

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option

if TYPE_CHECKING:
    from notebook_archive_cli.restoring.restores import VersionRestore
    from notebook_archive_cli.session import Session

# The options that only the restore of one version has, and those that only the restore of many notebooks has.
_ONE = ("way", "new_owner", "folder", "title", "target_item", "version_id", "request_id", "is_private", "is_forced")
_MANY = ("mapped", "at")


@click.command("restore")
@click.argument("version", metavar="[VERSION]", required=False)
@click.option(
    "--as",
    "way",
    type=click.Choice(["new", "replace", "snapshot"]),
    help="As a new item, over the content of the item, or as a snapshot of it.  [default: new]",
)
@click.option("--new-owner", metavar="NAME", help="Member who gets the new item.  [default: the archived owner]")
@click.option(
    "--folder", metavar="NAME", help='Folder of the new item; "" is the root folder.  [default: the archived folder]'
)
@click.option("--title", metavar="TEXT", help="Title of the new item, or name of the snapshot.")
@click.option("--private", "is_private", is_flag=True, help="Share the new item with nobody.")
@click.option(
    "--target-item", metavar="ITEM", help="Replace this item, or add the snapshot to it.  [default: the archived item]"
)
@click.option(
    "--version-id", metavar="ID", help="Restore this older S3 version. VERSION must be ITEM@KEY with the whole KEY."
)
@click.option("--force", "is_forced", is_flag=True, help="Replace content although somebody has the notebook open.")
@click.option("--request-id", metavar="ID", help="Complete the restore with this request id. It does nothing twice.")
@click.option("--owner", metavar="NAME", help="Restore all notebooks of this archived owner.")
@click.option("--all", "is_everything", is_flag=True, help="Restore all notebooks of the archive.")
@click.option("--item", "items", metavar="ITEM", multiple=True, help="Restore this notebook. May be repeated.")
@click.option("--resume", "resumed", metavar="RUN", help="Carry out the plan of this bulk restore, or the rest of it.")
@click.option(
    "--map",
    "mapped",
    metavar="OLD=NEW",
    multiple=True,
    help="Give the notebooks of owner OLD to member NEW; * is every other owner. May be repeated.",
)
@click.option(
    "--at",
    metavar="TIME",
    help="Restore the content of this time: 2026-11-22 or 2026-11-22T06:00.  [default: the newest version]",
)
@click.option("--utc", is_flag=True, help="Days and times in VERSION and --at are in UTC, not in the local time zone.")
@click.option("--to", "portal_url", metavar="URL", help="Restore to this other portal.")
@click.option(
    "--secrets",
    "secret_prefix",
    metavar="PREFIX",
    help="Prefix of the secrets for --to.  [default: the parameter RestoreSecretPrefix]",
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would be done. Change nothing.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")
@add_second_place_option
@add_common_options
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - the options above
    """Put an archived VERSION back into ArcGIS, or many notebooks (--owner, --all, --item).

    VERSION is ITEM@latest, ITEM@-2 (two before the latest), ITEM@2026-11-22 (the newest at the end of that day),
    ITEM@2026-11-22T06:00 or ITEM@KEY (a KEY that `versions` prints, or its beginning). ITEM is an item id, its first
    digits (at least 4), or a title.

    A restore shows its plan and asks first, and `notebook-archive undo` takes it back. Many notebooks are restored as
    new items, each with its newest version. The exit status is 3 if the restored cells were not proved, or if one of
    many notebooks failed.

    \b
      notebook-archive restore "Flood model@latest"
      notebook-archive restore --owner ana --dry-run
    """
    from notebook_archive_cli.session import Session

    _check_options(given)
    session = Session(context.find_object(Options) or Options())
    if given["version"]:
        return _restore_one(session, given)
    if given["resumed"]:
        return _resume(session, given)
    return _restore_many(session, given)


def _check_options(given: dict[str, Any]) -> None:
    """Raise UsageError if options do not belong together."""
    # An empty variable of a script must not choose another notebook, owner or portal.
    for name, value in given.items():
        if name != "folder" and (value == "" or (isinstance(value, tuple) and "" in value)):
            raise click.UsageError(f"{_option_of(name)} is empty.", click.get_current_context())
    options = click.get_current_context().find_object(Options) or Options()
    chosen = [name for name in ("version", "owner", "is_everything", "items", "resumed") if given[name]]
    if len(chosen) != 1:
        raise click.UsageError("Give exactly one of VERSION, --owner, --all, --item and --resume.")
    for names, allowed, sentence in (
        (_ONE, chosen == ["version"], "is possible only with VERSION"),
        (_MANY, chosen[0] in ("owner", "is_everything", "items"), "is possible only with --owner, --all or --item"),
        (("portal_url", "secret_prefix"), chosen != ["resumed"], "is that of the plan with --resume"),
        (("is_dry_run",), chosen != ["resumed"], "is not possible with --resume"),
    ):
        for name in names:
            if given[name] not in (None, False, ()) and not allowed:
                raise click.UsageError(f"{_option_of(name)} {sentence}.")
    if options.is_second_place and chosen == ["resumed"]:
        raise click.UsageError(
            "--second-place is not possible with --resume, which reads the place that the plan names."
        )
    if given["secret_prefix"] and not given["portal_url"]:
        raise click.UsageError("--secrets is possible only with --to.")


def _option_of(name: str) -> str:
    return next("VERSION" if each.name == "version" else each.opts[0] for each in command.params if each.name == name)


def _restore_one(session: "Session", given: dict[str, Any]) -> int:
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.restores import (
        SAME_CELLS,
        carry_out_restore,
        describe_plan,
        plan_restore,
        render_restore,
        terminal_width,
    )
    from notebook_archive_cli.terminal.output import Output

    output, restore = Output(session.options), _read_restore(session, given)
    record = plan_restore(session, restore)
    if record["status"] == "already-restored":
        output.note("This restore was carried out earlier. This is its result.")
    elif not given["is_dry_run"]:
        output.confirm(describe_plan(record, terminal_width()), "Restore it?", is_confirmed=given["is_confirmed"])
        output.note(f"Request id  {restore.request_id}")
        output.note("If the restore is interrupted, repeat it with --request-id and this id.")
        record = carry_out_restore(session, restore)
    output.show(record, render_restore)
    return ExitStatus.FINDING if record.get("level", SAME_CELLS) < SAME_CELLS else ExitStatus.GOOD


def _read_restore(session: "Session", given: dict[str, Any]) -> "VersionRestore":
    from notebook_archive_cli.reading.catalog import find_object, resolve_item, resolve_version
    from notebook_archive_cli.restoring.restores import VersionRestore, make_name

    if given["version_id"]:
        # The object itself may have been deleted.
        version = find_object(session, given["version"])
    else:
        version = resolve_version(session, given["version"], utc=given["utc"])
    portal_url, secret_prefix = _read_portal(session, given)
    return VersionRestore(
        item_id=version.item_id,
        resource_key=version.resource_key,
        way=given["way"] or "new",
        version_id=given["version_id"] or "",
        owner=given["new_owner"] or "",
        folder=given["folder"],
        title=given["title"] or "",
        target_item_id=resolve_item(session, given["target_item"]) if given["target_item"] else "",
        portal_url=portal_url,
        secret_prefix=secret_prefix,
        is_private=given["is_private"],
        is_forced=given["is_forced"],
        is_from_second_place=session.options.is_second_place,
        request_id=given["request_id"] or make_name("restore"),
    )


def _read_portal(session: "Session", given: dict[str, Any]) -> tuple[str, str]:
    """Return the other portal and the prefix of the secrets for it, or empty texts."""
    from notebook_archive.settings import HTTPS_URL
    from notebook_archive_cli.errors import CommandError, ExitStatus

    if not given["portal_url"]:
        return "", ""
    if not HTTPS_URL.fullmatch(given["portal_url"]):
        raise click.UsageError(
            f"--to {given['portal_url']} is not an HTTPS address, such as https://gis.example.com/portal."
        )
    prefix = given["secret_prefix"] or session.stack.parameter("RestoreSecretPrefix")
    if not prefix:
        deploy, command = session.options.deploy_with("RestoreSecretPrefix", "notebook-archive-restore")
        raise CommandError(
            "other-portals-off",
            "The stack restores only to its own portal, because its parameter RestoreSecretPrefix is empty.",
            remedy=f"{deploy} Then create the secrets for the other portal (docs/restore.md, Another portal). Or leave "
            "out --to.",
            command=command,
            status=ExitStatus.USAGE,
        )
    return given["portal_url"], prefix


def _restore_many(session: "Session", given: dict[str, Any]) -> int:
    from notebook_archive.archive import RunId
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.bulk_restores import (
        carry_out_plan,
        count_failed,
        describe_many,
        plan_many,
        render_many,
    )
    from notebook_archive_cli.restoring.restores import terminal_width
    from notebook_archive_cli.running.executions import grade
    from notebook_archive_cli.terminal.output import Output

    output = Output(session.options)
    asked = _read_input(session, given)
    session = session.without_second_place()
    planned = plan_many(session, asked)
    if given["is_dry_run"] or not planned["notebooks"]["planned"]:
        output.show(planned, render_many)
        return ExitStatus.FINDING if count_failed(planned) else ExitStatus.GOOD
    portal = given["portal_url"] or session.stack.parameter("PortalUrl")
    question = f"Restore these notebooks to {portal}?"
    output.confirm(describe_many(planned, terminal_width()), question, is_confirmed=given["is_confirmed"])
    report = carry_out_plan(session, RunId(planned["runId"]))
    output.show(report, render_many)
    return grade(report)


def _read_input(session: "Session", given: dict[str, Any]) -> dict[str, Any]:
    """Return the input of the state machine."""
    from notebook_archive_cli.reading.catalog import resolve_item
    from notebook_archive_cli.restoring.moments import format_end

    portal_url, secret_prefix = _read_portal(session, given)
    owners = dict(_split_pair(each) for each in given["mapped"])
    asked: dict[str, Any] = {}
    if given["owner"]:
        asked["owner"] = given["owner"]
    if given["is_everything"]:
        asked["everything"] = True
    if given["items"]:
        asked["itemIds"] = sorted({resolve_item(session, each) for each in given["items"]})
    if portal_url:
        asked["to"] = {"portalUrl": portal_url, "secretPrefix": secret_prefix}
    if owners:
        asked["owners"] = owners
    if session.options.is_second_place:
        asked["from"] = "second-place"
    if given["at"]:
        asked["at"] = format_end(given["at"], utc=given["utc"])
    return asked


def _split_pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise click.UsageError(f"--map {text} is not of the form OLD=NEW, such as ana=anna.")
    return old, new


def _resume(session: "Session", given: dict[str, Any]) -> int:
    from notebook_archive_cli.restoring.bulk_restores import (
        LIST_COMMAND,
        carry_out_plan,
        describe_resumed,
        parse_run,
        render_many,
    )
    from notebook_archive_cli.running.executions import grade
    from notebook_archive_cli.terminal.output import Output, format_count

    output, run = Output(session.options), parse_run(given["resumed"], session.options, *LIST_COMMAND)
    resumed = describe_resumed(session, run)
    plan = f"The plan of {run} has {format_count(resumed['notebooks'], 'notebook')}."
    before = f"{resumed['restored']:,} of them are known to be restored. Nothing is restored twice."
    output.confirm([plan, before], "Restore the others?", is_confirmed=given["is_confirmed"])
    report = carry_out_plan(session, run)
    output.show(report, render_many)
    return grade(report)
