"""End a program in order at Ctrl-C, at SIGTERM or if its terminal closes: exit each `with` block, end each process."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this program to end. This is not an Exception, so that `except Exception` does not catch it."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise Stopped in the block at the first signal. Ignore later signals, which could interrupt the cleanup."""

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
    """Run a command and return its exit code and its output. The output contains both streams.

    If an exception interrupts this function, it kills the command and every process that the command started.
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
    """Kill a process that leads a process group, together with the whole group."""
    with suppress(ProcessLookupError):
        # This comes before wait(), because another process can get the same id after wait().
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
