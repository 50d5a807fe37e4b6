"""Do a restore test, and show its results."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notebook_archive.archive import RunId, keys
from notebook_archive_cli.errors import CommandError
from notebook_archive_cli.invocations import Remedy, invoke_function
from notebook_archive_cli.output import format_count, replace_unprintable
from notebook_archive_cli.restores import fill_lines, make_name
from notebook_archive_cli.session import Session

if TYPE_CHECKING:
    from rich.console import RenderableType

# The last part of the name of the secret with the credential of the account for tests.
_SECRET = "restore-test"  # noqa: S105 - a name


def make_run() -> RunId:
    """Return the id of a new restore test."""
    return RunId.from_execution(make_name("restore-test"), datetime.now(UTC).isoformat())


def test_restores(session: Session, run: RunId) -> dict[str, Any]:
    """Do a restore test, and return its results. If it was done before, those results are returned.

    Raise CommandError if it could not begin.
    """
    day, name = run.split("/")
    event = {"runId": name, "startedAt": f"{day}T00:00:00+00:00"}
    schedule = session.stack.parameter("RestoreTestSchedule")
    if (results := _read_results(session, run)) is None:
        try:
            invoke_function(
                session,
                "TestRestoresFunction",
                event,
                what=f"restore test {run}",
                repeat=session.options.command("restore-test", "--run", run),
                list_remedies=lambda: _list_remedies(session),
            )
        except CommandError as error:
            # The function fails if a version failed. Its results are in the archive nevertheless.
            if error.reason != "restore-test-failed":
                raise
        results = _read_results(session, run)
    return {
        **(results or {}),
        "resultsKey": keys.restore_test_results_key(run),
        "schedule": schedule or None,
    }


def _read_results(session: Session, run: RunId) -> dict[str, Any] | None:
    body = session.archive.read_object(keys.restore_test_results_key(run))
    results: dict[str, Any] | None = json.loads(body) if body else None
    return results


def _list_remedies(session: Session) -> dict[str, Remedy]:
    options = session.options
    secret = f"{session.stack.parameter('SecretPrefix')}/{_SECRET}"
    create = options.aws_command(
        "secretsmanager", "create-secret", "--name", secret, "--secret-string", "file://restore-test.json"
    )
    steps = (
        "Create a member of the portal for tests only, with the privilege to create content. Write its "
        '{"username": "…", "password": "…"} into the file restore-test.json, store it with the next command, and '
        "delete the file. To let tests start by themselves, set the parameter RestoreTestSchedule (docs/restore.md)."
    )
    return {
        "SecretMissing": Remedy(steps, create),
        # AWS may deny the read of a secret that does not exist.
        "SecretUnreadable": Remedy(f"If there is no secret {secret!r}: {steps}", create),
        "RestoreForbidden": Remedy(
            "Give the account for tests the privilege that the message names. The next command checks it.",
            options.command("doctor"),
        ),
        "RestoreTestFailed": Remedy("Read the results.", options.command("restore-test")),
    }


def render_tests(results: Mapping[str, Any], width: int) -> Iterator["RenderableType"]:
    """Return the verdict of each version, its level of proof and seconds, what failed, and what is left."""
    from rich.table import Table

    tests = results["tests"]
    yield (
        f"Restore test {results['runId']}: {results['status']}. "
        f"{format_count(len(tests), 'version')}, {results['seconds']:.0f} s."
    )
    yield ""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("Verdict", "Level", "Seconds"):
        table.add_column(name, no_wrap=True, justify="left" if name == "Verdict" else "right")
    table.add_column("Notebook", no_wrap=True, min_width=32)
    table.add_column("Owner", no_wrap=True, overflow="ellipsis")
    for each in tests:
        table.add_row(
            "failed" if "problem" in each else "passed",
            str(each.get("level", "-")),
            f"{each['restoreSeconds']:.1f}" if "restoreSeconds" in each else "-",
            each["itemId"],
            replace_unprintable(each["owner"]),
        )
    if tests:
        yield table
    for each in tests:
        if problem := each.get("problem"):
            yield ""
            yield f"{each['itemId']}@{each['resourceKey']}"
            yield from fill_lines(f"{problem['message']} {problem['remedy']}", width, indent="  ", first_indent="  ")
    yield ""
    if results["notReached"]:
        yield f"{format_count(results['notReached'], 'version')} not reached in time."
    if not results["leftovers"]:
        yield f"All items that the test made for {results['account']} were deleted again."
    for problem in results["leftovers"]:
        yield from fill_lines(f"Not deleted: {problem['message']} {problem['remedy']}", width, indent="  ")
    if results["schedule"] is None:
        yield "No test starts by itself, because the parameter RestoreTestSchedule is empty."
