"""Test that every error has a reason and a remedy, and that the docstring of `errors` shows the real class tree."""

import inspect

from notebook_archive import errors
from notebook_archive.backup.records import UNPROTECTED
from notebook_archive.errors import NotebookArchiveError


def _all(base: type[NotebookArchiveError]) -> list[type[NotebookArchiveError]]:
    return [base, *(found for child in base.__subclasses__() for found in _all(child))]


def _concrete() -> list[type[NotebookArchiveError]]:
    return [each for each in _all(NotebookArchiveError) if "reason" in vars(each)]


def test_reasons_are_distinct_lower_case_words() -> None:
    reasons = [each.reason for each in _concrete()]
    assert len(reasons) == len(set(reasons))
    assert all(reason == reason.lower() and reason.replace("-", "").isalpha() for reason in reasons)


def test_every_leaf_class_defines_a_reason_and_a_remedy() -> None:
    leaves = [each for each in _all(NotebookArchiveError) if not each.__subclasses__()]
    assert [each.__name__ for each in leaves if not {"reason", "remedy"} <= vars(each).keys()] == []


def test_docstring_shows_the_real_class_tree() -> None:
    drawn = [line.strip(" │├└─").split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line]
    defined = [
        name
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, NotebookArchiveError) and each is not NotebookArchiveError
    ]
    assert sorted(drawn) == sorted(defined)


def test_unprotected_is_not_a_reason_of_an_error() -> None:
    assert UNPROTECTED not in {each.reason for each in _concrete()}
