"""Match events with the patterns of EventBridge rules: exact values, and the filters that the template uses."""

from collections.abc import Mapping
from typing import Any


def is_matching(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether each field of the pattern has a matching value in the event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html. Raises NotImplementedError for a
    filter that this module does not know.
    """
    return all(_is_field_matching(wanted, event.get(name)) for name, wanted in pattern.items())


def _is_field_matching(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and is_matching(wanted, found)
    values = found if isinstance(found, list) else [found]
    return any(_is_value_matching(each, value) for each in wanted for value in values)


def _is_value_matching(wanted: Any, value: Any) -> bool:
    match wanted:
        case {"prefix": str(prefix), **others} if not others:
            return isinstance(value, str) and value.startswith(prefix)
        case {"wildcard": str(wildcard), **others} if not others:
            first, *rest = wildcard.split("*")
            return isinstance(value, str) and value.startswith(first) and _contains_in_order(value[len(first) :], rest)
        case Mapping():
            raise NotImplementedError(wanted)
    return bool(wanted == value)


def _contains_in_order(text: str, parts: list[str]) -> bool:
    """Return whether the text contains the parts in this order, and ends with the last one."""
    *middle, last = parts
    for part in middle:
        _, found, text = text.partition(part)
        if not found and part:
            return False
    return text.endswith(last)
