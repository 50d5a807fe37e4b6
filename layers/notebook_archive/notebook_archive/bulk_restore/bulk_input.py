"""Read the input of a bulk restore."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from notebook_archive.archive import RunId
from notebook_archive.errors import NotAnId, RestoreInputInvalid, RunInputInvalid, SettingsInvalid
from notebook_archive.executions.execution_input import read_fields, read_item_list
from notebook_archive.models import MAX_OWNER, ItemId, is_unicode
from notebook_archive.restore.request import PLACES, OtherPortal, Place, parse_portal

# Whether everything is restored, the notebooks of one owner, those of a list, or the plan of an earlier execution.
Scope = Literal["everything", "owner", "chosen", "resumed"]
SCOPES: Mapping[str, Scope] = {"everything": "everything", "owner": "owner", "itemIds": "chosen", "resume": "resumed"}
ALLOWED_INPUT = (
    'Give exactly one of "owner", "itemIds", "everything": true and "resume". docs/restore.md describes all fields.'
)
# The key of `owners` that stands for every owner without an entry.
ANY_OWNER = "*"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What a bulk restore is for.

    `owners` maps archived owners, in lower case, to owners in the target. ArcGIS has no two members whose names differ
    only in case. `before` is in epoch milliseconds: only versions with content
    from before this moment are restored. If it is 0, the newest are. `resumed` is the earlier bulk restore whose plan
    is carried out. `place` is where the versions are listed and read.
    """

    scope: Scope
    owner: str = ""
    item_ids: tuple[ItemId, ...] = ()
    resumed: RunId | None = None
    to: Mapping[str, str] | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    before: int = 0
    is_dry_run: bool = False
    place: Place = "archive"

    def map_owner(self, archived: str) -> str:
        """Return the owner in the target of the notebooks of an archived owner."""
        return self.owners.get(archived.casefold()) or self.owners.get(ANY_OWNER) or archived

    def is_for_owner(self, archived: str) -> bool:
        """Return whether the notebooks of an archived owner are restored."""
        return self.scope != "owner" or archived.casefold() == self.owner.casefold()


def read_request(given: object) -> BulkRequest:
    """Return what the input of an execution asks for. Raises RestoreInputInvalid."""
    try:
        return _read_request(given)
    except (NotAnId, RunInputInvalid, SettingsInvalid) as error:
        raise RestoreInputInvalid(str(error)) from None


def _read_request(given: object) -> BulkRequest:
    fields = read_fields(given, {*SCOPES, "to", "owners", "at", "dryRun", "from"}, ALLOWED_INPUT)
    named = [name for name in SCOPES if name in fields]
    if len(named) != 1:
        raise RestoreInputInvalid(
            f"The input names {len(named)} of the fields that say what is restored. {ALLOWED_INPUT}"
        )
    scope = SCOPES[named[0]]
    if scope == "resumed" and fields.keys() & {"to", "owners", "at", "from"}:
        raise RestoreInputInvalid(
            "With the field 'resume', the fields 'to', 'owners', 'at' and 'from' are not allowed, because those of the "
            "earlier execution are used."
        )
    is_dry_run = fields.get("dryRun", False)
    if not isinstance(is_dry_run, bool) or fields.get("everything", True) is not True:
        raise RestoreInputInvalid("The field 'everything' can only be true, and the field 'dryRun' only true or false.")
    listed = read_item_list(fields["itemIds"], ALLOWED_INPUT) if scope == "chosen" else []
    return BulkRequest(
        scope=scope,
        owner=_read_text(fields, "owner") if scope == "owner" else "",
        item_ids=tuple(sorted(ItemId.parse(each) for each in listed)),
        resumed=RunId.parse(_read_text(fields, "resume")) if scope == "resumed" else None,
        to=_describe_portal(parse_portal(fields["to"])) if "to" in fields else None,
        owners=_read_owners(fields.get("owners", {})),
        before=_read_moment(fields["at"]) if "at" in fields else 0,
        is_dry_run=is_dry_run,
        place=_read_place(fields),
    )


def guess_request(given: object) -> BulkRequest:
    """Return what the input asks for. An input that is not valid counts as a list of items."""
    try:
        return read_request(given)
    except RestoreInputInvalid:
        return BulkRequest("chosen")


def _describe_portal(portal: OtherPortal) -> dict[str, str]:
    return {"portalUrl": portal.portal_url, "secretPrefix": portal.secret_prefix}


def _read_place(fields: Mapping[str, Any]) -> Place:
    place = next((each for each in PLACES if each == fields.get("from", "archive")), None)
    if place is None:
        raise RestoreInputInvalid(f"The field 'from' is not one of {', '.join(PLACES)}.")
    return place


def _read_text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not _is_name(value):
        raise RestoreInputInvalid(f"The field {name!r} is not a text of 1 to {MAX_OWNER} characters. {ALLOWED_INPUT}")
    return str(value)


def _read_owners(owners: object) -> Mapping[str, str]:
    if not isinstance(owners, Mapping) or not all(_is_name(name) for pair in owners.items() for name in pair):
        raise RestoreInputInvalid(
            "The field 'owners' is not an object of archived owners and owners in the target, such as "
            '{"ana": "anna"}.'
        )
    mapped = {archived.casefold(): owner for archived, owner in owners.items()}
    if len(mapped) < len(owners):
        raise RestoreInputInvalid("The field 'owners' has two names that differ only in upper and lower case.")
    return mapped


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_OWNER and is_unicode(value)


def _read_moment(value: object) -> int:
    """Return a time in epoch milliseconds. A date stands for the end of this day in UTC."""
    try:
        text = value if isinstance(value, str) else ""
        if _DAY.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1, milliseconds=-1)
        else:
            moment = datetime.fromisoformat(text)
        milliseconds = int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        moment, milliseconds = None, 0
    if moment is None or moment.tzinfo is None or milliseconds <= 0:
        raise RestoreInputInvalid(
            "The field 'at' is neither a date, such as 2026-11-28, nor a time with a zone, such as "
            "2026-11-28T06:00:00Z."
        )
    return milliseconds
