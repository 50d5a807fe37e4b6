"""Run the benchmark's servers as processes on one core: a local ArcGIS and a fake AWS."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from local.aws import ROOT, free_ports
from local.certificates import make_certificates

BUCKET = "bench-archive"
PREFIX = "bench"
PYTHON_PATH = os.pathsep.join(map(str, (ROOT, ROOT / "layers/notebook_archive")))
_MAX_START_SECONDS = 60


def pin(place: int, process: int = 0) -> None:
    """Restrict a process to the first (0) or last (-1) of its cores, if the operating system supports this.

    By default, restrict this process.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, {sorted(os.sched_getaffinity(process))[place]})


@dataclass(frozen=True)
class Servers:
    """The URLs of both servers. `arcgis` describes one deployment, as `--write-ready` of the local ArcGIS writes it."""

    arcgis: Mapping[str, Any]
    arcgis_ca: str
    aws_url: str
    aws_ca: str

    def environment(self, **settings: object) -> dict[str, str]:
        """Return the environment of a deployed function with these settings. Nothing from this process is inherited."""
        return {
            "PATH": os.defpath,
            "PYTHONPATH": PYTHON_PATH,
            "PYTHONPYCACHEPREFIX": str(ROOT / ".venv/bytecode"),
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_CA_BUNDLE": self.aws_ca,
            "AWS_EC2_METADATA_DISABLED": "true",
            "ARCHIVE_BUCKET": BUCKET,
            "ARCHIVE_BUCKET_OWNER": "000000000000",
            "PORTAL_URL": self.arcgis["portalUrl"],
            "SECRET_PREFIX": PREFIX,
            "CA_BUNDLE_SECRET": f"{PREFIX}/ca-bundle",
            "THREADS": "8",
            "BATCH_SIZE": "50",
            "MAX_SNAPSHOT_MB": "500",
            "POWERTOOLS_SERVICE_NAME": "notebook-archive",
            "POWERTOOLS_METRICS_NAMESPACE": "NotebookArchive",
            **{name: str(value) for name, value in settings.items()},
        }

    @cached_property
    def _control(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def arcgis_control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the control API of the local ArcGIS."""
        url = f"{self.arcgis['controlUrl']}/{path}"
        return self._control.request(method, url, json=body, verify=self.arcgis_ca, timeout=60).json()

    def aws_control(self, method: str, body: str = "") -> dict[str, int]:
        """Call the fake AWS's control API and return the number of calls by name."""
        answer = self._control.request(method, f"{self.aws_url}/_local", data=body, verify=self.aws_ca, timeout=60)
        counts: dict[str, int] = answer.json()
        return counts

    def read(self, key: str) -> bytes:
        """Return the content of an object in the archive bucket."""
        return self._control.get(f"{self.aws_url}/{BUCKET}/{key}", verify=self.aws_ca, timeout=60).content

    def slow_down(self, seconds: float) -> None:
        """Delay every call to both servers by this time."""
        self.arcgis_control("POST", "switches", {"latency_seconds": seconds})
        self.aws_control("POST", str(seconds))


@contextmanager
def run_servers(folder: Path, *seed: str) -> Iterator[Servers]:
    """Run both servers for the duration of the block. `seed` contains the local ArcGIS's options for its notebooks."""
    with ExitStack() as stack:
        ready = folder / "arcgis.json"
        ready.unlink(missing_ok=True)
        arcgis = stack.enter_context(_run_process("local.arcgis", "--write-ready", str(ready), *seed))
        _wait(arcgis, ready.exists)
        described = json.loads(ready.read_text())
        chosen, arcgis_ca = described["enterprise"], described["caBundle"]
        secrets = folder / "secrets.json"
        secrets.write_text(json.dumps(_make_secrets(chosen["users"], Path(arcgis_ca).read_text())))
        certificates, (port,) = make_certificates(folder), free_ports(1)
        arguments = (str(port), str(certificates.chain), str(certificates.key), str(secrets))
        aws = stack.enter_context(_run_process("bench.fake_aws", *arguments))
        running = Servers(chosen, arcgis_ca, f"https://127.0.0.1:{port}", str(certificates.ca_bundle))
        _wait(aws, lambda: _is_answering(running))
        yield running


def _make_secrets(users: Sequence[Mapping[str, Any]], ca_pem: str) -> dict[str, str]:
    secrets = {f"{PREFIX}/ca-bundle": ca_pem}
    for user in users:
        name = "admin" if user["role"] == "admin" else f"owners/{user['username']}"
        secrets[f"{PREFIX}/{name}"] = json.dumps({"username": user["username"], "password": user["password"]})
    return secrets


def _is_answering(running: Servers) -> bool:
    try:
        running.aws_control("GET")
    except requests.ConnectionError:
        return False
    return True


@contextmanager
def _run_process(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT)
    pin(-1, process.pid)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _MAX_START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("A server of the benchmark did not start. Its output is above.")
        time.sleep(0.02)
