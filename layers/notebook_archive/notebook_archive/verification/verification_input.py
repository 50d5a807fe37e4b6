"""Read the input of a verification: what is due, everything, or chosen items."""

from dataclasses import dataclass
from typing import Literal

from notebook_archive.errors import NotAnId, RunInputInvalid
from notebook_archive.executions.execution_input import read_fields, read_item_list
from notebook_archive.models import ItemId

ALLOWED_INPUT = 'Allowed are {}, {"everything": true} and {"itemIds": ["<item id>", ...]}, each id once.'

# Whether a verification reads what is due, everything, or the objects of the item ids in its input.
Scope = Literal["due", "everything", "chosen"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a verification is for. `item_ids` are the chosen items, in order, or empty."""

    scope: Scope
    item_ids: tuple[ItemId, ...] = ()


def read_wanted(given: object) -> Wanted:
    """Return what the input of a verification asks for. Raises RunInputInvalid if it is not one of the allowed ones."""
    fields = read_fields(given, {"everything", "itemIds"}, ALLOWED_INPUT)
    if "itemIds" in fields:
        if "everything" in fields:
            raise RunInputInvalid(f"The input has both itemIds and everything. {ALLOWED_INPUT}")
        try:
            item_ids = sorted(ItemId.parse(each) for each in read_item_list(fields["itemIds"], ALLOWED_INPUT))
        except NotAnId as error:
            raise RunInputInvalid(f"{error} {ALLOWED_INPUT}") from None
        return Wanted("chosen", tuple(item_ids))
    if fields.get("everything", True) is not True:
        raise RunInputInvalid(f"The value of everything is not true. {ALLOWED_INPUT}")
    return Wanted("everything" if "everything" in fields else "due")


def guess_wanted(given: object) -> Wanted:
    """Return what the input asks for. An input that is not valid counts as chosen items."""
    try:
        return read_wanted(given or {})
    except RunInputInvalid:
        return Wanted("chosen")
