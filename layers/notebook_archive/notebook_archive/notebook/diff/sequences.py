"""Match equal items of two sequences in order, in a time that hardly grows faster than their length."""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence

type Pair = tuple[int, int]

# The time of the exact method grows with the product of both lengths. It takes some milliseconds for this length.
MAX_EXACT = 2000
# Each round may split each part of the sequences by items that occur only once in it.
MAX_ROUNDS = 8


def match_equal(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Pair]:
    """Return pairs of indexes of equal items. Both indexes rise from pair to pair.

    First, the sequences are cut at items that occur once in both, as patience diff does. Such items belong together,
    while a blank line fits anywhere. Then each part gets a longest common subsequence, or nearly the longest if the
    part has more than MAX_EXACT items.
    """
    start = _count_same(before, after)
    numbers: dict[Hashable, int] = {}
    # Numbers are compared faster than texts.
    earlier = [numbers.setdefault(item, len(numbers)) for item in before[start:]]
    later = [numbers.setdefault(item, len(numbers)) for item in after[start:]]
    return [*((i, i) for i in range(start)), *((start + i, start + j) for i, j in _match_numbers(earlier, later))]


def _count_same(before: Sequence[Hashable], after: Sequence[Hashable]) -> int:
    """Return how many items at the start are equal."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((i for i, (one, other) in pairs if one != other), min(len(before), len(after)))


def _match_numbers(earlier: list[int], later: list[int]) -> list[Pair]:
    pairs: list[Pair] = []
    parts = [(0, len(earlier), 0, len(later), 0)]
    while parts:
        b, b_end, a, a_end, rounds = parts.pop()
        while b < b_end and a < a_end and earlier[b] == later[a]:
            pairs.append((b, a))
            b, a = b + 1, a + 1
        while b < b_end and a < a_end and earlier[b_end - 1] == later[a_end - 1]:
            b_end, a_end = b_end - 1, a_end - 1
            pairs.append((b_end, a_end))
        if b == b_end or a == a_end:
            continue
        one, other = earlier[b:b_end], later[a:a_end]
        anchors = _match_unique(one, other) if rounds < MAX_ROUNDS else []
        if anchors:
            for next_b, next_a in [*anchors, (len(one), len(other))]:
                parts.append((b, b_end - len(one) + next_b, a, a_end - len(other) + next_a, rounds + 1))
                b, a = parts[-1][1], parts[-1][3]
        else:
            is_short = max(len(one), len(other)) <= MAX_EXACT
            found = _match_longest(one, other) if is_short else _match_occurrences(one, other)
            pairs.extend((b + i, a + j) for i, j in found)
    return sorted(pairs)


def keep_rising(pairs: Iterable[Pair]) -> list[Pair]:
    """Return as many of the pairs as possible so that both indexes rise. In `pairs`, the first index rises already."""
    chosen = list(pairs)
    ends: list[int] = []
    # The number of the last pair of the best row of each length, and of the pair before each pair.
    last: list[int] = []
    previous: list[int] = []
    for number, (_, index) in enumerate(chosen):
        place = bisect_left(ends, index)
        previous.append(last[place - 1] if place else -1)
        ends[place : place + 1] = [index]
        last[place : place + 1] = [number]
    kept = []
    number = last[-1] if last else -1
    while number >= 0:
        kept.append(chosen[number])
        number = previous[number]
    return kept[::-1]


def _match_unique(before: list[int], after: list[int]) -> list[Pair]:
    counts, later_counts = Counter(before), Counter(after)
    places = {item: index for index, item in enumerate(after) if later_counts[item] == 1}
    return keep_rising((i, places[item]) for i, item in enumerate(before) if counts[item] == 1 and item in places)


def _match_occurrences(before: list[int], after: list[int]) -> list[Pair]:
    """Match the first occurrence of an item with the first one, the second with the second, and so on."""
    places: defaultdict[int, deque[int]] = defaultdict(deque)
    for index, item in enumerate(after):
        places[item].append(index)
    return keep_rising((i, places[item].popleft()) for i, item in enumerate(before) if places[item])


def _match_longest(before: list[int], after: list[int]) -> Iterator[Pair]:
    """Yield a longest common subsequence from its end to its start.

    The rows of the table of lengths are integers (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): a bit
    is 0 if the length is larger by one than that of the column before.
    """
    columns: defaultdict[int, int] = defaultdict(int)
    for index, item in enumerate(after):
        columns[item] |= 1 << index
    all_bits = (1 << len(after)) - 1
    rows = [all_bits]
    for item in before:
        row = rows[-1]
        matches = row & columns[item]
        rows.append(((row + matches) | (row - matches)) & all_bits)
    i, j = len(before), len(after)
    while i and j:
        if before[i - 1] == after[j - 1]:
            i, j = i - 1, j - 1
            yield i, j
        elif rows[i] >> (j - 1) & 1:
            j -= 1
        else:
            i -= 1
