"""Do a restore test, and show its results."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from notebook_archive.archive import RunId, keys
from notebook_archive.errors import RestoreTestFailed
from notebook_archive_cli.documents import read_document
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.restoring.invocations import Remedy, invoke_function
from notebook_archive_cli.restoring.restores import make_name
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.formatting import Column, format_table
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import format_count

# The last part of the name of the secret with the credential of the account for tests.
_SECRET = "restore-test"  # noqa: S105 - a name


def make_run() -> RunId:
    """Return the id of a new restore test."""
    return RunId.from_execution(make_name("restore-test"), datetime.now(UTC).isoformat())


def carry_out_test(session: Session, run: RunId) -> dict[str, Any]:
    """Do a restore test, and return its results. Raises CommandError if it could not begin."""
    day, name = run.split("/")
    try:
        invoke_function(
            session,
            "TestRestoresFunction",
            {"runId": name, "startedAt": f"{day}T00:00:00+00:00"},
            what=f"restore test {run}",
            repeat=session.options.command("restore-test", "--run", run),
            list_remedies=lambda _: _list_remedies(session),
        )
    except CommandError as error:
        # The function fails if a version failed. Its results are in the archive nevertheless.
        if error.reason != RestoreTestFailed.reason:
            raise
    return read_test(session, run)


def read_test(session: Session, run: RunId) -> dict[str, Any]:
    """Return the results of a restore test. Raises CommandError if there are none, or none yet."""
    results = _read_results(session, run)
    if results is None:
        raise CommandError(
            "results-missing",
            f"The restore test {run} has no results yet, or never had any.",
            remedy="It may be under way: run the same command in a few minutes. If it was stopped, the next test "
            "deletes what it left.",
            command=session.options.command("restore-test", "--run", run),
            status=ExitStatus.UNAVAILABLE,
        )
    return {
        **results,
        "resultsKey": keys.restore_test_results_key(run),
        "schedule": session.stack.parameter("RestoreTestSchedule") or None,
    }


def _read_results(session: Session, run: RunId) -> dict[str, Any] | None:
    return read_document(session.archive, keys.restore_test_results_key(run), "tests", "status")


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
    }


def render_tests(results: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the verdict of each version, its level of proof and seconds, what failed, and what is left."""
    tests = results["tests"]
    yield f"Restore test {results['runId']}: {results['status']}."
    yield f"{format_count(len(tests), 'version')} restored as {results['account']}, in {results['seconds']:.0f} s."
    yield ""
    if tests:
        yield from _make_table(tests, width).splitlines()
    for each in tests:
        if problem := each.get("problem"):
            yield ""
            yield f"{each['itemId']}@{each['resourceKey']}"
            yield from wrap_text(f"{problem['message']} {problem['remedy']}", width, "  ")
    yield ""
    if results["notReached"]:
        yield f"{format_count(results['notReached'], 'version')} not reached in time."
    if not results["leftovers"]:
        yield "All items that the test made were deleted again."
    for problem in results["leftovers"]:
        yield from wrap_text(f"Not deleted: {problem['message']} {problem['remedy']}", width)
    if results["schedule"] is None:
        yield "No test starts by itself, because the parameter RestoreTestSchedule is empty."


def _make_table(tests: Sequence[Mapping[str, Any]], width: int) -> str:
    seconds = [f"{each['restoreSeconds']:.1f}" if "restoreSeconds" in each else "-" for each in tests]
    columns = [
        Column("Verdict", ["failed" if "problem" in each else "passed" for each in tests]),
        Column("Level", [str(each.get("level", "-")) for each in tests], is_right=True),
        Column("Seconds", seconds, is_right=True),
        Column("Item", [each["itemId"] for each in tests]),
        Column("Owner", [each["owner"] for each in tests], rank=1, min_width=8),
    ]
    return format_table(columns, width)
