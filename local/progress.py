"""Show the progress of a command: the running step and its duration."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

_SILENT_SECONDS = 2


class Steps:
    """Show the steps of a command, one line each, for the duration of a `with` block.

    On a terminal, the running step's line is animated. After two seconds it also shows the duration. In a file or a
    pipe, each step is one plain line that is written when the step starts.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._name = self._detail = ""
        self._started = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self, name: str) -> None:
        """End the running step, and start the next one."""
        self.end()
        self._name, self._detail, self._started = name, "", time.monotonic()
        if self._console.is_interactive:
            self._live = Live(console=self._console, get_renderable=self._render, transient=True, refresh_per_second=8)
            self._live.start()
        else:
            self._console.print(f"{name} …", highlight=False, markup=False, soft_wrap=True)

    def update(self, detail: str) -> None:
        """Show a detail about the running step. Only a terminal shows it."""
        self._detail = detail

    def end(self) -> None:
        """End the running step, if there is one."""
        if self._live:
            self._live.stop()
            self._live = None
            self._console.print(self._line())

    def _render(self) -> Spinner:
        self._spinner.text = self._line()
        return self._spinner

    def _line(self) -> Text:
        seconds = time.monotonic() - self._started
        after = f", {seconds:.0f} s" if seconds >= _SILENT_SECONDS else ""
        line = Text(f"{self._name}{self._detail and f': {self._detail}'}")
        # The spinner and a space take two columns.
        line.truncate(max(self._console.width - len(after) - 2, 0), overflow="ellipsis")
        return line.append(after)
