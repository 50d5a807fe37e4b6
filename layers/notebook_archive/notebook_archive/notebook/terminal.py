"""Find the text that a terminal would finally show for what a program wrote to it.

The escape sequences are defined in ECMA-48.
"""

import re

# The first group has the parameters of an SGR sequence, which sets colors. It is None for other sequences.
SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]{0,60})m"  # SGR
    r"|\x1b\[[0-?]{0,60}[ -/]{0,8}[@-~]"  # other control sequences
    r"|\x1b\][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)"  # operating system commands: titles, links
    r"|\x1b[ -/]{0,8}[0-~]?"
)
# Control characters except tab, line feed and carriage return.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def remove_controls(text: str) -> str:
    """Return the text without control characters, with a line feed at the end of each line."""
    return CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def remove_sequences(text: str) -> str:
    """Return the text that a terminal would finally show, without escape sequences and control characters."""
    return CONTROLS.sub("", SEQUENCE.sub("", drop_overwritten(text)))


def drop_overwritten(text: str) -> str:
    """Return the text without the parts that were overwritten after a carriage return, as in progress bars."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
