"""Read the input of a run, which asks for everything or for chosen notebooks."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from notebook_archive.errors import RunInputInvalid
from notebook_archive.models import truncate

# Step Functions adds this field to the input of an execution that another execution started.
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
ALLOWED_INPUT = 'Allowed are {} and {"itemIds": ["<item id>", ...]}, each id once.'

# Whether a run covers the whole organization or only the item ids in its input.
Scope = Literal["everything", "chosen"]


def read_item_ids(given: object) -> list[object] | None:
    """Return the item ids in the input of a run, or None for a run over everything.

    The input is `{}` or `{"itemIds": [...]}`. Step Functions may add the id of the execution that started this one.
    The ids themselves are not checked here. Raises RunInputInvalid for any other input.
    """
    if not isinstance(given, Mapping):
        raise RunInputInvalid(f"The input of the run is not a JSON object. {ALLOWED_INPUT}")
    unknown = sorted(str(name) for name in given.keys() - {"itemIds", STARTED_BY})
    if unknown:
        raise RunInputInvalid(
            f"The input of the run has an unknown field '{truncate(unknown[0], 60)}'. {ALLOWED_INPUT}"
        )
    if "itemIds" not in given:
        return None
    item_ids = given["itemIds"]
    if not isinstance(item_ids, list) or not item_ids:
        raise RunInputInvalid(f"itemIds is {'empty' if item_ids == [] else 'not a list'}. {ALLOWED_INPUT}")
    counts = Counter(json.dumps(each, sort_keys=True) for each in item_ids)
    [(most_frequent, count)] = counts.most_common(1)
    if count > 1:
        raise RunInputInvalid(f"itemIds has {truncate(most_frequent, 60)} {count} times. {ALLOWED_INPUT}")
    return item_ids


def read_scope(given: object) -> Scope:
    """Return the scope that the input of a run asks for. An invalid input counts as chosen notebooks."""
    is_empty = not given or (isinstance(given, Mapping) and given.keys() <= {STARTED_BY})
    return "everything" if is_empty else "chosen"
