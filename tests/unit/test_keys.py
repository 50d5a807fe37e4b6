"""Test that keys are built only from valid ids, and that parsing a key returns the same ids."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_archive.archive import RunId, keys
from notebook_archive.errors import NotAnId, SettingsInvalid
from notebook_archive.models import ItemId, ResourceKey

quick = settings(max_examples=200, derandomize=True, database=None)
CURRENT = st.from_regex(
    r"notebooks/[0-9a-f]{32}/current/[0-9]{12,14}-[0-9a-f]{11,13}\.(ipynb|seen|json)\n?", fullmatch=True
)
digits = st.text("0123456789abcdef", min_size=32, max_size=32)
HOSTILE = [
    "", "x", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 32 + "\n", "\n" + "a" * 32, " " + "a" * 32,
    "../../etc/passwd", "a" * 30 + "/.", "a" * 31 + "%", "\u0660" * 32, "\uff41" * 32, "a" * 32 + "?f=json#",
    "a" * 32 + "/snapshots", "*", "null", "a" * 1_000_000,
]  # fmt: skip


@quick
@given(digits, digits)
def test_parsing_a_key_returns_its_ids(item: str, key: str) -> None:
    item_id, resource_key = ItemId.parse(item), ResourceKey.parse(f"snapshot-{key}.json")
    assert keys.parse(keys.snapshot_key(item_id, resource_key)) == (item_id, resource_key)
    assert keys.parse(keys.item_key(item_id)) == (item_id, keys.ItemNote.PROPERTIES)
    assert keys.parse(keys.deletion_key(item_id)) == (item_id, keys.ItemNote.DELETION)
    copy = keys.CopyId.from_content(int(item, 16) % 10**13, bytes.fromhex(key))
    for each in (copy, keys.SeenNote(copy), keys.CapturedNote(copy)):
        found = keys.parse(keys.copy_key(item_id, each))
        assert found == (item_id, each)
        assert type(found[1]) is type(each)
    assert keys.CopyId.from_resource_key(copy.resource_key) == copy
    assert keys.CopyId.from_resource_key(resource_key) is None
    assert (copy.modified, copy.short_digest) == (int(item, 16) % 10**13, key[:12])
    assert keys.snapshot_key(item_id, resource_key).startswith(keys.snapshots_prefix(item_id))


@quick
@given(
    st.text(max_size=120)
    | st.from_regex(r"notebooks/[0-9a-f]{32}/(snapshots/)?[a-z0-9.\-]*\n?")
    | st.from_regex(r"notebooks/[0-9a-f]{32}/(item|deleted)\.json\n?", fullmatch=True)
    | CURRENT
)
def test_a_parsed_key_builds_the_same_key(text: str) -> None:
    match keys.parse(text):
        case (item_id, keys.ItemNote.PROPERTIES):
            assert keys.item_key(item_id) == text
        case (item_id, keys.ItemNote.DELETION):
            assert keys.deletion_key(item_id) == text
        case (item_id, ResourceKey() as key):
            assert keys.snapshot_key(item_id, key) == text
        case (item_id, keys.CopyId() as copy):
            assert keys.copy_key(item_id, copy) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_id_is_refused_with_a_short_message(text: str) -> None:
    with pytest.raises(NotAnId) as refused:
        ItemId.parse(text)
    assert len(str(refused.value)) < 250
    with pytest.raises(NotAnId) as refused:
        ResourceKey.parse(f"snapshot-{text}.json")
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("given_", [None, 5, 1.5, True, ["a" * 32], {"id": "a" * 32}, b"a" * 32])
def test_id_must_be_a_string(given_: object) -> None:
    with pytest.raises(NotAnId):
        ItemId.parse(given_)
    with pytest.raises(NotAnId):
        ResourceKey.parse(given_)


@pytest.mark.parametrize("modified", [-1, 10**13, 10**18])
def test_copy_id_refuses_a_time_out_of_range(modified: int) -> None:
    with pytest.raises(NotAnId):
        keys.CopyId.from_content(modified, bytes(32))


@quick
@given(st.text(min_size=1, max_size=80))
def test_any_execution_name_gives_a_valid_run_id(name: str) -> None:
    run = RunId.from_execution(name, "2026-11-22T05:00:00.000Z")
    assert re.fullmatch(r"runs/2026-11-22/[A-Za-z0-9_.-]{1,80}/report\.json", run.key("report.json"))
    assert RunId.parse(run) == run


names = st.text(min_size=1, max_size=80) | st.text("a.-2ED", min_size=1, max_size=80)


@quick
@given(names, names)
def test_different_execution_names_give_different_run_ids(one: str, other: str) -> None:
    runs = {RunId.from_execution(name, "2026-11-22T05:00:00.000Z") for name in (one, other)}
    assert len(runs) == len({one, other})


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("nightly.1", "nightly.2E1"),
        ("nightly-1", "nightly-1"),
        ("été", ".C3.A9t.C3.A9"),
        ("." * 80, ".2E" * 19 + "..-3d9095bacf62c6ad4c3c"),
        ("x" * 80, "x" * 80),
    ],
)
def test_execution_name_stays_readable_in_the_run_id(name: str, written: str) -> None:
    assert RunId.from_execution(name, "2026-11-22T05:00:00.000Z") == f"2026-11-22/{written}"


@pytest.mark.parametrize("text", ["2026-11-22/nightly-1", "2026-11-22/8f1c_b-2"])
def test_run_id_of_an_earlier_release_is_parsed(text: str) -> None:
    assert RunId.parse(text) == text


@pytest.mark.parametrize("text", ["2026-11-22/..", "2026-11-22/.", "2026-11-22/", "2026-11-22/a/b", "2026-11-22/a\n"])
def test_run_id_that_could_change_a_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        RunId.parse(text)


def test_run_id_is_the_date_and_the_execution_name() -> None:
    assert RunId.from_execution("8f1c_b-2", "2026-11-22T23:59:59Z") == "2026-11-22/8f1c_b-2"


@pytest.mark.parametrize(
    ("name", "started_at"), [("", "2026-11-22T05:00:00Z"), ("x", ""), ("x", "22.11.2026"), ("x", "now")]
)
def test_execution_without_name_or_date_is_refused(name: str, started_at: str) -> None:
    with pytest.raises(SettingsInvalid):
        RunId.from_execution(name, started_at)


def test_objects_of_a_run_have_the_documented_keys() -> None:
    run = RunId("2026-11-22/one")
    written = [
        keys.plan_key(run),
        keys.plan_key(run, 2),
        keys.refused_outcomes_key(run),
        keys.crashed_outcomes_key(run),
    ]
    written += [keys.batch_outcomes_key(run, 7), keys.batch_outcomes_key(run, 7, 1, 2)]
    assert [
        key.removeprefix("runs/2026-11-22/one/") for key in (*written, keys.claim_key(run), keys.report_key(run))
    ] == [
        "plan.jsonl",
        "plan-again-2.jsonl",
        "outcomes/plan.json",
        "outcomes/crashed.json",
        "outcomes/000007.json",
        "outcomes/000007-1-again-2.json",
        "run.json",
        "report.json",
    ]
