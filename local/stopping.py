"""An orderly end: Ctrl-C, SIGTERM and a closed terminal unwind every `with` block, and leave no process behind."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this program to end. Not an Exception, so that no handler of failures takes it for one."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise Stopped in the block at the first signal; ignore later ones, which could cut the cleaning up."""

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

    Where this is interrupted, the command ends with everything that it started.
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
    """Kill a process that leads a group of its own, and the whole group with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # before wait(): until then the id cannot become another's
    process.wait()
