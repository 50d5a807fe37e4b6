"""Which tests stay together, in their order, where several processes share them."""

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = (
    r"tests/local/test_(?:capture|commands|current)\.py",  # each deploys systems of its own
    r"tests/local/test_(?=(?:events|webhook)\.py)",  # these two share one system
    r"tests/local/",  # all others use the systems of the session, one after the other
    r"tests/rotation/",
    r"tests/template/test_(?=layer|runtime)",  # what sam built
)
"""Every other test is on its own."""

# Groups by the text that their pattern matches, the longest first.
SLOWEST = (
    "tests/local/",
    "tests/local/test_commands.py",
    "tests/local/test_",
    "tests/local/test_capture.py",
    "tests/local/test_current.py",
)


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process whole groups, the slowest first. pytest 9.2 ignores groups that are named by marks."""

    def _assign_work_unit(self, node: Any) -> None:
        # A group that deploys a system takes a minute, even with one test. If it began last, it would run alone.
        slowest = next((scope for scope in SLOWEST if scope in self.workqueue), None)
        if slowest is not None:
            self.workqueue.move_to_end(slowest, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        found = next(filter(None, (re.match(pattern, nodeid) for pattern in TOGETHER)), None)
        return found.group() if found else nodeid
