"""Parse a request to restore a version of a notebook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from notebook_archive.archive import RestoreId
from notebook_archive.archive.keys import version_key
from notebook_archive.errors import NotAnId, RestoreInputInvalid
from notebook_archive.models import MAX_OWNER, ItemId, is_unicode
from notebook_archive.settings import HTTPS_URL

# How a version is restored: as a new item, over the content of an item, or as a snapshot of an item.
type Way = Literal["new", "replace", "snapshot"]
WAYS: tuple[Way, ...] = ("new", "replace", "snapshot")

# Where a version is read: in the archive's bucket, or in the bucket to which S3 replicates it.
type Place = Literal["archive", "second-place"]
PLACES: tuple[Place, ...] = ("archive", "second-place")

# Maximum number of characters of a text in a request. ArcGIS allows 250 characters for a title.
MAX_CHARACTERS = 250
MAX_REQUEST_ID = 200

_TEXTS = ("requestId", "itemId", "resourceKey", "versionId", "as", "targetItemId", "owner", "folder", "title", "from")
_FLAGS = ("private", "dryRun", "force")
_REQUIRED = ("itemId", "resourceKey", "as")
# Fields that only some ways have.
_WAYS_OF_FIELD: Mapping[str, tuple[Way, ...]] = {
    "owner": ("new",),
    "folder": ("new",),
    "private": ("new",),
    "title": ("new", "snapshot"),
    "targetItemId": ("replace", "snapshot"),
    "force": ("replace",),
}


@dataclass(frozen=True, slots=True)
class OtherPortal:
    """A portal that is not the stack's own, and the prefix of the secrets with the credentials for it."""

    portal_url: str
    secret_prefix: str


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """A request to restore one version of a notebook. `request_id` is its id as it was sent.

    `target_item_id` is the item that is replaced or gets a snapshot. An empty `owner`, `title` or `version_id`, and a
    `folder` of None, stand for what is archived. An empty `folder` stands for the owner's root folder. With
    `is_private`, a new item is not shared. With `is_forced`, an item is replaced although somebody has it open.
    """

    restore_id: RestoreId
    item_id: ItemId
    resource_key: str
    way: Way
    target_item_id: ItemId
    version_id: str = ""
    owner: str = ""
    folder: str | None = None
    title: str = ""
    to: OtherPortal | None = None
    is_private: bool = False
    is_dry_run: bool = False
    is_forced: bool = False
    place: Place = "archive"
    request_id: str = ""

    @classmethod
    def parse(cls, event: Mapping[str, Any], default_id: str) -> Self:
        """Return the request in an event. `default_id` is its request id if it has none.

        Raises RestoreInputInvalid.
        """
        fields = _check_fields(event)
        way: Way = event["as"]
        request_id = fields.get("requestId") or default_id
        try:
            item_id = ItemId.parse(event["itemId"])
            version_key(item_id, event["resourceKey"])
            return cls(
                restore_id=RestoreId.from_request(request_id),
                item_id=item_id,
                resource_key=event["resourceKey"],
                way=way,
                target_item_id=ItemId.parse(fields["targetItemId"]) if fields.get("targetItemId") else item_id,
                version_id=fields.get("versionId", ""),
                owner=fields.get("owner", ""),
                folder=event.get("folder"),
                title=fields.get("title", ""),
                to=parse_portal(event["to"]) if "to" in event else None,
                is_private=event.get("private", False),
                is_dry_run=event.get("dryRun", False),
                is_forced=event.get("force", False),
                place=event.get("from", "archive"),
                request_id=request_id,
            )
        except NotAnId as error:
            raise RestoreInputInvalid(str(error)) from None

    @property
    def key(self) -> str:
        """The S3 key of the version."""
        return version_key(self.item_id, self.resource_key)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the request. Two requests with the same id must agree in this.

        `dryRun` and `force` are left out, so that a restore can be planned first, and forced later.
        """
        described: dict[str, Any] = {
            "itemId": self.item_id,
            "resourceKey": self.resource_key,
            "versionId": self.version_id,
            "as": self.way,
            "targetItemId": self.target_item_id if self.way != "new" else "",
            "owner": self.owner,
            "title": self.title,
            "private": self.is_private,
            "to": {"portalUrl": self.to.portal_url, "secretPrefix": self.to.secret_prefix} if self.to else None,
        }
        if self.place != "archive":
            described["from"] = self.place
        described = {name: value for name, value in described.items() if value}
        return described if self.folder is None else {**described, "folder": self.folder}


def require_object(event: object) -> None:
    """Raise RestoreInputInvalid if an event is not a JSON object."""
    if not isinstance(event, Mapping):
        raise RestoreInputInvalid("The request is not a JSON object.")


def _check_fields(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the fields of the event that are texts. Raises RestoreInputInvalid for a wrong field."""
    require_object(event)
    if unknown := sorted(event.keys() - {*_TEXTS, *_FLAGS, "to"}):
        raise RestoreInputInvalid(f"The request has an unknown field: {unknown[0][:60]!r}.")
    if missing := [name for name in _REQUIRED if not event.get(name)]:
        raise RestoreInputInvalid(f"The request has no field {missing[0]!r}.")
    for name in _FLAGS:
        if not isinstance(event.get(name, False), bool):
            raise RestoreInputInvalid(f"The field {name!r} must be true or false, without quotation marks.")
    texts = {name: event[name] for name in _TEXTS if name in event}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > _max_length(name) or not is_unicode(text):
            raise RestoreInputInvalid(f"The field {name!r} is not a text of at most {_max_length(name)} characters.")
    _check_choices(event)
    return texts


def _check_choices(event: Mapping[str, Any]) -> None:
    """Raise RestoreInputInvalid if a field has a value that is not possible, or that the way does not have."""
    for name, choices in (("as", WAYS), ("from", PLACES)):
        if name in event and event[name] not in choices:
            raise RestoreInputInvalid(f"The field {name!r} is not one of {', '.join(choices)}.")
    for name, ways in _WAYS_OF_FIELD.items():
        if event.get(name) and event["as"] not in ways:
            raise RestoreInputInvalid(f"The field {name!r} is not allowed with 'as': {event['as']!r}.")


def _max_length(name: str) -> int:
    lengths = {"requestId": MAX_REQUEST_ID, "owner": MAX_OWNER, "versionId": 1024}
    return lengths.get(name, MAX_CHARACTERS)


def parse_portal(value: object) -> OtherPortal:
    """Return the portal in the field `to` of a request. Raises RestoreInputInvalid."""
    if not isinstance(value, dict) or value.keys() != {"portalUrl", "secretPrefix"}:
        raise RestoreInputInvalid("The field 'to' is not an object with 'portalUrl' and 'secretPrefix'.")
    url, prefix = value["portalUrl"], value["secretPrefix"]
    if not isinstance(url, str) or not HTTPS_URL.fullmatch(url):
        raise RestoreInputInvalid("The 'portalUrl' in the field 'to' is not an HTTPS address.")
    if not isinstance(prefix, str) or not prefix.strip("/"):
        raise RestoreInputInvalid("The 'secretPrefix' in the field 'to' is empty.")
    return OtherPortal(url.rstrip("/").removesuffix("/sharing/rest"), prefix.strip("/"))
