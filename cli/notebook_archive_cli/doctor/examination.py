"""Run the checks in an order in which one cause makes one bad line."""

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from notebook_archive_cli.doctor import (
    aws,
    beliefs,
    bucket,
    functions,
    network,
    notifications,
    portal,
    schedule,
    second_place,
    secrets,
    webhook,
)
from notebook_archive_cli.doctor.checks import Check, bad, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.translation import translate_error

# Maximum time of one check. It is longer than one call with its retry may take.
CHECK_SECONDS = 60.0
# Maximum time of a check that signs in with each secret.
SECRETS_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Step:
    """A check, or several checks of one kind.

    If one of the steps in `needs` is not good, this step is not run. A step whose `name` is a prefix, such as `secret`,
    returns checks with longer names.
    """

    name: str
    run: Callable[[Target], Check | list[Check]]
    needs: tuple[str, ...] = ()
    seconds: float = CHECK_SECONDS


_STACK = ("stack",)
_PORTAL = ("portal",)
_ADMIN = ("admin secret",)

STEPS = (
    Step("aws credentials", aws.check_credentials),
    Step("aws clock", aws.check_clock, ("aws credentials",)),
    Step("stack", aws.check_stack, ("aws credentials",)),
    Step("deployment", aws.check_deployment, _STACK),
    Step("release", aws.check_release, _STACK),
    Step("resources", aws.check_resources, _STACK),
    Step("ca bundle", portal.check_ca_bundle, _STACK),
    Step("portal url", portal.check_url, _STACK),
    Step("certificate", portal.check_certificate, ("ca bundle", "portal url")),
    Step("portal", portal.check_portal, ("certificate",)),
    Step("portal clock", portal.check_clock, _PORTAL),
    Step("admin secret", secrets.check_administrator, _PORTAL),
    Step("admin privileges", secrets.check_privileges, _ADMIN),
    Step("admin reads others", secrets.check_reading_others, ("admin privileges",)),
    Step("notebook server", portal.check_discovery, _ADMIN),
    Step("owner secrets", secrets.check_owners, ("notebook server",), SECRETS_SECONDS),
    Step("rotation", secrets.check_rotations, _STACK),
    Step("secret encryption", secrets.check_encryption, _STACK),
    Step("restore test secret", secrets.check_restore_test, _PORTAL),
    Step("webhook secret", webhook.check_secret, _STACK),
    Step("webhook", webhook.check_registration, ("admin secret", "webhook secret")),
    Step("bucket", bucket.check_existence, _STACK),
    Step("bucket versioning", bucket.check_versioning, ("bucket",)),
    Step("bucket encryption", bucket.check_encryption, ("bucket",)),
    Step("bucket public access", bucket.check_public_access, ("bucket",)),
    Step("bucket policy", bucket.check_policy, ("bucket",)),
    Step("bucket object lock", bucket.check_object_lock, ("bucket",)),
    Step("bucket lifecycle", bucket.check_lifecycle, ("bucket",)),
    Step("bucket replication", second_place.check_rule, ("bucket",)),
    Step("second place", second_place.check_bucket, _STACK),
    Step("second place replicas", second_place.check_replicas, ("bucket replication", "second place")),
    Step("ledger bucket", bucket.check_ledger, _STACK),
    Step("functions", functions.check_states, ("resources",)),
    Step("function concurrency", functions.check_concurrency, ("resources",)),
    Step("function errors", functions.check_errors, ("resources",)),
    Step("role policies", functions.check_policies, ("resources",)),
    Step("function roles", functions.check_roles, ("role policies",)),
    Step("request polling", functions.check_polling, ("resources",)),
    Step("account concurrency", functions.check_account_limit, _STACK),
    Step("schedule of runs", schedule.check_runs, ("resources",)),
    Step("schedule of verifications", schedule.check_verifications, ("resources",)),
    Step("schedule of restore tests", schedule.check_restore_tests, ("resources",)),
    Step("schedule of polls", schedule.check_polls, ("resources",)),
    Step("last poll", schedule.check_last_poll, _STACK),
    Step("event rule", schedule.check_rule, ("resources",)),
    Step("dead-letter queue", schedule.check_dead_letters, _STACK),
    Step("failure queue", schedule.check_failures, _STACK),
    Step("alarms", schedule.check_alarms, _STACK),
    Step("notifications", notifications.check_events, ("resources",)),
    Step("unsent notifications", notifications.check_unsent, ("resources",)),
    Step("chat", notifications.check_chat, _STACK),
    Step("network", network.check_network, _STACK),
    Step("beliefs", beliefs.check_beliefs, ("notebook server",), SECRETS_SECONDS),
)
PROBE_STEP = Step("probe", beliefs.check_by_writing, ("notebook server",), SECRETS_SECONDS)


def examine(target: Target, announce: Callable[[str], None], *, is_probing: bool = False) -> list[Check]:
    """Run all checks and return their results. `announce` is called with the name of each step before it runs.

    With `is_probing`, the steps include one that makes a notebook and a snapshot in ArcGIS, and deletes both.
    """
    found: list[Check] = []
    # The cause for which each step is not good, by the step's name.
    causes: dict[str, str] = {}
    for step in (*STEPS, PROBE_STEP) if is_probing else STEPS:
        cause = next((causes[need] for need in step.needs if need in causes), "")
        if cause:
            causes[step.name] = cause
            found.append(unknown(step.name, f"not checked, because of {cause!r}"))
            continue
        announce(step.name)
        results = run_step(step, target)
        worst = next((each for state in ("bad", "unknown") for each in results if each.state == state), None)
        if worst:
            causes[step.name] = worst.name
        found += results
    return found


def run_step(step: Step, target: Target) -> list[Check]:
    """Return the results of a step. Any error becomes a result too."""
    results: list[Check] = []

    def run() -> None:
        results.extend(_list_results(step, target))

    # A call that does not end, such as resolving a name, must not stop the other checks. The thread ends with the
    # process.
    thread = threading.Thread(target=run, name=step.name, daemon=True)
    thread.start()
    thread.join(step.seconds)
    if thread.is_alive():
        return [unknown(step.name, f"the check did not end within {step.seconds:.0f} seconds")]
    return results


def _list_results(step: Step, target: Target) -> Sequence[Check]:
    try:
        result = step.run(target)
    except Exception as error:  # noqa: BLE001 - each error becomes a line, and the other checks go on
        if target.options.is_debug:
            traceback.print_exc()
        return [describe_error(step.name, translate_error(error, target.options), target)]
    return [result] if isinstance(result, Check) else result


def describe_error(name: str, error: CommandError, target: Target) -> Check:
    """Return the check for an error: unknown if the caller or this machine is the cause, or else bad."""
    # The reader has just called this command.
    own = {target.options.same_command(), target.command("doctor")}
    command = "" if error.command in own else error.command
    if error.status in {ExitStatus.DENIED, ExitStatus.UNAVAILABLE, ExitStatus.DEFECT}:
        return unknown(name, str(error), error.remedy, command)
    return bad(name, str(error), error.remedy, command)
