"""Check the configuration of the archive, and say how to correct it."""

import click

from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options, add_common_options


@click.command()
@click.option("--probe", "is_probing", is_flag=True, help="Also make a test notebook in ArcGIS, and delete it again.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask before --probe.")
@add_common_options
@click.pass_obj
def command(options: Options, *, is_probing: bool, is_confirmed: bool) -> int:
    """Check the whole configuration, and say how to correct it.

    It checks AWS, the stack, the portal, the secrets, the buckets, the functions, the schedules, the queues, the alarms
    and the network. Each line is `good`, `BAD` with its fix, or `unknown` with the reason. Nothing is changed.

    It signs in to ArcGIS once with each secret. The exit status is 3 if a line is `BAD`.

    Example: notebook-archive doctor
    """
    from notebook_archive_cli.doctor.beliefs import describe_probe
    from notebook_archive_cli.doctor.examination import examine
    from notebook_archive_cli.doctor.printing import Progress, make_document, render
    from notebook_archive_cli.doctor.target import Target
    from notebook_archive_cli.session import Session
    from notebook_archive_cli.terminal.output import Output

    target, output = Target(Session(options)), Output(options)
    if is_probing:
        output.confirm(describe_probe(target), "Make and delete the test notebook?", is_confirmed=is_confirmed)
    with Progress(options) as progress:
        checks = examine(target, progress.announce, is_probing=is_probing)
    document = make_document(checks)
    output.show(document, render)
    return ExitStatus.FINDING if document["counts"]["bad"] else ExitStatus.GOOD
