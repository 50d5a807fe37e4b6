"""Run one measurement in its own process, on the clients' core: `python -m bench.measure WHAT RESULT`.

It reads arguments as JSON from standard input and writes the result into the file RESULT. Standard output is for the
functions' logs.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3

from bench import gate, proxy
from bench.naive import Naive
from bench.servers import pin
from local.aws import ROOT

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


def measure_peak_rss() -> float:
    """Return this program's peak resident size in MB.

    `getrusage` is used only if there is no `/proc`, because it includes the parent process's size before exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def count_aws_calls() -> Counter[str]:
    """Count all later botocore requests, by operation and top-level prefix in the bucket. Return the counter."""
    boto3.setup_default_session()
    session = boto3.DEFAULT_SESSION
    assert session is not None
    calls: Counter[str] = Counter()

    def count(event_name: str, request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's AWSPreparedRequest
        part = next(
            (part for part in ("runs", "notebooks") if f"{part}/" in request.url or f"{part}%2F" in request.url), ""
        )
        calls[" ".join((event_name.removeprefix("before-send."), part)).strip()] += 1

    session.events.register("before-send", count)
    return calls


def load_handler(function: str) -> Handler:
    """Import the function's file and return its handler."""
    spec = spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: Handler = module.handler
    return loaded


CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="bench",
    get_remaining_time_in_millis=lambda: 900_000,
)


def invoke(function: str, events: list[dict[str, Any]], warm: int = 0) -> dict[str, Any]:
    """Call a function once for each event, as one Lambda container does.

    If the function returns the unfinished rest of a batch, call it again with that rest.

    Return the last result, the CPU and wall-clock seconds for each event, the peak size in MB, and the number of AWS
    calls. The seconds do not include the first `warm` events.
    """
    calls = count_aws_calls()
    handle = load_handler(function)
    answer: dict[str, Any] = {}
    cpu, wall = [], []
    for event in events:
        started, clock = time.process_time(), time.perf_counter()
        answer = handle(event, CONTEXT)
        while answer.get("batch"):
            answer = handle({**event, "batch": answer["batch"]}, CONTEXT)
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return {"answer": answer, "cpu": cpu[warm:], "wall": wall[warm:], "peak": measure_peak_rss(), "calls": dict(calls)}


def naive(deployment: dict[str, str], snapshots: list[list[str]], *, everything: bool, warm: int = 0) -> dict[str, Any]:
    """Archive the snapshots with the simple implementation. A snapshot is an owner, an item id and a resource key."""
    calls = count_aws_calls()
    peer = Naive(**deployment)
    tokens = {} if everything else {owner: peer.get_token(owner) for owner, _, _ in snapshots}
    cpu, wall = [], []
    for owner, item_id, key in snapshots:
        started, clock = time.process_time(), time.perf_counter()
        if everything:
            peer.copy_everything(owner, item_id, key)
        else:
            peer.copy_snapshot(item_id, key, tokens[owner])
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return {"cpu": cpu[warm:], "wall": wall[warm:], "peak": measure_peak_rss(), "calls": dict(calls)}


def main() -> None:
    """Run the measurement whose name is on the command line."""
    pin(0)
    measurements: dict[str, Callable[..., object]] = {
        "invoke": invoke,
        "naive": naive,
        "gate-rates": gate.measure_rates,
        "gate-memory": lambda path: gate.measure_memory(path, measure_peak_rss),
        "gate-truncations": gate.count_truncations,
        "proxy": proxy.measure_latencies,
    }
    result = measurements[sys.argv[1]](**json.load(sys.stdin))
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
