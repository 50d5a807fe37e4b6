"""Test restore tests: what they choose, what they prove, and that they leave nothing and touch nothing of a person."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local.arcgis import Item
from local.arcgis.deployment import Kind
from local.arcgis.sample_items import make_sample_items
from notebook_archive.archive import fold
from notebook_archive.errors import NotebookArchiveError, RunIdTaken, SecretMissing
from notebook_archive.restore_tests import count_metrics, describe_failures
from notebook_archive.restore_tests.choice import OWNER_DUE_DAYS, choose_versions
from notebook_archive.restore_tests.earlier_tests import read_attempts
from tests.conftest import FAULTY_RUNS
from tests.restore.conftest import MakeScene, body
from tests.restore.many import FOLDER, TEST_SECRET, TestBench, killed_after
from tests.restore.scene import KINDS, RestoreScene, put_object
from tests.runs.conftest import Record
from tests.strict_s3 import contents

MAX_CALLS = 400
UNDER_WAY_DAYS = 1


@pytest.fixture
def bench(scene: RestoreScene) -> TestBench:
    return TestBench(scene)


def versions() -> set[str]:
    """Return the keys of all archived versions."""
    return {key for key in contents("notebooks/") if "/snapshots/" in key or key.endswith(".ipynb")}


@pytest.mark.parametrize("kind", ["enterprise", *(pytest.param(kind, marks=pytest.mark.soak) for kind in KINDS[1:])])
def test_every_version_of_the_samples_reaches_level_5(
    make_scene: MakeScene, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notebook_archive.restore_tests.choice.MIN_VERSIONS", 50)
    bench = TestBench(make_scene(kind, make_sample_items))
    before = set(bench.scene.items)
    tested: dict[str, int] = {}
    while len(tested) < len(versions()):
        bench.night += OWNER_DUE_DAYS
        results = bench.run(f"night-{bench.night}")
        assert (results["status"], results["failed"]) == ("passed", 0), describe_failures(results)
        found = {each["key"]: each["level"] for each in results["tests"]}
        assert found.keys() - tested.keys(), "the versions that were never tested come first"
        tested |= found
    assert tested == dict.fromkeys(versions(), 5)
    assert set(bench.scene.items) == before


def test_tested_item_is_private_and_in_a_folder_of_its_own(bench: TestBench) -> None:
    seen: list[Item] = []
    organisation = bench.scene.site.deployment.organisation
    remove = organisation.remove

    def watch(item_id: str) -> Item | None:
        seen.append(organisation.items[item_id])
        return remove(item_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(organisation, "remove", watch)
        bench.run()
    assert {(each.owner, each.folder, each.access) for each in seen} == {("tester", FOLDER, "private")}
    names = {each.username for each in bench.scene.site.deployment.requests if each.username}
    assert names == {"tester"}


def test_only_the_secret_for_tests_is_read(bench: TestBench) -> None:
    bench.scene.site.secrets_read.clear()
    bench.run()
    assert set(bench.scene.site.secrets_read) == {TEST_SECRET}


def test_missing_secret_is_named(bench: TestBench) -> None:
    del bench.scene.site.secrets[TEST_SECRET]
    with pytest.raises(SecretMissing, match=TEST_SECRET):
        bench.run()


def test_results_are_evidence_for_the_ledger(bench: TestBench) -> None:
    results = bench.run()
    assert results["tests"]
    fold(bench.context.archive, bench.ledger, bench.began.date(), 4)
    for each in results["tests"]:
        entry = bench.ledger.read_shard(each["itemId"][:2]).entries[each["key"]]
        assert (entry.level, entry.restored_at) == (5, each["restoredAt"])
        assert entry.restore_seconds == each["restoreSeconds"]


def make_many() -> list[Item]:
    """Return three notebooks of ana, and one each of ben and gis_admin."""
    items = [Item("ana", f"Ana {number}", body(number)) for number in range(3)]
    return [*items, Item("ben", "Ben", body(8)), Item("gis_admin", "Admin", body(9))]


def choose(bench: TestBench, patch: pytest.MonkeyPatch, at_most: int, at_least: int) -> list[str]:
    patch.setattr("notebook_archive.restore_tests.choice.MAX_VERSIONS", at_most)
    patch.setattr("notebook_archive.restore_tests.choice.MIN_VERSIONS", at_least)
    fold(bench.context.archive, bench.ledger, bench.began.date(), 4)
    attempts = read_attempts(bench.context.archive, bench.began.date())
    now = int(bench.clock() * 1000)
    choice = choose_versions(bench.ledger, bench.context.reader, attempts, bench.account, now, 4)
    return [each.owner for each in choice.versions]


def test_each_owner_is_tested_before_more_of_one(make_scene: MakeScene) -> None:
    bench = TestBench(make_scene(items=make_many))
    with pytest.MonkeyPatch.context() as patch:
        assert sorted(choose(bench, patch, 3, 1)) == ["ana", "ben", "gis_admin"]
        bench.run("first")
        bench.night = 1
        # Nobody is due, so the least proved versions fill the test: the two of ana that were never tested.
        assert choose(bench, patch, 3, 2) == ["ana", "ana"]
        bench.night = OWNER_DUE_DAYS
        assert sorted(choose(bench, patch, 3, 1)) == ["ana", "ben", "gis_admin"]


def test_owners_who_do_not_fit_come_first_next_time(make_scene: MakeScene) -> None:
    bench = TestBench(make_scene(items=make_many))
    with pytest.MonkeyPatch.context() as patch:
        [first] = choose(bench, patch, 1, 1)
        assert bench.run("first")["ownersOverdue"] == 2
        bench.night = 1
        [second] = choose(bench, patch, 1, 1)
        assert second != first


def test_notebooks_of_the_test_account_are_not_tested(make_scene: MakeScene) -> None:
    bench = TestBench(make_scene(items=lambda: [*make_many(), Item("tester", "Archived while it was tested", body(7))]))
    assert "tester" not in {each["owner"] for each in bench.run()["tests"]}


def test_version_with_an_open_finding_is_not_tested(bench: TestBench) -> None:
    fold(bench.context.archive, bench.ledger, bench.began.date(), 4)
    [key] = [key for key in versions() if key.endswith(".ipynb") and bench.scene.site.item("Second").id in key]
    run, day = "2026-11-22/night", int(bench.clock() * 1000)
    line = {"key": key, "finding": ["0" * 12], "findingAt": day, "findingSince": day}
    document = {"schema": 1, "runId": run, "versions": [line]}
    bench.context.archive.put_document_once(f"verifications/{run}/results/000001.json", document)
    assert key not in {each["key"] for each in bench.run()["tests"]}


def test_damaged_version_fails_and_others_go_on(bench: TestBench) -> None:
    damaged = bench.scene.site.item("Second").id
    for key in versions():
        if damaged in key:
            put_object(key, b"damaged")
    results = bench.run()
    assert (results["status"], results["passed"], results["failed"]) == ("failed", 1, 1) or results["failed"] >= 1
    assert results["passed"] >= 1
    failed = [each for each in results["tests"] if "problem" in each]
    assert {each["problem"]["reason"] for each in failed} == {"archive-damaged"}
    assert not {each["key"] for each in failed} & {line["key"] for line in results["versions"]}
    assert "was altered after it was archived" in results["message"]
    assert count_metrics(results)["RestoreTestsFailed"] == results["failed"]


def test_missing_properties_are_no_failure(bench: TestBench) -> None:
    item_id = bench.scene.site.item("Second").id
    put_object(f"notebooks/{item_id}/item.json", b"{}")
    results = bench.run()
    assert (results["status"], results["failed"]) == ("passed", 0)
    assert 4 in {each["level"] for each in results["tests"] if each["itemId"] == item_id}


def test_item_of_a_person_in_the_folder_stays(bench: TestBench) -> None:
    organisation = bench.scene.site.deployment.organisation
    theirs = organisation.add(Item("tester", "Flood model", body(77), folder=FOLDER))
    organisation.folders.setdefault("tester", []).append(FOLDER)
    assert bench.run()["status"] == "passed"
    assert organisation.items[theirs.id] is theirs
    assert [each.title for each in organisation.items.values() if each.folder == FOLDER] == ["Flood model"]


def leave_something(bench: TestBench) -> set[str]:
    """Let a test crash after it made an item. Return the ids of what is left."""
    before = set(bench.scene.items)
    bench.threads = 1
    with killed_after(0, "/addItem"):
        bench.start()
        bench.run("crashed")
    bench.start()
    return set(bench.scene.items) - before


def test_next_test_removes_what_a_crash_left(bench: TestBench) -> None:
    organisation = bench.scene.site.deployment.organisation
    theirs = organisation.add(Item("tester", "Mine", body(77), folder=FOLDER))
    left = leave_something(bench)
    assert left
    bench.run("too-early")
    assert left <= set(bench.scene.items), "a test that may still be under way is left alone"
    bench.night = UNDER_WAY_DAYS
    assert bench.run("next")["status"] == "passed"
    assert not left & set(bench.scene.items)
    assert organisation.items[theirs.id] is theirs


def test_leftover_that_a_person_changed_stays_and_is_named_once(bench: TestBench) -> None:
    [left] = leave_something(bench)
    item = bench.scene.items[left]
    item.title = "Mine now"
    bench.night = UNDER_WAY_DAYS
    results = bench.run("next")
    assert bench.scene.items[left] is item
    assert [each["reason"] for each in results["leftovers"]] == ["restore-touched"]
    assert left in results["leftovers"][0]["message"]
    assert bench.run("after-next")["leftovers"] == []


def test_test_that_was_begun_before_is_refused(bench: TestBench) -> None:
    bench.run("same")
    written = set(contents("restore"))
    bench.start()
    with pytest.raises(RunIdTaken, match="was begun before"):
        bench.run("same")
    assert set(contents("restore")) == written


def test_time_that_is_over_leaves_the_rest(bench: TestBench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("notebook_archive.restore_tests.run_tests.RESERVED_SHARE", 2.0)
        results = bench.run()
    assert (results["passed"], results["failed"]) == (0, 0)
    assert results["notReached"] > 0


def kill_and_repeat(bench: TestBench, call: int) -> bool:
    """Kill a test after a call, and check that the next one leaves nothing. Return whether there were so many calls."""
    before: dict[str, Any] = dict(bench.scene.items)
    bench.night += UNDER_WAY_DAYS
    with killed_after(call) as kill:
        bench.start()
        bench.run(f"killed-{call}")
    bench.start()
    bench.night += UNDER_WAY_DAYS
    results = bench.run(f"after-{call}")
    assert (results["status"], results["leftovers"]) == ("passed", []), results["message"]
    assert dict(bench.scene.items) == before
    return kill.calls > call


def one_item() -> list[Item]:
    return [Item("ana", "Only", body(1), folder="Models")]


def sweep(strike: Callable[[TestBench, int], bool], bench: TestBench, step: int) -> int:
    """Strike at every `step`th call, until there are no more. Return the number of strikes."""
    for count, call in enumerate(range(0, MAX_CALLS, step)):
        if not strike(bench, call):
            return count
    raise AssertionError


def test_killed_test_is_cleaned_up_by_the_next(make_scene: MakeScene, record_property: Record) -> None:
    bench = TestBench(make_scene(items=one_item), threads=1)
    count = sweep(kill_and_repeat, bench, 5)
    record_property(FAULTY_RUNS, ["kill", "restore test", count])


def fail_and_repeat(bench: TestBench, number: int) -> bool:
    """Let one call to ArcGIS fail, and check that the next test leaves nothing. Return whether a call failed."""
    before: dict[str, Any] = dict(bench.scene.items)
    bench.night += UNDER_WAY_DAYS
    bench.start()
    faults = bench.scene.site.deployment.faults
    fault = faults.add("*", after=number, times=1, kind="reset")
    with suppress(NotebookArchiveError):  # the test cannot begin without its account
        results = bench.run(f"failing-{number}")
        assert results["status"] == ("failed" if describe_failures(results) else "passed")
    struck = bool(fault.struck)
    faults.clear()
    bench.start()
    bench.night += UNDER_WAY_DAYS
    results = bench.run(f"after-{number}")
    assert (results["status"], results["leftovers"]) == ("passed", []), results["message"]
    assert dict(bench.scene.items) == before
    return struck


def test_one_failed_call_leaves_nothing(make_scene: MakeScene, record_property: Record) -> None:
    bench = TestBench(make_scene(items=one_item), threads=1)
    count = sweep(fail_and_repeat, bench, 5)
    assert count > 1
    record_property(FAULTY_RUNS, ["failed call", "restore test", count])


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_test_killed_at_each_call_is_cleaned_up(make_scene: MakeScene, kind: Kind, record_property: Record) -> None:
    bench = TestBench(make_scene(kind, one_item), threads=1)
    count = sweep(kill_and_repeat, bench, 1)
    record_property(FAULTY_RUNS, ["kill", f"restore test, {kind}", count])


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_each_failed_call_leaves_nothing(make_scene: MakeScene, kind: Kind, record_property: Record) -> None:
    count = sweep(fail_and_repeat, TestBench(make_scene(kind, one_item), threads=1), 1)
    record_property(FAULTY_RUNS, ["failed call", f"restore test, {kind}", count])


def test_calls_of_a_restore_test(bench: TestBench, record_property: Record) -> None:
    bench.run("first")
    site = bench.scene.site
    site.s3.calls.clear()
    site.deployment.requests.clear()
    bench.night = OWNER_DUE_DAYS
    results = bench.run("second")
    assert len(results["tests"]) == 2
    ledger = sum(key.startswith(("ledger/", "/ledger")) or "ledger/" in key for _, key in site.s3.calls)
    arcgis, s3 = len(site.deployment.requests), len(site.s3.calls) - ledger
    record_property("calls of 2 tests", json.dumps({"ArcGIS": arcgis, "S3": s3, "ledger": ledger}))
    assert arcgis <= 2 * 25
    assert s3 <= 2 * 45
