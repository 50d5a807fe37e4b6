"""What the demonstration prints of a run report, in a terminal of 80 columns."""

import io
from typing import Any

from rich.console import Console

from local.tables import lists


def entry(item: str, reason: str, **fields: str) -> dict[str, Any]:
    """One entry of a list of the report."""
    return {
        "itemId": item * 32,
        "title": "Restricted survey",
        "owner": "dora",
        **fields,
        "reason": reason,
        "message": f"The resources of item {item * 32}: ArcGIS answered code 403.",
        "remedy": "Create secret 'notebook-archive/owners/dora' with the owner's credential; docs/secrets.md.",
    }


def printed(**report: list[dict[str, Any]]) -> str:
    """What a report with these lists prints."""
    output = io.StringIO()
    Console(file=output, width=80).print(*lists({"notProtected": [], "schema": 2, **report}), sep="\n")
    return output.getvalue()


def test_ids_are_whole_and_the_urgent_comes_first() -> None:
    output = printed(notProtected=[entry("a", "no-content", state="empty"), entry("b", "broken", state="unprotected")])
    first, second, third = output.splitlines()[:3]
    assert first == "Not protected (2)"
    assert second == f"  unprotected  {'b' * 32}  dora: Restricted survey"
    assert third == "    reason: broken"
    assert f"  empty  {'a' * 32}  dora: Restricted survey\n" in output
    assert "    remedy: Create secret 'notebook-archive/owners/dora' with the owner's " in output


def test_what_is_not_protected_is_listed_once() -> None:
    hidden = entry("a", "owner-credentials-missing")
    output = printed(
        notProtected=[{**hidden, "state": "unprotected"}],
        unprotected=[hidden, entry("b", "owner-credentials-missing")],
        skipped=[],
    )
    assert output.count(f"  {'a' * 32}  ") == 1
    assert "Unprotected (1)\n" in output
    assert f"  {'b' * 32}  dora: Restricted survey\n" in output
