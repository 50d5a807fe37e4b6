"""Declare the command `diff`."""

import click

from notebook_archive_cli.options import Options, add_common_options, add_second_place_option


@click.command("diff")
@click.argument("before", metavar="VERSION")
@click.argument("after", metavar="[VERSION]", required=False)
@click.option("--all", "has_reruns", is_flag=True, help="Show also what only a rerun changed.")
@click.option("--stat", is_flag=True, help="Show only how many cells differ.")
@click.option("--utc", is_flag=True, help="Show times in UTC. A day in VERSION ends in UTC.")
@add_second_place_option
@add_common_options
@click.pass_obj
def command(options: Options, before: str, after: str, has_reruns: bool, stat: bool, utc: bool) -> None:  # noqa: FBT001
    """Compare two archived versions, cell by cell.

    VERSION is ITEM@latest, ITEM@-2 (two before the latest), ITEM@2026-11-22 (the newest at the end of that day),
    ITEM@2026-11-22T06:00 or ITEM@KEY (a KEY that `versions` prints, or its beginning). ITEM is an item id, its first
    digits (at least 4), or a title.

    \b
      notebook-archive diff ITEM                    the two newest versions
      notebook-archive diff ITEM@-2                 this version and the latest
      notebook-archive diff ITEM@2026-11-22 ITEM@-1

    What only a rerun changed is hidden: results, execution counts and times of cells with the same source. The exit
    status is 0, whether the versions differ or not.
    """
    from notebook_archive.notebook.diff import diff_notebooks
    from notebook_archive_cli.reading.catalog import resolve_versions_to_compare
    from notebook_archive_cli.reading.diff_text import render_diff, render_stat
    from notebook_archive_cli.reading.notebook_document import describe_version, read_body
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    session = Session(options)
    chosen = resolve_versions_to_compare(session, before, after or "", utc=utc)
    (earlier, first), (later, second) = (read_body(session, version) for version in chosen)
    diff = diff_notebooks(earlier, later)
    facts = {"before": describe_version(first), "after": describe_version(second)}
    render = render_stat if stat else render_diff
    Output(options).show(
        facts | diff.to_document(),
        lambda _document, width: render(diff, **facts, width=width, has_reruns=has_reruns, utc=utc),
        is_paged=True,
    )
