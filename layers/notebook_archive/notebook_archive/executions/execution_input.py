"""Read the input of an execution: a JSON object with known fields, and a list of item ids."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from notebook_archive.errors import RunInputInvalid
from notebook_archive.models import truncate

# Step Functions adds this field to the input of an execution that another execution started.
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"


def read_fields(given: object, known: Collection[str], allowed: str) -> Mapping[str, Any]:
    """Return the input as a mapping that has no other fields than the known ones and that of Step Functions.

    `allowed` is a sentence about the allowed inputs, for the message. Raises RunInputInvalid.
    """
    if not isinstance(given, Mapping):
        raise RunInputInvalid(f"The input of the run is not a JSON object. {allowed}")
    unknown = sorted(str(name) for name in given.keys() - {*known, STARTED_BY})
    if unknown:
        raise RunInputInvalid(f"The input of the run has an unknown field '{truncate(unknown[0], 60)}'. {allowed}")
    return given


def read_item_list(item_ids: object, allowed: str) -> list[object]:
    """Return the value of `itemIds`. The ids themselves are not checked.

    Raises RunInputInvalid if it is not a list, is empty, or contains an id twice.
    """
    if not isinstance(item_ids, list) or not item_ids:
        raise RunInputInvalid(f"itemIds is {'empty' if item_ids == [] else 'not a list'}. {allowed}")
    counts = Counter(json.dumps(each, sort_keys=True) for each in item_ids)
    [(most_frequent, count)] = counts.most_common(1)
    if count > 1:
        raise RunInputInvalid(f"itemIds has {truncate(most_frequent, 60)} {count} times. {allowed}")
    return item_ids
