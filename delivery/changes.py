"""Compare the parameters of a deployed stack with those that it will get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Why a later deployment cannot take back a value of these parameters. The table "What cannot be taken back" in
# docs/deploy.md describes each of them.
IRREVERSIBLE = {
    "ObjectLockMode": "Object Lock can never be switched off for a bucket that has it.",
    "ObjectLockDays": "Each object keeps the lock that it was written with.",
    "BucketNamePrefix": "Another bucket is another archive, which starts empty.",
    "ExistingBucket": "Another bucket is another archive, which starts empty.",
    "KmsKeyArn": "Each object can be read only with the key that it was written with.",
    "ApiAccessLogs": "CREATE replaces the API Gateway role of the whole account and region.",
}


@dataclass(frozen=True)
class Change:
    """A parameter that a deployment changes. `before` is None if the deployed stack does not have the parameter."""

    name: str
    before: str | None
    after: str
    # Whether samconfig.toml does not name the parameter, so that it gets the template's default.
    is_default: bool
    # Why a later deployment cannot take the change back, or an empty text.
    irreversible: str

    @property
    def is_chosen(self) -> bool:
        """Whether the change needs a person's consent: a new parameter that gets its default does not."""
        return self.before is not None or not self.is_default or bool(self.irreversible)


def compute_values(given: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the value of each parameter of the template: the given one, or else the template's default.

    `known` are the parameters of the template. Raises KeyError for a parameter that has neither value.
    """
    return {name: given[name] if name in given else str(rules["Default"]) for name, rules in known.items()}


def compare(
    deployed: Mapping[str, str], given: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]
) -> list[Change]:
    """Return the changes in the order of the template.

    `deployed` are the values of the deployed stack, `given` those in samconfig.toml, and `known` the parameters of the
    template.
    """
    after = compute_values(given, known)
    return [
        Change(
            name,
            before := deployed.get(name),
            value,
            is_default=name not in given,
            irreversible=IRREVERSIBLE[name] if _is_irreversible(name, before, after) else "",
        )
        for name, value in after.items()
        if deployed.get(name) != value
    ]


def _is_irreversible(name: str, before: str | None, after: Mapping[str, str]) -> bool:
    if name == "ApiAccessLogs":
        return after[name] == "CREATE"
    if name == "ObjectLockDays" and after.get("ObjectLockMode") == "OFF":
        return False
    # A parameter that is new to the stack changes something only if it has a value.
    return name in IRREVERSIBLE and (before is not None or after[name] not in {"", "OFF"})


def describe(changes: Sequence[Change], lost: Mapping[str, str]) -> list[str]:
    """Return the lines that show a person the changes that are chosen.

    `lost` are the values of the parameters that the deployed stack has and the template does not have.
    """
    chosen = [change for change in changes if change.is_chosen]
    width = max((len(name) for name in [*(change.name for change in chosen), *lost]), default=0)
    lines = []
    for change in chosen:
        before = "" if change.before is None else f"{_show(change.before)} -> "
        source = " (the default)" if change.is_default else ""
        lines.append(f"  {change.name:{width}}  {before}{_show(change.after)}{source}")
        if change.irreversible:
            lines.append(f"  {'':{width}}  IRREVERSIBLE: {change.irreversible}")
    lines += [f"  {name:{width}}  {_show(value)} -> this version has no such parameter" for name, value in lost.items()]
    return lines


def _show(value: str) -> str:
    return value or "empty"
