"""Compare IAM policies."""

import json
from typing import Any


def normalize(part: Any) -> Any:  # noqa: ANN401 - a part of a policy
    """Return a part of a policy in one form.

    AWS may return a list with one entry as a string, and the reverse. The order in a list has no meaning. In a
    principal, `{"AWS": "*"}` means the same as `"*"`.
    """
    if isinstance(part, dict):
        return (
            normalize(part["AWS"]) if part.keys() == {"AWS"} else {key: normalize(each) for key, each in part.items()}
        )
    if isinstance(part, list):
        return sorted((normalize(each) for each in part), key=json.dumps) if len(part) != 1 else normalize(part[0])
    return str(part).lower() if isinstance(part, bool) else str(part)


def list_statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy."""
    statements = policy.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]
