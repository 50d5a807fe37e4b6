"""Notices for signs that the portal does not list snapshots as believed.

A run cannot prove this, so it only reports it.
"""

from collections.abc import Iterator

from notebook_archive.backup.outcome import Outcome, Problem


def list_portal_notices(outcomes: list[Outcome], *, is_chosen: bool) -> Iterator[Problem]:
    """Yield a notice if the portal lists no snapshot at all, and one if it lists what may be snapshots.

    A run over chosen notebooks does not get the first: they may well have no snapshot.
    """
    listed = [found["listed"] for found in outcomes if found.get("route") == "portal" and "listed" in found]
    if listed and not any(listed) and not is_chosen:
        notebooks = "the notebook" if len(listed) == 1 else f"any of the {len(listed)} notebooks"
        yield {
            "reason": "no-snapshots-listed",
            "message": f"The portal listed no snapshot of {notebooks} that the run read through it.",
            "remedy": "If one of them has a snapshot, create its owner's secret; docs/beliefs.md says how to check.",
        }
    alike = [found for found in outcomes if found.get("lookalikes")]
    if alike:
        yield {
            "reason": "snapshot-lookalikes",
            "message": f"{len(alike)} item{' has' if len(alike) == 1 else 's have'} resources that are named like "
            f"snapshots, such as {alike[0]['lookalikes'][0]!r} of item {alike[0]['itemId']}. They were not archived.",
            "remedy": "Open them in the portal. If one is a snapshot, report its key to this project; ignore previews.",
        }
