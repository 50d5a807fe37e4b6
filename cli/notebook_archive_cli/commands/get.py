"""Declare the command `get`."""

from pathlib import Path

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option


@click.command("get")
@click.argument("version", metavar="[VERSION]", required=False)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="File or folder to write to; - is standard output.  [default: title and time, in this folder]",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option(
    "--version-id",
    metavar="ID",
    default="",
    help="Download this older S3 version. VERSION must be ITEM@KEY with the whole KEY.",
)
@click.option("--all", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Download every version to DIR.")
@click.option("--owner", metavar="NAME", help="Download only the notebooks of this owner, with --all.")
@click.option("--utc", is_flag=True, help="A day in VERSION ends in UTC.")
@add_second_place_option
@add_common_options
@click.pass_obj
def command(
    options: Options,
    version: str,
    target: str,
    force: bool,  # noqa: FBT001
    version_id: str,
    folder: Path,
    owner: str,
    utc: bool,  # noqa: FBT001
) -> int | None:
    """Download an archived version, or the whole archive.

    VERSION is ITEM@latest, ITEM@-2 (two before the latest), ITEM@2026-11-22 (the newest at the end of that day),
    ITEM@2026-11-22T06:00 or ITEM@KEY (a KEY that `versions` prints, or its beginning). ITEM is an item id, its first
    digits (at least 4), or a title. ITEM alone is its latest version. The file gets its name only after its bytes
    were verified.

    With --all, DIR gets a folder for each owner and notebook, and manifest.jsonl with the key, the SHA-256 and the path
    of each file. Run the command again to continue, or to add what is new: files that are intact are not downloaded
    again. The exit status is 3 if a version is damaged.

    \b
      notebook-archive get "Flood model@latest" -o flood.ipynb
      notebook-archive get --all archive
    """
    import sys

    from notebook_archive_cli.reading.archive_copy import ArchiveCopy, render_copy
    from notebook_archive_cli.reading.catalog import find_object, resolve_version_to_read
    from notebook_archive_cli.reading.downloads import get_version, render_file, write_version
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    if bool(version) == bool(folder):
        raise click.UsageError("Give a VERSION, or --all with a folder for all of them.")
    if owner == "":
        raise click.UsageError("--owner is empty.")
    if owner and not folder:
        raise click.UsageError("--owner needs --all.")
    if folder and str(folder).startswith("-"):
        raise click.UsageError(
            f"{folder} is not a folder for --all. Give --all DIR, or ./{folder} if that is its name."
        )
    if folder and (target or version_id or force):
        raise click.UsageError("--output, --version-id and --force are for one VERSION, and not for --all.")
    session, output = Session(options), Output(options)
    if folder:
        document, status = ArchiveCopy(session, output, folder, owner or "").complete()
        output.show(document, render_copy)
        return status
    chosen = find_object(session, version) if version_id else resolve_version_to_read(session, version, utc=utc)
    if target == "-":
        write_version(session, chosen, sys.stdout.buffer, version_id=version_id)
        return None
    path = Path(target) if target else None
    output.show(get_version(session, chosen, path, version_id=version_id, is_forced=force), render_file)
    return None
