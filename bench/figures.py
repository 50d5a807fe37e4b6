"""Make the rows of the table. A row has a measured value, a value to compare it with, and a goal."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

SNAPSHOTS = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `met` is None if the row has no goal and only explains another row."""

    name: str
    ours: str
    peer: str
    goal: str = ""
    met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as an object for the JSON file."""
        return asdict(self)


def _compare_at_most(name: str, ours: float, peer: float, goal: float, unit: str = "") -> Figure:
    ratio = ours / peer
    return Figure(
        f"{name}: ratio {ratio:.2f}",
        _format_number(ours, unit),
        _format_number(peer, unit),
        f"≤ {goal:g}x",
        ratio <= goal,
    )


def _compare_at_least(name: str, ours: float, peer: float, goal: float, unit: str = "") -> Figure:
    """Return a row whose ratio is `peer` divided by `ours`."""
    ratio = peer / ours
    return Figure(
        f"{name}: {ratio:.2f}x", _format_number(ours, unit), _format_number(peer, unit), f"≥ {goal:g}x", ratio >= goal
    )


def _format_number(value: float, unit: str) -> str:
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}".strip()


def describe_memory(peaks: Mapping[str, float]) -> Iterator[Figure]:
    """Describe the peak resident size and its growth with the snapshot's size. `peaks` is in MB."""
    ours, peer = (peaks[f"{who}300"] - peaks[f"{who}1"] for who in ("ours", "naive"))
    yield Figure(
        "Growth of peak RSS, 1 → 300 MB snapshot",
        _format_number(ours, "MB"),
        _format_number(peer, "MB"),
        "≤ 16 MB",
        ours <= 16,
    )
    whole = peaks["ours300"]
    yield Figure(
        "Peak RSS of the process, 300 MB snapshot",
        _format_number(whole, "MB"),
        _format_number(peaks["naive300"], "MB"),
        "≤ 110 MB",
        whole <= 110,
    )


def describe_one_snapshot(size: int, ours: float, peer: float) -> Figure:
    """Describe the CPU seconds for one snapshot.

    `ours` includes the listing, the gate, SHA-256 and the outcome object.
    """
    return _compare_at_least(f"CPU of one {size} MB snapshot", 1000 * ours, 1000 * peer, 3 if size >= 50 else 2, "ms")


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
    figure = _compare_at_most(
        f"CPU of a 20 kB snapshot, {notebooks} x {SNAPSHOTS // notebooks}", 1000 * ours, 1000 * peer, 0.2, "ms"
    )
    return figure if has_goal else Figure(figure.name, figure.ours, figure.peer)


def describe_threads(together: float, alone: float) -> Figure:
    """Describe the wall-clock seconds for a batch if each call takes 20 ms longer."""
    return _compare_at_least("16 threads compared with 1, 20 ms per call", together, alone, 10, "s")


def describe_gate(
    rates: Mapping[str, Mapping[str, float]], growth: Mapping[str, float], cut: Mapping[str, int]
) -> Iterator[Figure]:
    """Describe the gate's speed and memory, and the number of truncated notebooks that it accepted."""
    for kind, rate in rates.items():
        ratio = rate["gate"] / rate["json"]
        peer = _format_number(rate["json"], "MB/s")
        yield Figure(
            f"Gate compared with json.loads, {kind}: {ratio:.2f}x",
            _format_number(rate["gate"], "MB/s"),
            peer,
            "≥ 1.7x",
            ratio >= 1.7,
        )
    digest = _format_number(rates["mixture"]["sha256"], "MB/s")
    yield Figure("SHA-256, for comparison (slow on a processor without SHA instructions)", digest, "")
    growth_mb = max(growth.values())
    both = f"{growth['rss']:.1f} MB RSS, {growth['allocated']:.1f} MB allocated"
    yield Figure("Gate's memory growth at 300 MB", both, "", "≤ 5 MB", growth_mb <= 5)
    yield Figure("Accepted truncated notebooks", f"{cut['accepted']} of {cut['tried']:,}", "", "0", not cut["accepted"])


def describe_layer(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe the archive function's cold imports in milliseconds, and the size of its layer in MB."""
    yield _compare_at_most("Cold import of the archive function", imports["ours"], imports["peer"], 0.55, "ms")
    with_clients = _compare_at_most(
        "… including the creation of its two clients", imports["oursWithClients"], imports["peer"], 1, "ms"
    )
    yield Figure(with_clients.name, with_clients.ours, with_clients.peer)
    yield Figure("Layer, unpacked", _format_number(unpacked, "MB"), "", "≤ 35 MB", unpacked <= 35)


def describe_pages(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe the proxy functions' cold imports in milliseconds, and the size of the layer for pages in MB."""
    for function, name in (("GetNotebook", "get_notebook"), ("DownloadSnapshot", "download_snapshot")):
        for page, what in (("", "for JSON"), ("Page", "and for a page")):
            figure = _compare_at_most(
                f"Cold import of {name}, {what}", imports[function + page], imports["peer"], 1, "ms"
            )
            yield Figure(figure.name, figure.ours, figure.peer)
    yield Figure("Layer for pages, unpacked", _format_number(unpacked, "MB"), "")


def describe_proxy(latencies: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    """Describe the seconds that the proxy's responses and direct calls take, by size and source."""
    for size, by_source in latencies.items():
        for source, what in (("archive", "archived"), ("arcgis", "from ArcGIS")):
            ours, peer = (1000 * by_source[name] for name in (source, "direct"))
            name = f"{size} through the proxy, {what}, compared with a direct call: ratio {ours / peer:.1f}"
            yield Figure(name, _format_number(ours, "ms"), _format_number(peer, "ms"))
    refused = min(by_source["refused"] for by_source in latencies.values())
    yield Figure(
        "A refused call to the proxy (time of the local API Gateway and Lambda)",
        _format_number(1000 * refused, "ms"),
        "",
    )
