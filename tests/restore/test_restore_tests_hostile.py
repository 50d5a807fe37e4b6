"""Attack restore tests: versions that always fail, damaged and forged notes, and defects."""

import json

import pytest

from local.arcgis import Item
from notebook_archive.errors import ArcGISUnavailable
from notebook_archive.restore_tests import choice
from tests.restore.conftest import MakeScene, body
from tests.restore.many import TestBench
from tests.restore.scene import RestoreScene, put_object
from tests.restore.test_restore_tests import UNDER_WAY_DAYS, make_many, versions

DAMAGES = (b"not JSON", b"[]", b'{"startedAt": 1, "versions": [1]}')


@pytest.fixture
def bench(scene: RestoreScene) -> TestBench:
    return TestBench(scene)


def damage_versions(bench: TestBench, title: str) -> None:
    for key in versions():
        if bench.scene.site.item(title).id in key:
            put_object(key, b"damaged")


def test_failing_owner_does_not_starve_the_others(make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = TestBench(make_scene(items=make_many))
    monkeypatch.setattr(choice, "MAX_VERSIONS", 1)
    monkeypatch.setattr(choice, "MIN_VERSIONS", 1)
    damage_versions(bench, "Ben")
    tested = []
    for bench.night in range(6):
        tested += [each["owner"] for each in bench.run(f"night-{bench.night}")["tests"]]
    assert set(tested[:3]) == {"ana", "ben", "gis_admin"}
    assert tested[3:] == ["ben"] * 3, "an owner of whom nothing passed is tried again"


def test_failing_version_does_not_hide_the_owners_others(
    make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = TestBench(make_scene(items=lambda: [Item("ana", f"Ana {number}", body(number)) for number in range(3)]))
    monkeypatch.setattr(choice, "MIN_VERSIONS", 1)
    damage_versions(bench, "Ana 0")
    damage_versions(bench, "Ana 1")
    passed = 0
    for bench.night in range(3):
        passed += bench.run(f"night-{bench.night}")["passed"]
    assert passed == 1


def test_owner_of_whom_nothing_passed_is_overdue(make_scene: MakeScene) -> None:
    bench = TestBench(make_scene(items=make_many))
    damage_versions(bench, "Ben")
    results = bench.run()
    assert (results["failed"], results["ownersOverdue"]) == (1, 1)


def put_plan(bench: TestBench, name: str, keys: list[str]) -> None:
    """Leave the plan of a test that was killed."""
    plan = {"startedAt": bench.began.isoformat(), "versions": [{"key": key} for key in keys]}
    bench.context.archive.put_document_once(f"restore-tests/{bench.began.date()}/{name}/plan.json", plan)


def test_versions_of_a_test_that_was_killed_come_last(make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = TestBench(make_scene(items=make_many))
    monkeypatch.setattr(choice, "MAX_VERSIONS", 1)
    monkeypatch.setattr(choice, "MIN_VERSIONS", 1)
    put_plan(bench, "killed", [key for key in versions() if bench.scene.site.item("Ben").id not in key])
    assert [each["owner"] for each in bench.run()["tests"]] == ["ben"]


def test_portal_that_was_down_for_a_month_is_caught_up(make_scene: MakeScene) -> None:
    bench = TestBench(make_scene(items=make_many))
    bench.run("first")
    bench.night = 40
    bench.scene.site.deployment.faults.add("*", kind="reset", times=1000)
    with pytest.raises(ArcGISUnavailable):
        bench.run("down")
    bench.scene.site.deployment.faults.clear()
    bench.start()
    results = bench.run("up")
    assert {each["owner"] for each in results["tests"]} == {"ana", "ben", "gis_admin"}
    assert results["ownersOverdue"] == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_plan_of_a_test_is_named_once(bench: TestBench, damage: bytes) -> None:
    put_object(f"restore-tests/{bench.began.date()}/broken/plan.json", damage)
    bench.night = UNDER_WAY_DAYS
    results = bench.run("next")
    assert [each["reason"] for each in results["leftovers"]] == ["archive-damaged"]
    assert results["failed"] == 0
    assert bench.run("after")["leftovers"] == []


def test_forged_plan_undoes_no_other_restore(bench: TestBench) -> None:
    restored = bench.scene.restore(bench.scene.site.item("Flood model"), "new", owner="tester", folder="")
    forged = {"startedAt": "2026-11-22T02:00:00Z", "versions": [{"key": "x", "restoreId": restored["restoreId"]}]}
    put_object(f"restore-tests/{bench.began.date()}/forged/plan.json", json.dumps(forged).encode())
    bench.night = UNDER_WAY_DAYS
    assert bench.run("next")["status"] == "passed"
    assert restored["newItemId"] in bench.scene.items


def test_leftover_of_an_account_that_was_replaced_is_named_once(bench: TestBench) -> None:
    item, request_id = bench.scene.site.item("Flood model"), f"test-{bench.began.date()}/killed-1"
    left = bench.scene.restore(item, "new", owner="tester", folder="", requestId=request_id)["newItemId"]
    put_plan(bench, "killed", ["any"])
    other = TestBench(bench.scene, account="ana", night=UNDER_WAY_DAYS)
    assert [each["reason"] for each in other.run("next")["leftovers"]] == ["restore-forbidden"]
    assert left in bench.scene.items
    assert other.run("after")["leftovers"] == []
