"""AWS on this machine: MiniStack as one child process, on loopback only and with IAM enforced."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
from mypy_boto3_cloudformation import CloudFormationClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_stepfunctions import SFNClient

from local.certificates import make_certificates
from local.stopping import end_group

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
# The credentials of MiniStack's root user. Deployers and operators use them here.
ACCESS_KEY = "test"
SECRET_KEY = "test"
MAX_START_SECONDS = 30
_APPLICATION = ROOT / "local/ministack/application.py"


class LocalAwsError(Exception):
    """MiniStack could not be started, or it ended unexpectedly. The message ends with MiniStack's log."""


class LocalAws:
    """Run MiniStack for the duration of a `with` block. This object has its URLs, and clients that call only MiniStack.

    MiniStack listens on two ports. This program and the tests use plain HTTP, as root. The functions, and callers of
    the HTTP proxy, use HTTPS, as on AWS. The policies of the bucket and the queues deny all other plain HTTP requests.

    MiniStack keeps its data in memory and in one temporary folder. None of it must be saved. So this object ends
    MiniStack with SIGKILL, together with the Lambda workers in its process group.
    """

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="notebook-archive-aws-"))
        self._port, self._tls_port = free_ports(2)
        self._certificates = make_certificates(self._folder)
        self.ca_bundle = self._certificates.ca_bundle
        self.endpoint_url = f"http://127.0.0.1:{self._port}"
        # On AWS, API Gateway and S3 have different hosts. A client that follows a link to S3 therefore does not send
        # its Authorization header. The API uses a host name and S3 an IP address, so the hosts also differ here.
        self.api_url = f"https://localhost:{self._tls_port}"
        self.log = self._folder / "ministack.log"
        try:
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    self._command(),
                    cwd=self._folder,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # With its own process group, Ctrl-C reaches only this program, which then ends the group.
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise LocalAwsError(f"MiniStack cannot be started: {error}") from error
        try:
            self._wait_until_healthy()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_group(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process id of MiniStack. It is also the id of the process group."""
        return self._process.pid

    def is_running(self) -> bool:
        """Return whether MiniStack's process is running."""
        return self._process.poll() is None

    @cached_property
    def session(self) -> boto3.Session:
        """A boto3 session with the credentials of MiniStack's root user."""
        return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)

    @cached_property
    def s3(self) -> S3Client:
        """A client for the local S3."""
        return self.session.client("s3", endpoint_url=self.endpoint_url)

    @cached_property
    def step_functions(self) -> SFNClient:
        """A client for the local Step Functions."""
        return self.session.client("stepfunctions", endpoint_url=self.endpoint_url)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """A client for the local Secrets Manager."""
        return self.session.client("secretsmanager", endpoint_url=self.endpoint_url)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """A client for the local CloudFormation."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint_url)

    def environment(self) -> dict[str, str]:
        """Return an environment in which another program, such as sam, uses this AWS and never a real one."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _command(self) -> list[str | Path]:
        # MiniStack's own command starts the same ASGI server, but it has no option for a second port.
        command: list[str | Path] = [ROOT / ".venvs/ministack/bin/python", "-m", "hypercorn", f"{_APPLICATION}:app"]
        command += ["--workers", "0", "--keep-alive", "75", "--log-level", "WARNING"]
        command += ["--insecure-bind", f"127.0.0.1:{self._port}", "--bind", f"127.0.0.1:{self._tls_port}"]
        return [*command, "--certfile", self._certificates.chain, "--keyfile", self._certificates.key]

    def _environment(self) -> dict[str, str]:
        # The Lambda workers inherit this environment. It contains no variable of this machine's environment: a proxy, a
        # CA bundle or a profile could hide faults that would appear on AWS.
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{self._tls_port}",
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "LOG_LEVEL": "WARNING",
        }

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + MAX_START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                contextlib.closing(HTTPConnection("127.0.0.1", self._port, timeout=2)) as probe,
            ):
                probe.request("GET", "/_ministack/health")
                if probe.getresponse().status == HTTPStatus.OK:
                    return
            time.sleep(0.05)
        raise LocalAwsError(f"MiniStack did not start within {MAX_START_SECONDS} s.\n{self.log_tail()}")

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of MiniStack's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_ports(count: int) -> list[int]:
    """Return ports that are free on the loopback address. Another process may take them before they are used."""
    with contextlib.ExitStack() as opened:
        probes = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]
