"""The portal as an administrator sees it."""

from dataclasses import dataclass
from functools import partial
from typing import Self

from notebook_archive.arcgis.portal import Enumeration, Organisation, Portal
from notebook_archive.arcgis.tokens import TokenSource
from notebook_archive.clock import Deadline
from notebook_archive.models import ItemId, NotebookItem


@dataclass(frozen=True, slots=True)
class Administrator:
    """A portal, an administrator's credential, and the deadline of every call.

    Threads may share it.  Every method may raise any ArcGISError or ConfigurationError.
    """

    portal: Portal
    tokens: TokenSource
    deadline: Deadline

    def within(self, share: float) -> Self:
        """Return the same view with only this share of the remaining time."""
        return type(self)(self.portal, self.tokens, Deadline(self.deadline.remaining() * share))

    def organisation(self) -> Organisation:
        """Return the organisation, and what the administrator may see there."""
        return self.tokens.with_token(partial(self.portal.organisation, deadline=self.deadline), self.deadline)

    def notebooks(self, organisation: Organisation) -> Enumeration:
        """Return every notebook that the portal's search shows."""
        return self.tokens.with_token(
            lambda token: self.portal.notebooks(organisation.id, token, self.deadline), self.deadline
        )

    def item(self, item_id: ItemId) -> NotebookItem:
        """Return one item; raise NotebookNotFound if it does not exist or is not a notebook."""
        return self.tokens.with_token(partial(self.portal.item, item_id, deadline=self.deadline), self.deadline)
