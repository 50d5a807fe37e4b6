"""Read which notebooks an operator erased for good, so that nothing expects their versions any more.

The command `notebook-archive erase` writes a record of each erasure. No function writes or deletes such a record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from notebook_archive.archive import keys
from notebook_archive.archive.store import Archive
from notebook_archive.errors import ArchiveDamaged
from notebook_archive.models import ITEM_ID, ItemId

# Version of the format of the records.
ERASURE_SCHEMA = 1
# The status of an erasure if S3 refused every deletion. Nothing was erased, so the record hides nothing.
ERASURE_REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Erasures:
    """The notebooks that were erased, each with the time at which S3 received the last record of it.

    Times are in epoch milliseconds.
    """

    times: Mapping[ItemId, int] = field(default_factory=dict)

    def covers(self, key: str, at: int) -> bool:
        """Return whether what was known of a version at this time was erased with its notebook.

        A notebook that ArcGIS still has may be archived again. What is known of it since then is not erased.
        """
        return at <= self.times.get(keys.item_of(key), -1)


def read_erasures(archive: Archive) -> Erasures:
    """Return the erasures that the archive has records of.

    A record that is damaged, or of an erasure that S3 refused, is skipped. So it hides nothing.

    May raise ArchiveDenied or ArchiveUnavailable.
    """
    times: dict[ItemId, int] = {}
    for listed in archive.list_documents(keys.ERASURES):
        try:
            document = json.loads(archive.read_object(listed.key) or b"{}")
            is_refused = document.get("status") == ERASURE_REFUSED
            found = [] if is_refused else [ItemId(each) for each in document["itemIds"] if ITEM_ID.fullmatch(each)]
        except (ArchiveDamaged, AttributeError, KeyError, TypeError, ValueError, RecursionError):
            continue
        written = int(listed.written.timestamp() * 1000)
        times |= {item_id: max(written, times.get(item_id, 0)) for item_id in found}
    return Erasures(times)
