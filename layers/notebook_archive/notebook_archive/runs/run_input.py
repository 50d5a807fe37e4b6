"""Read the input of a run, which asks for everything or for chosen notebooks."""

from collections.abc import Mapping
from typing import Literal

from notebook_archive.executions.execution_input import STARTED_BY, read_fields, read_item_list

ALLOWED_INPUT = 'Allowed are {} and {"itemIds": ["<item id>", ...]}, each id once.'

# Whether a run covers the whole organization or only the item ids in its input.
Scope = Literal["everything", "chosen"]


def read_item_ids(given: object) -> list[object] | None:
    """Return the item ids in the input of a run, or None for a run over everything.

    The input is `{}` or `{"itemIds": [...]}`. Step Functions may add the id of the execution that started this one.
    The ids themselves are not checked here. Raises RunInputInvalid for any other input.
    """
    fields = read_fields(given, {"itemIds"}, ALLOWED_INPUT)
    return read_item_list(fields["itemIds"], ALLOWED_INPUT) if "itemIds" in fields else None


def read_scope(given: object) -> Scope:
    """Return the scope that the input of a run asks for. An invalid input counts as chosen notebooks."""
    is_empty = not given or (isinstance(given, Mapping) and given.keys() <= {STARTED_BY})
    return "everything" if is_empty else "chosen"
