"""Run one measurement in its own process, on the clients' core: `python -m bench.measure WHAT RESULT`.

It reads arguments as JSON from standard input and writes the result into the file RESULT. Standard output is for the
functions' logs.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import boto3

from bench import gate
from bench.naive import Naive
from bench.raw import RawCopy
from bench.servers import pin
from local.aws import ROOT

# A body of 300 MB takes seconds, and a large plan minutes. A sample takes up to 0.2 ms of CPU.
_SAMPLE_SECONDS = 0.05

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


def read_memory(field: str) -> float:
    """Return a field of this program's status in Linux, in MB.

    `VmHWM` is the peak resident size. `RssAnon` is the anonymous memory, which does not include mapped files.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024 / 1e6


class AnonymousMemory:
    """Samples this program's anonymous memory while the block runs. Linux keeps no peak of it."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, read_memory("RssAnon"))

    def measure_peak(self) -> float:
        """Return the largest size until now, in MB."""
        return max(self._peak, read_memory("RssAnon"))


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

    Return the last result, the CPU and wall-clock seconds for each event, the peaks of memory in MB, and the number of
    AWS calls. The seconds do not include the first `warm` events.
    """
    calls = count_aws_calls()
    handle = load_handler(function)
    answer: dict[str, Any] = {}
    cpu, wall = [], []
    with AnonymousMemory() as memory:
        for event in events:
            started, clock = time.process_time(), time.perf_counter()
            answer = handle(event, CONTEXT)
            while answer.get("batch"):
                answer = handle({**event, "batch": answer["batch"]}, CONTEXT)
            cpu.append(time.process_time() - started)
            wall.append(time.perf_counter() - clock)
        peaks = {"anonymous": memory.measure_peak(), "resident": read_memory("VmHWM")}
    return {"answer": answer, "cpu": cpu[warm:], "wall": wall[warm:], **peaks, "calls": dict(calls)}


def copy_everything(deployment: dict[str, str], snapshots: list[list[str]], warm: int) -> dict[str, Any]:
    """Archive snapshots with the simple implementation and all its calls. Return the CPU seconds for each.

    A snapshot is an owner, an item id and a resource key. The seconds do not include the first `warm` snapshots.
    """
    peer = Naive(**deployment)
    return {"cpu": _time_each([partial(peer.copy_everything, *snapshot) for snapshot in snapshots])[warm:]}


def copy_naive(deployment: dict[str, str], snapshots: list[list[str]], warm: int) -> dict[str, Any]:
    """Download and upload snapshots with the simple implementation. Return the CPU seconds and the peaks of memory."""
    peer = Naive(**deployment)
    with AnonymousMemory() as memory:
        seconds = _time_each(_bind_tokens(peer, peer.copy_snapshot, snapshots))
        peaks = {"anonymous": memory.measure_peak(), "resident": read_memory("VmHWM")}
    return {"cpu": seconds[warm:], **peaks}


def copy_raw(deployment: dict[str, str], snapshots: list[list[str]], warm: int) -> dict[str, Any]:
    """Copy snapshots with plain sockets. Return the CPU seconds for each."""
    peer = Naive(**deployment)
    return {"cpu": _time_each(_bind_tokens(peer, RawCopy(peer).copy_snapshot, snapshots))[warm:]}


def _bind_tokens(
    peer: Naive, copy: Callable[[str, str, str], None], snapshots: list[list[str]]
) -> list[Callable[[], None]]:
    """Return one call for each snapshot, with its owner's token."""
    tokens = {owner: peer.get_token(owner) for owner, _, _ in snapshots}
    return [partial(copy, item_id, key, tokens[owner]) for owner, item_id, key in snapshots]


def _time_each(calls: list[Callable[[], None]]) -> list[float]:
    seconds = []
    for call in calls:
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return seconds


def main() -> None:
    """Run the measurement whose name is on the command line."""
    pin(0)
    measurements: dict[str, Callable[..., object]] = {
        "invoke": invoke,
        "naive": copy_naive,
        "naive-everything": copy_everything,
        "raw": copy_raw,
        "gate": gate.measure_rates,
    }
    result = measurements[sys.argv[1]](**json.load(sys.stdin))
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
