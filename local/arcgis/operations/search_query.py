"""The portal's search language, as far as notebooks need it.

    type:"Notebook" AND orgid:0a1B2c AND owner:ana AND created:[1735725600000 TO 1738404000000]

Terms are `field:value`, `field:"a phrase"`, `field:[a TO b]` (both ends included, `*` for open) or a bare word of the
title; they combine with AND (also by standing side by side), OR, NOT and parentheses.
"""

import re
from collections.abc import Callable

from local.arcgis.organisation import Item
from local.arcgis.responses import OperationError

type Test = Callable[[Item], bool]

TOKEN = re.compile(r'\s*(\(|\)|(?:(\w+):)?(?:\[\s*(\S+)\s+TO\s+([^\s\]]+)\s*\]|"([^"]*)"|([^\s()"]+)))')
MAX_QUERY_BYTES = 10 * 1024


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _bound(text: str, *, open_end: int) -> int:
    try:
        return open_end if text == "*" else int(text)
    except ValueError:
        raise OperationError(400, "Unable to parse the search query.") from None


def _field_test(field: str, value: str, org_id: str, *, exact: bool) -> Test:
    wanted = value.lower()
    match field:
        case "type":
            # Search matches a type by its words, so that other kinds of item with that word come back too.
            if exact:
                return lambda item: item.type.lower() == wanted
            words = _words(value)
            return lambda item: words <= _words(item.type)
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
            words = _words(value)
            return lambda item: value == "*" or words <= _words(item.title)
        case _:
            return lambda _: False


def _range_test(field: str, low: int, high: int) -> Test:
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

    def _next_is(self, *texts: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position][0] in texts

    def _ended(self) -> bool:
        return self._position >= len(self._tokens) or self._next_is(")")

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self._next_is("OR"):
            self._position += 1
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def _all_of(self) -> Test:
        tests: list[Test] = []
        while not self._ended() and not self._next_is("OR"):
            if self._next_is("AND"):
                self._position += 1
                continue
            tests.append(self._one())
        return lambda item: all(test(item) for test in tests)

    def _one(self) -> Test:
        if self._next_is("NOT"):
            self._position += 1
            test = self._one()
            return lambda item: not test(item)
        if self._ended():
            raise OperationError(400, "Unable to parse the search query.")
        text, field, low, high, phrase, word = self._tokens[self._position]
        self._position += 1
        if text == "(":
            test = self.any_of()
            if not self._next_is(")"):
                raise OperationError(400, "Unable to parse the search query.")
            self._position += 1
            return test
        field = (field or "").lower()
        if low is not None:
            return _range_test(field, _bound(low, open_end=0), _bound(high, open_end=2**63))
        return _field_test(field, phrase if phrase is not None else word, self._org_id, exact=self._exact)

    def at_end(self) -> bool:
        return self._position >= len(self._tokens)


def compile_query(text: str, org_id: str, *, exact: bool = False) -> Test:
    """The test that an item passes when the query finds it; `exact` compares types whole, as `filter` does.

    Raises OperationError 400 for what is not a query or is longer than 10 KB.
    """
    if len(text.encode()) > MAX_QUERY_BYTES:
        raise OperationError(400, "The search query is too long.")
    parser = _Parser(text, org_id, exact=exact)
    test = parser.any_of()
    if not parser.at_end():
        raise OperationError(400, "Unable to parse the search query.")
    return test
