"""Discover where the notebook server is: the portal names its addresses, and the first that answers is used."""

import threading
import time
from collections.abc import Callable

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.notebook_server import NotebookServer
from notebook_archive.arcgis.portal import Portal
from notebook_archive.errors import (
    ArcGISError,
    ConfigurationError,
    NotebookNotFound,
    PermissionDenied,
    RequestRejected,
    UnexpectedAnswer,
)

# Seconds for which an address of the notebook server is used although none answered.
UNPROVED_SECONDS = 60


class Discovery:
    """The address of the notebook server, looked up once. Threads may share it."""

    def __init__(self, notebook_admin_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """If the URL is empty, it is discovered from the portal."""
        self._url, self._good_until = notebook_admin_url, float("inf")
        self._is_on_kubernetes: bool | None = None
        self._clock = clock
        self._lock = threading.Lock()

    def find_notebook_server(self, portal: Portal, administrators_portal: Portal | None = None) -> NotebookServer:
        """Return the notebook server for the portal's client. Raises UnexpectedAnswer if it cannot be looked up.

        The administrator looks it up if the portal's user may not.
        """
        with self._lock:
            if not self._url or self._clock() > self._good_until:
                self._look_up(portal, administrators_portal)
            return NotebookServer(portal.client, self._url, is_on_kubernetes=self._is_on_kubernetes)

    def _look_up(self, portal: Portal, administrators_portal: Portal | None) -> None:
        try:
            self._ask(portal)
        except (NotebookNotFound, PermissionDenied, RequestRejected, UnexpectedAnswer) as error:
            if administrators_portal and administrators_portal.client.tokens is not portal.client.tokens:
                try:
                    return self._ask(administrators_portal)
                except (ArcGISError, ConfigurationError):
                    pass  # the error of the owner's credential is reported
            if isinstance(error, UnexpectedAnswer):
                raise
            # The error is raised for the portal: PermissionDenied would skip each notebook without notice.
            raise UnexpectedAnswer(f"The notebook server could not be looked up: {error}") from None

    def _ask(self, portal: Portal) -> None:
        organization = portal.get_organization()
        urls = portal.find_notebook_admin_urls(organization)
        self._is_on_kubernetes = organization.is_on_kubernetes
        self._url, self._good_until = _find_answering(portal.client, urls), float("inf")
        if not self._url:
            self._url, self._good_until = urls[0], self._clock() + UNPROVED_SECONDS


def _find_answering(client: ArcGISClient, urls: list[str]) -> str:
    """Return the first address at which a notebook server answers, or an empty text if none does.

    A single address is not tried.
    """
    if len(urls) == 1:
        return urls[0]
    return next((url for url in urls if NotebookServer(client, url).is_answering()), "")
