"""Prove that archived versions can be restored: restore some of them to an account for tests, and remove them again.

- `run_tests` does one restore test: it chooses versions, restores each with the package `restore`, and undoes it.
- `choice` chooses the versions. `one_test` tests one of them. `results` makes the document with the results.
- `leftovers` removes what a test left that did not end.
"""

from notebook_archive.restore_tests.results import TestResults, count_metrics, describe_failures
from notebook_archive.restore_tests.run_tests import run_restore_tests

__all__ = ["TestResults", "count_metrics", "describe_failures", "run_restore_tests"]
