"""Record refused sign-ins, so that no container sends a wrong password again within an hour.

A record is a staging label of the token's secret, which all containers can read. Its form is
`refused-{version of the credential}-{end of the hour in epoch seconds}`.
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
    """A refused sign-in with one version of the credential. `version` of the token's secret has the label."""

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
    """Record that ArcGIS refused this version of the credential. Raises SecretUnwritable.

    The current version gets the label. The pending version may not exist yet, except for its id (API reference,
    DescribeSecret, VersionIdsToStages).
    """
    label = f"refused-{credential_version}-{int(time.time() + REFUSED_SECONDS)}"
    store.add_label(state.secret_id, state.find_version(CURRENT) or version, label)
    remove_refusals(store, state)


def remove_refusals(store: SecretStore, state: RotationState) -> None:
    """Remove the earlier records. Secrets Manager never deletes a version that has a label."""
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
