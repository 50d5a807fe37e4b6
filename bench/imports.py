"""Measure cold imports of the functions with the built layers. Compare them with the usual libraries.

All files are compiled before.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.servers import pin
from local import stack
from local.aws import ROOT

_PEER_PACKAGES = ROOT / ".venvs/bench/lib/python3.13/site-packages"
_CLIENTS = "import boto3; boto3.client('s3'); boto3.client('secretsmanager')"
_OURS = "import app"
_PAGES = f"""{_OURS}
from notebook_archive import pages
"""
_SESSIONS = f"""{_PAGES}
pages.sessions_page({{"total": 0, "start": 1, "num": 0, "notebooks": []}}, token_field=False)"""
_NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# *Rivers*"},
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": "print(1)"},
    ],
    "metadata": {"language_info": {"name": "python"}},
    "nbformat": 4,
    "nbformat_minor": 4,
}
_SNAPSHOT = f"""{_PAGES}
pages.snapshot_page(
    {json.dumps(_NOTEBOOK).encode()!r}, item_id="", resource_key="", details={{}}, source="archive", file_url=None,
    token_field=False,
)"""
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


@dataclass(frozen=True)
class Built:
    """Paths of copies: the built layers, and the built functions by their names in the template."""

    layer: Path
    pages: Path
    functions: Mapping[str, Path]


def build_parts(folder: Path) -> Built:
    """Build the stack and return copies of its parts."""
    processor = "Arm64" if stack.architecture() == "arm64" else "X8664"
    with stack.build() as template:
        build = template.parent
        layer = shutil.copytree(build / f"Layer{processor}" / "python", folder / "layer")
        pages = shutil.copytree(build / f"LayerPages{processor}" / "python", folder / "pages")
        names = ("ArchiveNotebooks", "GetNotebook", "DownloadSnapshot")
        functions = {name: shutil.copytree(build / f"{name}Function", folder / name) for name in names}
    return Built(layer, pages, functions)


def measure_size(layer: Path) -> float:
    """Return the size of the layer's files in MB."""
    return sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) / 1e6


def measure_cold_imports(parts: Built, repeats: int) -> dict[str, float]:
    """Return the CPU milliseconds for each import in a new interpreter. Each is the median of `repeats` rounds.

    `oursWithClients` includes the two clients that the first invocation creates. Each function of the HTTP proxy has
    two figures. The one under the function's name is for a JSON response, the one with `Page` appended for a page.
    """
    compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(_PEER_PACKAGES)]
    subprocess.run(compiled, check=True)
    paths = {name: [str(function), str(parts.layer)] for name, function in parts.functions.items()}
    ours, get, download = (paths[name] for name in ("ArchiveNotebooks", "GetNotebook", "DownloadSnapshot"))
    pages = [str(parts.pages)]
    cases = {
        "ours": (ours, _OURS),
        "oursWithClients": (ours, f"{_OURS}\n{_CLIENTS}"),
        "peer": ([str(_PEER_PACKAGES)], _PEER),
        "GetNotebook": (get + pages, _OURS),
        "GetNotebookPage": (get + pages, _SESSIONS),
        "DownloadSnapshot": (download + pages, _OURS),
        "DownloadSnapshotPage": (download + pages, _SNAPSHOT),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, (search, statements) in cases.items():
            taken = _measure_import(search, statements)
            # The first round is not counted, because it loads the files into the page cache.
            if turn:
                found[name].append(taken)
    return {name: 1000 * median(taken) for name, taken in found.items()}


def _measure_import(paths: list[str], statements: str) -> float:
    script = _SCRIPT.format(paths=paths, statements=statements)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", script], env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    pin(0, process.pid)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("An import of the benchmark failed. Its traceback is above.")
    return float(output.split()[1])
