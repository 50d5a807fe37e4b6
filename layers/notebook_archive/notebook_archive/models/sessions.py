"""Parse a notebook server's open notebooks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.errors import NotAnId, UnexpectedAnswer
from notebook_archive.models.ids import ItemId
from notebook_archive.models.values import parse_epoch_milliseconds, parse_text


@dataclass(frozen=True, slots=True)
class NotebookSession:
    """A notebook that is open in a container.

    Times are in epoch milliseconds. `username` is the user who opened the notebook, who may not be the item's owner.
    Only Enterprise on Kubernetes sends `item_title` and `revision`. From other servers, both are None.
    """

    session_id: str
    item_id: ItemId
    notebook_url: str
    last_activity: int
    deployment_id: str
    username: str
    item_title: str | None = None
    revision: int | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Return the session that `notebooks/<id>`, or an entry of `notebooks`, describes.

        Notebook Server sends `containerId`, and times as strings. Kubernetes sends `notebookDeploymentId`, and times as
        numbers. ArcGIS Online names the item only in `filename`. Raises UnexpectedAnswer if the session has no usable
        id or no usable item id.
        """
        session_id, title = answer.get("id"), answer.get("itemTitle")
        item_id = answer.get("itemId", parse_text(answer.get("filename")).removesuffix(".ipynb"))
        if not isinstance(session_id, str) or not session_id:
            raise UnexpectedAnswer("The notebook server sent a session without an id.")
        try:
            item = ItemId.parse(item_id)
        except NotAnId:
            raise UnexpectedAnswer("The notebook server sent a session without an item id.") from None
        return cls(
            session_id,
            item,
            parse_text(answer.get("notebookUrl")),
            parse_epoch_milliseconds(answer.get("dateLastActivity")),
            parse_text(answer.get("notebookDeploymentId", answer.get("containerId"))),
            parse_text(answer.get("username")),
            parse_text(title) if isinstance(title, str) else None,
            parse_epoch_milliseconds(answer["revision"]) if "revision" in answer else None,
        )
