"""Deploy the stack of a stage: list the parameters that change, ask, build, deploy. `make deploy` runs this.

In an update, sam keeps the value of each parameter that samconfig.toml does not name. So this program names every
parameter, and samconfig.toml alone decides.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from delivery import DeliveryError
from delivery.changes import Change, compare, compute_values, describe
from delivery.package import package
from delivery.sam import run_sam
from delivery.stages import Stage, read_stage
from local.parameters import load_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


class NotConfirmed(Exception):
    """The person did not confirm the changes."""


@dataclass(frozen=True)
class Deployment:
    """What a deployment does to the parameters of a stack."""

    # Whether there is no stack of this name yet.
    is_first: bool
    # The value of each parameter of the template after the deployment.
    values: Mapping[str, str]
    changes: list[Change]
    # The values of the parameters that the deployed stack has and the template does not have.
    lost: Mapping[str, str]

    @property
    def is_irreversible(self) -> bool:
        """Whether a later deployment cannot take back one of the changes."""
        return any(change.irreversible for change in self.changes)


def plan_deployment(stage: Stage, known: Mapping[str, Mapping[str, Any]], aws: "CloudFormationClient") -> Deployment:
    """Return what a deployment of the stage changes. `known` are the parameters of the template.

    Raises DeliveryError if the state of the stack does not allow an update.
    """
    deployed = _read_parameters(stage.stack, aws)
    after = compute_values(stage.parameters, known)
    if deployed is None:
        return Deployment(is_first=True, values=after, changes=compare({}, stage.parameters, known), lost={})
    lost = {name: value for name, value in deployed.items() if name not in known}
    changes = compare(deployed, stage.parameters, known)
    return Deployment(is_first=False, values=after, changes=changes, lost=lost)


def _read_parameters(stack: str, aws: "CloudFormationClient") -> dict[str, str] | None:
    """Return the parameters of the deployed stack, or None if there is no such stack."""
    try:
        (found,) = aws.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    state = found["StackStatus"]
    # This is the state of a stack whose first change set was made and not executed.
    if state == "REVIEW_IN_PROGRESS":
        return None
    if state in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
        raise DeliveryError(
            f"The stack {stack} is in the state {state}, and AWS does not update such a stack. Delete it first: "
            f"aws cloudformation delete-stack --stack-name {stack}"
        )
    if state == "UPDATE_ROLLBACK_FAILED":
        raise DeliveryError(
            f"The last update of the stack {stack} could not be rolled back. Its events say why. When the cause is "
            f"gone, run: aws cloudformation continue-update-rollback --stack-name {stack}"
        )
    if state.endswith("_IN_PROGRESS"):
        raise DeliveryError(f"The stack {stack} is in the state {state}. Wait until that is over, and deploy again.")
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])}


def confirm(deployment: Deployment, stack: str, *, is_confirmed: bool) -> None:
    """Ask whether the parameters may change, if any does. With `is_confirmed`, ask nothing.

    Raises NotConfirmed if the answer is not yes, and DeliveryError if there is no terminal to ask on.
    """
    if is_confirmed or not (deployment.changes or deployment.lost):
        return
    if not sys.stdin.isatty():
        raise DeliveryError(
            "There is no terminal to ask on. Nothing was changed. If you want these changes, run the command again "
            "with YES=1."
        )
    try:
        if deployment.is_irreversible:
            question = f"What is marked IRREVERSIBLE cannot be taken back. To deploy it, type {stack}: "
            is_confirmed = input(question).strip() == stack
        else:
            is_confirmed = input("Deploy? [y/N] ").strip().lower() in {"y", "yes"}
    except (EOFError, KeyboardInterrupt) as error:
        raise NotConfirmed from error
    if not is_confirmed:
        raise NotConfirmed


def deploy(folder: Path, name: str, *, is_confirmed: bool) -> None:
    """Deploy a stage of the checkout in a folder.

    Raises DeliveryError if the deployment cannot go on, and NotConfirmed if the person said no.
    """
    known = load_template(folder)["Parameters"]
    stage = read_stage(folder, name, known)
    try:
        session = boto3.Session(profile_name=stage.profile or None, region_name=stage.region or None)
        account = session.client("sts").get_caller_identity()["Account"]
        deployment = plan_deployment(stage, known, session.client("cloudformation"))
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(
            f"The stack {stage.stack} could not be read: {str(error).rstrip('.')}. Check the credentials "
            "(AWS_PROFILE) and the region (AWS_DEFAULT_REGION)."
        ) from error
    verb = "creates" if deployment.is_first else "updates"
    print(f"Stage {name}: {verb} the stack {stage.stack} in account {account}, {session.region_name}.")
    print("\n".join(_describe_deployment(deployment)))
    confirm(deployment, stage.stack, is_confirmed=is_confirmed)
    run_sam(["build", "--config-env", name], folder)
    with tempfile.TemporaryDirectory() as temporary:
        template = package(folder / ".aws-sam/build", Path(temporary) / "package")
        # sam reads JSON here only under the name of a YAML file. Values on the command line would need quotes.
        overrides = Path(temporary) / "parameters.yaml"
        overrides.write_text(json.dumps(deployment.values), encoding="utf-8")
        options = list_sam_options(folder, name, session.region_name, is_confirmed=is_confirmed)
        options += ["--template-file", template, "--parameter-overrides", f"file://{overrides}"]
        run_sam(["deploy", *options], folder)


def list_sam_options(folder: Path, name: str, region: str, *, is_confirmed: bool) -> list[str | Path]:
    """Return the options with which sam deploys a stage of the checkout in a folder to a region."""
    # sam would look for samconfig.toml beside the template, and takes the region of a profile or of the environment in
    # an order of its own.
    options: list[str | Path] = ["--config-file", folder / "samconfig.toml", "--config-env", name, "--region", region]
    return [*options, "--no-confirm-changeset"] if is_confirmed else options


def _describe_deployment(deployment: Deployment) -> list[str]:
    lines = describe(deployment.changes, deployment.lost)
    if deployment.is_first:
        lines.append("  All other parameters get their defaults (docs/parameters.md).")
    else:
        lines += [f"  New, with its default: {change.name}" for change in deployment.changes if not change.is_chosen]
    return ["Parameters:", *lines] if lines else ["No parameter changes."]


def main() -> int:
    """Run the program. Return its exit status."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--yes", action="store_true")
    arguments = parser.parse_args()
    try:
        deploy(Path.cwd(), arguments.stage, is_confirmed=arguments.yes)
    except DeliveryError as error:
        print(error, file=sys.stderr)
        return 1
    except NotConfirmed:
        print("Nothing was changed.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. If sam had already started the deployment, CloudFormation continues it.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
