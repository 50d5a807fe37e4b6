"""Cold import: the archive function on the built layer, against a peer with the usual libraries, all compiled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from local import stack
from local.aws import ROOT
from local.bench.servers import pin

_PEER_PACKAGES = ROOT / ".venvs/bench/lib/python3.13/site-packages"
_CLIENTS = "import boto3; boto3.client('s3'); boto3.client('secretsmanager')"
_OURS = "import app"
_PEER = f"""{_CLIENTS}
import requests
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
logger, metrics, tracer = Logger(), Metrics(), Tracer()"""
_SCRIPT = """import sys, time
sys.path[:0] = {paths!r}
started = time.perf_counter(), time.process_time()
{statements}
print(time.perf_counter() - started[0], time.process_time() - started[1])"""
_ENVIRONMENT = {
    "PATH": os.defpath,
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "Bench",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


def built(folder: Path) -> tuple[Path, Path]:
    """Build the stack, and return a copy of the layer's packages and of the archive function."""
    with stack.build() as template:
        resources = template.parent
        name = "LayerArm64" if stack.architecture() == "arm64" else "LayerX8664"
        layer = shutil.copytree(resources / name / "python", folder / "layer")
        function = shutil.copytree(resources / "ArchiveNotebooksFunction", folder / "function")
    return layer, function


def unpacked(layer: Path) -> float:
    """MB of the layer's files."""
    return sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) / 1e6


def cold_imports(layer: Path, function: Path, repeats: int) -> dict[str, float]:
    """Milliseconds of CPU of each import in a new interpreter, medians, taken in turn.

    `ours`, `peer`, and `oursWithClients`: with the two clients that the first invocation makes.
    """
    compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(_PEER_PACKAGES)]
    subprocess.run(compiled, check=True)
    ours = [str(function), str(layer)]
    cases = {
        "ours": (ours, _OURS),
        "oursWithClients": (ours, f"{_OURS}\n{_CLIENTS}"),
        "peer": ([str(_PEER_PACKAGES)], _PEER),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, (paths, statements) in cases.items():
            taken = _import(paths, statements)
            if turn:  # the first brings the files into memory
                found[name].append(taken)
    return {name: 1000 * median(taken) for name, taken in found.items()}


def _import(paths: list[str], statements: str) -> float:
    script = _SCRIPT.format(paths=paths, statements=statements)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", script], env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    pin(0, process.pid)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("An import of the benchmark failed.")
    return float(output.split()[1])
