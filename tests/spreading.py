"""Keep some tests together in one process, in their order, when several processes share the tests."""

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Tests whose paths match the same text of one pattern form a group. Each remaining test forms its own group.
TOGETHER = (
    r"tests/local/test_(?:capture|commands)\.py",  # each of these deploys its own systems
    r"tests/local/test_(?=(?:events|webhook)\.py)",  # these two share one system
    r"tests/local/test(?=_(?:current|operator|verification)\.py)",  # these three share one system
    r"tests/local/",  # all others use the systems of the session, one after the other
    r"tests/rotation/",
    r"tests/template/test_(?=layer|runtime)",  # these use what `sam build` made
)

# The slow groups, by the text that their pattern matches. The slowest is first.
SLOWEST = (
    "tests/local/",
    "tests/local/test_commands.py",
    "tests/local/test_",
    "tests/local/test_capture.py",
    "tests/local/test",
)


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole groups to processes, the slowest first. Marks are not used, because pytest 9.2 ignores them here."""

    def _assign_work_unit(self, node: Any) -> None:
        # A group that deploys a system takes a minute, even with one test. If it began last, it would run alone.
        slowest = next((scope for scope in SLOWEST if scope in self.workqueue), None)
        if slowest is not None:
            self.workqueue.move_to_end(slowest, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        found = next(filter(None, (re.match(pattern, nodeid) for pattern in TOGETHER)), None)
        return found.group() if found else nodeid
