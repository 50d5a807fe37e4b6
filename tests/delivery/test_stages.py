"""Test how the settings of a stage are read from samconfig.toml, and what is refused before anything is built."""

import re
from pathlib import Path

import pytest

from delivery import DeliveryError
from delivery.stages import read_stage
from tests.template.rendered import template

KNOWN = template()["Parameters"]
PORTAL = "PortalUrl=https://gis.example.com/portal"


def write(folder: Path, overrides: str, more: str = "") -> None:
    head = "version = 0.1\n\n[default.build.parameters]\ncached = true\n\n[prod.deploy.parameters]\n"
    (folder / "samconfig.toml").write_text(
        f'{head}stack_name = "archive"\n{more}\nparameter_overrides = {overrides}\n', encoding="utf-8"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        f"""["{PORTAL}", "Schedule='cron(30 1 * * ? *)'", "ObjectLockDays=30", "SubnetIds=subnet-0a,subnet-0b"]""",
        f"""'{PORTAL} Schedule="cron(30 1 * * ? *)" ObjectLockDays=30 SubnetIds=subnet-0a,subnet-0b'""",
        (
            """{ PortalUrl = "https://gis.example.com/portal", Schedule = "cron(30 1 * * ? *)", ObjectLockDays = 30, """
            """SubnetIds = ["subnet-0a", "subnet-0b"] }"""
        ),
        (
            f"""["{PORTAL}", {{ Schedule = "cron(30 1 * * ? *)", ObjectLockDays = 30 }}, """
            '"SubnetIds=subnet-0a,subnet-0b"]'
        ),
    ],
    ids=["list", "text", "table", "list with a table"],
)
def test_each_form_of_parameters_is_read(tmp_path: Path, overrides: str) -> None:
    write(tmp_path, overrides)
    stage = read_stage(tmp_path, "prod", KNOWN)
    assert stage.parameters == {
        "PortalUrl": "https://gis.example.com/portal",
        "Schedule": "cron(30 1 * * ? *)",
        "ObjectLockDays": "30",
        "SubnetIds": "subnet-0a,subnet-0b",
    }
    assert (stage.name, stage.stack, stage.region, stage.profile) == ("prod", "archive", "", "")


def test_region_and_profile_come_from_either_section(tmp_path: Path) -> None:
    more = 'region = "eu-central-1"'
    write(tmp_path, f'["{PORTAL}"]\n\n[prod.global.parameters]\nprofile = "gis"\nregion = "us-east-1"', more)
    stage = read_stage(tmp_path, "prod", KNOWN)
    assert (stage.region, stage.profile) == ("eu-central-1", "gis")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("[]", "does not set PortalUrl, which has no default"),
        (f'["{PORTAL}", "ObjectLokDays=30"]', "no parameter 'ObjectLokDays'"),
        (
            f'["{PORTAL}", "ObjectLockDays=0"]',
            "ObjectLockDays cannot be '0': it must be a whole number from 1 to 36500",
        ),
        (f'["{PORTAL}", "ObjectLockMode=Off"]', "it must be one of OFF, GOVERNANCE, COMPLIANCE"),
        (f'["{PORTAL}", "Schedule=cron(30 1 * * ? *)"]', "Put a value with spaces into its own quotes"),
        (f"""["{PORTAL}", "Schedule='cron(30 1 * * ? *)"]""", "does not have the form Name=value"),
        (f'["{PORTAL}", "file://other.yaml"]', "'file://other.yaml' does not have the form Name=value"),
    ],
)
def test_wrong_parameter_is_refused(tmp_path: Path, overrides: str, message: str) -> None:
    write(tmp_path, overrides)
    with pytest.raises(DeliveryError, match=re.escape(message)) as caught:
        read_stage(tmp_path, "prod", KNOWN)
    assert "'prod'" in str(caught.value)


def test_unknown_stage_is_refused_with_the_names(tmp_path: Path) -> None:
    write(tmp_path, f'["{PORTAL}"]')
    for name in ("production", "default", "version"):
        with pytest.raises(DeliveryError, match=f"no stage '{name}'. Its stages are: prod\\."):
            read_stage(tmp_path, name, KNOWN)


@pytest.mark.parametrize("text", ["stack_name = prod", None], ids=["not TOML", "missing"])
def test_unreadable_file_is_refused(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "samconfig.toml").write_text(text)
    with pytest.raises(DeliveryError, match=r"samconfig\.toml cannot be read"):
        read_stage(tmp_path, "prod", KNOWN)


def test_stage_without_a_stack_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("[prod.deploy.parameters]\n")
    with pytest.raises(DeliveryError, match=r"'prod' of samconfig\.toml has no stack_name"):
        read_stage(tmp_path, "prod", KNOWN)


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_stages_of_this_repository_only_need_a_portal(tmp_path: Path, stage: str) -> None:
    ours = (Path(__file__).parents[2] / "samconfig.toml").read_text()
    (tmp_path / "samconfig.toml").write_text(ours)
    with pytest.raises(DeliveryError, match="does not set PortalUrl"):
        read_stage(tmp_path, stage, KNOWN)
    (tmp_path / "samconfig.toml").write_text(ours.replace(f'# "{PORTAL}"', f'"{PORTAL}"'))
    assert read_stage(tmp_path, stage, KNOWN).parameters["PortalUrl"] == "https://gis.example.com/portal"


@pytest.mark.parametrize("text", ["[prod]\ndeploy = 3\n", "[prod.deploy]\nparameters = 3\n"])
def test_malformed_stage_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "samconfig.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DeliveryError, match=r"Begin it with \[prod\.deploy\.parameters\]\."):
        read_stage(tmp_path, "prod", KNOWN)
