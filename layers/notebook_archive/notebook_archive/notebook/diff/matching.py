"""Find which cell of the earlier notebook is which cell of the later one."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product

from notebook_archive.notebook.diff.content import Cell
from notebook_archive.notebook.diff.sequences import Pair, keep_rising, match_equal

# Two cells at the same place are one changed cell if they share at least this part of their words, weighted by length.
MIN_SIMILARITY = 0.5
# A word in more pairs of cells says little about each pair.
MAX_PAIRS_OF_WORD = 400
# The beginning of a source is enough to find out what it is similar to.
MAX_COMPARED_CHARACTERS = 4000

# A word, or a punctuation mark, with the type of its cell. Its places are numbers of cells, and its weight there.
type _Word = tuple[str, str]
type _Places = list[tuple[int, int]]
type _Numbered = list[tuple[int, Cell]]

_WORD = re.compile(r"\w+|[^\w\s]")


def match_cells(before: Sequence[Cell], after: Sequence[Cell]) -> list[Pair]:
    """Return the pairs of indexes of cells that are the same cell. Each cell is in at most one pair.

    Cells are matched by equal source in the same order, then by id, then by equal source at any place, and then by
    similar source between the same two neighbors. The result is the same in both directions.
    """
    if _make_sort_key(before) > _make_sort_key(after):
        return sorted((i, j) for j, i in _match_cells(after, before))
    return sorted(_match_cells(before, after))


def _make_sort_key(cells: Sequence[Cell]) -> list[tuple[str, str, str]]:
    return [(cell.source, cell.id, cell.cell_type) for cell in cells]


def _match_cells(before: Sequence[Cell], after: Sequence[Cell]) -> list[Pair]:
    pairs = match_equal([cell.source for cell in before], [cell.source for cell in after])
    pairs += _match_ids(*_find_unmatched(before, after, pairs))
    pairs += _match_moved(*_find_unmatched(before, after, pairs))
    return pairs + _match_similar(before, after, pairs)


def _find_unmatched(
    before: Sequence[Cell], after: Sequence[Cell], pairs: Iterable[Pair]
) -> tuple[_Numbered, _Numbered]:
    earlier, later = {i for i, _ in pairs}, {j for _, j in pairs}
    return (
        [(i, cell) for i, cell in enumerate(before) if i not in earlier],
        [(j, cell) for j, cell in enumerate(after) if j not in later],
    )


def _match_ids(before: _Numbered, after: _Numbered) -> list[Pair]:
    """Match cells by ids that occur once on both sides."""
    counts, later_counts = (Counter(cell.id for _, cell in cells) for cells in (before, after))
    places = {cell.id: j for j, cell in after if cell.id and later_counts[cell.id] == 1}
    return [(i, places[cell.id]) for i, cell in before if counts[cell.id] == 1 and cell.id in places]


def _match_moved(before: _Numbered, after: _Numbered) -> list[Pair]:
    """Match cells of equal source at any place. A cell without text is not worth a move."""
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, cell in after:
        places[cell.source].append(j)
    return [
        (i, places[cell.source].popleft())
        for i, cell in before
        if cell.source in places and places[cell.source] and not cell.source.isspace() and cell.source
    ]


def _match_similar(before: Sequence[Cell], after: Sequence[Cell], pairs: list[Pair]) -> list[Pair]:
    """Match cells by similar source between two neighbors that stayed in order."""
    earlier, later = _find_unmatched(before, after, pairs)
    kept = keep_rising(sorted(pairs))
    # The part of an unmatched cell is the number of kept cells before it.
    parts: defaultdict[int, tuple[_Numbered, _Numbered]] = defaultdict(lambda: ([], []))
    for side, cells in enumerate((earlier, later)):
        ends = [pair[side] for pair in kept]
        for number, cell in cells:
            parts[bisect_left(ends, number)][side].append((number, cell))
    return [pair for part in parts.values() if all(part) for pair in _match_part(*part)]


def _match_part(before: _Numbered, after: _Numbered) -> list[Pair]:
    """Return the most similar pairs that do not cross each other."""
    chosen: list[Pair] = []
    for _, pair in sorted(_measure_similarity(before, after)):
        place = bisect_left(chosen, pair)
        left, right = chosen[place - 1 : place], chosen[place : place + 1]
        if all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise([*left, pair, *right])):
            chosen.insert(place, pair)
    return chosen


def _measure_similarity(before: _Numbered, after: _Numbered) -> Iterator[tuple[tuple[float, int], Pair]]:
    """Yield the similar pairs of cells of one type. The most similar and nearest sorts first."""
    # The weights of the words of a cell, of each side, and of the words that two cells share.
    weights: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    shared: Counter[Pair] = Counter()
    for sides in _find_words(before, after).values():
        if len(sides[0]) * len(sides[1]) <= MAX_PAIRS_OF_WORD:
            for side in (0, 1):
                for number, weight in sides[side]:
                    weights[side][number] += weight
            for (i, weight), (j, later_weight) in product(*sides):
                shared[i, j] += min(weight, later_weight)
    first, later_first = before[0][0], after[0][0]
    for (i, j), weight in shared.items():
        similarity = 2 * weight / (weights[0][i] + weights[1][j])
        if similarity >= MIN_SIMILARITY:
            yield (-similarity, abs((i - first) - (j - later_first))), (i, j)


def _find_words(before: _Numbered, after: _Numbered) -> Mapping[_Word, tuple[_Places, _Places]]:
    places: defaultdict[_Word, tuple[_Places, _Places]] = defaultdict(lambda: ([], []))
    for side, cells in enumerate((before, after)):
        for number, cell in cells:
            for word, count in Counter(_WORD.findall(cell.source[:MAX_COMPARED_CHARACTERS])).items():
                places[cell.cell_type, word][side].append((number, count * len(word)))
    return places
