"""Compare the outputs and the attachments of a cell."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

from notebook_archive.notebook.diff.changes import AttachmentChange, ChangeKind, LineChange, OutputChange
from notebook_archive.notebook.diff.content import Members, Output, is_base64, read_attachments, write_json
from notebook_archive.notebook.diff.lines import diff_lines
from notebook_archive.notebook.diff.members import is_same
from notebook_archive.notebook.diff.sequences import match_equal

# Of longer texts, only the sizes are compared.
MAX_TEXT_CHARACTERS = 100_000

_TEXTS = frozenset(("stdout", "stderr", "error"))


def compare_outputs(before: Sequence[Output], after: Sequence[Output]) -> tuple[OutputChange, ...]:
    """Return the changes of what the outputs show. Their execution counts and metadata do not count."""
    changes: list[OutputChange] = []
    for i, j in _pair_outputs(before, after):
        earlier: Members = {} if i is None else before[i].forms
        later: Members = {} if j is None else after[j].forms
        for name in dict.fromkeys((*earlier, *later)):
            kind = _name_kind(name, earlier, later)
            if kind:
                sizes = _measure(name, earlier), _measure(name, later)
                changes.append(OutputChange(kind, name, i, j, *sizes, _compare_lines(name, earlier, later)))
    return tuple(changes)


def compare_attachments(before: object, after: object) -> tuple[AttachmentChange, ...]:
    """Return the changed files of two cells."""
    earlier, later = read_attachments(before), read_attachments(after)
    changes = []
    for name in dict.fromkeys((*earlier, *later)):
        kind = _name_kind(name, earlier, later)
        if kind:
            changes.append(AttachmentChange(kind, name, _measure_file(name, earlier), _measure_file(name, later)))
    return tuple(changes)


def _pair_outputs(before: Sequence[Output], after: Sequence[Output]) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of indexes of outputs that may differ, and each other output that only one side has."""
    if is_same([output.forms for output in before], [output.forms for output in after]):
        return
    has_choice = before and after and len(before) + len(after) > 2
    matched = match_equal([*map(_make_key, before)], [*map(_make_key, after)]) if has_choice else []
    i = j = 0
    for next_i, next_j in [*matched, (len(before), len(after))]:
        for earlier, later in zip_longest(range(i, next_i), range(j, next_j)):
            if earlier is None or later is None or before[earlier].forms.keys() & after[later].forms.keys():
                yield earlier, later
            else:
                yield earlier, None
                yield None, later
        i, j = next_i + 1, next_j + 1


def _make_key(output: Output) -> Hashable:
    return frozenset(
        (name, value if isinstance(value, str) else write_json(value)) for name, value in output.forms.items()
    )


def _name_kind(name: str, before: Members, after: Members) -> ChangeKind | None:
    if name not in after:
        return "removed"
    if name not in before:
        return "added"
    return None if is_same(before[name], after[name]) else "changed"


def _measure(name: str, forms: Members) -> int | None:
    """Return the bytes of a form, or None if it is missing."""
    if name not in forms:
        return None
    value = forms[name]
    if isinstance(value, str) and is_base64(name):
        return len(value.rstrip("=")) * 3 // 4
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
    try:
        return len(msgspec.json.encode(value))
    except (UnicodeEncodeError, OverflowError):
        return len(write_json(value).encode(errors="surrogatepass"))


def _measure_file(name: str, files: Mapping[str, Members]) -> int | None:
    if name not in files:
        return None
    return sum(_measure(media_type, files[name]) or 0 for media_type in files[name])


def _compare_lines(name: str, before: Members, after: Members) -> tuple[LineChange, ...]:
    texts = before.get(name, ""), after.get(name, "")
    is_text = name in _TEXTS or (name.startswith("text/") and name != "text/html")
    if is_text and all(isinstance(text, str) and len(text) <= MAX_TEXT_CHARACTERS for text in texts):
        return diff_lines(*map(str, texts))
    return ()
