"""Find which cell of the earlier notebook is which cell of the later one."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

from notebook_archive.notebook.diff.content import Cell
from notebook_archive.notebook.diff.sequences import Pair, keep_rising, match_equal

# Two cells at the same place are one changed cell if they share at least this part of their words, weighted by length.
MIN_SIMILARITY = 0.4
# A bound on the work between two neighbors: so many pairs of cells are counted for all words that both cells have.
MAX_WORD_PAIRS = 20_000
MAX_WORD_PAIRS_OF_CELL = 10
# The beginning of a source is enough to find out what it is similar to.
MAX_COMPARED_CHARACTERS = 2000

# A word, or a punctuation mark, with the type of its cell. Its places are numbers of cells, and its weight there.
type _Word = tuple[str, str]
type _Places = list[tuple[int, int]]
type _Numbered = list[tuple[int, Cell]]
type _Sides = tuple[_Numbered, _Numbered]

_WORD = re.compile(r"\w+|[^\w\s]")


def match_cells(before: Sequence[Cell], after: Sequence[Cell]) -> list[Pair]:
    """Return the pairs of indexes of cells that are the same cell. Each cell is in at most one pair.

    Cells are matched by equal source in the same order, then by id, then by equal source at any place, and then by
    similar source between the same two neighbors. Cells without text come last, because they say nothing about their
    neighbors. The result is the same in both directions.
    """
    if _make_sort_key(before) > _make_sort_key(after):
        return sorted((i, j) for j, i in _match_cells(after, before))
    return sorted(_match_cells(before, after))


def _make_sort_key(cells: Sequence[Cell]) -> list[tuple[str, str, str]]:
    return [(cell.source, cell.id, cell.cell_type) for cell in cells]


def _match_cells(before: Sequence[Cell], after: Sequence[Cell]) -> list[Pair]:
    rest: _Sides = [*enumerate(before)], [*enumerate(after)]
    pairs = _match_equal(*(_select_text(cells) for cells in rest))
    pairs += _match_ids(*_select_unmatched(rest, pairs))
    pairs += _match_moved(*(_select_text(cells) for cells in _select_unmatched(rest, pairs)))
    for match in (_match_similar, _match_equal):
        pairs += [pair for part in _split(_select_unmatched(rest, pairs), pairs) for pair in match(*part)]
    return pairs


def _select_text(cells: _Numbered) -> _Numbered:
    return [(number, cell) for number, cell in cells if cell.source and not cell.source.isspace()]


def _select_unmatched(sides: _Sides, pairs: list[Pair]) -> _Sides:
    earlier, later = {i for i, _ in pairs}, {j for _, j in pairs}
    return [each for each in sides[0] if each[0] not in earlier], [each for each in sides[1] if each[0] not in later]


def _split(sides: _Sides, pairs: list[Pair]) -> list[_Sides]:
    """Return the cells of both sides between two neighbors that stayed in order, if both sides have some."""
    kept = keep_rising(sorted(pairs))
    # The part of a cell is the number of kept cells before it.
    parts: defaultdict[int, _Sides] = defaultdict(lambda: ([], []))
    for side, cells in enumerate(sides):
        ends = [pair[side] for pair in kept]
        for number, cell in cells:
            parts[bisect_left(ends, number)][side].append((number, cell))
    return [part for part in parts.values() if all(part)]


def _match_equal(before: _Numbered, after: _Numbered) -> list[Pair]:
    pairs = match_equal([cell.source for _, cell in before], [cell.source for _, cell in after])
    return [(before[i][0], after[j][0]) for i, j in pairs]


def _match_ids(before: _Numbered, after: _Numbered) -> list[Pair]:
    """Match cells by ids that occur once on both sides."""
    counts, later_counts = (Counter(cell.id for _, cell in cells) for cells in (before, after))
    places = {cell.id: j for j, cell in after if cell.id and later_counts[cell.id] == 1}
    return [(i, places[cell.id]) for i, cell in before if counts[cell.id] == 1 and cell.id in places]


def _match_moved(before: _Numbered, after: _Numbered) -> list[Pair]:
    """Match cells of equal source at any place."""
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, cell in after:
        places[cell.source].append(j)
    return [(i, places[cell.source].popleft()) for i, cell in before if places[cell.source]]


def _match_similar(before: _Numbered, after: _Numbered) -> list[Pair]:
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
    room = MAX_WORD_PAIRS + MAX_WORD_PAIRS_OF_CELL * (len(before) + len(after))
    # A rare word says more about a pair of cells than a common one, for which there may be no room.
    for places in sorted(_find_words(before, after).values(), key=_count_pairs):
        room -= _count_pairs(places)
        if room < 0:
            break
        for side in (0, 1):
            for number, weight in places[side]:
                weights[side][number] += weight
        for (i, weight), (j, later_weight) in product(*places):
            shared[i, j] += min(weight, later_weight)
    first, later_first = before[0][0], after[0][0]
    for (i, j), weight in shared.items():
        similarity = 2 * weight / (weights[0][i] + weights[1][j])
        if similarity >= MIN_SIMILARITY:
            yield (-similarity, abs((i - first) - (j - later_first))), (i, j)


def _count_pairs(places: tuple[_Places, _Places]) -> int:
    return len(places[0]) * len(places[1])


def _find_words(before: _Numbered, after: _Numbered) -> Mapping[_Word, tuple[_Places, _Places]]:
    places: defaultdict[_Word, tuple[_Places, _Places]] = defaultdict(lambda: ([], []))
    for side, cells in enumerate((before, after)):
        for number, cell in cells:
            for word, count in Counter(_WORD.findall(cell.source[:MAX_COMPARED_CHARACTERS])).items():
                places[cell.cell_type, word][side].append((number, count * len(word)))
    return places
