"""Test that a verification finds each kind of defect, says what to do next, and finds nothing else."""

from collections.abc import Callable

import pytest

from notebook_archive.verification import count_metrics
from notebook_archive.verification.findings import KINDS
from tests.strict_s3 import BUCKET, Fault, contents, plain_client
from tests.verification.scene import (
    Scene,
    damage,
    delete,
    destroy,
    digits,
    held,
    notebook,
    put_foreign,
    put_junk,
    replace,
)


@pytest.fixture
def archive(scene: Scene) -> Scene:
    """Return an archive with three recorded snapshots, a copy and an item, all of one notebook."""
    for number in range(3):
        scene.add_snapshot(f"snapshot {number}", item="item")
    scene.add_copy("copy", item="item")
    scene.add_item("item")
    scene.record()
    return scene


def first(kind: str) -> str:
    return next(key for key in contents("notebooks/") if kind in key)


def test_clean_archive_has_no_finding(archive: Scene) -> None:
    report = archive.verify(given={"everything": True})
    assert (report["status"], report["named"], report["notices"]) == ("complete", [], [])
    assert report["versions"] == {
        "listed": 4,
        "unrecorded": 0,
        "read": 4,
        "compared": 0,
        "notReached": 0,
        "levels": {"1": 0, "2": 0, "3": 4, "4": 0, "5": 0},
    }
    assert report["oldestUnprovedDays"] == 0
    assert report["bytes"] == sum(len(each.body) for key, each in contents("").items() if _is_read(key))


def _is_read(key: str) -> bool:
    return key.startswith(("notebooks/", "records/"))


def _deleted(_: Scene) -> str:
    key = first("/snapshots/")
    delete(key)
    return key


def _destroyed(_: Scene) -> str:
    key = first("/current/")
    destroy(key)
    return key


def _damaged(_: Scene) -> str:
    key = first("/snapshots/")
    damage(key)
    return key


def _other_metadata(_: Scene) -> str:
    key = first("/current/")
    held(key).metadata["x-amz-meta-sha256"] = "0" * 64
    return key


def _broken_item(_: Scene) -> str:
    key = first("item.json")
    put_foreign(key, b"[]")
    return key


def _damaged_item(_: Scene) -> str:
    key = first("item.json")
    damage(key)
    return key


def _replaced(_: Scene) -> str:
    key = first("/snapshots/")
    replace(key)
    return key


def _replaced_copy(_: Scene) -> str:
    key = first("/current/")
    replace(key)
    return key


def _other_record(_: Scene) -> str:
    [key] = contents("records/")
    damage(key)
    return key


def _half_a_record(_: Scene) -> str:
    [key] = contents("records/")
    put_foreign(key, contents(key)[key].body[:-20])
    return key


def _denied(scene: Scene) -> str:
    key = first("/snapshots/")
    scene.s3.faults = [Fault("GetObject", "403-AccessDenied", times=None, part=key)]
    return key


def _foreign(_: Scene) -> str:
    key = f"notebooks/{digits('item')}/snapshots/notes.txt"
    put_foreign(key, b"notes")
    return key


def _foreign_folder(_: Scene) -> str:
    put_foreign("notebooks/old/", b"")
    return "notebooks/old/"


def _junk(_: Scene) -> str:
    return put_junk("junk")


DEFECTS: list[tuple[str, Callable[[Scene], str]]] = [
    ("missing", _deleted),
    ("missing", _destroyed),
    ("damaged", _damaged),
    ("damaged", _other_metadata),
    ("damaged", _broken_item),
    ("damaged", _damaged_item),
    ("replaced", _replaced),
    ("replaced", _replaced_copy),
    ("record-damaged", _other_record),
    ("record-damaged", _half_a_record),
    ("unreadable", _denied),
    ("foreign", _foreign),
    ("foreign", _foreign_folder),
    ("not-a-notebook", _junk),
]


@pytest.mark.parametrize(("kind", "plant"), DEFECTS)
def test_planted_defect_is_found_by_itself(archive: Scene, kind: str, plant: Callable[[Scene], str]) -> None:
    if kind != "record-damaged":
        archive.verify("before", {"everything": True})
    key = plant(archive)
    archive.night = 1
    report = archive.verify(given={"everything": True})
    [finding] = report["named"]
    assert (finding["kind"], finding["key"], finding["state"]) == (kind, key, "new")
    assert key in finding["message"]
    assert "docs/verify.md" in finding["remedy"]
    assert report["status"] == "findings"
    assert finding["message"] in report["message"]
    assert report["findings"][finding["kind"]]["new"] == 1
    assert sum(states["new"] for states in report["findings"].values()) == 1


def test_every_kind_has_a_defect() -> None:
    # tests/verification/test_replicas.py has the other kind.
    assert {kind for kind, _ in DEFECTS} | {"not-replicated"} == set(KINDS)


@pytest.mark.parametrize("plant", [_deleted, _replaced, _replaced_copy, _broken_item])
def test_good_older_version_is_named(archive: Scene, plant: Callable[[Scene], str]) -> None:
    versions = {key: held(key).version_id for key in contents("notebooks/")}
    key = plant(archive)
    [finding] = archive.verify(given={"everything": True})["named"]
    assert finding["goodVersionId"] == versions[key]
    assert versions[key] in finding["remedy"]
    good = plain_client().get_object(Bucket=BUCKET, Key=key, VersionId=finding["goodVersionId"])["Body"].read()
    assert b"cells" in good or key.endswith("item.json")


def test_damaged_older_version_is_not_called_good(archive: Scene) -> None:
    key = first("/snapshots/")
    damage(key)
    replace(key)
    [finding] = archive.verify(given={"everything": True})["named"]
    assert finding["kind"] == "replaced"
    assert "goodVersionId" not in finding


def test_unrecorded_replaced_version_is_found_by_its_first(scene: Scene) -> None:
    key = scene.add_snapshot("never recorded")
    older = replace(key)
    [finding] = scene.verify()["named"]
    assert (finding["kind"], finding["goodVersionId"]) == ("replaced", older)


def test_object_under_the_key_of_another_is_replaced(scene: Scene) -> None:
    one, two = scene.add_snapshot("one"), scene.add_snapshot("two")
    put_foreign(two, contents(one)[one].body, contents(one)[one].metadata)
    found = scene.verify(given={"everything": True})["named"]
    assert [(finding["kind"], finding["key"]) for finding in found] == [("replaced", two)]


def test_same_bytes_written_again_are_no_finding(archive: Scene) -> None:
    key = first("/snapshots/")
    put_foreign(key, contents(key)[key].body, contents(key)[key].metadata)
    assert archive.verify(given={"everything": True})["named"] == []


def test_older_version_that_differs_is_no_finding_if_recorded(archive: Scene) -> None:
    key = first("/snapshots/")
    good, described = contents(key)[key].body, contents(key)[key].metadata
    replace(key)
    put_foreign(key, good, described)
    assert archive.verify(given={"everything": True})["named"] == []


def test_replaced_version_is_read_in_the_next_night(archive: Scene) -> None:
    archive.verify("before", {"everything": True})
    archive.night = 1
    assert archive.verify("quiet")["versions"]["read"] == 1, "the share of one night"
    archive.night = 2
    key = max(contents("notebooks/"))
    replace(key)
    assert [finding["key"] for finding in archive.verify("after")["named"]] == [key]


def test_error_message_under_a_snapshots_key_is_no_notebook(scene: Scene) -> None:
    key = scene.add_snapshot("error", b'{"error":{"code":498,"message":"Invalid token."}}')
    assert scene.verify()["named"][0]["kind"] == "not-a-notebook"
    damage(key)
    scene.night = 1
    assert scene.verify("two")["named"][0]["kind"] == "damaged"


def test_unrecorded_versions_are_a_figure(scene: Scene) -> None:
    scene.add_snapshot("before the ledger")
    report = scene.verify()
    assert (report["status"], report["versions"]["unrecorded"]) == ("complete", 1)
    scene.night = 1
    assert scene.verify("two")["versions"]["unrecorded"] == 0, "the first verification recorded it"
    delete(first("/snapshots/"))
    scene.night = 2
    assert scene.verify("three")["named"][0]["kind"] == "missing"


def test_version_without_a_checksum_of_s3_is_compared(archive: Scene) -> None:
    key = first("/snapshots/")
    held(key).checksum_algorithm = held(key).checksum_value = None
    archive.night = 40
    assert archive.verify(given={"everything": True})["named"] == []


def test_acknowledged_finding_fails_nothing(archive: Scene) -> None:
    delete(first("/snapshots/"))
    [finding] = archive.verify()["named"]
    archive.acknowledge(finding["findingId"])
    archive.night = 1
    report = archive.verify("two")
    assert report["status"] == "complete"
    [named] = report["named"]
    assert (named["state"], named["since"]) == ("acknowledged", finding["since"])
    assert named["acknowledgement"] == {"at": "2026-11-23T08:00:00Z", "by": "ana", "why": "expected"}
    assert report["findings"]["missing"] == {"new": 0, "open": 0, "acknowledged": 1}
    assert count_metrics(report)["FindingsAcknowledged"] == 1
    assert count_metrics(report)["VersionsMissing"] == 0


def test_another_replacement_is_not_acknowledged(archive: Scene) -> None:
    key = first("/snapshots/")
    replace(key)
    archive.acknowledge(archive.verify()["named"][0]["findingId"])
    replace(key, notebook("a second replacement"))
    archive.night = 1
    assert archive.verify("two")["status"] == "findings"


def test_open_finding_is_checked_until_it_is_gone(archive: Scene) -> None:
    key = first("/snapshots/")
    good, described = contents(key)[key].body, contents(key)[key].metadata
    delete(key)
    before = archive.verify()["named"][0]
    archive.night = 1
    again = archive.verify("two")
    assert [(each["state"], each["since"]) for each in again["named"]] == [("open", before["since"])]
    assert again["status"] == "findings"
    put_foreign(key, good, described)
    archive.night = 2
    assert archive.verify("three")["status"] == "complete"


def test_findings_of_documents_stay_open(archive: Scene) -> None:
    item, record = first("item.json"), next(iter(contents("records/")))
    archive.verify("before", {"everything": True})
    put_foreign(item, b"[]")
    damage(record)
    put_foreign("notebooks/old/", b"")
    archive.night = 1
    assert len(archive.verify("first", {"everything": True})["named"]) == 3
    archive.night = 2
    again = archive.verify("again")
    assert {(each["key"], each["state"]) for each in again["named"]} == {
        (item, "open"),
        (record, "open"),
        ("notebooks/old/", "open"),
    }
    destroy("notebooks/old/")
    destroy(item)
    destroy(record)
    archive.night = 3
    assert archive.verify("gone")["named"] == []


def test_findings_of_other_items_stay_open_in_a_chosen_run(archive: Scene) -> None:
    other = archive.add_snapshot("other")
    archive.record()
    delete(other)
    archive.verify()
    archive.night = 1
    report = archive.verify("chosen", {"itemIds": [digits("item")]})
    assert report["scope"] == "chosen"
    assert (report["versions"]["listed"], report["versions"]["read"]) == (4, 4)
    assert report["oldestUnprovedDays"] is None
    assert [each["key"] for each in report["named"]] == [other]


def test_removed_junk_is_not_missing(scene: Scene) -> None:
    key = put_junk("junk")
    assert scene.verify()["named"][0]["kind"] == "not-a-notebook"
    destroy(key)
    scene.night = 1
    assert scene.verify("two")["named"] == []


@pytest.mark.parametrize("planted", [70, pytest.param(1000, marks=pytest.mark.soak)])
def test_many_planted_defects_are_found_and_nothing_else(scene: Scene, planted: int) -> None:
    expected = plant_everywhere(scene, planted)
    report = scene.verify(given={"everything": True})
    found = {key: finding["kind"] for key, finding in scene.findings().items()}
    assert found == expected
    assert len(expected) == planted
    assert sum(states["new"] for states in report["findings"].values()) == planted
    assert report["versions"]["read"] > planted
    assert report["notices"] == []


def plant_everywhere(scene: Scene, planted: int) -> dict[str, str]:
    """Plant that many defects of all kinds among three times as many good objects. Return the kind by key."""
    kinds = [kind for kind in KINDS if kind != "not-replicated"]  # there is no second place
    expected: dict[str, str] = {}
    for number in range(planted):
        kind = kinds[number % len(kinds)]
        good = [scene.add_snapshot(f"good {number} {each}", item=number) for each in range(2)]
        scene.add_copy(number, item=number)
        if number % 3 == 0:
            scene.add_item(number)
        scene.record()
        if kind == "record-damaged":
            scene.add_snapshot(f"recorded {number}", item=number)
            key = scene.record()
            damage(key)
        elif kind == "foreign":
            key = f"notebooks/{digits(number)}/snapshots/{number}.txt"
            put_foreign(key, b"foreign")
        elif kind == "not-a-notebook":
            key = put_junk(number)
        else:
            key = good[number % 2]
            if kind == "missing":
                (delete if number % 4 else destroy)(key)
            elif kind == "damaged":
                damage(key)
            elif kind == "replaced":
                replace(key)
            else:
                scene.s3.faults.append(Fault("GetObject", "403-AccessDenied", times=None, part=key))
        expected[key] = kind
    return expected
