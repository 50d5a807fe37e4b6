"""Provide a stack that has been in operation for a night."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.functions.conftest import Functions, functions, running  # noqa: F401
from tests.operations.operated import Operated


@pytest.fixture
def operated(functions: Functions) -> Operated:  # noqa: F811
    """Return a stack whose first night was good."""
    stack = Operated(functions, datetime.now(UTC).replace(second=0, microsecond=0))
    return stack
