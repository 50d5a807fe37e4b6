"""Test that the page about polls for changes agrees with the code and with itself."""

from notebook_archive.polling.poll_changes import MARGIN_MS, MAX_CHANGES
from tests.docs.documents import COSTS, OPERATIONS, ROOT, Document, code_in

POLLING = Document(ROOT / "docs" / "polling.md")
TIMES = "\N{MULTIPLICATION SIGN}"


def test_costs_of_polls_add_up() -> None:
    *rows, total = POLLING.section("What it costs").table("every 15 minutes")
    amount = total[2].strip("*")
    # Each row is rounded, so the sum of the rows may differ from the total by some cents.
    assert abs(sum(float(row[2]) for row in rows) - float(amount)) <= 0.03
    [of_polls] = [row for row in COSTS.section("What comes on top").table("what") if row[0] == "polls for changes"]
    assert of_polls[-1] == amount


def test_metrics_of_polls_are_counted_in_the_costs() -> None:
    metrics = [code for row in OPERATIONS.table("metric of polls") for code in code_in(row[0])]
    assert f"| metrics | {len(metrics)} {TIMES} 0.30 |" in POLLING.text


def test_limits_of_polls_are_documented() -> None:
    assert MARGIN_MS == 3_600_000
    assert "one hour before the newest change" in POLLING.prose
    assert f"at most {MAX_CHANGES:,} changes" in POLLING.prose
