"""Parse the portal's notebook items."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from notebook_archive.errors import UnexpectedAnswer
from notebook_archive.models.ids import ItemId
from notebook_archive.models.values import is_unicode, parse_epoch_milliseconds, parse_number, parse_text

# Maximum number of characters. Plans, reports and events contain titles and owners, and AWS limits their sizes. A
# longer title is cut. If the owner's name is longer, the item cannot be archived.
MAX_TITLE = 500
MAX_OWNER = 256
# Maximum nesting depth of lists and objects. An item's properties are written as JSON, and Python refuses to write
# values that are nested about a thousand levels deep.
MAX_NESTING = 20
# Properties that change when somebody looks at the item.
VOLATILE_PROPERTIES = frozenset(
    ("numViews", "numRatings", "avgRating", "numComments", "scoreCompleteness", "lastViewed", "size", "score")
)


@dataclass(frozen=True, slots=True)
class NotebookItem:
    """A portal item of type Notebook.

    Times are in epoch milliseconds. `size` is the number of bytes of the item's content and resources together. It is
    None if the portal did not send it. It is 0 or -1 if the item has no content and no resources. `properties_json` is
    a JSON object with the properties that the portal sent, without VOLATILE_PROPERTIES and without values nested deeper
    than MAX_NESTING. A run keeps the items of all notebooks in memory, where JSON takes a third of the space of a dict.
    """

    item_id: ItemId
    owner: str
    title: str
    created: int = 0
    modified: int = 0
    size: int | None = None
    properties_json: str = field(default="{}", repr=False)

    @classmethod
    def from_portal(cls, item: Mapping[str, Any]) -> Self:
        """Return the item that a search result or the portal's description of an item describes.

        A title of more than MAX_TITLE characters is cut, but `properties_json` contains the whole title. Raises NotAnId
        if the id is malformed. Raises UnexpectedAnswer if the item has no id or no owner. Also raises UnexpectedAnswer
        if the owner's name is too long or not valid Unicode. The owner's name is part of a secret's name.
        """
        owner = item.get("owner")
        if not isinstance(item.get("id"), str) or not isinstance(owner, str) or not owner:
            raise UnexpectedAnswer("The portal sent an item without an id or an owner.")
        item_id = ItemId.parse(item["id"])
        if len(owner) > MAX_OWNER:
            raise UnexpectedAnswer(f"The name of item {item_id}'s owner is too long ({len(owner)} characters).")
        if not is_unicode(owner):
            raise UnexpectedAnswer(f"The name of item {item_id}'s owner is not valid Unicode.")
        return cls(
            item_id,
            sys.intern(owner),  # many items have the same owner
            parse_text(item.get("title"), MAX_TITLE),
            parse_epoch_milliseconds(item.get("created")),
            parse_epoch_milliseconds(item.get("modified")),
            parse_number(item.get("size")),
            json.dumps(
                {
                    name: value
                    for name, value in item.items()
                    if name not in VOLATILE_PROPERTIES and not _is_too_deep(value)
                },
                separators=(",", ":"),
            ),
        )

    @property
    def properties(self) -> dict[str, Any]:
        """The properties in `properties_json`."""
        properties: dict[str, Any] = json.loads(self.properties_json)
        return properties


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
