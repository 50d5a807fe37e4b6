"""`make bench`: measure everything in one run, print tables and write them into `docs/performance.md`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import bodies, command, diff, figures, imports, page, plan
from bench.figures import SNAPSHOTS, Figure
from bench.servers import BUCKET, PREFIX, PYTHON_PATH, Servers, run_servers
from local.arcgis.seed import OWNERS
from local.aws import ROOT
from local.stopping import Stopped, stop_on_signals

_STARTED_AT = "2026-01-01T00:00:00.000Z"
_LATENCY_SECONDS = 0.02
# Sizes in MB, and the number of snapshots of each size that one process archives.
_SNAPSHOTS_BY_SIZE = {300: 1, 50: 3, 6: 5}
# A process first archives one snapshot of 1 MB for each owner. So it has connected and signed in before it is measured.
_FIRST_TITLES = [f"1-{number}" for number in range(len(OWNERS))]
# Number of notebooks in a plan. The goals are for the second one.
_PLANNED = (10_000, 100_000)
# Number of processes for each size and program. A figure is the median of all their snapshots.
_ROUNDS = 3


def _run_measurement(folder: Path, what: str, environment: Mapping[str, str], **arguments: object) -> Any:  # noqa: ANN401 - JSON
    """Run one measurement in its own process and return the result."""
    result = folder / "result.json"
    command = [sys.executable, "-m", "bench.measure", what, str(result)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=json.dumps(arguments),
        text=True,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The measurement {what} failed.")
    return json.loads(result.read_text())


def _describe_deployment(running: Servers) -> dict[str, str]:
    urls = {"portal_url": running.arcgis["portalUrl"], "notebook_admin_url": running.arcgis["notebookAdminUrl"]}
    return {**urls, "secret_prefix": PREFIX, "bucket": BUCKET, "ca": running.arcgis_ca}


def _plan(
    folder: Path, running: Servers, run: str = "bench", **settings: object
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Plan a run. Return the result of the process and the planned batches."""
    planned = _run_measurement(
        folder,
        "invoke",
        running.environment(**settings),
        function="plan_run",
        events=[_make_run_fields(run) | {"input": {}}],
    )
    return planned, [json.loads(line) for line in running.read(planned["answer"]["planKey"]).splitlines()]


def _make_run_fields(run: str) -> dict[str, Any]:
    return {"runId": run, "startedAt": _STARTED_AT}


def _make_events(batches: list[dict[str, Any]], run: str = "bench") -> list[dict[str, Any]]:
    return [_make_run_fields(run) | {"batch": batch} for batch in batches]


def _measure_sizes(folder: Path, shape: bodies.Shape) -> Iterator[Figure]:
    """Measure CPU time and memory for single snapshots of each size. The goals are for ArcGIS's shape."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for size, count in {**_SNAPSHOTS_BY_SIZE, 1: len(_FIRST_TITLES)}.items():
        first = notebooks / f"{size}-0.ipynb"
        bodies.write_body(first, "mixture", shape, size * 1_000_000, seed=size)
        for number in range(1, count):
            (notebooks / f"{size}-{number}.ipynb").hardlink_to(first)
    # The results of each program for each size.
    results: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    with run_servers(folder, "--notebooks", str(notebooks)) as running:
        _, batches = _plan(folder, running, BATCH_SIZE=1)
        batch = {each["notebooks"][0]["title"]: each for each in batches}
        listed = {item["title"]: item for item in running.arcgis_control("GET", "items")["items"]}
        for size, count in {**_SNAPSHOTS_BY_SIZE, 1: 0}.items():
            titles = [*_FIRST_TITLES, *(f"{size}-{number}" for number in range(count))]
            chosen = [listed[title] for title in titles]
            copied = {
                "deployment": _describe_deployment(running),
                "snapshots": [[item["owner"], item["id"], item["snapshots"][0]["resourceKey"]] for item in chosen],
                "warm": len(_FIRST_TITLES),
            }
            archived = {
                "function": "archive_notebooks",
                "events": _make_events([batch[title] for title in titles]),
                "warm": len(_FIRST_TITLES),
            }
            for _ in range(_ROUNDS):
                for what, arguments in (("invoke", archived), ("naive", copied), ("raw", copied)):
                    running.aws_control("DELETE")
                    result = _run_measurement(folder, what, running.environment(), **arguments)
                    results[what, size].append(result)
    for size in figures.CPU_GOALS:
        ours, naive, raw = (
            median(chain.from_iterable(each["cpu"] for each in results[what, size]))
            for what in ("invoke", "naive", "raw")
        )
        yield from figures.describe_one_snapshot(size, ours, naive, raw, has_goal=shape == "arcgis")
    if shape == "arcgis":
        yield from figures.describe_memory(
            *(
                {
                    (what, size): median(each[memory] for each in results[what, size])
                    for what in ("invoke", "naive")
                    for size in (1, 300)
                }
                for memory in ("anonymous", "resident")
            )
        )


def _measure_gate(folder: Path) -> Iterator[Figure]:
    environment = {**os.environ, "PYTHONPATH": PYTHON_PATH}
    yield from figures.describe_gate(_run_measurement(folder, "gate", environment, size=8_000_000, repeats=7))


def _make_run(folder: Path, running: Servers, name: str) -> dict[str, Any]:
    """Make a whole run with each function in its own process. Return the calls and the CPU seconds of archiving."""
    running.arcgis_control("DELETE", "requests")
    planned, batches = _plan(folder, running, name)
    archived = _run_measurement(
        folder, "invoke", running.environment(), function="archive_notebooks", events=_make_events(batches, name)
    )
    event = _make_run_fields(name) | {"plan": planned["answer"]}
    reported = _run_measurement(folder, "invoke", running.environment(), function="report_run", events=[event])
    if reported["answer"]["status"] != "complete":
        raise RuntimeError(f"A run of the benchmark was not complete: {reported['answer']['message']}")
    aws: dict[str, int] = {}
    for part in (planned, archived, reported):
        for call, count in part["calls"].items():
            aws[call] = aws.get(call, 0) + count
    arcgis = running.arcgis_control("GET", "requests")
    return {"arcgis": arcgis, "aws": aws, "cpu": sum(archived["cpu"]), "snapshots": reported["answer"]["snapshots"]}


def _measure_runs(folder: Path, notebooks: int, *, has_goal: bool) -> Iterator[Figure]:
    """Measure the calls and CPU time of a first and a second run with 2,000 small snapshots."""
    each = SNAPSHOTS // notebooks
    with run_servers(folder, "--many", str(notebooks), "--snapshots", str(each), "--size", "20000") as running:
        first = _make_run(folder, running, "first")
        counted = sum(running.aws_control("GET").values())
        second = _make_run(folder, running, "second")
        if (first["snapshots"]["archived"], second["snapshots"]["unchanged"]) != (SNAPSHOTS, SNAPSHOTS):
            raise RuntimeError("A run of the benchmark did not archive every snapshot.")
        # The benchmark itself makes one more call to read the plan.
        if counted != sum(first["aws"].values()) + 1:
            raise RuntimeError(f"The fake AWS counted {counted} calls, botocore {sum(first['aws'].values())}.")
        items = running.arcgis_control("GET", "items")["items"]
        snapshots = [[item["owner"], item["id"], s["resourceKey"]] for item in items for s in item["snapshots"]]
        sample = snapshots[:: len(snapshots) // 120]
        arguments = {"deployment": _describe_deployment(running), "snapshots": sample, "warm": 20}
        naive = _run_measurement(folder, "naive-everything", running.environment(), **arguments)
    yield figures.describe_new_snapshots(notebooks, first, has_goal=has_goal)
    yield from figures.describe_second_run(notebooks, second)
    yield figures.describe_small_snapshots(first["cpu"] / SNAPSHOTS, median(naive["cpu"]), notebooks, has_goal=has_goal)


def _measure_plans(folder: Path) -> Iterator[Figure]:
    """Measure the plan of a run in which everything is archived already."""
    measured = {}
    for notebooks in _PLANNED:
        with run_servers(folder, "--many", str(notebooks), "--size", "200") as running:
            plan.fill_archive(running, notebooks)
            running.arcgis_control("DELETE", "requests")
            event = _make_run_fields("bench") | {"input": {}}
            planned = _run_measurement(folder, "invoke", running.environment(), function="plan_run", events=[event])
            if planned["answer"]["notebooks"] != notebooks or planned["answer"]["notices"]:
                raise RuntimeError(f"A plan of the benchmark was not complete: {planned['answer']}")
            measured[notebooks] = planned | {"arcgis": running.arcgis_control("GET", "requests")["total"]}
    yield from figures.describe_plans(measured)


def _measure_threads(folder: Path) -> Figure:
    """Measure a batch over a slow network, with one thread and with sixteen threads. Sign-ins are not measured."""
    with run_servers(folder, "--many", "35", "--snapshots", "5", "--size", "20000") as running:
        _, (batch,) = _plan(folder, running, BATCH_SIZE=1000)
        # The first batch has one notebook of each owner. It signs in and is not measured.
        first = {planned["owner"]: planned for planned in batch["notebooks"]}.values()
        rest = [planned for planned in batch["notebooks"] if planned not in first]
        events = _make_events([{**batch, "notebooks": [*first]}, {**batch, "notebooks": rest}])
        running.slow_down(_LATENCY_SECONDS)
        wall: dict[int, list[float]] = {16: [], 1: []}
        for threads in (16, 1, 16):
            running.aws_control("DELETE")
            environment = running.environment(THREADS=threads)
            result = _run_measurement(
                folder, "invoke", environment, function="archive_notebooks", events=events, warm=1
            )
            wall[threads] += result["wall"]
    return figures.describe_threads(median(wall[16]), median(wall[1]))


def _measure_layers(folder: Path) -> Iterator[Figure]:
    parts = imports.build_parts(folder)
    milliseconds = imports.measure_cold_imports(parts, 9)
    yield from figures.describe_layer(milliseconds, imports.measure_size(parts.layer))
    yield from figures.describe_pages(milliseconds, imports.measure_size(parts.pages))


def _measure_all(folder: Path, console: Console) -> dict[str, list[Figure]]:
    """Return the figures by the title of their table."""
    found = {}
    for title, part in (
        ("One snapshot in ArcGIS's shape", lambda each: _measure_sizes(each, "arcgis")),
        ("One snapshot in Jupyter's shape", lambda each: _measure_sizes(each, "jupyter")),
        ("The gate", _measure_gate),
        (f"{SNAPSHOTS:,} snapshots of 20 notebooks", lambda each: _measure_runs(each, 20, has_goal=True)),
        (f"{SNAPSHOTS:,} snapshots of 400 notebooks", lambda each: _measure_runs(each, 400, has_goal=False)),
        (f"The plan of a run, {plan.SNAPSHOTS} versions of each notebook", _measure_plans),
        ("A slow network", lambda each: iter([_measure_threads(each)])),
        ("The built layers", _measure_layers),
        (
            "The comparison of two notebooks of 20 MB",
            lambda _: figures.describe_diff(diff.measure_comparisons(20_000_000, 5)),
        ),
        ("The command", lambda _: figures.describe_command(command.measure_help())),
    ):
        console.print(f"{title} …")
        with tempfile.TemporaryDirectory(prefix="notebook-archive-bench-", dir=folder) as inner:
            found[title] = list(part(Path(inner)))
    return found


def _make_table(title: str, rows: list[Figure]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("Figure", "Here", "Compared with", "Ratio", "Goal", "Met"):
        table.add_column(name, justify="left" if name in ("Figure", "Met") else "right")
    for row in rows:
        table.add_row(row.name, row.ours, row.peer, row.ratio, row.goal, row.verdict)
    return table


def main() -> int:
    """Measure everything. Return 0 if every goal is met, otherwise 1."""
    argparse.ArgumentParser(prog="python -m bench", description=__doc__).parse_args()
    console, started, machine = Console(stderr=True), time.monotonic(), page.describe_machine()
    try:
        with stop_on_signals(), tempfile.TemporaryDirectory(prefix="notebook-archive-bench-") as folder:
            parts = _measure_all(Path(folder), console)
    except Stopped:
        return 130
    page.write_page(machine, parts)
    tables = Console(width=None if sys.stdout.isatty() else 160)
    for title, rows in parts.items():
        tables.print(_make_table(title, rows))
    console.print(f"This took {time.monotonic() - started:.0f} s. {page.PAGE.relative_to(ROOT)} has the same figures.")
    return 0 if all(row.met is not False for rows in parts.values() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
