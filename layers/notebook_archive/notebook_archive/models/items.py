"""Notebook items of the portal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from notebook_archive.errors import UnexpectedAnswer
from notebook_archive.models.ids import ItemId
from notebook_archive.models.values import is_unicode, parse_epoch_milliseconds, parse_number, parse_text

# In characters. Plans, reports and events hold both, and AWS limits their sizes. A longer title is cut. An item whose
# owner has a longer name cannot be archived.
MAX_TITLE = 500
MAX_OWNER = 256
# Maximum depth of lists and objects. An item's properties are written as JSON again, and Python refuses to write them
# if they are nested about a thousand deep.
MAX_NESTING = 20
# Properties that change when somebody looks at the item.
VOLATILE_PROPERTIES = frozenset(
    ("numViews", "numRatings", "avgRating", "numComments", "scoreCompleteness", "lastViewed", "size", "score")
)


@dataclass(frozen=True, slots=True)
class NotebookItem:
    """A portal item of type Notebook.

    Times are in epoch milliseconds. `size` is in bytes, of its content and resources together. It is None if the portal
    does not give it, and 0 or -1 for an item that has neither. `properties` are those that the portal gave, without
    VOLATILE_PROPERTIES and without values nested deeper than MAX_NESTING.
    """

    item_id: ItemId
    owner: str
    title: str
    created: int = 0
    modified: int = 0
    size: int | None = None
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_portal(cls, item: Mapping[str, Any]) -> Self:
        """Return the item of a search result or item resource.

        A title of more than 500 characters is cut; `properties` keeps it whole. Raises NotAnId, or UnexpectedAnswer if
        the item has no id or owner, or an owner whose name is too long or not valid Unicode: no secret can be named
        after one.
        """
        owner = item.get("owner")
        if not isinstance(item.get("id"), str) or not isinstance(owner, str) or not owner:
            raise UnexpectedAnswer("The portal gave an item without id or owner.")
        item_id = ItemId.parse(item["id"])
        if len(owner) > MAX_OWNER:
            raise UnexpectedAnswer(f"The portal gave item {item_id} an owner's name of {len(owner)} characters.")
        if not is_unicode(owner):
            raise UnexpectedAnswer(f"The portal gave item {item_id} an owner's name that is not valid Unicode.")
        return cls(
            item_id,
            owner,
            parse_text(item.get("title"), MAX_TITLE),
            parse_epoch_milliseconds(item.get("created")),
            parse_epoch_milliseconds(item.get("modified")),
            parse_number(item.get("size")),
            {
                name: value
                for name, value in item.items()
                if name not in VOLATILE_PROPERTIES and not _is_too_deep(value)
            },
        )


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
