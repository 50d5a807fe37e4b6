"""Test the tables that the demonstration prints, at several terminal widths."""

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from local.inventory import Version
from local.tables import Notebook, build_notebook_table, list_notebooks, list_problems, list_versions
from notebook_archive_cli.terminal.output import format_count

TITLES = {
    "short": "Empty",
    "long": "Comparison of the water levels of all rivers, " * 5,
    "one word": "x" * 300,
    "wide": "水位の記録" * 20,
    "emoji": "🗺️ Atlas 👩🏽\u200d🔬 🌍" * 9,
    "right to left": "خريطة الأنهار — מפה" * 9,
    "combining": "e\u0301" * 90,
    "control": "Tab\t and bell\a, \u202ereversed, \x1b[2Jcleared\r\n" * 4,
    "markup": "[bold]x[/bold] [link=https://gis.example.com]:key:" * 4,
}


def show(*renderables: RenderableType, width: int = 80) -> str:
    """Return the text that a terminal of this width shows."""
    output = io.StringIO()
    Console(file=output, width=width).print(*renderables, sep="\n")
    return output.getvalue()


def entry(item: str, reason: str, **fields: str) -> dict[str, Any]:
    """Return one entry for a list in the report."""
    return {
        "itemId": item * 32,
        "title": "Restricted survey",
        "owner": "dora",
        **fields,
        "reason": reason,
        "message": f"The resources of item {item * 32}: ArcGIS returned error code 403.",
        "remedy": "Create secret 'notebook-archive/owners/dora' with the owner's credential; docs/secrets.md.",
    }


def show_problems(width: int = 80, **report: list[dict[str, Any]]) -> str:
    """Return the text that is printed for a report with these lists."""
    return show(*list_problems({"notProtected": [], "schema": 2, **report}), width=width)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_a_notebook_is_one_line_that_fits(title: str, width: int) -> None:
    owner = f"{title} owner"
    notebooks = [Notebook(title, owner, 1_200, "2025-01-01T10:00:01.000Z", "unprotected")] * 2
    lines = show(build_notebook_table(notebooks, width), width=width).splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    assert lines[1].endswith("unprotected")


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_problems_with_a_hostile_title_fit_the_width(title: str, width: int) -> None:
    output = show_problems(width, notProtected=[entry("b", "broken", state="unprotected", title=title)])
    assert all(cell_len(line) <= width for line in output.splitlines())
    assert f"Item    {'b' * 32}" in output


def test_a_wide_terminal_shows_every_column() -> None:
    notebooks = [Notebook("Flood model", "ana", 3, "2025-01-01T10:00:01.000Z", "protected")]
    header, line = show(build_notebook_table(notebooks, 80)).splitlines()
    assert header.split("  ")[0] == "Notebook"
    assert line.split() == ["Flood", "model", "ana", "3", "2025-01-01", "10:00", "UTC", "protected"]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (80, ["Notebook", "Owner", "Versions", "Newest version", "State"]),
        (50, ["Notebook", "Owner", "Versions", "State"]),
        (40, ["Notebook", "Versions", "State"]),
        (30, ["Notebook", "State"]),
    ],
)
def test_a_narrow_terminal_shows_fewer_columns(width: int, columns: list[str]) -> None:
    notebooks = [Notebook("A title of some length", "ana", 3, "2025-01-01T10:00:01.000Z", "protected")]
    table = build_notebook_table(notebooks, width)
    assert [column.header for column in table.columns] == columns


def test_the_newest_version_has_the_latest_arcgis_time() -> None:
    key = f"notebooks/{'a' * 32}/"
    versions = [
        Version(f"{key}current/1.ipynb", 10, {"modified": "2025-01-01T10:00:00.000Z"}),
        Version(f"{key}snapshots/1.json", 10, {"snapshot-created": "2025-03-01T10:00:00.000Z"}),
        Version(f"{key}snapshots/2.json", 10, {"snapshot-created": "2025-02-01T10:00:00.000Z"}),
    ]
    outcomes = [
        {"itemId": "b" * 32, "title": "Untitled", "owner": "ana", "protection": {"state": "empty"}},
        {"itemId": "a" * 32, "title": "Flood model", "owner": "ana", "protection": {"state": "protected"}},
    ]
    assert list_notebooks(outcomes, versions) == [
        Notebook("Flood model", "ana", 3, "2025-03-01T10:00:00.000Z", "protected"),
        Notebook("Untitled", "ana", 0, "", "empty"),
    ]


def test_ids_are_whole_and_urgent_states_come_first() -> None:
    output = show_problems(
        notProtected=[entry("a", "no-content", state="empty"), entry("b", "broken", state="unprotected")]
    )
    lines = [line.rstrip() for line in output.splitlines()]
    assert lines[1:6] == [
        "Not protected (2)",
        "  unprotected: Restricted survey",
        "    Owner   dora",
        f"    Item    {'b' * 32}",
        f"    Reason  broken: The resources of item {'b' * 32}:",
    ]
    assert f"    Item    {'a' * 32}" in lines
    assert "    Remedy  Create secret 'notebook-archive/owners/dora' with the owner's" in lines


def test_each_unprotected_notebook_is_listed_once() -> None:
    hidden = entry("a", "owner-credentials-missing")
    output = show_problems(
        notProtected=[{**hidden, "state": "unprotected"}],
        unprotected=[hidden, entry("b", "owner-credentials-missing")],
        failed=[hidden],
        skipped=[],
    )
    assert output.count(f"Item    {'a' * 32} ") == 1
    assert "\nUnprotected (1)\n" in output
    assert f"Item    {'b' * 32}" in output


def test_a_version_is_listed_with_its_whole_key() -> None:
    key = f"notebooks/{'a' * 32}/snapshots/snapshot-{'b' * 32}.json"
    version = Version(key, 1_200, {"title": "Flood model", "owner": "ana", "route": "portal"})
    notebook, line = (text.plain for text in list_versions([version], {key: {"owner": "ana", "kind": "snapshot"}}))
    assert notebook == f"notebooks/{'a' * 32}/  ana: Flood model"
    assert line.split() == ["1,200", key.removeprefix(notebook.split()[0]), "portal", "kind=snapshot", "owner=ana"]


def test_count_of_one_is_singular() -> None:
    assert [format_count(number, "snapshot") for number in (0, 1, 1_200)] == [
        "0 snapshots",
        "1 snapshot",
        "1,200 snapshots",
    ]
