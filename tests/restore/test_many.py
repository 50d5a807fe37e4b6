"""Test restores of many notebooks: what is chosen, whose they become, the report, and interruptions."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.arcgis import Item
from local.arcgis.deployment import Kind
from local.arcgis.sample_items import make_sample_items
from notebook_archive.bulk_restore import count_metrics, read_request
from notebook_archive.errors import RestoreInputInvalid
from tests.conftest import FAULTY_RUNS
from tests.restore.conftest import MakeScene, body
from tests.restore.many import ManyScene, empty, killed_after
from tests.restore.scene import KINDS, RestoreScene, changes, put_object
from tests.runs.conftest import Record
from tests.strict_s3 import contents

MAX_CALLS = 400


@pytest.fixture
def many(scene: RestoreScene) -> ManyScene:
    return ManyScene(scene)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "names 0 of the fields"),
        ({"everything": True, "owner": "ana"}, "names 2 of the fields"),
        ({"everything": False}, "can only be true"),
        ({"owner": ""}, "The field 'owner' is not a text"),
        ({"itemIds": []}, "itemIds is empty"),
        ({"itemIds": ["../x"]}, "Not an item id"),
        ({"everything": True, "at": "yesterday"}, "neither a date"),
        ({"everything": True, "at": "2026-11-28T06:00:00"}, "neither a date"),
        ({"everything": True, "at": 7}, "neither a date"),
        ({"everything": True, "owners": ["ana"]}, "The field 'owners' is not an object"),
        ({"everything": True, "owners": {"ana": "ben", "Ana": "cy"}}, "differ only in upper and lower case"),
        ({"everything": True, "owners": {"ana": 7}}, "The field 'owners' is not an object"),
        ({"everything": True, "to": "https://gis.example.com"}, "The field 'to' is not an object"),
        ({"everything": True, "dryRun": "yes"}, "can only be true"),
        ({"resume": "one"}, "not a run id"),
        ({"resume": "2026-11-22/one", "owners": {"ana": "ben"}}, "those of the earlier execution"),
        ({"everything": True, "from": "elsewhere"}, "The field 'from' is not one of"),
        ({"resume": "2026-11-22/one", "from": "second-place"}, "those of the earlier execution"),
        ({"everything": True, "colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_invalid_input_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(RestoreInputInvalid, match=words):
        read_request(given)


def test_date_stands_for_the_end_of_the_day() -> None:
    assert read_request({"everything": True, "at": "2026-11-28"}).before == 1_795_910_399_999
    assert read_request({"everything": True, "at": "2026-11-28T00:00:00+01:00"}).before == 1_795_820_400_000


@pytest.mark.parametrize("kind", KINDS)
def test_whole_archive_comes_back_in_an_empty_portal(make_scene: MakeScene, kind: Kind) -> None:
    scene = make_scene(kind, make_sample_items)
    many, to = ManyScene(scene), scene.to_other()
    empty(scene.other)
    notebooks = {key.split("/")[1] for key in contents("notebooks/")}
    given = {"everything": True, "to": to, "owners": {"ana": "ben", "*": "ana"}}
    report = many.restore(given)
    assert (report["status"], report["scope"]) == ("complete", "everything"), report["message"]
    restored = report["notebooks"]["restored"]
    assert restored + sum(report["notebooks"]["skipped"].values()) == len(notebooks)
    assert restored == len(scene.other.organisation.items) > 3
    assert sum(report["levels"].values()) == restored
    for line in many.items():
        if line["state"] == "skipped":
            continue
        made, item = scene.other.organisation.items[line["newItemId"]], scene.items[line["itemId"]]
        assert made.owner == line["owner"] == ("ben" if item.owner == "ana" else "ana")
        assert (made.title, made.content) == (item.title, item.content)


def test_owner_gets_all_notebooks_back(many: ManyScene) -> None:
    scene = many.scene
    item = scene.site.item("Flood model")
    scene.delete(item)
    scene.site.deployment.organisation.groups.append("Rivers")
    report = many.restore({"owner": "ana"})
    assert (report["scope"], report["notebooks"]["restored"]) == ("owner", 1)
    [line] = many.items()
    made = scene.items[line["newItemId"]]
    assert (line["itemId"], made.owner, made.folder, made.access) == (item.id, "ana", "Models", "org")
    assert (line["level"], line["differences"]) == (5, [])


def test_chosen_items_are_restored(many: ManyScene) -> None:
    item, unknown = many.scene.site.item("Second"), "0" * 32
    report = many.restore({"itemIds": [item.id, unknown]})
    assert (report["status"], report["notebooks"]["restored"]) == ("partial", 1)
    assert report["notebooks"]["failed"] == {"version-missing": 1}
    [failed] = report["named"]
    assert failed["itemId"] == unknown
    assert f"no version of notebook {unknown}" in report["message"]


def test_newest_content_is_restored(many: ManyScene) -> None:
    item = many.scene.site.item("Flood model")
    many.restore({"itemIds": [item.id]})
    [line] = many.items()
    assert many.scene.items[line["newItemId"]].content == newest(item)


def newest(item: Item) -> object:
    """Return the newest content: that of the item, or of a snapshot that was made later."""
    latest = max(item.snapshots, key=lambda snapshot: snapshot.created)
    return item.content if item.modified > latest.created else latest.content


def test_content_of_an_earlier_time_is_restored(many: ManyScene) -> None:
    item = many.scene.site.item("Flood model")
    first, last = item.snapshots[0], item.snapshots[-1]
    assert first.created < last.created
    for at in (first.created, last.created):
        name = f"at-{at}"
        moment = datetime.fromtimestamp(at / 1000, UTC).isoformat()
        assert many.restore({"itemIds": [item.id], "at": moment}, name)["status"] == "complete"
        [line] = many.items(name)
        content = many.scene.items[line["newItemId"]].content
        times = {snapshot.created: snapshot.content for snapshot in item.snapshots} | {item.modified: item.content}
        assert content == times[max(time for time in times if time <= at)]


def test_notebook_without_early_content_is_skipped(many: ManyScene) -> None:
    report = many.restore({"everything": True, "at": "2001-01-01"})
    assert report["status"] == "complete"
    assert report["notebooks"]["skipped"] == {"version-missing": len(many.items())}
    assert "2001-01-01T23:59:59.999Z or earlier" in many.items()[0]["problem"]["message"]


def test_missing_owner_is_a_named_failure(many: ManyScene) -> None:
    scene = many.scene
    report = many.restore({"everything": True, "to": scene.to_other(), "owners": {"ana": "nobody"}})
    assert (report["status"], report["notebooks"]["failed"]) == ("partial", {"owner-missing": 1})
    [failed] = report["named"]
    assert (failed["title"], failed["archivedOwner"], failed["owner"]) == ("Flood model", "ana", "nobody")
    assert "no member 'nobody'" in report["message"]
    assert report["notebooks"]["restored"] == 1


def test_failed_notebook_does_not_stop_the_others(many: ManyScene) -> None:
    item = many.scene.site.item("Flood model")
    for key in contents(f"notebooks/{item.id}/"):
        if "/snapshots/" in key or "/current/" in key:
            put_object(key, b"damaged")
    report = many.restore({"everything": True})
    assert report["status"] == "partial"
    assert report["notebooks"]["restored"] == 1
    assert report["notebooks"]["failed"] == {"archive-damaged": 1}
    assert count_metrics(report) == {
        "BulkRestoreComplete": 0,
        "BulkNotebooksRestored": 1,
        "BulkNotebooksAlreadyRestored": 0,
        "BulkNotebooksSkipped": 0,
        "BulkNotebooksFailed": 1,
    }


def test_dry_run_changes_nothing_and_can_be_carried_out(many: ManyScene) -> None:
    scene = many.scene
    report = many.restore({"everything": True, "dryRun": True}, "dry")
    assert (report["status"], report["dryRun"]) == ("complete", True)
    assert (report["notebooks"]["planned"], report["notebooks"]["restored"]) == (2, 0)
    assert changes(scene.site.deployment) == []
    assert contents("restores/") == {}
    assert all(line["plan"][0].startswith("Add the item") for line in many.items("dry"))
    resumed = many.restore({"resume": "2026-11-22/dry"})
    assert (resumed["status"], resumed["scope"], resumed["notebooks"]["restored"]) == ("complete", "resumed", 2)


def test_resumed_restore_restores_nothing_twice(many: ManyScene) -> None:
    given = {"everything": True, "owners": {"ana": "ben"}}
    first = many.restore(given)
    count = len(many.scene.items)
    again = many.restore({"resume": first["runId"]}, "again")
    assert (again["status"], again["notebooks"]["alreadyRestored"], again["notebooks"]["restored"]) == (
        "complete",
        2,
        0,
    )
    assert len(many.scene.items) == count
    assert [line["newItemId"] for line in many.items("again")] == [line["newItemId"] for line in many.items()]


def test_unknown_plan_cannot_be_resumed(many: ManyScene) -> None:
    report = many.restore({"resume": "2026-11-22/unknown"})
    assert report["status"] == "failed"
    assert "no plan of a bulk restore 2026-11-22/unknown" in report["message"]


def test_same_name_is_refused_for_another_execution(many: ManyScene) -> None:
    many.restore({"owner": "ana"})
    many.started_at = many.started_at.replace("02:00", "03:00")
    with pytest.raises(Exception, match="already used by another execution"):
        many.plan("many", {"owner": "ben"})


def test_crashed_batch_is_reported_by_the_records(many: ManyScene) -> None:
    plan = many.plan("many", {"everything": True})
    [batch] = many.batches(plan)
    many.threads = 1
    with killed_after(30):
        many.start()
        many.work("many", batch)
    many.start()
    report = many.report("many", {"everything": True}, plan)
    assert report["status"] == "partial"
    assert report["notebooks"]["failed"]["batch-crashed"] >= 1
    assert report["notebooks"]["attempted"] == 2
    resumed = many.restore({"resume": report["runId"]}, "again")
    assert resumed["status"] == "complete"
    assert len(many.scene.items) == 4


def test_unstarted_notebooks_are_handed_back(many: ManyScene) -> None:
    [batch] = many.batches(many.plan("many", {"everything": True}))
    many.threads, many.scene.seconds = 1, 0.0
    rest = many.work("many", batch)
    assert rest is not None
    # The first was started and ran out of time, so that it is repeated once. The second was not started.
    assert [each.get("isRepeated", False) for each in rest["notebooks"]] == [True, False]
    assert rest["part"] == 1
    many.scene.seconds = 60.0
    many.threads = 2
    assert many.work("many", rest) is None


def kill_and_resume(many: ManyScene, call: int) -> bool:
    """Kill a batch after a call, repeat it, and check that each notebook was restored once.

    Return whether there were so many calls.
    """
    name, scene = f"kill-{call}", many.scene
    before = set(scene.items)
    [batch] = many.batches(plan := many.plan(name, {"everything": True}))
    with killed_after(call) as kill:
        many.start()
        many.work(name, batch)
    many.start()
    assert many.work(name, batch) is None
    report = many.report(name, {"everything": True}, plan)
    assert report["status"] == "complete", report["message"]
    made = {line["newItemId"] for line in many.items(name)}
    assert made == set(scene.items) - before
    assert len(made) == len(batch["notebooks"])
    assert not any("notebook-archive-restore" in word for each in made for word in scene.items[each].type_keywords)
    for item_id in made:
        scene.site.deployment.organisation.remove(item_id)
    return kill.calls > call


def sweep(many: ManyScene, step: int) -> int:
    """Kill at every `step`th call, until there are no more. Return the number of kills."""
    for count, call in enumerate(range(0, MAX_CALLS, step)):
        if not kill_and_resume(many, call):
            return count
    raise AssertionError


def one_item() -> list[Item]:
    return [Item("ana", "Only", body(1), folder="Models")]


def test_killed_batch_is_completed_by_its_repetition(make_scene: MakeScene, record_property: Record) -> None:
    count = sweep(ManyScene(make_scene(items=one_item), threads=1), 1)
    assert count > 20
    record_property(FAULTY_RUNS, ["kill", "restore of many", count])


def fail_and_resume(many: ManyScene, number: int) -> bool:
    """Let one call to ArcGIS fail, and resume the bulk restore. Return whether a call failed."""
    name, scene = f"fail-{number}", many.scene
    before = set(scene.items)
    many.start()
    fault = scene.site.deployment.faults.add("*", after=number, times=1, kind="http-500")
    first = many.restore({"everything": True}, name)
    struck = bool(fault.struck)
    scene.site.deployment.faults.clear()
    many.start()
    report = many.restore({"resume": first["runId"]}, f"{name}-again")
    assert report["status"] == "complete", report["message"]
    made = {line["newItemId"] for line in many.items(f"{name}-again")}
    assert made == set(scene.items) - before
    for item_id in made:
        scene.site.deployment.organisation.remove(item_id)
    return struck


def test_one_failed_call_restores_nothing_twice(make_scene: MakeScene, record_property: Record) -> None:
    many = ManyScene(make_scene(items=one_item), threads=1)
    count = next(number for number in range(MAX_CALLS) if not fail_and_resume(many, number))
    assert count > 5
    record_property(FAULTY_RUNS, ["failed call", "restore of many", count])


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_batch_killed_at_each_call_converges(make_scene: MakeScene, kind: Kind, record_property: Record) -> None:
    count = sweep(ManyScene(make_scene(kind), threads=2), 1)
    record_property(FAULTY_RUNS, ["kill", f"restore of many, {kind}", count])


def test_calls_of_a_bulk_restore(many: ManyScene, record_property: Record) -> None:
    many.scene.site.s3.calls.clear()
    report = many.restore({"everything": True})
    assert report["notebooks"]["restored"] == 2
    arcgis, s3 = len(many.scene.site.deployment.requests), len(many.scene.site.s3.calls)
    record_property("calls for 2 notebooks", json.dumps({"ArcGIS": arcgis, "S3": s3, "seconds": report["seconds"]}))
    assert arcgis <= 2 * 20
    assert s3 <= 2 * 25
