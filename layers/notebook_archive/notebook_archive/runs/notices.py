"""Find the notices for a run's report in the outcomes of the run."""

from collections.abc import Iterator, Sequence

from notebook_archive.backup.records import OutcomeRecord, Problem

# Reasons of the notices that mean that the run may have missed notebooks. Such a run is not complete.
INCOMPLETE = frozenset(
    (
        "listing-incomplete",
        "administrator-sees-not-all",
        "notebooks-vanished",
        "notebooks-not-looked-up",
        "plan-incomplete",
        "search-missed",
        "search-stale",
    )
)
PLAN_INCOMPLETE: Problem = {
    "reason": "plan-incomplete",
    "message": "Objects of this run are missing: the run planned more notebooks than it now has records of.",
    "remedy": "Find out who deletes objects below runs/, then start the run again.",
}
_MAX_NAMED = 3


def list_outcome_notices(outcomes: Sequence[OutcomeRecord], *, is_chosen: bool) -> Iterator[Problem]:
    """Yield the notices about the outcomes of a run. `is_chosen` is True for a run over chosen notebooks."""
    yield from _list_broken_credentials(outcomes)
    yield from _list_portal_signs(outcomes, is_chosen=is_chosen)
    yield from _list_uncounted(outcomes)


def _list_broken_credentials(outcomes: Sequence[OutcomeRecord]) -> Iterator[Problem]:
    """Yield one notice for each credential that did not work, even if many notebooks failed because of it."""
    owners_by_secret: dict[str, list[str]] = {}
    for outcome in outcomes:
        problems = [*([outcome["problem"]] if "problem" in outcome else ()), *outcome["failed"]]
        for secret in {problem["secret"] for problem in problems if "secret" in problem}:
            owners_by_secret.setdefault(secret, []).append(outcome["owner"])
    for secret, owners in sorted(owners_by_secret.items()):
        names = sorted(set(owners))
        named = " and ".join(names[:_MAX_NAMED]) + (" and others" if len(names) > _MAX_NAMED else "")
        count = f"{len(owners)} notebook{'' if len(owners) == 1 else 's'}"
        yield {
            "reason": "credential-broken",
            "message": f"The credential in secret '{secret}' did not work. Because of that, {count} of {named} failed.",
            "remedy": "Renew the credential. If Secrets Manager rotates the token, look in the log of rotate_token for "
            "the reason.",
            "secret": secret,
        }


def _list_portal_signs(outcomes: Sequence[OutcomeRecord], *, is_chosen: bool) -> Iterator[Problem]:
    """Yield a notice if the portal listed no snapshot at all, and one if it listed resources that may be snapshots.

    Both are signs that the portal does not list snapshots as `docs/beliefs.md` assumes. A run cannot prove that, so it
    only reports the sign. A run over chosen notebooks does not get the first notice, because they may really have no
    snapshot.
    """
    listed = [each["listed"] for each in outcomes if each.get("route") == "portal" and "listed" in each]
    if listed and not any(listed) and not is_chosen:
        notebooks = "the notebook" if len(listed) == 1 else f"any of the {len(listed)} notebooks"
        yield {
            "reason": "no-snapshots-listed",
            "message": f"The portal listed no snapshot of {notebooks} that the run read through it.",
            "remedy": "If one of them has a snapshot, create its owner's secret. docs/beliefs.md says how to check.",
        }
    similar = [each for each in outcomes if each.get("lookalikes")]
    if similar:
        yield {
            "reason": "snapshot-lookalikes",
            "message": f"{len(similar)} item{' has' if len(similar) == 1 else 's have'} resources whose names look "
            f"like snapshots, such as {similar[0]['lookalikes'][0]!r} of item {similar[0]['itemId']}. The run did not "
            "archive them.",
            "remedy": "Open them in the portal. If one is a snapshot, report its key to this project. Ignore previews.",
        }


def _list_uncounted(outcomes: Sequence[OutcomeRecord]) -> Iterator[Problem]:
    """Yield one notice if ArcGIS listed snapshots of notebooks without a total."""
    item_ids = [each["itemId"] for each in outcomes if each.get("uncounted")]
    if item_ids:
        named = ", ".join(item_ids[:_MAX_NAMED]) + (" and others" if len(item_ids) > _MAX_NAMED else "")
        yield {
            "reason": "total-missing",
            "message": f"ArcGIS listed the snapshots of {named} without a total, so the run cannot check whether the "
            "lists are complete.",
            "remedy": "Compare the snapshots in the archive with those that ArcGIS shows for one of these notebooks.",
        }
