"""What a program wrote to a terminal, as HTML: colours as classes, overwritten text gone.

The sequences are those of ECMA-48; SGR (``ESC [ ... m``) sets colours, everything else is left out.
"""

import re

from markupsafe import Markup, escape

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]{0,60})m"  # SGR
    r"|\x1b\[[0-?]{0,60}[ -/]{0,8}[@-~]"  # other control sequences
    r"|\x1b\][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)"  # operating system commands: titles, links
    r"|\x1b[ -/]{0,8}[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but tab, line feed and carriage return."""
_SWITCHES = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
_OFF = {
    0: ("bold", "faint", "italic", "underline", "inverse", "struck", "fg", "bg"), 22: ("bold", "faint"),
    23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",), 39: ("fg",), 49: ("bg",),
}  # fmt: skip
"""What each code of SGR switches on and off."""
_BASES = {30: ("fg", 0), 40: ("bg", 0), 90: ("fg", 8), 100: ("bg", 8)}
_PALETTE = (
    (0, 0, 0), (187, 0, 0), (0, 160, 0), (160, 130, 0), (0, 0, 220), (170, 0, 170), (0, 150, 170), (170, 170, 170),
    (90, 90, 90), (255, 85, 85), (85, 255, 85), (255, 235, 85), (95, 95, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
"""Red, green and blue of the sixteen colours that have a class; other colours become the nearest of them."""


def printable(text: str) -> str:
    """Return the text without control characters, lines ended by a line feed."""
    return _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def terminal_text(text: str) -> Markup:
    """Return the text as a terminal would show it at last, with ``span`` for colours."""
    classes: dict[str, str] = {}
    parts, place = [], 0
    text = _overwritten(text)
    for match in _SEQUENCE.finditer(text):
        parts.append(_span(text[place : match.start()], classes))
        place = match.end()
        if match[1] is not None:
            _apply(match[1], classes)
    parts.append(_span(text[place:], classes))
    return Markup("").join(parts)


def terminal_plain(text: str) -> Markup:
    """Return the same without colours, which takes less time."""
    return escape(_CONTROLS.sub("", _SEQUENCE.sub("", _overwritten(text))))


def _span(text: str, classes: dict[str, str]) -> Markup:
    text = _CONTROLS.sub("", text)
    if not text or not classes:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(" ".join(f"ansi-{name}" for name in classes.values()), text)


def _overwritten(text: str) -> str:
    """Return the text without what a carriage return let the next text overwrite, as progress bars do."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _apply(parameters: str, classes: dict[str, str]) -> None:
    """Change the classes as the parameters of one SGR sequence say."""
    codes = [int(code) if code.isdecimal() and len(code) < 4 else 0 for code in re.split("[;:]", parameters)]
    while codes:
        code = codes.pop(0)
        for name in _OFF.get(code, ()):
            classes.pop(name, None)
        if code in _SWITCHES:
            classes[_SWITCHES[code]] = _SWITCHES[code]
        elif code in (38, 48):
            side, colour = "fg" if code == 38 else "bg", _extended(codes)
            if colour is not None:
                classes[side] = f"{side}-{colour}"
        elif (base := code - code % 10) in _BASES and code < base + 8:
            side, first = _BASES[base]
            classes[side] = f"{side}-{code - base + first}"


def _extended(codes: list[int]) -> int | None:
    """Take the parameters of 38 or 48 (ISO 8613-6), and return the nearest of the sixteen colours."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        number = codes.pop(0)
        if number < 16:
            return number
        if number > 231:
            grey = min(8 + 10 * (number - 232), 255)
            return _nearest(grey, grey, grey)
        cube = number - 16
        return _nearest(*(55 + 40 * level if level else 0 for level in (cube // 36, cube // 6 % 6, cube % 6)))
    if kind == 2 and len(codes) >= 3:
        red, green, blue = codes[:3]
        del codes[:3]
        return _nearest(red, green, blue)
    return None


def _nearest(*colour: int) -> int:
    return min(range(16), key=lambda at: sum((a - b) ** 2 for a, b in zip(_PALETTE[at], colour, strict=True)))
