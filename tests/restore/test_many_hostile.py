"""Attack bulk restores: owners that nobody has, damaged objects, names that are used twice, and too little time."""

from typing import Any

import pytest

from notebook_archive.errors import ArchiveDamaged, RestoreInputInvalid
from tests.restore.many import ManyScene
from tests.restore.scene import RestoreScene, delete_object, put_object
from tests.strict_s3 import contents

DAMAGES = (b"not JSON", b"[1]", b'{"seconds": 1, "outcomes": [{}], "notebooks": 7}')
RUN = "bulk-restores/2026-11-22/many"


@pytest.fixture
def many(scene: RestoreScene) -> ManyScene:
    return ManyScene(scene)


def test_owner_is_found_in_any_case(many: ManyScene) -> None:
    report = many.restore({"owner": "ANA", "owners": {"Ana": "ben"}})
    assert (report["status"], report["notebooks"]["restored"]) == ("complete", 1)
    assert [line["owner"] for line in many.items()] == ["ben"]


def test_owner_without_notebooks_is_refused(many: ManyScene) -> None:
    report = many.restore({"owner": "nobody"})
    assert report["status"] == "failed"
    assert "The archive has no notebook of owner 'nobody'." in report["message"]


def test_empty_archive_is_refused(many: ManyScene) -> None:
    for key in contents("notebooks/"):
        delete_object(key)
    report = many.restore({"everything": True})
    assert (report["status"], report["notebooks"]["attempted"]) == ("failed", 0)
    assert "The archive has no notebook to restore." in report["message"]


def test_name_of_an_earlier_day_restores_again(many: ManyScene) -> None:
    many.restore({"owner": "ana"})
    [first] = many.items()
    many.started_at = "2027-05-22T02:00:00.000Z"
    report = many.restore({"owner": "ana"})
    assert (report["status"], report["notebooks"]["restored"]) == ("complete", 1)
    [second] = many.items()
    assert second["newItemId"] != first["newItemId"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_plan_is_reported_and_not_resumed(many: ManyScene, damage: bytes) -> None:
    given = {"everything": True}
    plan = many.plan("many", given)
    put_object(plan["planKey"], damage)
    report = many.report("many", given, plan)
    assert (report["status"], report["error"] and report["error"]["reason"]) == ("failed", "outcomes-lost")
    assert f"The outcomes of 2 notebooks are not known, because an object below {RUN}/" in report["message"]
    assert many.restore({"resume": "2026-11-22/many"}, "again")["status"] == "failed"


@pytest.mark.parametrize("damage", [*DAMAGES, b"[" * 200_000])
def test_damaged_claim_of_a_run_id_is_named(many: ManyScene, damage: bytes) -> None:
    given = {"everything": True}
    plan = many.plan("many", given)
    put_object(f"{RUN}/run.json", damage)
    with pytest.raises(
        ArchiveDamaged, match=r"run\.json does not say which execution has the run id 2026-11-22/many\. "
    ):
        many.report("many", given, plan)


def test_missing_plan_is_reported(many: ManyScene) -> None:
    given = {"everything": True}
    plan = many.plan("many", given)
    delete_object(plan["planKey"])
    assert "The outcomes of 2 notebooks are not known" in many.report("many", given, plan)["message"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_hide_no_failure(many: ManyScene, damage: bytes) -> None:
    given = {"itemIds": [many.scene.site.item("Second").id, "0" * 32]}
    plan = many.plan("many", given)
    [batch] = many.batches(plan)
    many.work("many", batch)
    put_object(f"{RUN}/results/000001.json", damage)
    report = many.report("many", given, plan)
    assert (report["status"], report["notebooks"]["restored"]) == ("partial", 1), "the record of the restore counts"
    put_object(f"{RUN}/results/plan.json", damage)
    report = many.report("many", given, plan)
    assert (report["status"], report["notebooks"]["restored"]) == ("failed", 1)
    assert "The outcomes of 1 notebook are not known" in report["message"]


def test_failed_attempt_does_not_hide_a_restored_item(many: ManyScene) -> None:
    given = {"owner": "ana"}
    plan = many.plan("many", given)
    [batch] = many.batches(plan)
    faults = many.scene.site.deployment.faults
    faults.add("*", kind="reset", times=1000)
    many.work("many", batch)
    faults.clear()
    many.start()
    many.restore({"resume": "2026-11-22/many"}, "meanwhile")
    many.work("many", batch)
    report = many.report("many", given, plan)
    assert (report["status"], report["notebooks"]["alreadyRestored"], report["bytes"]) == ("complete", 1, 0), report[
        "message"
    ]


def test_content_that_was_seen_again_is_the_newest(many: ManyScene) -> None:
    item_id = many.scene.site.item("Flood model").id
    given = {"itemIds": [item_id]}
    [copy] = [key for key in contents(f"notebooks/{item_id}/current/") if key.endswith(".ipynb")]
    digest = copy.rpartition("-")[2].removesuffix(".ipynb")
    assert planned_version(many, "before", given).startswith("snapshot-")
    put_object(f"notebooks/{item_id}/current/1800000000000-{digest}.seen", b"{}")
    assert copy.endswith(planned_version(many, "after", given))


def planned_version(many: ManyScene, name: str, given: dict[str, Any]) -> str:
    [batch] = many.batches(many.plan(name, given))
    return batch["notebooks"][0]["resourceKey"]


def test_other_properties_are_part_of_the_message(many: ManyScene) -> None:
    put_object(f"notebooks/{many.scene.site.item('Second').id}/item.json", b"{}")
    message = many.restore({"everything": True})["message"]
    assert "1 new item has other properties than archived" in message


def test_plan_without_enough_time_is_refused(many: ManyScene) -> None:
    many.plan_seconds = 0.0
    with pytest.raises(RestoreInputInvalid, match="There was only time to plan 0 notebooks"):
        many.plan("many", {"everything": True})
    assert [key for key in contents("bulk-restores/") if "plan" in key] == []


def test_oversized_owner_in_the_archive_is_ignored(many: ManyScene) -> None:
    item_id = many.scene.site.item("Flood model").id
    put_object(f"notebooks/{item_id}/item.json", b'{"owner": "%s"}' % (b"o" * 300_000))
    plan = many.plan("many", {"itemIds": [item_id]})
    assert [each["owner"] for batch in many.batches(plan) for each in batch["notebooks"]] == ["ana"]
