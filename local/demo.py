"""`make demo`: the main job from end to end on this machine, checked byte for byte.

Exits 0 only if both runs completed, the archive holds exactly the readable snapshots and the current content that
ArcGIS serves, and the second run found everything unchanged.
"""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from local import tables
from local.archive_run import ArchiveRun, Finished, RunFailedError
from local.aws import LocalAwsError
from local.comparison import compare, stored_snapshots
from local.stack import SamError
from local.stopping import Stopped, stop_on_signals
from local.system import LocalSystem, argument_parser, seed_from

_WIDTH = 200  # of tables that go to a file or a pipe, where there is no terminal to ask


def demonstrate(system: LocalSystem, console: Console) -> bool:
    """Run twice, show what came of it, and return whether all of it is as it has to be."""
    bucket = system.outputs["ArchiveBucket"]
    first = _run(system, console, "First run")
    for line in tables.archived(system.aws.s3, bucket, console.width):
        console.print(line)
    console.print(tables.report(first.report, "Report of the first run"))
    compared = compare(system.arcgis.enterprise, system.aws.s3, bucket, with_current=system.has_current_content)
    second = _run(system, console, "Second run")
    console.print(tables.report(second.report, "Report of the second run"), *tables.lists(second.report), sep="\n")

    wrong = list(compared.differences)
    bodies = compared.snapshots + compared.copies
    if not bodies:
        wrong.append("Nothing was archived: there is nothing that can be read.")
    wrong += [
        f"The {name} run ended {run.status} with a report that says {run.report['status']}."
        for name, run in (("first", first), ("second", second))
        if (run.status, run.report["status"]) != ("SUCCEEDED", "complete")
    ]
    unchanged, archived = (second.report["snapshots"].get(name, 0) for name in ("unchanged", "archived"))
    if archived or unchanged != bodies:
        wrong.append(f"The second run archived {archived} and found {unchanged} of {bodies} unchanged.")
    for sentence in wrong:
        console.print(sentence, style="bold red", markup=False)
    if not wrong:
        console.print(
            f"{compared.snapshots} readable snapshots and the current content of {compared.copies} notebooks are "
            f"archived as ArcGIS serves them, and nothing else is. The second run found all of them unchanged, "
            f"in {second.seconds:.1f} s:\n{second.report['message']}",
            style="bold green",
            highlight=False,
            markup=False,
        )
    return not wrong


def _run(system: LocalSystem, console: Console, title: str) -> Finished:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{title}: planning", total=None)
        run = ArchiveRun(system.aws, system.outputs)

        def show(run: ArchiveRun) -> None:
            if (planned := run.planned()) is not None:
                stored = sum(1 for _ in stored_snapshots(system.aws.s3, system.outputs["ArchiveBucket"]))
                progress.update(
                    task,
                    total=len(planned),
                    completed=min(run.outcomes(), len(planned)),
                    description=f"{title}: {sum(planned)} notebooks in {len(planned)} batches, {stored} versions kept",
                )

        return run.wait(follow=show)


def main() -> int:
    """Start everything, demonstrate, stop everything; return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    started = time.monotonic()

    def step(text: str) -> None:
        console.print(Text.assemble((f"{time.monotonic() - started:5.1f} s", "dim"), f"  {text} …"))

    try:
        seed = seed_from(
            argument_parser("Run the main job on this machine and check every byte.").parse_args().notebooks
        )
        with stop_on_signals(), LocalSystem(seed, step=step) as system:
            step(f"Archiving into {system.outputs['ArchiveBucket']} at {system.aws.endpoint_url}")
            good = demonstrate(system, console)
        console.print("Everything that was started is stopped.")
    except (LocalAwsError, NotADirectoryError, RunFailedError, SamError) as error:
        console.print(str(error), style="bold red", markup=False)
        return 1
    except Stopped as stopped:
        console.print(f"Stopped by {stopped}.", markup=False)
        return 130
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
