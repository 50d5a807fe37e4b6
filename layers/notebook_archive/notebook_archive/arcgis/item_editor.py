"""Change an owner's items in the portal: add, fill, update, share, move and delete them.

Esri's pages "Add Item", "Update Item", "Add Item Part", "Commit", "Status", "Share Item", "Move Item", "Create Folder",
"Delete Item" and "Considerations and limitations" describe these operations.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Self
from urllib.parse import quote

from notebook_archive.arcgis.client import ArcGISClient
from notebook_archive.arcgis.portal import NOTEBOOK, Portal
from notebook_archive.arcgis.transport import FormFile
from notebook_archive.errors import (
    ArcGISUnavailable,
    DeadlineExceeded,
    NotAnId,
    PermissionDenied,
    RequestRejected,
    UnexpectedAnswer,
    UploadTooLarge,
)
from notebook_archive.models import ItemId

# Maximum size of a file that is sent in one request. A larger file is sent in parts.
MAX_SINGLE_UPLOAD_BYTES = 10_000_000
# Size of each part but the last. ArcGIS requires at least 5 MB.
PART_BYTES = 8 * 1024 * 1024
# Maximum number of parts of one upload, as documented.
MAX_PARTS = 10_000
# Number of times that a whole upload in parts is sent if the response to its last request is lost.
MAX_UPLOADS = 2
# Pauses between two requests for the status of an upload. They double.
MIN_STATUS_PAUSE_SECONDS = 0.5
MAX_STATUS_PAUSE_SECONDS = 10.0
# The content of a new item until its own content is uploaded.
EMPTY_NOTEBOOK = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":2}'
# The status with which a server refuses a request that is too large for it.
HTTP_CONTENT_TOO_LARGE = 413

# An item as the portal describes it.
type PortalItem = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ItemProperties:
    """The properties of a notebook item that can be written.

    A property that is None is not sent, so an update does not change it. An update with an empty value removes the
    item's value. `runtime` is the item's object `properties`, with `notebookRuntimeName` and `notebookRuntimeVersion`.
    `license_info` and `access_information` are the terms of use and the credits.
    """

    title: str | None = None
    type_keywords: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    description: str | None = None
    snippet: str | None = None
    runtime: Mapping[str, Any] | None = None
    license_info: str | None = None
    access_information: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Return the properties of an item as the portal, or `item.json` in the archive, describes it.

        A property that is missing or null becomes an empty value, so two items can be compared. A value of a wrong type
        becomes an empty value too. Characters that are not valid Unicode are replaced.
        """
        runtime = item.get("properties")
        return cls(
            title=_get_text(item, "title"),
            type_keywords=_get_texts(item, "typeKeywords"),
            tags=_get_texts(item, "tags"),
            description=_get_text(item, "description"),
            snippet=_get_text(item, "snippet"),
            runtime=runtime if isinstance(runtime, dict) else {},
            license_info=_get_text(item, "licenseInfo"),
            access_information=_get_text(item, "accessInformation"),
        )

    def to_fields(self) -> dict[str, str]:
        """Return the form fields of `addItem` and `update`. Characters that are not valid Unicode are replaced."""
        values = {
            "title": self.title,
            "typeKeywords": None if self.type_keywords is None else ",".join(self.type_keywords),
            "tags": None if self.tags is None else ",".join(self.tags),
            "description": self.description,
            "snippet": self.snippet,
            "properties": None if self.runtime is None else json.dumps(self.runtime),
            "licenseInfo": self.license_info,
            "accessInformation": self.access_information,
        }
        return {name: _make_unicode(value) for name, value in values.items() if value is not None}


class ItemEditor:
    """The content of one owner, for one client. Every method may raise an ArcGISError.

    The client's user is the owner or an administrator. A `folder_id` is the folder that contains the item. It is empty
    if the item is in no folder.
    """

    def __init__(self, client: ArcGISClient, portal_url: str, owner: str) -> None:
        self.owner = owner
        self._client = client
        self._portal = Portal(client, portal_url)
        self._content_url = f"{self._portal.rest_url}/content/users/{_quote(owner)}"

    @property
    def secret(self) -> str:
        """The name of the secret that the client's tokens come from, or an empty string if they come from no secret."""
        return self._client.tokens.secret

    def list_folders(self) -> dict[str, str]:
        """Return the titles of the owner's folders by their ids."""
        return self._portal.list_folders(self.owner)

    def create_folder(self, title: str) -> str:
        """Create a folder, and return its id. The title must be new, with at most 250 characters.

        Nothing is retried. After ArcGISUnavailable, DeadlineExceeded or UnexpectedAnswer, the folder may exist anyway,
        which only `list_folders` shows. Raises RequestRejected if the owner has a folder with this title.
        """
        what = f"A new folder of {self.owner}"
        answer = self._client.call_once(
            "POST", f"{self._content_url}/createFolder", what, {"title": _make_unicode(title), "f": "json"}
        )
        _check_success(answer, what)
        folder = answer.get("folder")
        folder_id = folder.get("id") if isinstance(folder, dict) else None
        if not isinstance(folder_id, str) or not folder_id:
            raise UnexpectedAnswer(f"{what}: the response has no folder id.")
        return folder_id

    def list_items(self, folder_id: str = "") -> list[PortalItem]:
        """Return the items in a folder, or the items in no folder, as the portal describes them.

        New items are listed at once, because the portal's search index is not used. Raises ListingIncomplete if the
        portal lists fewer items than its total, or does not end.
        """
        return self._portal.list_items(self.owner, folder_id)

    def find_item_by_keyword(self, keyword: str) -> PortalItem | None:
        """Return the owner's item with this type keyword, or None. All folders are searched.

        The result's `ownerFolder` is the id of its folder, or an empty string.
        """
        for folder_id in ("", *self.list_folders()):
            for item in self.list_items(folder_id):
                if keyword in _get_texts(item, "typeKeywords"):
                    return {**item, "ownerFolder": folder_id}
        return None

    def add_item(self, properties: ItemProperties, folder_id: str = "", *, item_id: ItemId | None = None) -> ItemId:
        """Add a private notebook item without cells, and return its id.

        Only ArcGIS Enterprise gives a new item the requested `item_id`. ArcGIS Online ignores it.

        Nothing is retried. After ArcGISUnavailable, DeadlineExceeded or UnexpectedAnswer, the item may exist anyway. So
        give it a unique type keyword, and look for it with `find_item_by_keyword`.
        """
        what = f"A new item of {self.owner}"
        name = f"{secrets.token_hex(16)}.ipynb"  # within a folder, the name of a file must be unique
        fields = {**properties.to_fields(), "type": NOTEBOOK, "fileName": name, "f": "json"}
        if item_id:
            fields["itemId"] = item_id
        file = FormFile(name, EMPTY_NOTEBOOK)
        answer = self._client.call_once("POST", f"{self._get_folder_url(folder_id)}/addItem", what, fields, file)
        _check_success(answer, what)
        try:
            return ItemId.parse(answer.get("id"))
        except NotAnId:
            raise UnexpectedAnswer(f"{what}: the response has no valid item id.") from None

    def upload(self, item_id: ItemId, folder_id: str, file: IO[bytes], size: int, file_name: str = "") -> None:
        """Replace the item's content with the `size` bytes of `file`, which must be seekable.

        ArcGIS names the file `file_name`, or `<itemId>.ipynb` if it is empty, which is the name that ArcGIS itself
        uses. Transient faults are retried. If the upload succeeded, read the content back to prove it, because a proxy
        may send a success of its own. Raises UploadTooLarge if a server refuses the size.
        """
        name = file_name or f"{item_id}.ipynb"
        what = f"Uploading {size} bytes to item {item_id}"
        if size > MAX_PARTS * PART_BYTES:
            raise UploadTooLarge(f"{what}: ArcGIS accepts at most {MAX_PARTS} parts of {PART_BYTES} bytes.")
        try:
            if size <= MAX_SINGLE_UPLOAD_BYTES:
                file.seek(0)
                self._change(item_id, folder_id, "update", what, {"fileName": name}, FormFile(name, file.read(size)))
            else:
                self._upload_in_parts(item_id, folder_id, file, size, name)
        except ArcGISUnavailable as error:
            if error.code != HTTP_CONTENT_TOO_LARGE:
                raise
            raise UploadTooLarge(f"{what}: a server refuses a request of this size (HTTP 413).") from None

    def _upload_in_parts(self, item_id: ItemId, folder_id: str, file: IO[bytes], size: int, name: str) -> None:
        """Upload a large file. If the response to the last request is lost, the whole file is sent again.

        The status does not prove that an update was committed, because it is also `completed` before the update.
        """
        what = f"The upload to item {item_id}"
        for attempt in range(1, MAX_UPLOADS + 1):
            # Esri's page names the parameter `filename`, and Esri's Python package `fileName`.
            fields = {"multipart": "true", "filename": name, "fileName": name}
            self._change(item_id, folder_id, "update", f"{what}, start", fields)
            file.seek(0)
            for number, start in enumerate(range(0, size, PART_BYTES), start=1):
                part = FormFile(name, file.read(min(PART_BYTES, size - start)))
                self._change(item_id, folder_id, "addPart", f"{what}, part {number}", {"partNum": str(number)}, part)
            try:
                self._commit(item_id, folder_id, what)
            except (ArcGISUnavailable, PermissionDenied, UnexpectedAnswer):  # ArcGIS Online may throttle with a 403
                self._wait_for_status(item_id, folder_id, what, frozenset(("processing",)))
                if attempt == MAX_UPLOADS:
                    raise
            else:
                self._wait_for_status(item_id, folder_id, what, frozenset(("processing", "partial")))
                return

    def _commit(self, item_id: ItemId, folder_id: str, what: str) -> None:
        """Ask ArcGIS to make one file of the parts. It does that after its response."""
        url = f"{self._get_folder_url(folder_id)}/items/{item_id}/commit"
        # Esri's page names no parameters. Esri's Python package sends these.
        fields = {"id": item_id, "type": NOTEBOOK, "async": "true", "f": "json"}
        _check_success(self._client.call_once("POST", url, f"{what}, commit", fields), what)

    def _wait_for_status(self, item_id: ItemId, folder_id: str, what: str, unfinished: frozenset[str]) -> None:
        """Wait while the status of the item's upload is one of `unfinished`.

        Raises RequestRejected if ArcGIS could not process the upload. Raises DeadlineExceeded if it needs too long.
        """
        url = f"{self._get_folder_url(folder_id)}/items/{item_id}/status"
        pause = MIN_STATUS_PAUSE_SECONDS
        while True:
            status = self._client.call("GET", url, f"{what}, status", {"f": "json"}).get("status")
            if not isinstance(status, str):
                raise UnexpectedAnswer(f"{what}: the response has no status.")
            if status.lower() not in unfinished:
                return
            if pause >= self._client.deadline.remaining():
                raise DeadlineExceeded(f"{what}: ArcGIS was still processing the parts at the deadline.")
            self._client.transport.retries.sleep(pause)
            pause = min(pause * 2, MAX_STATUS_PAUSE_SECONDS)

    def update_item(self, item_id: ItemId, folder_id: str, properties: ItemProperties) -> None:
        """Change the item's properties. Those that are None stay as they are. Transient faults are retried."""
        fields = properties.to_fields()
        if not all(fields.values()):
            fields["clearEmptyFields"] = "true"
        self._change(item_id, folder_id, "update", f"Updating item {item_id}", fields)

    def delete_item(self, item_id: ItemId, folder_id: str, *, permanently: bool = False) -> None:
        """Delete the item. ArcGIS Online keeps it in the recycle bin for 14 days unless it is deleted `permanently`.

        Transient faults are retried. If an earlier attempt deleted the item, NotebookNotFound is raised.
        """
        fields = {"permanentDelete": "true"} if permanently else {}
        self._change(item_id, folder_id, "delete", f"Deleting item {item_id}", fields)

    def share(
        self,
        item_id: ItemId,
        folder_id: str,
        *,
        everyone: bool = False,
        org: bool = False,
        groups: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Set who may see the item, and return the ids of the groups with which ArcGIS did not share it.

        `groups` are the ids of all groups that may see the item. Without arguments, the item becomes private. Transient
        faults are retried.
        """
        what = f"Sharing item {item_id}"
        fields = {"everyone": json.dumps(everyone), "org": json.dumps(org), "groups": ",".join(groups)}
        answer = self._call_item(item_id, folder_id, "share", what, fields)
        refused = answer.get("notSharedWith")
        if not isinstance(refused, list):
            raise UnexpectedAnswer(f"{what}: the response has no list of groups.")
        return tuple(group for group in refused if isinstance(group, str))

    def move(self, item_id: ItemId, folder_id: str, to_folder_id: str) -> None:
        """Move the item to another folder, or out of its folder if `to_folder_id` is empty."""
        what = f"Moving item {item_id}"
        self._change(item_id, folder_id, "move", what, {"folder": to_folder_id or "/"})

    def _change(
        self,
        item_id: ItemId,
        folder_id: str,
        operation: str,
        what: str,
        fields: Mapping[str, str],
        file: FormFile | None = None,
    ) -> None:
        _check_success(self._call_item(item_id, folder_id, operation, what, fields, file), what)

    def _call_item(
        self,
        item_id: ItemId,
        folder_id: str,
        operation: str,
        what: str,
        fields: Mapping[str, str],
        file: FormFile | None = None,
    ) -> dict[str, Any]:
        url = f"{self._get_folder_url(folder_id)}/items/{item_id}/{operation}"
        return self._client.call("POST", url, what, {**fields, "f": "json"}, file)

    def _get_folder_url(self, folder_id: str) -> str:
        return f"{self._content_url}/{_quote(folder_id)}" if folder_id else self._content_url


def _check_success(answer: Mapping[str, Any], what: str) -> None:
    """Raise RequestRejected or UnexpectedAnswer unless `success` is true."""
    if answer.get("success") is False:
        raise RequestRejected(f"{what}: ArcGIS reports no success.")
    if answer.get("success") is not True:
        raise UnexpectedAnswer(f"{what}: the response does not report success.")


def _get_text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return _make_unicode(value) if isinstance(value, str) else ""


def _get_texts(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = item.get(name)
    return tuple(_make_unicode(each) for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _make_unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _quote(text: str) -> str:
    return quote(text, safe="", errors="replace")
