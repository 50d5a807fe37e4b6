"""Run the whole system on this machine: a local ArcGIS, a local AWS, and the deployed stack.

`make local` runs this module until a signal arrives. Other programs read `.local/stack.json` to find the system.
"""

import argparse
import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from local import stack
from local.arcgis import Deployment, LocalArcGIS, Seed
from local.aws import ACCESS_KEY, REGION, ROOT, SECRET_KEY, LocalAws, LocalAwsError
from local.parameters import ParametersWrong, parameters_from
from local.progress import Steps
from local.stopping import Stopped, run, stop_on_signals

STACK_FILE = stack.STATE / "stack.json"
SECRET_PREFIX = "notebook-archive"
# If the stack's parameter WebhookSecret has this value, the secret is created here, and the stack receives webhooks.
WEBHOOK_SECRET = f"{SECRET_PREFIX}-webhook"
# The allowed values of the stack's parameter ApiAuth. The first one is the default.
API_AUTHS = ("IAM", "ArcGIS")


class AlreadyRunningError(Exception):
    """Another process runs a system that the same file describes."""


class LocalSystem:
    """Run the whole system for the duration of a `with` block. Before each step, `step` is called with its name."""

    aws: LocalAws
    arcgis: LocalArcGIS
    outputs: Mapping[str, str]

    def __init__(
        self,
        seed: Seed,
        parameters: Mapping[str, str] | None = None,
        step: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._seed = seed
        self._parameters = parameters or {}
        self._step = step

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._step("Starting a local ArcGIS")
            self.arcgis = opened.enter_context(LocalArcGIS(self._seed))
            self._step("Starting a local AWS")
            self.aws = opened.enter_context(LocalAws())
            self._step("Creating secrets with the ArcGIS credentials")
            self._create_secrets()
            self._step("Building the functions (sam build)")
            with stack.build() as template:
                self._step("Deploying the stack (sam deploy)")
                self.outputs = stack.deploy(self.aws, template, self._stack_parameters())
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def api_base_url(self) -> str:
        """The HTTP proxy's base URL on the local AWS's HTTPS port. Clients append paths such as `/admin/notebooks`."""
        return f"{self.aws.api_url}/restapis/{self.outputs['ProxyApiId']}/v1/_user_request_"

    @property
    def api_auth(self) -> str:
        """The stack's parameter ApiAuth, which selects how callers of the HTTP proxy sign in."""
        return self._parameters.get("ApiAuth", API_AUTHS[0])

    @property
    def has_current_content(self) -> bool:
        """Whether runs archive the current content of notebooks. The stack's parameter ArchiveCurrent decides this."""
        return self._parameters.get("ArchiveCurrent", "true") == "true"

    @property
    def webhook_url(self) -> str:
        """The first part of the webhook's URL. The second part is the path that is stored in the webhook's secret."""
        return f"{self.api_base_url}/webhooks/"

    def webhook(self, action: str) -> str:
        """Run the command `webhook` on the local portal and return its output.

        `action` is `create`, `remove` or `list`.
        """
        self.arcgis.enterprise.switches.webhook_ca_bundle = str(self.aws.ca_bundle)
        more = {"create": ["--url", self.webhook_url], "remove": ["--yes"]}.get(action, [])
        command = [sys.executable, "-m", "notebook_archive_cli", "webhook", action, *more]
        done = run(command, ROOT, self.aws.environment())
        if done.returncode:
            raise LocalAwsError(f"The command `notebook-archive webhook {action}` failed.\n{done.stdout}")
        return done.stdout

    def description(self) -> dict[str, Any]:
        """Return the data that another program needs to start a run, to read the archive and to call the HTTP proxy.

        The data contains the ArcGIS users and their passwords. Clients that call `apiBaseUrl` must trust `awsCaBundle`,
        also when they follow links to large snapshots.
        """
        return {
            "region": REGION,
            "awsEndpointUrl": self.aws.endpoint_url,
            "awsAccessKeyId": ACCESS_KEY,
            "awsSecretAccessKey": SECRET_KEY,
            "awsCaBundle": str(self.aws.ca_bundle),
            "apiBaseUrl": self.api_base_url,
            "apiAuth": self.api_auth,
            "webhookUrl": self.webhook_url,
            "outputs": dict(self.outputs),
            "arcgis": {
                **self._deployment(self.arcgis.enterprise),
                "online": self._deployment(self.arcgis.online),
                "kubernetes": self._deployment(self.arcgis.kubernetes),
            },
        }

    def _deployment(self, deployment: Deployment) -> dict[str, Any]:
        return {
            "portalUrl": deployment.portal_url,
            "notebookAdminUrl": deployment.notebook_admin_url,
            "caBundle": str(self.arcgis.ca_bundle),
            "users": [{"username": u.username, "password": u.password, "role": u.role} for u in deployment.users],
        }

    def _stack_parameters(self) -> dict[str, str]:
        return {
            "PortalUrl": self.arcgis.enterprise.portal_url,
            "SecretPrefix": SECRET_PREFIX,
            "CaBundleSecret": f"{SECRET_PREFIX}/ca-bundle",
            # A small batch size gives several batches even in a run with few notebooks.
            "BatchSize": "5",
            **self._parameters,
        }

    def _create_secrets(self) -> None:
        self._create_secret("ca-bundle", self.arcgis.ca_bundle.read_text())
        for user in self.arcgis.enterprise.users:
            credential = json.dumps({"username": user.username, "password": user.password})
            if user.role == "admin":
                self._create_secret("admin", credential)
            elif user.has_secret:
                self._create_secret(f"owners/{user.username}", credential)
        if self._parameters.get("WebhookSecret") == WEBHOOK_SECRET:
            webhook = {"path": secrets.token_urlsafe(32), "key": secrets.token_urlsafe(32)}
            self.aws.secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=json.dumps(webhook))

    def _create_secret(self, name: str, value: str) -> None:
        self.aws.secrets.create_secret(Name=f"{SECRET_PREFIX}/{name}", SecretString=value)


def seed_from(folder: Path | None) -> Seed:
    """Return the sample notebooks, or one snapshot for each .ipynb file in the folder.

    Raise NotADirectoryError if the path is not a folder or contains no .ipynb file.
    """
    if folder is not None and not folder.is_dir():
        raise NotADirectoryError(f"NOTEBOOKS: {folder} is not a folder. Name a folder that contains .ipynb files.")
    if folder is not None and not any(folder.glob("*.ipynb")):
        raise NotADirectoryError(f"NOTEBOOKS: {folder} contains no .ipynb file. Its subfolders are not searched.")
    return Seed.samples() if folder is None else Seed.folder(folder)


@contextmanager
def hold(stack_file: Path) -> Iterator[None]:
    """Reserve the file for this process for the duration of a `with` block.

    Raise AlreadyRunningError if another process has reserved it.
    """
    stack_file.parent.mkdir(exist_ok=True)
    # The operating system releases the lock when this process ends, even if it is killed.
    with stack_file.with_name(f"{stack_file.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process = lock.read()
            state = f"and {stack_file} describes it" if stack_file.exists() else "and is not ready yet"
            raise AlreadyRunningError(
                f"Another system already runs in this folder, {state} (process {process}). Use that system, or stop it "
                f"first, with Ctrl-C in its terminal or with: kill {process}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def add_notebooks_option(parser: argparse.ArgumentParser) -> None:
    """Add `--notebooks DIR`, which `make demo` and `make local` share."""
    help_text = "a folder; each .ipynb file in it becomes a notebook with one snapshot [sample notebooks]"
    parser.add_argument("--notebooks", type=Path, metavar="DIR", help=help_text)


def main() -> int:
    """Run the system until a signal arrives. Return 0, or 1 if it could not be started or ended unexpectedly."""
    parser = argparse.ArgumentParser(description="Keep a local ArcGIS, a local AWS and the stack running until Ctrl-C.")
    add_notebooks_option(parser)
    file_help = "write addresses, users and passwords to this file, for other programs [.local/stack.json]"
    parser.add_argument("--stack-file", type=Path, metavar="FILE", default=STACK_FILE, help=file_help)
    auth_help = "how callers of the HTTP proxy sign in: with AWS signatures or ArcGIS tokens [%(default)s]"
    parser.add_argument("--api-auth", choices=API_AUTHS, default=API_AUTHS[0], help=auth_help)
    parameters_help = "parameters of the stack, such as Capture=true"
    parser.add_argument("--parameters", nargs="*", default=[], metavar="NAME=VALUE", help=parameters_help)
    options = parser.parse_args()
    console = Console(stderr=True, markup=False, emoji=False)
    try:
        seed = seed_from(options.notebooks)
        parameters = {"ApiAuth": options.api_auth, "WebhookSecret": WEBHOOK_SECRET}
        parameters |= parameters_from(options.parameters)
        with (
            stop_on_signals(),
            hold(options.stack_file),
            Steps(console) as steps,
            LocalSystem(seed, parameters, steps.start) as system,
        ):
            try:
                steps.start("Registering the webhook")
                system.webhook("create")
                system.arcgis.enterprise.switches.snapshot_fires_update = True
                _write(options.stack_file, system.description())
                steps.end()
                ready = f"Ready: {options.stack_file} contains all URLs and passwords. Stop the system with Ctrl-C."
                console.print(ready, soft_wrap=True)
                console.print("In a second terminal: .venv/bin/notebook-archive status --local", soft_wrap=True)
                _wait(system)
            finally:
                options.stack_file.unlink(missing_ok=True)
                steps.start("Stopping")
    except (AlreadyRunningError, LocalAwsError, stack.SamError, NotADirectoryError, ParametersWrong) as error:
        console.print(str(error), soft_wrap=True)
        return 1
    except Stopped:
        console.print("Everything that was started has been stopped.")
    return 0


def _wait(system: LocalSystem) -> None:
    """Wait until the parent process, such as make, has ended. Raise LocalAwsError if MiniStack ends earlier."""
    parent = os.getppid()
    while os.getppid() == parent:
        if not system.aws.is_running():
            raise LocalAwsError(
                f"The local AWS (MiniStack) ended unexpectedly. The end of its log:\n{system.aws.log_tail()}"
            )
        time.sleep(0.5)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    # Only this user may read the file, because it contains passwords.
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # The file gets its name when it is complete, so no reader finds an incomplete file.
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
