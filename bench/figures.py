"""The rows of the table: what was measured, what it is compared with, and the goal."""

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
        """Return the row for the JSON file."""
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
    """Describe the growth of the peak resident size, and the peak itself. `peaks` is in MB."""
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
        "Whole process at 300 MB",
        _format_number(whole, "MB"),
        _format_number(peaks["naive300"], "MB"),
        "≤ 110 MB",
        whole <= 110,
    )


def describe_one_snapshot(size: int, ours: float, peer: float) -> Figure:
    """Describe the CPU seconds of one snapshot. Ours include the listing, the gate, SHA-256 and the outcome object."""
    return _compare_at_least(f"CPU of one {size} MB snapshot", 1000 * ours, 1000 * peer, 3 if size >= 50 else 2, "ms")


def describe_new_snapshots(notebooks: int, first: Mapping[str, Any], *, has_goal: bool) -> Figure:
    """Describe the HTTP calls of a whole run for each new snapshot."""
    arcgis, aws = first["arcgis"]["total"], sum(first["aws"].values())
    each = (arcgis + aws) / SNAPSHOTS
    name = f"HTTP calls per new snapshot, {notebooks} notebooks x {SNAPSHOTS // notebooks}"
    counted = f"{each:.3f} ({arcgis:,} ArcGIS, {aws:,} AWS)"
    if has_goal:
        return Figure(name, counted, "7", "≤ 2.05", each <= 2.05)
    return Figure(f"{name}: a listing and an item.json each", counted, "7")


def describe_second_run(notebooks: int, second: Mapping[str, Any]) -> Iterator[Figure]:
    """Describe the calls of a run that finds everything archived already."""
    counts, aws = second["arcgis"]["counts"], second["aws"]
    listings = counts.get("snapshots/list", 0) + counts.get("items/resources", 0)
    others = second["arcgis"]["total"] - listings
    name = f"Nothing new, {notebooks} notebooks x {SNAPSHOTS // notebooks}"
    each = listings / notebooks
    yield Figure(f"{name}: ArcGIS calls a notebook", f"{each:g} (and {others} a run)", "", "1", each == 1)
    reading = sum(count for call, count in aws.items() if call.startswith("s3.") and call.endswith("notebooks"))
    own = sum(count for call, count in aws.items() if call.startswith("s3.") and not call.endswith("notebooks"))
    keys = SNAPSHOTS + notebooks
    name = f"{name}: S3 calls to read the archive, {keys:,} keys"
    pages = -(-keys // 1000)
    yield Figure(name, f"{reading} (and {own} for the run's own documents)", "", "1 per 1,000", reading <= pages)


def describe_small_snapshots(ours: float, peer: float, notebooks: int, *, has_goal: bool) -> Figure:
    """Describe the CPU seconds of each 20 kB snapshot of a run."""
    figure = _compare_at_most(
        f"CPU of a 20 kB snapshot, {notebooks} x {SNAPSHOTS // notebooks}", 1000 * ours, 1000 * peer, 0.2, "ms"
    )
    return figure if has_goal else Figure(figure.name, figure.ours, figure.peer)


def describe_threads(together: float, alone: float) -> Figure:
    """Describe the wall-clock seconds of a batch if each call takes 20 ms longer."""
    return _compare_at_least("16 threads against 1, 20 ms a call", together, alone, 10, "s")


def describe_gate(
    rates: Mapping[str, Mapping[str, float]], growth: Mapping[str, float], cut: Mapping[str, int]
) -> Iterator[Figure]:
    """Describe the speed and memory of the gate, and the truncations that it accepted."""
    for kind, rate in rates.items():
        ratio = rate["gate"] / rate["json"]
        peer = _format_number(rate["json"], "MB/s")
        yield Figure(
            f"Gate against json.loads, {kind}: {ratio:.2f}x",
            _format_number(rate["gate"], "MB/s"),
            peer,
            "≥ 1.7x",
            ratio >= 1.7,
        )
    digest = _format_number(rates["mixture"]["sha256"], "MB/s")
    yield Figure("SHA-256, for comparison: slow on a processor without instructions for it", digest, "")
    growth_mb = max(growth.values())
    both = f"{growth['rss']:.1f} MB RSS, {growth['allocated']:.1f} MB allocated"
    yield Figure("Gate's memory growth at 300 MB", both, "", "≤ 5 MB", growth_mb <= 5)
    yield Figure("Accepted truncations", f"{cut['accepted']} of {cut['tried']:,}", "", "0", not cut["accepted"])


def describe_layer(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe cold imports of the archive function in milliseconds, and the size of its layer in MB."""
    yield _compare_at_most("Cold import of the archive function", imports["ours"], imports["peer"], 0.55, "ms")
    with_clients = _compare_at_most(
        "… and of making its two clients", imports["oursWithClients"], imports["peer"], 1, "ms"
    )
    yield Figure(with_clients.name, with_clients.ours, with_clients.peer)
    yield Figure("Layer, unpacked", _format_number(unpacked, "MB"), "", "≤ 35 MB", unpacked <= 35)


def describe_pages(imports: Mapping[str, float], unpacked: float) -> Iterator[Figure]:
    """Describe cold imports of the HTTP proxy's functions in milliseconds, and the size of the pages layer in MB."""
    for function, name in (("GetNotebook", "get_notebook"), ("DownloadSnapshot", "download_snapshot")):
        for page, what in (("", "for JSON"), ("Page", "and for a page")):
            figure = _compare_at_most(
                f"Cold import of {name}, {what}", imports[function + page], imports["peer"], 1, "ms"
            )
            yield Figure(figure.name, figure.ours, figure.peer)
    yield Figure("Layer for pages, unpacked", _format_number(unpacked, "MB"), "")


def describe_proxy(latencies: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    """Describe the seconds of warm responses of the HTTP proxy and of direct calls, by size and source."""
    for size, by_source in latencies.items():
        for source, what in (("archive", "archived"), ("arcgis", "from ArcGIS")):
            ours, peer = (1000 * by_source[name] for name in (source, "direct"))
            name = f"{size} through the proxy, {what}, against ArcGIS itself: ratio {ours / peer:.1f}"
            yield Figure(name, _format_number(ours, "ms"), _format_number(peer, "ms"))
    refused = min(by_source["refused"] for by_source in latencies.values())
    yield Figure(
        "A refused call of the proxy: the time of the local API Gateway and Lambda",
        _format_number(1000 * refused, "ms"),
        "",
    )
