"""Test the list of parameters that a deployment changes, and which changes are marked irreversible."""

import pytest

from delivery.changes import IRREVERSIBLE, Change, compare, compute_values, describe
from tests.docs.documents import DEPLOY, code_in
from tests.template.rendered import template

KNOWN = template()["Parameters"]
GIVEN = {"PortalUrl": "https://gis.example.com/portal"}
DEPLOYED = compute_values(GIVEN, KNOWN)


def changes(deployed: dict[str, str], **given: str) -> list[Change]:
    return compare(deployed, {**GIVEN, **given}, KNOWN)


def test_same_parameters_are_no_change() -> None:
    assert changes(DEPLOYED) == []


def test_parameter_missing_from_the_file_gets_its_default() -> None:
    deployed = {**DEPLOYED, "VerifyDays": "90", "SubnetIds": "subnet-0a", "SecurityGroupIds": "sg-0a"}
    assert describe(changes(deployed), {}) == [
        "  VerifyDays        90 -> 180 (the default)",
        "  SubnetIds         subnet-0a -> empty (the default)",
        "  SecurityGroupIds  sg-0a -> empty (the default)",
    ]


def test_every_parameter_has_a_value_after_the_deployment() -> None:
    after = compute_values({**GIVEN, "VerifyDays": "90"}, KNOWN)
    assert after.keys() == KNOWN.keys()
    assert (after["VerifyDays"], after["TlsStrict"], after["ObjectLockDays"]) == ("90", "true", "365")
    with pytest.raises(KeyError):
        compute_values({}, KNOWN)


@pytest.mark.parametrize(
    ("before", "after", "is_marked"),
    [
        ({"ObjectLockMode": "OFF"}, {"ObjectLockMode": "COMPLIANCE"}, True),
        ({"ObjectLockMode": "GOVERNANCE"}, {"ObjectLockMode": "OFF"}, True),
        ({"ObjectLockDays": "365"}, {"ObjectLockDays": "30"}, True),
        ({"ObjectLockMode": "OFF", "ObjectLockDays": "365"}, {"ObjectLockMode": "OFF", "ObjectLockDays": "30"}, False),
        ({"ExistingBucket": "gis-archive"}, {}, True),
        ({}, {"ExistingBucket": "gis-archive"}, True),
        ({"BucketNamePrefix": "gis"}, {}, True),
        ({"KmsKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/0a"}, {}, True),
        ({"ApiAccessLogs": "OFF"}, {"ApiAccessLogs": "CREATE"}, True),
        ({"ApiAccessLogs": "CREATE"}, {"ApiAccessLogs": "OFF"}, False),
        ({"ApiAccessLogs": "OFF"}, {"ApiAccessLogs": "ACCOUNT"}, False),
        ({"Architecture": "arm64"}, {"Architecture": "x86_64"}, False),
        ({"ScheduleState": "DISABLED"}, {}, False),
    ],
)
def test_irreversible_change_is_marked(before: dict[str, str], after: dict[str, str], *, is_marked: bool) -> None:
    (change,) = changes({**DEPLOYED, **before}, **after)
    assert bool(change.irreversible) == is_marked
    assert any("IRREVERSIBLE" in line for line in describe([change], {})) == is_marked


def test_first_deployment_shows_what_is_chosen_or_final() -> None:
    assert describe(changes({}, VerifyDays="90"), {}) == [
        "  PortalUrl       https://gis.example.com/portal",
        "  ObjectLockMode  GOVERNANCE (the default)",
        f"                  IRREVERSIBLE: {IRREVERSIBLE['ObjectLockMode']}",
        "  ObjectLockDays  365 (the default)",
        f"                  IRREVERSIBLE: {IRREVERSIBLE['ObjectLockDays']}",
        "  VerifyDays      90",
    ]


def test_new_parameter_with_its_default_is_not_chosen() -> None:
    older = {name: value for name, value in DEPLOYED.items() if name not in {"VerifyDays", "ExistingBucket"}}
    assert [change.is_chosen for change in changes(older)] == [False, False]
    assert describe(changes(older), {}) == []
    (first, second) = changes(older, VerifyDays="180")
    assert (first.name, first.is_chosen) == ("ExistingBucket", False)
    assert describe([first, second], {}) == ["  VerifyDays  180"]


def test_parameter_that_the_version_does_not_have_is_shown() -> None:
    assert describe([], {"Older": "7"}) == ["  Older  7 -> this version has no such parameter"]


def test_documents_name_each_irreversible_parameter() -> None:
    named = {name.split("=")[0] for row in DEPLOY.table("choice") for name in code_in(row[0])} - {"GOVERNANCE"}
    assert named == IRREVERSIBLE.keys()
    assert IRREVERSIBLE.keys() <= KNOWN.keys()
