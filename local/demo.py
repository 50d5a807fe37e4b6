"""`make demo`: archive notebooks on this machine twice, and compare each archived byte with the original.

The exit code is 0 only if all of this is true: both runs completed, the archive contains exactly the readable snapshots
and current content that ArcGIS serves, and the second run found everything unchanged.
"""

import argparse
import shlex
import sys

from rich.console import Console
from rich.filesize import decimal

from local import tables
from local.archive_run import ArchiveRun, Finished, RunFailedError
from local.aws import LocalAwsError
from local.comparison import Comparison, compare, stored_snapshots
from local.inventory import read_tags, read_versions
from local.progress import Steps
from local.stack import SamError
from local.stopping import Stopped, stop_on_signals
from local.system import LocalSystem, add_notebooks_option, seed_from
from notebook_archive_cli.terminal.output import format_count


def demonstrate(system: LocalSystem, console: Console, steps: Steps, *, verbose: bool = False) -> bool:
    """Run the archive twice, print the results, and return whether they are correct."""
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    steps.start("First archive run")
    first = _follow(ArchiveRun(system.aws, system.outputs), system, steps)
    steps.start("Comparing each archived byte with what ArcGIS serves")
    compared = compare(system.arcgis.enterprise, s3, bucket, with_current=system.has_current_content)
    versions = list(read_versions(s3, bucket))
    steps.start("Second archive run, over the same notebooks")
    second_run = ArchiveRun(system.aws, system.outputs)
    second = _follow(second_run, system, steps)
    steps.end()

    notebooks = tables.list_notebooks(second_run.read_outcomes(), versions)
    console.print("", tables.build_notebook_table(notebooks, console.width), sep="\n")
    for part in tables.list_problems(second.report):
        console.print(part)
    if verbose:
        _print_details(system, console, first, second)
    differences = _list_differences(compared, first, second)
    console.print()
    for sentence in differences:
        console.print(sentence, style="bold red", markup=False, highlight=False, soft_wrap=True)
    if differences:
        verdict = "The archive is not correct. The lines above list the differences."
    else:
        copies = format_count(compared.copies, "notebook")
        size = decimal(sum(version.size for version in versions))
        verdict = (
            f"{format_count(compared.snapshots, 'snapshot')} and the current content of {copies} ({size}) are archived "
            "byte for byte as ArcGIS serves them. Nothing else was archived. A second run found nothing to add."
        )
    console.print(verdict, style="bold red" if differences else "bold green", markup=False, highlight=False)
    return not differences


def _follow(run: ArchiveRun, system: LocalSystem, steps: Steps) -> Finished:
    for _ in run.follow():
        stored = sum(1 for _ in stored_snapshots(system.aws.s3, system.outputs["ArchiveBucket"]))
        steps.update(f"{format_count(stored, 'version')} in the archive")
    return run.wait()


def _list_differences(compared: Comparison, first: Finished, second: Finished) -> list[str]:
    """Return a sentence for each result that is not correct."""
    differences = list(compared.differences)
    if not compared.equal:
        differences.append("Nothing was archived: no notebook could be read.")
    differences += [
        f"The {name} run ended with status {run.status}. The status in its report is {run.report['status']}."
        for name, run in (("first", first), ("second", second))
        if (run.status, run.report["status"]) != ("SUCCEEDED", "complete")
    ]
    unchanged, archived = (second.report["snapshots"].get(name, 0) for name in ("unchanged", "archived"))
    if archived or unchanged != compared.equal:
        differences.append(
            f"The second run archived {format_count(archived, 'version')} and found {unchanged} of {compared.equal} "
            "unchanged. It should have found all of them unchanged."
        )
    return differences


def _print_details(system: LocalSystem, console: Console, first: Finished, second: Finished) -> None:
    """Print keys, sizes, tags and batches."""
    s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
    versions = list(read_versions(s3, bucket))
    tags = {version.key: read_tags(s3, bucket, version.key) for version in versions}
    console.print(f"\nBucket {bucket}", style="bold", highlight=False)
    for line in tables.list_versions(versions, tags):
        console.print(line, soft_wrap=True)
    for name, run in (("first", first), ("second", second)):
        console.print(f"\nReport of the {name} run", style="bold")
        console.print(tables.build_report_table(run.report))


def main() -> int:
    """Start everything, run the demonstration and stop everything. Return the exit code."""
    parser = argparse.ArgumentParser(description="Archive notebooks on this machine and check every byte.")
    add_notebooks_option(parser)
    parser.add_argument("--verbose", action="store_true", help="also show keys, sizes, tags and batches")
    options = parser.parse_args()
    console = Console()
    try:
        seed = seed_from(options.notebooks)
        with stop_on_signals(), Steps(console) as steps:
            with LocalSystem(seed, step=steps.start) as system:
                good = demonstrate(system, console, steps, verbose=options.verbose)
            console.print("Everything that was started has been stopped.")
    except (LocalAwsError, NotADirectoryError, RunFailedError, SamError) as error:
        console.print(str(error), style="bold red", markup=False, soft_wrap=True)
        return 1
    except Stopped as stopped:
        console.print(f"Stopped by {stopped}.", markup=False)
        return 130
    if not good:
        following = "Next, see keys, sizes, tags and batches: make demo VERBOSE=1"
    elif options.notebooks:
        following = (
            f"Next, look around in the running system: make local NOTEBOOKS={shlex.quote(str(options.notebooks))}"
        )
    else:
        following = "Next, do the same with your own notebooks: make demo NOTEBOOKS=path/to/folder"
    console.print(following, markup=False, highlight=False, soft_wrap=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
