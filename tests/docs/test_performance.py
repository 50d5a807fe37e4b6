"""Test that `make bench` replaces only its own part of docs/performance.md."""

from pathlib import Path

from bench.figures import Figure
from bench.page import PAGE, describe_machine, write_page
from tests.docs.documents import Document

FIGURES = {"The gate": [Figure("Speed", "2 MB/s", "4 MB/s", "≥ 0.75 times", met=False, ratio="0.50 times")]}


def test_tables_replace_only_the_generated_part(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text(encoding="utf-8") + "\nThe end.\n", encoding="utf-8")
    before, after = PAGE.read_text(encoding="utf-8").split("<!-- generated")[0], "part -->\n\nThe end.\n"
    for _ in range(2):
        write_page("A machine.", FIGURES, page)
        written = page.read_text(encoding="utf-8")
        assert written.startswith(before)
        assert written.endswith(after)
        assert written.count("A machine.") == written.count("### The gate") == 1
    assert Document(page).table("figure") == [["Speed", "2 MB/s", "4 MB/s", "0.50 times", "≥ 0.75 times", "NO"]]


def test_machine_is_described_with_date_and_python() -> None:
    assert "Measured on 20" in describe_machine()
    assert "Python 3.13" in describe_machine()
