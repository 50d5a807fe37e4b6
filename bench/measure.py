"""One measurement in its own process, on the clients' core: `python -m bench.measure WHAT RESULT`.

It reads its arguments as JSON from standard input and writes the result into the file RESULT. The functions log to
standard output.
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
    """Return the largest resident size of this program in MB.

    Not by `getrusage` if possible, which includes the size of the parent process before exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def count_aws_calls() -> Counter[str]:
    """Count each request that botocore sends from now on, by operation and part of the bucket. Return the counter."""
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
    """Return the function's load_handler, imported from its file."""
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
    """Call a function once for each event, as one container would. Repeat a batch while the function returns a rest.

    Return the last answer, the CPU and wall-clock seconds of each event, the peak size in MB, and the number of AWS
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
    """Archive the snapshots (owner, item id, resource key) in the naive way."""
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
    """Run the measurement that the command line names."""
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
