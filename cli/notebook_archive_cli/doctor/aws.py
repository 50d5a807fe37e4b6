"""Check the caller's access to AWS, the clock of this machine, and the deployed stack."""

import time
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from notebook_archive_cli.doctor.checks import Check, bad, good, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

# AWS refuses a signature, and ArcGIS a token, if the clocks differ by more than five minutes.
MAX_SKEW_SECONDS = 120.0

# The outputs that the commands of this release use.
OUTPUTS = (
    "ArchiveBucket", "LedgerBucket", "StateMachine", "VerificationStateMachine", "RestoreStateMachine",
    "RestoreNotebookFunction", "UndoRestoreFunction", "TestRestoresFunction", "RotateTokenFunction", "AdminSecretName",
    "OwnerSecretPrefix", "CredentialSecretPrefix", "RequestQueue", "FailureQueue", "ScheduleDeadLetterQueue",
)  # fmt: skip

# The parts of the stack that the checks examine, by their logical ids. Each stack has them.
RESOURCES = (
    "PlanRunFunction", "ArchiveNotebooksFunction", "ArchiveRequestsFunction", "ReportRunFunction", "ArchiveRun",
    "ArchiveVerification", "ArchiveRunSchedule", "ArchiveVerificationSchedule", "BackupRequested", "TakeRequests",
)  # fmt: skip

_CLOCK_CODES = frozenset(
    ("RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException")
)


def check_credentials(target: Target) -> Check:
    """Check that AWS accepts the caller's credentials."""
    name = "aws credentials"
    try:
        sts = target.client("sts")
        caller = sts.get_caller_identity()
    except EndpointConnectionError:
        return bad(
            name,
            "AWS cannot be reached from this machine",
            "Check the network, and the region.",
            target.command("doctor"),
        )
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else type(error).__name__
        if code in _CLOCK_CODES:
            return bad(
                name,
                f"AWS does not accept the signature ({code}); often the clock of this machine is wrong",
                "Set the clock, then check the secret access key.",
                "sudo timedatectl set-ntp true",
            )
        if code in ("NoRegionError", "InvalidRegionError"):
            return bad(
                name, "no AWS region is chosen", "Choose the region of the stack.", "aws configure set region REGION"
            )
        return bad(
            name,
            f"AWS does not accept the credentials ({code})",
            "Sign in, for example with `aws sso login`, or choose a profile with --profile.",
            target.aws("configure", "list"),
        )
    return good(name, f"account {caller['Account']}, region {sts.meta.region_name}, as {caller['Arn']}")


def check_clock(target: Target) -> Check:
    """Compare the clock of this machine with that of AWS."""
    headers = target.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    skew = measure_skew(headers.get("date", ""), time.time())
    return describe_skew("aws clock", "the clock of this machine", "AWS", skew, "Set the clock of this machine.")


def measure_skew(date: str, now: float) -> float | None:
    """Return by how many seconds `now` is ahead of a Date header, or None if the header cannot be read."""
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def describe_skew(name: str, whose: str, reference: str, skew: float | None, fix: str) -> Check:
    """Return the check of two clocks. `skew` is by how many seconds the first is ahead of the second, or None."""
    if skew is None:
        return unknown(name, f"{reference} sent no date")
    if abs(skew) <= MAX_SKEW_SECONDS:
        return good(name, f"{whose} agrees with {reference} to {format_count(max(1, round(abs(skew))), 'second')}")
    direction = "ahead of" if skew > 0 else "behind"
    return bad(
        name,
        f"{whose} is {format_count(round(abs(skew)), 'second')} {direction} {reference}; "
        "beyond 300 seconds, signatures and tokens fail",
        fix,
        "sudo timedatectl set-ntp true",
    )


def check_stack(target: Target) -> Check:
    """Check that the stack exists."""
    return good("stack", f"{target.session.stack.name} exists")


def check_deployment(target: Target) -> Check:
    """Check that the last deployment of the stack succeeded."""
    name, stack = "deployment", target.session.stack.name
    (described,) = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    status = described["StackStatus"]
    changed = described.get("LastUpdatedTime") or described["CreationTime"]
    if status.endswith("_IN_PROGRESS"):
        return unknown(name, f"{stack} is being deployed ({status}); wait and check again")
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return good(name, f"{stack}: {status}, deployed on {changed:%Y-%m-%d}")
    return bad(
        name,
        f"{stack}: {status}, so the last deployment failed",
        "Find the first event that failed, remove its cause, and deploy again.",
        target.aws(
            "cloudformation", "describe-stack-events", "--stack-name", stack, "--query",
            "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]",
        ),
    )  # fmt: skip


def check_release(target: Target) -> Check:
    """Check that the deployed release has everything that this release's commands use."""
    missing = [each for each in OUTPUTS if not target.session.stack.has_output(each)]
    if missing:
        return bad(
            "release",
            f"an earlier release is deployed: the stack has no output {', '.join(missing)}",
            "Deploy this release.",
            target.options.deploy_command(),
        )
    return good("release", "the deployed release has everything that this command uses")


def check_resources(target: Target) -> Check:
    """Check that the stack has the parts that the next checks examine."""
    missing = [each for each in RESOURCES if each not in target.resources]
    if missing:
        return bad(
            "resources",
            f"the stack has no {', '.join(missing)}",
            "Deploy this release.",
            target.options.deploy_command(),
        )
    return good("resources", f"the stack has {format_count(len(target.resources), 'resource')}")
