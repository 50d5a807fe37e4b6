"""Stop in order: after Ctrl-C, SIGTERM or a closed terminal, every `with` block ends and no process is left."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this program to end. It is not an Exception, so that no `except Exception` catches it."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise Stopped in the block at the first signal; ignore later ones, so that they cannot stop the cleanup."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def run(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its exit code and output, both streams as one.

    If this is interrupted, the command and everything that it started are killed.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        end_group(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def end_group(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own process group, and the whole group with it."""
    with suppress(ProcessLookupError):
        # Before wait(): until then, no other process can get this id.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
