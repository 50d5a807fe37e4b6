"""What is measured, each in a process of its own on the clients' core: `python -m bench.client WHAT RESULT`.

The arguments come as JSON on standard input, the result goes into the file; standard output is the functions' log.
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


def peak_rss() -> float:
    """The largest resident size of this program, in MB. What `getrusage` says includes the parent's before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def count_aws_calls() -> Counter[str]:
    """Count from now on every request that botocore sends, by operation and by the part of the bucket it is about."""
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


def handler(function: str) -> Handler:
    """The function's handler, from its own file."""
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
    """Call a function once for each event, as one container would, a batch again while it hands back a rest.

    Returns the last answer, CPU and wall seconds of each call, the peak size, and the AWS calls counted. The first
    `warm` events are left out of the seconds.
    """
    calls = count_aws_calls()
    handle = handler(function)
    answer: dict[str, Any] = {}
    cpu, wall = [], []
    for event in events:
        started, clock = time.process_time(), time.perf_counter()
        answer = handle(event, CONTEXT)
        while answer.get("batch"):
            answer = handle({**event, "batch": answer["batch"]}, CONTEXT)
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return {"answer": answer, "cpu": cpu[warm:], "wall": wall[warm:], "peak": peak_rss(), "calls": dict(calls)}


def naive(deployment: dict[str, str], snapshots: list[list[str]], *, everything: bool, warm: int = 0) -> dict[str, Any]:
    """Archive the snapshots (owner, item id, resource key) the naive way."""
    calls = count_aws_calls()
    peer = Naive(**deployment)
    tokens = {} if everything else {owner: peer.token(owner) for owner, _, _ in snapshots}
    cpu, wall = [], []
    for owner, item_id, key in snapshots:
        started, clock = time.process_time(), time.perf_counter()
        if everything:
            peer.everything(owner, item_id, key)
        else:
            peer.snapshot(item_id, key, tokens[owner])
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return {"cpu": cpu[warm:], "wall": wall[warm:], "peak": peak_rss(), "calls": dict(calls)}


def main() -> None:
    """Measure one thing."""
    pin(0)
    what: dict[str, Callable[..., object]] = {
        "invoke": invoke,
        "naive": naive,
        "gate-rates": gate.rates,
        "gate-growth": lambda path: gate.growth(path, peak_rss),
        "gate-truncations": gate.truncations,
        "proxy": proxy.latencies,
    }
    result = what[sys.argv[1]](**json.load(sys.stdin))
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
