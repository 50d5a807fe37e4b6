"""The part of the portal's query language that a search for notebooks needs.

    type:"Notebook" AND orgid:0a1B2c AND owner:ana AND created:[1735725600000 TO 1738404000000]

A term is `field:value`, `field:"a phrase"`, `field:[a TO b]`, or a word of the title without a field. A range includes
both ends, and `*` means no limit. AND, OR, NOT and parentheses combine terms. Two terms without an operator mean AND.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from local.arcgis.organisation import Item
from local.arcgis.responses import OperationError

type Test = Callable[[Item], bool]

TOKEN = re.compile(r'\s*(\(|\)|(?:(\w+):)?(?:\[\s*(\S+)\s+TO\s+([^\s\]]+)\s*\]|"([^"]*)"|([^\s()"]+)))')
MAX_QUERY_BYTES = 10 * 1024


@lru_cache
def _split_words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _parse_bound(text: str, *, open_end: int) -> int:
    try:
        return open_end if text == "*" else int(text)
    except ValueError:
        raise OperationError(400, "Unable to parse the search query.") from None


def _make_field_test(field: str, value: str, org_id: str, *, exact: bool) -> Test:
    wanted = value.lower()
    match field:
        case "type":
            # Search matches a type by its words, so it also finds items of other types that contain these words.
            if exact:
                return lambda item: item.type.lower() == wanted
            words = _split_words(value)
            return lambda item: words <= _split_words(item.type)
        case "orgid" | "accountid":
            return lambda _: value == org_id
        case "owner":
            return lambda item: item.owner.lower() == wanted
        case "id":
            return lambda item: item.id == wanted
        case "access":
            return lambda item: item.access == wanted
        case "tags":
            return lambda item: wanted in (tag.lower() for tag in item.tags)
        case "title" | "":
            words = _split_words(value)
            return lambda item: value == "*" or words <= _split_words(item.title)
        case _:
            return lambda _: False


def _make_range_test(field: str, low: int, high: int) -> Test:
    if field == "modified":
        return lambda item: low <= item.modified <= high
    if field in {"created", "uploaded"}:
        return lambda item: low <= item.created <= high
    return lambda _: False


class _Parser:
    def __init__(self, text: str, org_id: str, *, exact: bool) -> None:
        self._tokens = [match.groups() for match in TOKEN.finditer(text)]
        self._position = 0
        self._org_id = org_id
        self._exact = exact

    def _is_next(self, *texts: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position][0] in texts

    def _is_ended(self) -> bool:
        return self._position >= len(self._tokens) or self._is_next(")")

    def parse_alternatives(self) -> Test:
        tests = [self._parse_conjunction()]
        while self._is_next("OR"):
            self._position += 1
            tests.append(self._parse_conjunction())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def _parse_conjunction(self) -> Test:
        tests: list[Test] = []
        while not self._is_ended() and not self._is_next("OR"):
            if self._is_next("AND"):
                self._position += 1
                continue
            tests.append(self._parse_term())
        return lambda item: all(test(item) for test in tests)

    def _parse_term(self) -> Test:
        if self._is_next("NOT"):
            self._position += 1
            test = self._parse_term()
            return lambda item: not test(item)
        if self._is_ended():
            raise OperationError(400, "Unable to parse the search query.")
        text, field, low, high, phrase, word = self._tokens[self._position]
        self._position += 1
        if text == "(":
            test = self.parse_alternatives()
            if not self._is_next(")"):
                raise OperationError(400, "Unable to parse the search query.")
            self._position += 1
            return test
        field = (field or "").lower()
        if low is not None:
            return _make_range_test(field, _parse_bound(low, open_end=0), _parse_bound(high, open_end=2**63))
        return _make_field_test(field, phrase if phrase is not None else word, self._org_id, exact=self._exact)

    def is_at_end(self) -> bool:
        return self._position >= len(self._tokens)


def compile_query(text: str, org_id: str, *, exact: bool = False) -> Test:
    """Return a function that returns whether the query finds an item.

    If `exact` is set, the whole type must be equal, as for the parameter `filter`. Raise OperationError with code 400
    if the text is not a query or is longer than 10 KB.
    """
    if len(text.encode()) > MAX_QUERY_BYTES:
        raise OperationError(400, "The search query is too long.")
    parser = _Parser(text, org_id, exact=exact)
    test = parser.parse_alternatives()
    if not parser.is_at_end():
        raise OperationError(400, "Unable to parse the search query.")
    return test
