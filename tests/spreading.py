"""Keep some tests together in one process, in their order, when several processes share the tests."""

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# The tests whose paths match a pattern form a group. The first pattern that matches counts. Each remaining test forms
# its own group.
GROUPS = {
    "restores": r"tests/local/test_(?:bulk_restore|restore|whole_archive)\.py",  # these use only the open system
    "commands": r"tests/local/test_commands\.py",  # each test deploys its own system
    "requests": r"tests/local/test_(?:events|webhook)\.py",  # these share one system
    "defaults": r"tests/local/test_(?:current|operator|verification)\.py",  # these share one system
    "captures": r"tests/local/test_capture\.py",
    "systems": r"tests/local/(?!test_(?:progress|tables)\.py)",  # all others use the systems of the session
    "rotations": r"tests/rotation/",
    "seaweedfs": r"tests/archive/.*\[seaweedfs",  # these share one server
    "builds": r"tests/template/test_(?:layer|runtime)",  # these use what `sam build` made
}

# The groups that deploy systems. The slowest is first.
SLOWEST = ("systems", "restores", "commands", "requests", "defaults", "captures")


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole groups to processes, the slowest first. Marks are not used, because pytest 9.2 ignores them here."""

    def _assign_work_unit(self, node: Any) -> None:
        # A group that deploys a system takes a minute, even with one test. If it began last, it would run alone.
        slowest = next((scope for scope in SLOWEST if scope in self.workqueue), None)
        if slowest is not None:
            self.workqueue.move_to_end(slowest, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name, pattern in GROUPS.items() if re.match(pattern, nodeid)), nodeid)
