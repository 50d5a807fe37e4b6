"""The local ArcGIS and the sink, or the whole system, as processes on the servers' core, and how to get at them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
_START_SECONDS = 60
_DEPLOY_SECONDS = 300


def pin(place: int, process: int = 0) -> None:
    """Keep a process, by default this one, on the first (0) or the last (-1) of its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, {sorted(os.sched_getaffinity(process))[place]})


@dataclass(frozen=True)
class Servers:
    """Where both answer, and what a client has to be told."""

    arcgis: Mapping[str, Any]
    """One deployment as the ready file describes it."""
    arcgis_ca: str
    sink_url: str
    sink_ca: str

    def environment(self, **settings: object) -> dict[str, str]:
        """The environment of a deployed function, with other settings where given, and of nothing else."""
        return {
            "PATH": os.defpath,
            "PYTHONPATH": PYTHON_PATH,
            "PYTHONPYCACHEPREFIX": str(ROOT / ".venv/bytecode"),
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.sink_url,
            "AWS_CA_BUNDLE": self.sink_ca,
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
        """Call the control resource of the local ArcGIS."""
        url = f"{self.arcgis['controlUrl']}/{path}"
        return self._control.request(method, url, json=body, verify=self.arcgis_ca, timeout=60).json()

    def sink_control(self, method: str, body: str = "") -> dict[str, int]:
        """Call the control resource of the sink; returns the calls it counted."""
        answer = self._control.request(method, f"{self.sink_url}/_local", data=body, verify=self.sink_ca, timeout=60)
        counts: dict[str, int] = answer.json()
        return counts

    def read(self, key: str) -> bytes:
        """An object of the archive, as Step Functions would read it."""
        return self._control.get(f"{self.sink_url}/{BUCKET}/{key}", verify=self.sink_ca, timeout=60).content

    def slow_down(self, seconds: float) -> None:
        """Let every call to either of them take this much longer."""
        self.arcgis_control("POST", "switches", {"latency_seconds": seconds})
        self.sink_control("POST", str(seconds))


@contextmanager
def servers(folder: Path, *seed: str) -> Iterator[Servers]:
    """Run both while the block lasts; `seed` is what the local ArcGIS is to serve, in its own options."""
    with ExitStack() as stack:
        ready = folder / "arcgis.json"
        ready.unlink(missing_ok=True)
        arcgis = stack.enter_context(_process("local.arcgis", "--write-ready", str(ready), *seed))
        _wait(arcgis, ready.exists)
        described = json.loads(ready.read_text())
        chosen, arcgis_ca = described["enterprise"], described["caBundle"]
        secrets = folder / "secrets.json"
        secrets.write_text(json.dumps(_secrets(chosen["users"], Path(arcgis_ca).read_text())))
        certificates, (port,) = make_certificates(folder), free_ports(1)
        arguments = (str(port), str(certificates.chain), str(certificates.key), str(secrets))
        sink = stack.enter_context(_process("bench.sink", *arguments))
        running = Servers(chosen, arcgis_ca, f"https://127.0.0.1:{port}", str(certificates.ca_bundle))
        _wait(sink, lambda: _answers(running))
        yield running


@contextmanager
def deployed(folder: Path, *arguments: str) -> Iterator[Path]:
    """Run the whole system while the block lasts, as `make local` does, and hand out the file that describes it."""
    described = folder / "stack.json"
    with _process("local.system", "--stack-file", str(described), *arguments) as process:
        _wait(process, described.exists, _DEPLOY_SECONDS)
        yield described


def _secrets(users: Sequence[Mapping[str, Any]], ca_pem: str) -> dict[str, str]:
    secrets = {f"{PREFIX}/ca-bundle": ca_pem}
    for user in users:
        name = "admin" if user["role"] == "admin" else f"owners/{user['username']}"
        secrets[f"{PREFIX}/{name}"] = json.dumps({"username": user["username"], "password": user["password"]})
    return secrets


def _answers(running: Servers) -> bool:
    try:
        running.sink_control("GET")
    except requests.ConnectionError:
        return False
    return True


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT)
    pin(-1, process.pid)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(
    process: subprocess.Popen[bytes],
    is_ready: Any,  # noqa: ANN401 - a callable without arguments
    seconds: float = _START_SECONDS,
) -> None:
    deadline = time.monotonic() + seconds
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("A server of the benchmark did not start.")
        time.sleep(0.02)
