"""Read what samconfig.toml says about a stage."""

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery import DeliveryError
from local.parameters import ParametersWrong, check_parameter


@dataclass(frozen=True)
class Stage:
    """The settings of a stage. An empty `region` or `profile` stands for that of the environment."""

    name: str
    stack: str
    region: str
    profile: str
    # Only the parameters that the file names.
    parameters: Mapping[str, str]


def read_stage(folder: Path, name: str, known: Mapping[str, Mapping[str, Any]]) -> Stage:
    """Return the stage of this name from the folder's samconfig.toml. `known` are the parameters of the template.

    Raises DeliveryError if the file cannot be read, has no such stage, does not set a parameter that has no default,
    or sets a parameter that does not exist or to a value that is not allowed.
    """
    try:
        sections = tomllib.loads((folder / "samconfig.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeliveryError(f"samconfig.toml cannot be read: {error}.") from error
    stages = [each for each, section in sections.items() if isinstance(section, dict) and "deploy" in section]
    if name not in stages:
        raise DeliveryError(f"samconfig.toml has no stage {name!r}. Its stages are: {', '.join(stages)}.")
    settings = {**_read_parameters(sections[name], name, "global"), **_read_parameters(sections[name], name, "deploy")}
    if not settings.get("stack_name"):
        raise DeliveryError(f"The stage {name!r} of samconfig.toml has no stack_name.")
    parameters = dict(_parse_overrides(settings.get("parameter_overrides", []), name))
    for parameter, value in parameters.items():
        try:
            check_parameter(parameter, value, known)
        except ParametersWrong as error:
            raise DeliveryError(f"Stage {name!r} of samconfig.toml: {error}") from error
    for parameter, rules in known.items():
        if "Default" not in rules and parameter not in parameters:
            raise DeliveryError(
                f"The stage {name!r} of samconfig.toml does not set {parameter}, which has no default. "
                f'Put "{parameter}=..." into its parameter_overrides.'
            )
    return Stage(name, settings["stack_name"], settings.get("region", ""), settings.get("profile", ""), parameters)


def _read_parameters(section: Mapping[str, Any], stage: str, command: str) -> Mapping[str, Any]:
    """Return the table `parameters` of a command, or an empty table. Raises DeliveryError if it is not a table."""
    settings = section.get(command, {})
    parameters = settings.get("parameters", {}) if isinstance(settings, dict) else None
    if not isinstance(parameters, dict):
        raise DeliveryError(
            f"The stage {stage!r} of samconfig.toml is malformed: {command}.parameters is not a table. Begin it with "
            f"[{stage}.{command}.parameters]."
        )
    return parameters


def _parse_overrides(overrides: object, stage: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each parameter in one of the forms that sam reads: a text, a list or a table."""
    if isinstance(overrides, dict):
        for name, value in overrides.items():
            yield name, ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return
    entries = overrides if isinstance(overrides, list) else [overrides]
    for entry in entries:
        if isinstance(entry, dict):
            yield from _parse_overrides(entry, stage)
            continue
        for word in _split_words(str(entry)):
            name, equals, value = word.partition("=")
            if not equals:
                raise DeliveryError(
                    f"Stage {stage!r} of samconfig.toml: {entry!r} does not have the form Name=value. Put a value "
                    "with spaces into its own quotes, such as \"Schedule='cron(0 2 * * ? *)'\"."
                )
            yield name, value


def _split_words(entry: str) -> list[str]:
    try:
        return shlex.split(entry)
    except ValueError:
        # A quotation mark is missing. The caller reports the whole entry.
        return [entry.replace("=", " ")]
