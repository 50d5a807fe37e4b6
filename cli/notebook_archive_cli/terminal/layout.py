"""Lay out text in lines."""

import textwrap
from collections.abc import Iterator

from rich.text import Text

from notebook_archive_cli.terminal.output import replace_unprintable


def wrap_text(text: str, width: int, indent: str = "", label: str = "") -> Iterator[str]:
    """Yield a text in lines of at most `width` characters. Words are not broken, so that ids can be copied.

    The label stands in front of the first line, in the indentation of the others. Characters that move the cursor are
    replaced.
    """
    yield from textwrap.wrap(
        replace_unprintable(text),
        width,
        initial_indent=label.ljust(len(indent)),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def style_line(text: str, style: str) -> Text:
    """Return a line in a style. It is neither wrapped nor cut, so that ids can be copied."""
    return Text(replace_unprintable(text), style, no_wrap=True)
