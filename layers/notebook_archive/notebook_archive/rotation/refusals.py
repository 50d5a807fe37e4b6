"""Note refused sign-ins, so that no container tries a wrong password again within the hour.

A note is a staging label of the token's secret, which all containers can read:
`refused-{version of the credential}-{epoch seconds until which it is not tried}`.
"""

import contextlib
import re
import time
from dataclasses import dataclass

from notebook_archive.arcgis.token_renewal import REFUSED_SECONDS
from notebook_archive.errors import SecretUnwritable
from notebook_archive.secret_store import RotationState, SecretStore
from notebook_archive.secret_store.store import CURRENT

_LABEL = re.compile(r"refused-(.+)-([0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refused sign-in with a version of the credential. The label is on `version` of the token's secret."""

    version: str
    label: str
    credential_version: str
    until: int


def is_refused(state: RotationState, credential_version: str) -> bool:
    """Return whether a sign-in with this version of the credential was refused within the last hour."""
    return any(
        each.credential_version == credential_version and each.until > time.time() for each in _list_refusals(state)
    )


def note_refusal(store: SecretStore, state: RotationState, version: str, credential_version: str) -> None:
    """Note that ArcGIS refused this version of the credential. Raises SecretUnwritable.

    The label is given to the current version, because the pending version may be no more than an id (API reference,
    DescribeSecret, VersionIdsToStages).
    """
    label = f"refused-{credential_version}-{int(time.time() + REFUSED_SECONDS)}"
    store.add_label(state.secret_id, state.find_version(CURRENT) or version, label)
    remove_refusals(store, state)


def remove_refusals(store: SecretStore, state: RotationState) -> None:
    """Remove the earlier notes. Secrets Manager never deletes a version that has a label."""
    for refusal in _list_refusals(state):
        with contextlib.suppress(SecretUnwritable):  # the next rotation removes it
            store.remove_label(state.secret_id, refusal.version, refusal.label)


def _list_refusals(state: RotationState) -> list[_Refusal]:
    return [
        _Refusal(version, label, match[1], int(match[2]))
        for version, labels in state.labels.items()
        for label in labels
        if (match := _LABEL.fullmatch(label))
    ]
