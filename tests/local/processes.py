"""Find processes on this machine."""

import subprocess
from pathlib import Path


def workers(ministack: int, function: str) -> list[int]:
    """Return the ids of the processes in which MiniStack runs a function.

    Their command line contains a folder with the function's name.
    """
    table = subprocess.run(["ps", "-axww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in table.splitlines())
    return [int(pid) for pid, parent, args in rows if int(parent) == ministack and f"-{function}-" in args]


def at_work_in(folder: Path) -> list[str]:
    """Return the command lines of the processes that have a working directory in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            # The process has ended, or it belongs to another user.
            continue
    return found
