"""Which tests stay together, in their order, where several processes share them."""

import re

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = (
    r"tests/local/test_(?:capture|commands|current|events|webhook)\.py",  # each deploys systems of its own
    r"tests/local/",  # all others use the systems of the session, one after the other
    r"tests/rotation/",
    r"tests/template/test_(?=layer|runtime)",  # what sam built
)
"""Every other test is on its own."""


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process what stays together, the largest first.  Groups named by marks are lost on pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        found = next(filter(None, (re.match(pattern, nodeid) for pattern in TOGETHER)), None)
        return found.group() if found else nodeid
