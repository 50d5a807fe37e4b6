"""Declare the command `restore-test`."""

import click

from notebook_archive_cli.options import Options, add_common_options


@click.command("restore-test")
@click.option("--run", "run_text", metavar="RUN", help="Show the results of an earlier test, or complete it.")
@add_common_options
@click.pass_obj
def command(options: Options, run_text: str | None) -> int:
    """Restore some archived versions to a test account, compare them with the archive, and delete them again.

    It needs the secret of an account for tests. docs/restore.md describes it.
    """
    from notebook_archive_cli.bulk_restores import parse_run
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.output import Output
    from notebook_archive_cli.restore_tests import make_run, render_tests, test_restores
    from notebook_archive_cli.session import Session

    output, run = Output(options), parse_run(run_text, options, "restore-test", "--help") if run_text else make_run()
    if not run_text:
        output.note(f"Restore test {run}")
        output.note("This may take some minutes.")
    results = test_restores(Session(options), run)
    output.show(results, render_tests)
    return ExitStatus.GOOD if results["status"] == "passed" else ExitStatus.FINDING
