"""Render what a program wrote to a terminal as HTML, with classes for colors and without overwritten text.

The escape sequences are defined in ECMA-48. SGR sequences (`ESC [ ... m`) set colors. Other sequences are removed.
"""

import re

from markupsafe import Markup, escape

from notebook_archive.notebook.terminal import CONTROLS, SEQUENCE, drop_overwritten, remove_sequences

_SWITCHES = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
# The classes that each SGR code switches off.
_OFF = {
    0: ("bold", "faint", "italic", "underline", "inverse", "struck", "fg", "bg"), 22: ("bold", "faint"),
    23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",), 39: ("fg",), 49: ("bg",),
}  # fmt: skip
_BASES = {30: ("fg", 0), 40: ("bg", 0), 90: ("fg", 8), 100: ("bg", 8)}
# Red, green and blue of the sixteen colors that have a class. Any other color is replaced by the nearest of them.
_PALETTE = (
    (0, 0, 0), (187, 0, 0), (0, 160, 0), (160, 130, 0), (0, 0, 220), (170, 0, 170), (0, 150, 170), (170, 170, 170),
    (90, 90, 90), (255, 85, 85), (85, 255, 85), (255, 235, 85), (95, 95, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip


def render_terminal(text: str) -> Markup:
    """Return the text that a terminal would finally show, with `span` elements for colors."""
    classes: dict[str, str] = {}
    parts, place = [], 0
    text = drop_overwritten(text)
    for match in SEQUENCE.finditer(text):
        parts.append(_render_span(text[place : match.start()], classes))
        place = match.end()
        if match[1] is not None:
            _apply_sgr(match[1], classes)
    parts.append(_render_span(text[place:], classes))
    return Markup("").join(parts)


def render_terminal_plain(text: str) -> Markup:
    """Return the same text as `render_terminal` but without colors, which is faster."""
    return escape(remove_sequences(text))


def _render_span(text: str, classes: dict[str, str]) -> Markup:
    text = CONTROLS.sub("", text)
    if not text or not classes:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(" ".join(f"ansi-{name}" for name in classes.values()), text)


def _apply_sgr(parameters: str, classes: dict[str, str]) -> None:
    """Apply the parameters of one SGR sequence to the classes."""
    codes = [int(code) if code.isdecimal() and len(code) < 4 else 0 for code in re.split("[;:]", parameters)]
    while codes:
        code = codes.pop(0)
        for name in _OFF.get(code, ()):
            classes.pop(name, None)
        if code in _SWITCHES:
            classes[_SWITCHES[code]] = _SWITCHES[code]
        elif code in (38, 48):
            side, color = "fg" if code == 38 else "bg", _take_extended_color(codes)
            if color is not None:
                classes[side] = f"{side}-{color}"
        elif (base := code - code % 10) in _BASES and code < base + 8:
            side, first = _BASES[base]
            classes[side] = f"{side}-{code - base + first}"


def _take_extended_color(codes: list[int]) -> int | None:
    """Return the nearest of the sixteen colors for the parameters after code 38 or 48 (ISO 8613-6), and remove them."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        number = codes.pop(0)
        if number < 16:
            return number
        if number > 231:
            gray = min(8 + 10 * (number - 232), 255)
            return _find_nearest_color(gray, gray, gray)
        cube = number - 16
        return _find_nearest_color(
            *(55 + 40 * level if level else 0 for level in (cube // 36, cube // 6 % 6, cube % 6))
        )
    if kind == 2 and len(codes) >= 3:
        red, green, blue = codes[:3]
        del codes[:3]
        return _find_nearest_color(red, green, blue)
    return None


def _find_nearest_color(*color: int) -> int:
    return min(range(16), key=lambda at: sum((a - b) ** 2 for a, b in zip(_PALETTE[at], color, strict=True)))
