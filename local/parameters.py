"""Parameters of the stack from a command line, held to what template.yaml says of them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from local.aws import ROOT

OWN = frozenset({"Architecture", "CaBundleSecret", "PortalUrl", "SecretPrefix", "WebhookSecret"})
"""What the local system has to set by itself, so that the stack finds it."""


class ParametersWrong(Exception):
    """Names the parameter and what it should be."""


class _Loader(yaml.SafeLoader):
    """Reads the template, without its short functions such as !Ref."""


_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def load_template() -> dict[str, Any]:
    """Return template.yaml, with None in place of each short function such as !Ref."""
    template: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), _Loader)
    return template


def parameters_from(words: Iterable[str]) -> dict[str, str]:
    """Return the parameters that the words `Name=value` give; raise ParametersWrong."""
    given: dict[str, str] = {}
    known = load_template()["Parameters"]
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ParametersWrong(f"{word!r} is not of the form Name=value. Say for example Capture=true.")
        if name in OWN:
            raise ParametersWrong(f"{name} is set by the local system itself.")
        if name not in known:
            raise ParametersWrong(f"template.yaml has no parameter {name!r}; case counts.")
        if not _is_allowed(value, known[name]):
            raise ParametersWrong(f"{name} cannot be {value!r}: {_wanted(known[name])}.")
        given[name] = value
    return given


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
        return f"it is one of {', '.join(map(str, rules['AllowedValues']))}"
    if rules["Type"] == "Number":
        return f"it is a whole number from {rules['MinValue']} to {rules['MaxValue']}"
    return f"it {rules['ConstraintDescription']}"
