"""Declare the command `restore-test`."""

import click

from notebook_archive_cli.options import Options, add_common_options


@click.command("restore-test")
@click.option("--run", "run_text", metavar="RUN", help="Show the results of the earlier test with this id.")
@add_common_options
@click.pass_obj
def command(options: Options, run_text: str | None) -> int:
    """Restore some archived versions to a test account, compare them with the archive, and delete them again.

    It needs a secret with the credential of an account for tests (docs/restore.md, Restore tests). The exit status is 3
    if a version failed, or if an item could not be deleted.

    Example: notebook-archive restore-test
    """
    from notebook_archive_cli.errors import ExitStatus
    from notebook_archive_cli.restoring.bulk_restores import parse_run
    from notebook_archive_cli.restoring.restore_tests import carry_out_test, make_run, read_test, render_tests
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    output, session = Output(options), Session(options)
    if run_text is not None:
        results = read_test(session, parse_run(run_text, options, "restore-test", "--help"))
    else:
        run = make_run()
        output.note(f"Restore test {run}")
        output.note("This may take some minutes.")
        results = carry_out_test(session, run)
    output.show(results, render_tests)
    return ExitStatus.GOOD if results["status"] == "passed" else ExitStatus.FINDING
