"""Cut and clean texts without breaking what a reader sees as one character.

Such a character, a grapheme cluster, may consist of several code points: an emoji of a family, a flag, a letter with
accents. The rules are those of Unicode Standard Annex 29 for the scripts and emoji that titles contain.
"""

import re
import unicodedata

# Maximum number of code points by which a cut moves to the left. A longer cluster is hostile, and is cut.
_MAX_CLUSTER = 40
_ZERO_WIDTH_JOINER = "\u200d"
# Emoji of skin colors, letters in the flags of regions, and the vowels and final consonants of decomposed Hangul.
_EXTENDING = re.compile("[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u1160-\u11ff]")
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")
# Code points that cannot be seen but join others: the letters in the flag of a region, and joiners beside characters
# of scripts and emoji.
_JOINING = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f|(?<=[^\x00-\x7f])[\u200c\u200d]+(?=[^\x00-\x7f]))"
)


def cut_text(text: str, length: int) -> str:
    """Return at most `length` code points of the beginning of a text. The last character is whole or is left out."""
    if len(text) <= length:
        return text
    return text[: find_boundary(text, length)]


def find_boundary(text: str, place: int) -> int:
    """Return the last place at or before `place` where the text may be divided."""
    for found in range(place, max(place - _MAX_CLUSTER, -1), -1):
        if not _continues(text, found):
            return found
    return place


def replace_invisible(text: str, replacement: str, kept: str = "") -> str:
    """Return the text with the replacement for each code point that cannot be printed.

    Code points in `kept` stay, and so do those that join others to an emoji or a letter.
    """
    if text.isprintable():
        return text
    parts = _JOINING.split(text)
    parts[::2] = ["".join(each if each.isprintable() or each in kept else replacement for each in part)
                  for part in parts[::2]]  # fmt: skip
    return "".join(parts)


def _continues(text: str, place: int) -> bool:
    """Return whether the code point at this place belongs to the same character as the one before it."""
    before, after = text[place - 1 : place], text[place : place + 1]
    if not before or not after or (before.isascii() and after.isascii()):
        return before == "\r" and after == "\n"
    if before == _ZERO_WIDTH_JOINER or _EXTENDING.fullmatch(after) or unicodedata.category(after).startswith("M"):
        return True
    if not _FLAG_LETTERS.fullmatch(after):
        return False
    # A flag consists of two letters.
    if letters := _FLAG_LETTERS.search(text[max(place - 200, 0) : place]):
        return len(letters[0]) % 2 == 1
    return False
