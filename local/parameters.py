"""Read parameters of the stack from a command line, and check them by the rules in template.yaml."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.aws import ROOT

# The local system sets these parameters, because the stack must find the local services and secrets.
OWN = frozenset({"Architecture", "CaBundleSecret", "PortalUrl", "SecretPrefix", "WebhookSecret"})


class ParametersWrong(Exception):
    """A parameter is not allowed. The message says why."""


class _Loader(yaml.SafeLoader):
    """A YAML loader that ignores CloudFormation's short functions such as !Ref."""


_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def load_template(folder: Path = ROOT) -> dict[str, Any]:
    """Return the folder's template.yaml, with None in place of each short function such as !Ref."""
    template: dict[str, Any] = yaml.load((folder / "template.yaml").read_text(encoding="utf-8"), _Loader)
    return template


def parameters_from(words: Iterable[str]) -> dict[str, str]:
    """Return the parameters in words of the form `Name=value`. Raise ParametersWrong if one is not allowed."""
    given: dict[str, str] = {}
    known = load_template()["Parameters"]
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ParametersWrong(f"{word!r} does not have the form Name=value. An example: Capture=true.")
        if name in OWN:
            raise ParametersWrong(f"{name} cannot be changed, because the local system sets it.")
        check_parameter(name, value, known)
        given[name] = value
    return given


def check_parameter(name: str, value: str, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise ParametersWrong if `known`, the template's parameters, has no such name or does not allow the value."""
    if name not in known:
        raise ParametersWrong(f"template.yaml has no parameter {name!r}. Names are case-sensitive.")
    if not _is_allowed(value, known[name]):
        raise ParametersWrong(f"{name} cannot be {value!r}: {_wanted(known[name])}.")


def _is_allowed(value: str, rules: Mapping[str, Any]) -> bool:
    if "AllowedValues" in rules and value not in map(str, rules["AllowedValues"]):
        return False
    if rules["Type"] == "Number":
        number = int(value) if re.fullmatch("[0-9]{1,9}", value) else -1
        return bool(rules.get("MinValue", 0) <= number <= rules.get("MaxValue", number))
    parts = value.split(",") if rules["Type"] == "CommaDelimitedList" else [value]
    return all(re.search(rules.get("AllowedPattern", ""), part) for part in parts)


def _wanted(rules: Mapping[str, Any]) -> str:
    if "AllowedValues" in rules:
        return f"it must be one of {', '.join(map(str, rules['AllowedValues']))}"
    if rules["Type"] == "Number":
        return f"it must be a whole number from {rules['MinValue']} to {rules['MaxValue']}"
    return f"it {rules['ConstraintDescription']}"
