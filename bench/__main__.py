"""`make bench`: measure everything in one run, print the table, write `.local/bench.json`."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import bodies, figures, imports, proxy
from bench.figures import SNAPSHOTS, Figure
from bench.servers import BUCKET, PREFIX, PYTHON_PATH, Servers, deployed, servers
from local import stack
from local.aws import ROOT
from local.stopping import Stopped, stop_on_signals

_RESULT = stack.STATE / "bench.json"
_STARTED_AT = "2026-01-01T00:00:00.000Z"
_LATENCY_SECONDS = 0.02
_FILES = {300: 1, 50: 3, 6: 5, 1: 1}
"""Snapshots by size in MB: in a process that has archived one of 1 MB, the median of so many."""
_FRESH = 2
"""Processes for each measurement of the largest size."""


def _client(folder: Path, what: str, environment: Mapping[str, str], **arguments: object) -> Any:  # noqa: ANN401 - JSON
    """Measure in a process of its own and return the result."""
    result = folder / "result.json"
    command = [sys.executable, "-m", "bench.client", what, str(result)]
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


def _naive(running: Servers) -> dict[str, str]:
    urls = {"portal_url": running.arcgis["portalUrl"], "notebook_admin_url": running.arcgis["notebookAdminUrl"]}
    return {**urls, "secret_prefix": PREFIX, "bucket": BUCKET, "ca": running.arcgis_ca}


def _plan(
    folder: Path, running: Servers, run: str = "bench", **settings: object
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Plan a run; return what the process gave and the planned batches."""
    planned = _client(
        folder, "invoke", running.environment(**settings), function="plan_run", events=[_moment(run) | {"input": {}}]
    )
    return planned, [json.loads(line) for line in running.read(planned["answer"]["planKey"]).splitlines()]


def _moment(run: str) -> dict[str, Any]:
    return {"runId": run, "startedAt": _STARTED_AT}


def _events(batches: list[dict[str, Any]], run: str = "bench") -> list[dict[str, Any]]:
    return [_moment(run) | {"batch": batch} for batch in batches]


def _sizes(folder: Path) -> Iterator[Figure]:
    """Memory and CPU of one snapshot, small to large."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for size, count in _FILES.items():
        first = notebooks / f"{size}-0.ipynb"
        bodies.write(first, "mixture", size * 1_000_000, seed=size)
        for number in range(1, count):
            (notebooks / f"{size}-{number}.ipynb").hardlink_to(first)
    with servers(folder, "--notebooks", str(notebooks)) as running:
        _, batches = _plan(folder, running, BATCH_SIZE=1)
        batch = {each["notebooks"][0]["title"]: each for each in batches}
        listed = {item["title"]: item for item in running.arcgis_control("GET", "items")["items"]}
        peaks: dict[str, float] = {}
        cpu: dict[str, float] = {}
        for size, count in _FILES.items():
            titles = ["1-0", *(f"{size}-{number}" for number in range(count) if size > 1)]
            chosen = [listed[title] for title in titles]
            snapshots = [[item["owner"], item["id"], item["snapshots"][0]["resourceKey"]] for item in chosen]
            ours, naive = [], []
            for _ in range(_FRESH if count == 1 else 1):
                running.sink_control("DELETE")
                events = _events([batch[title] for title in titles])
                ours.append(
                    _client(
                        folder, "invoke", running.environment(), function="archive_notebooks", events=events, warm=1
                    )
                )
                arguments = {"deployment": _naive(running), "snapshots": snapshots, "everything": False, "warm": 1}
                naive.append(_client(folder, "naive", running.environment(), **arguments))
            for who, results in (("ours", ours), ("naive", naive)):
                peaks[f"{who}{size}"] = median(result["peak"] for result in results)
                if size > 1:
                    cpu[f"{who}{size}"] = median(seconds for result in results for seconds in result["cpu"])
    yield from figures.memory(peaks)
    yield from (figures.one_snapshot(size, cpu[f"ours{size}"], cpu[f"naive{size}"]) for size in _FILES if size > 1)
    yield from figures.gate(
        _client(folder, "gate-rates", running.environment(), size=8_000_000, repeats=7),
        _client(folder, "gate-growth", running.environment(), path=str(notebooks / "300-0.ipynb")),
        _client(folder, "gate-truncations", running.environment(), large=2_000_000, samples=100),
    )


def _run(folder: Path, running: Servers, name: str) -> dict[str, Any]:
    """A whole run, each function in a container of its own; return its calls and the CPU seconds of archiving."""
    running.arcgis_control("DELETE", "requests")
    planned, batches = _plan(folder, running, name)
    archived = _client(
        folder, "invoke", running.environment(), function="archive_notebooks", events=_events(batches, name)
    )
    event = _moment(name) | {"plan": planned["answer"]}
    reported = _client(folder, "invoke", running.environment(), function="report_run", events=[event])
    if reported["answer"]["status"] != "complete":
        raise RuntimeError(f"A run of the benchmark was not complete: {reported['answer']['message']}")
    aws: dict[str, int] = {}
    for part in (planned, archived, reported):
        for call, count in part["calls"].items():
            aws[call] = aws.get(call, 0) + count
    arcgis = running.arcgis_control("GET", "requests")
    return {"arcgis": arcgis, "aws": aws, "cpu": sum(archived["cpu"]), "snapshots": reported["answer"]["snapshots"]}


def _runs(folder: Path, notebooks: int, *, has_goal: bool) -> Iterator[Figure]:
    """Calls and CPU of runs over 2,000 small snapshots, the first and the next."""
    each = SNAPSHOTS // notebooks
    with servers(folder, "--many", str(notebooks), "--snapshots", str(each), "--size", "20000") as running:
        first = _run(folder, running, "first")
        sunk = sum(running.sink_control("GET").values())
        second = _run(folder, running, "second")
        if (first["snapshots"]["archived"], second["snapshots"]["unchanged"]) != (SNAPSHOTS, SNAPSHOTS):
            raise RuntimeError("A run of the benchmark did not archive what there was.")
        if sunk != sum(first["aws"].values()) + 1:  # one by the benchmark itself, to read the plan
            raise RuntimeError(f"The sink counted {sunk} calls, botocore {sum(first['aws'].values())}.")
        items = running.arcgis_control("GET", "items")["items"]
        snapshots = [[item["owner"], item["id"], s["resourceKey"]] for item in items for s in item["snapshots"]]
        sample = snapshots[:: len(snapshots) // 120]
        arguments = {"deployment": _naive(running), "snapshots": sample, "everything": True, "warm": 20}
        naive = _client(folder, "naive", running.environment(), **arguments)
    yield figures.new_snapshots(notebooks, first, has_goal=has_goal)
    yield from figures.nothing_new(notebooks, second)
    yield figures.small_snapshots(first["cpu"] / SNAPSHOTS, median(naive["cpu"]), notebooks, has_goal=has_goal)


def _latency(folder: Path) -> Figure:
    """A batch over a slow line, with one thread and with sixteen, in a container that has signed in."""
    with servers(folder, "--many", "35", "--snapshots", "5", "--size", "20000") as running:
        _, (batch,) = _plan(folder, running, BATCH_SIZE=1000)
        first = {planned["owner"]: planned for planned in batch["notebooks"]}.values()  # pay each owner's sign-in
        rest = [planned for planned in batch["notebooks"] if planned not in first]
        events = _events([{**batch, "notebooks": [*first]}, {**batch, "notebooks": rest}])
        running.slow_down(_LATENCY_SECONDS)
        wall: dict[int, list[float]] = {16: [], 1: []}
        for threads in (16, 1, 16):
            running.sink_control("DELETE")
            environment = running.environment(THREADS=threads)
            result = _client(folder, "invoke", environment, function="archive_notebooks", events=events, warm=1)
            wall[threads] += result["wall"]
    return figures.in_flight(median(wall[16]), median(wall[1]))


def _layers(folder: Path) -> Iterator[Figure]:
    parts = imports.built(folder)
    cold = imports.cold_imports(parts, 9)
    yield from figures.layer(cold, imports.unpacked(parts.layer))
    yield from figures.pages(cold, imports.unpacked(parts.pages))


def _proxy(folder: Path) -> Iterator[Figure]:
    """Warm answers of the deployed HTTP proxy, small and large; those above 4.5 MB come by a link to S3."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for name, size in proxy.SIZES.items():
        bodies.write(notebooks / f"{name}.ipynb", "mixture", size, seed=size)
    with deployed(folder, "--notebooks", str(notebooks)) as stack_file:
        environment = {**os.environ, "PYTHONPATH": PYTHON_PATH}
        yield from figures.proxy(_client(folder, "proxy", environment, stack_file=str(stack_file)))


def _measure(folder: Path, console: Console) -> Iterator[Figure]:
    for title, part in (
        ("One snapshot, small and large; the gate", _sizes),
        ("2,000 snapshots of 20 notebooks", lambda each: _runs(each, 20, has_goal=True)),
        ("2,000 snapshots of 400 notebooks", lambda each: _runs(each, 400, has_goal=False)),
        ("A slow line", lambda each: iter([_latency(each)])),
        ("The HTTP proxy", _proxy),
        ("The built layers", _layers),
    ):
        console.print(f"{title} …")
        with tempfile.TemporaryDirectory(prefix="notebook-archive-bench-", dir=folder) as inner:
            yield from part(Path(inner))


def _table(rows: list[Figure]) -> Table:
    table = Table(title="Speed and memory", title_justify="left")
    for name in ("Figure", "Ours", "Naive or peer", "Goal", "Met"):
        table.add_column(name, justify="left" if name in ("Figure", "Met") else "right")
    for row in rows:
        table.add_row(row.name, row.ours, row.peer, row.goal, "" if row.met is None else "yes" if row.met else "NO")
    return table


def main() -> int:
    """Measure; return 0 if every goal is met."""
    argparse.ArgumentParser(prog="python -m bench", description=__doc__).parse_args()
    console, started = Console(stderr=True), time.monotonic()
    try:
        with stop_on_signals(), tempfile.TemporaryDirectory(prefix="notebook-archive-bench-") as folder:
            rows = list(_measure(Path(folder), console))
    except Stopped:
        return 130
    seconds = time.monotonic() - started
    stack.STATE.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    content = {"seconds": round(seconds), **machine, "figures": [row.as_json() for row in rows]}
    _RESULT.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    Console(width=None if sys.stdout.isatty() else 160).print(_table(rows))
    console.print(f"{seconds:.0f} s; also in {_RESULT.relative_to(ROOT)}.")
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
