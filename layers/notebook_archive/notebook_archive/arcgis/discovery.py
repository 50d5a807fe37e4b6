"""Discover the notebook server's address. The portal lists its addresses, and the first that answers is used."""

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

# Time for which the first address is used if no address answered.
UNPROVED_SECONDS = 60


class Discovery:
    """The address of the notebook server, looked up once. Threads may share it."""

    def __init__(self, notebook_admin_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """If the URL is empty, the address is discovered from the portal."""
        self._url, self._good_until = notebook_admin_url, float("inf")
        self._is_on_kubernetes: bool | None = None
        self._clock = clock
        self._lock = threading.Lock()

    def find_notebook_server(self, portal: Portal, administrators_portal: Portal | None = None) -> NotebookServer:
        """Return the notebook server for the portal's client. Raises UnexpectedAnswer if the address cannot be found.

        If the portal's user may not look up the address, the administrator's credential is used for that.
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
                    pass  # report the error that the owner's credential caused
            if isinstance(error, UnexpectedAnswer):
                raise
            # Another error is raised because PermissionDenied would skip each notebook without a notice.
            raise UnexpectedAnswer(f"The notebook server's address could not be found. {error}") from None

    def _ask(self, portal: Portal) -> None:
        organization = portal.get_organization()
        urls = portal.find_notebook_admin_urls(organization)
        self._is_on_kubernetes = organization.is_on_kubernetes
        self._url, self._good_until = _find_answering(portal.client, urls), float("inf")
        if not self._url:
            self._url, self._good_until = urls[0], self._clock() + UNPROVED_SECONDS


def _find_answering(client: ArcGISClient, urls: list[str]) -> str:
    """Return the first address at which a notebook server answers, or an empty string if there is none.

    A single address is returned without a request.
    """
    if len(urls) == 1:
        return urls[0]
    return next((url for url in urls if NotebookServer(client, url).is_answering()), "")
