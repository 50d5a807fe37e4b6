"""Open notebooks of a notebook server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from notebook_archive.errors import NotAnId, UnexpectedAnswer
from notebook_archive.models.ids import ItemId
from notebook_archive.models.values import parse_epoch_milliseconds, parse_text


@dataclass(frozen=True, slots=True)
class NotebookSession:
    """A notebook that is open in a container.

    Times are in epoch milliseconds. `username` is the user who has it open, who need not be the item's owner. Only
    Enterprise on Kubernetes gives `item_title` and `revision`; elsewhere they are None.
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
        """Return the session of `notebooks/<id>` or of an entry of `notebooks`, in either dialect.

        Notebook Server says `containerId` and sends times as strings, Kubernetes `notebookDeploymentId` and numbers.
        ArcGIS Online names the item in `filename` alone. Raises UnexpectedAnswer if it has no usable id or item.
        """
        session_id, title = answer.get("id"), answer.get("itemTitle")
        item_id = answer.get("itemId", parse_text(answer.get("filename")).removesuffix(".ipynb"))
        if not isinstance(session_id, str) or not session_id:
            raise UnexpectedAnswer("The notebook server gave a session without an id.")
        try:
            item = ItemId.parse(item_id)
        except NotAnId:
            raise UnexpectedAnswer("The notebook server gave a session without an item id.") from None
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
