"""Make the rows of the table. A row has a measured value, a value to compare it with, and a goal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

SNAPSHOTS = 2000


# The goals by size in MB: how many times less CPU than the simple implementation, and how many times the CPU of a raw
# copy. The last one is a stretch goal.
CPU_GOALS = {300: (3.5, 1.6, 1.4), 50: (3.5, 1.6, 1.4), 6: (2.3, 2.2, 1.9)}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `met` is None if the row has no goal and only explains another row."""

    name: str
    ours: str
    peer: str
    goal: str = ""
    met: bool | None = None
    ratio: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met, for a table."""
        return "" if self.met is None else "yes" if self.met else "NO"

    def without_goal(self) -> "Figure":
        """Return the row without its goal."""
        return replace(self, goal="", met=None)


def _compare_at_most(name: str, ours: float, peer: float, goal: float, unit: str = "") -> Figure:
    ratio = ours / peer
    return Figure(
        name,
        _format_number(ours, unit),
        _format_number(peer, unit),
        f"≤ {goal:g} times",
        ratio <= goal,
        f"{ratio:.2f} times",
    )


def _compare_at_least(name: str, ours: float, peer: float, goal: float, unit: str = "") -> Figure:
    """Return a row whose ratio is `peer` divided by `ours`."""
    ratio = peer / ours
    return Figure(
        name,
        _format_number(ours, unit),
        _format_number(peer, unit),
        f"≥ {goal:g} times less",
        ratio >= goal,
        f"{ratio:.2f} times less",
    )


def _format_number(value: float, unit: str) -> str:
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}".strip()


type Peaks = Mapping[tuple[str, int], float]


def describe_memory(anonymous: Peaks, resident: Peaks) -> Iterator[Figure]:
    """Describe the memory for a large snapshot. The arguments are peaks in MB by measurement and size."""
    ours, peer = (anonymous[what, 300] - anonymous[what, 1] for what in ("invoke", "naive"))
    name = "Growth of anonymous memory, 1 → 300 MB, and the simple implementation"
    yield Figure(name, _format_number(ours, "MB"), _format_number(peer, "MB"), "≤ 16 MB", ours <= 16)
    for name, peaks in (
        ("Anonymous memory, 300 MB, and the simple implementation", anonymous),
        ("Peak RSS with the mapped file, 300 MB, and the simple implementation", resident),
    ):
        ours, peer = (peaks[what, 300] for what in ("invoke", "naive"))
        yield Figure(name, _format_number(ours, "MB"), _format_number(peer, "MB"))


def describe_one_snapshot(size: int, ours: float, naive: float, raw: float, *, has_goal: bool) -> Iterator[Figure]:
    """Compare the CPU seconds for one snapshot with those of the simple implementation and of a raw copy.

    `ours` includes the listing, the gate, SHA-256 and the outcome object.
    """
    less, most, stretch = CPU_GOALS[size]
    figures = (
        _compare_at_least(f"CPU, {size} MB, and the simple implementation", 1000 * ours, 1000 * naive, less, "ms"),
        _compare_at_most(f"CPU, {size} MB, and a raw copy", 1000 * ours, 1000 * raw, most, "ms"),
    )
    if not has_goal:
        yield from (figure.without_goal() for figure in figures)
        return
    yield figures[0]
    yield replace(figures[1], goal=f"{figures[1].goal} (stretch: {stretch:g})")


def describe_new_snapshots(notebooks: int, first: Mapping[str, Any], *, has_goal: bool) -> Figure:
    """Describe how many HTTP calls a whole run makes for each new snapshot."""
    arcgis, aws = first["arcgis"]["total"], sum(first["aws"].values())
    each = (arcgis + aws) / SNAPSHOTS
    name = f"HTTP calls per new snapshot, {notebooks} notebooks x {SNAPSHOTS // notebooks}"
    counted = f"{each:.3f} ({arcgis:,} ArcGIS, {aws:,} AWS)"
    if has_goal:
        return Figure(name, counted, "7", "≤ 2.05", each <= 2.05)
    return Figure(f"{name}: a listing and an item.json for each notebook", counted, "7")


def describe_second_run(notebooks: int, second: Mapping[str, Any]) -> Iterator[Figure]:
    """Describe the calls of a run in which everything is archived already."""
    counts, aws = second["arcgis"]["counts"], second["aws"]
    listings = counts.get("snapshots/list", 0) + counts.get("items/resources", 0)
    others = second["arcgis"]["total"] - listings
    name = f"Nothing new, {notebooks} notebooks x {SNAPSHOTS // notebooks}"
    each = listings / notebooks
    yield Figure(f"{name}: ArcGIS calls per notebook", f"{each:g} (and {others} per run)", "", "1", each == 1)
    reading = sum(count for call, count in aws.items() if call.startswith("s3.") and call.endswith("notebooks"))
    own = sum(count for call, count in aws.items() if call.startswith("s3.") and not call.endswith("notebooks"))
    keys = SNAPSHOTS + notebooks
    name = f"{name}: S3 calls to read the archive, {keys:,} keys"
    pages = -(-keys // 1000)
    yield Figure(name, f"{reading} (and {own} for the run's own documents)", "", "1 per 1,000", reading <= pages)


def describe_small_snapshots(ours: float, peer: float, notebooks: int, *, has_goal: bool) -> Figure:
    """Describe the CPU seconds for each snapshot of 20 kB in a run."""
    name = f"CPU of a 20 kB snapshot, {notebooks} x {SNAPSHOTS // notebooks}"
    figure = _compare_at_most(name, 1000 * ours, 1000 * peer, 0.2, "ms")
    return figure if has_goal else figure.without_goal()


def describe_plans(measured: Mapping[int, Mapping[str, Any]]) -> Iterator[Figure]:
    """Describe the CPU seconds, the memory in MB and the calls of two plans, by number of notebooks."""
    (small, fewer), (large, more) = measured.items()
    cpu = (sum(more["cpu"]), sum(fewer["cpu"]))
    grown = _compare_at_most(f"CPU, {large:,} notebooks, and {small:,}", *cpu, 12, "s")
    yield replace(grown, goal=f"≤ 60 s, {grown.goal}", met=grown.met and cpu[0] <= 60)
    yield Figure(
        f"Peak RSS, {large:,} notebooks, and {small:,}",
        _format_number(more["resident"], "MB"),
        _format_number(fewer["resident"], "MB"),
        "≤ 400 MB",
        more["resident"] <= 400,
    )
    yield Figure(
        f"Anonymous memory, {large:,} notebooks, and {small:,}",
        _format_number(more["anonymous"], "MB"),
        _format_number(fewer["anonymous"], "MB"),
    )
    yield Figure(f"Calls to ArcGIS, {large:,} notebooks, and {small:,}", f"{more['arcgis']:,}", f"{fewer['arcgis']:,}")
    ours, peer = (f"{each['calls']['s3.ListObjectsV2 notebooks']:,}" for each in (more, fewer))
    yield Figure(f"S3 calls to list the archive, {large:,} notebooks, and {small:,}", ours, peer)
    ours, peer = (_format_number(sum(each["wall"]), "s") for each in (more, fewer))
    yield Figure(f"Duration, most of it in the local ArcGIS, {large:,} notebooks, and {small:,}", ours, peer)


def describe_threads(together: float, alone: float) -> Figure:
    """Describe the wall-clock seconds for a batch if each call takes 20 ms longer."""
    return _compare_at_least("A batch with 16 threads and with 1, 20 ms per call", together, alone, 10, "s")


def describe_gate(rates: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    """Describe the gate's speed by kind and shape of the notebook."""
    for kind, rate in rates.items():
        ratio = rate["gate"] / rate["decode"]
        yield Figure(
            f"Gate and one bare decode, {kind}",
            _format_number(rate["gate"], "MB/s"),
            _format_number(rate["decode"], "MB/s"),
            "≥ 0.75 times",
            ratio >= 0.75,
            f"{ratio:.2f} times",
        )
    for name, what in (("json", "json.loads"), ("sha256", "SHA-256")):
        yield Figure(f"{what}, mixture, arcgis", "", _format_number(rates["mixture, arcgis"][name], "MB/s"))


def describe_layer(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe the archive function's cold imports in milliseconds, and the size of its layer in MB."""
    yield _compare_at_most("Cold import of the archive function", imports["ours"], imports["peer"], 0.55, "ms")
    name = "… including the creation of its two clients"
    yield _compare_at_most(name, imports["oursWithClients"], imports["peer"], 1, "ms").without_goal()
    yield Figure("Layer, unpacked", _format_number(unpacked, "MB"), "", "≤ 35 MB", unpacked <= 35)


def describe_pages(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe the proxy functions' cold imports in milliseconds, and the size of the layer for pages in MB."""
    for function, name in (("GetNotebook", "get_notebook"), ("DownloadSnapshot", "download_snapshot")):
        for page, what in (("", "for JSON"), ("Page", "and for a page")):
            title = f"Cold import of {name}, {what}"
            yield _compare_at_most(title, imports[function + page], imports["peer"], 1, "ms").without_goal()
    yield Figure("Layer for pages, unpacked", _format_number(unpacked, "MB"), "")


def describe_diff(seconds: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    """Describe the seconds of CPU of a comparison by kind and shape of the notebook.

    The goal is for notebooks with images.
    """
    for kind, each in seconds.items():
        has_goal = kind.startswith("mixture")
        yield Figure(
            f"Comparison, and decoding both, {kind}",
            _format_number(each["diff"], "s"),
            _format_number(each["decode"], "s"),
            "≤ 0.5 s" if has_goal else "",
            each["diff"] <= 0.5 if has_goal else None,
            f"{each['diff'] / each['decode']:.2f} times",
        )


def describe_command(milliseconds: Mapping[str, float]) -> Iterator[Figure]:
    """Describe the milliseconds in which the command prints help pages, and those in which Python starts."""
    for name, what in (("help", "notebook-archive --help"), ("restore", "notebook-archive restore --help")):
        yield _compare_at_most(f"{what}, and the start of Python", milliseconds[name], milliseconds["python"], 4, "ms")
