"""Test that the plan lists each notebook once, in batches that fit into the input of a Step Functions state."""

import json
import tracemalloc

import pytest

from local.arcgis import Seed
from notebook_archive.arcgis.portal import Organization
from notebook_archive.archive import ArchivedNotebook
from notebook_archive.backup.planned import MAX_PLANNED_SNAPSHOTS, plan_notebook
from notebook_archive.errors import RunIdTaken, RunInputInvalid
from notebook_archive.models import (
    DIGEST_LENGTH,
    MAX_OWNER,
    MAX_TITLE,
    ItemId,
    NotebookItem,
    ResourceKey,
    join_digests,
    split_digests,
)
from notebook_archive.runs import read_item_ids
from tests.runs.conftest import MakeSite
from tests.site import STARTED_AT, Site, check_report, read_report, stored_snapshots
from tests.strict_s3 import contents

ORGANIZATION = Organization(
    id="one",
    is_on_kubernetes=False,
    is_online=False,
    username="admin",
    can_view_items=True,
    can_update_items=True,
    host="",
)
# Maximum size of a state's input in Step Functions. Here, the input is a line of the plan with the run's id and time.
STATE_BYTES = 262_144


def test_batches_have_at_most_the_configured_size(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=23, size=300), batch_size=5)
    plan = site.plan()
    batches = site.batches(plan)
    assert [len(batch["notebooks"]) for batch in batches] == [5, 5, 5, 5, 3]
    assert [batch["number"] for batch in batches] == [1, 2, 3, 4, 5]
    assert {batch["part"] for batch in batches} == {0}
    assert (plan["batches"], plan["notebooks"], plan["scope"]) == (5, 23, "everything")
    planned = [planned["itemId"] for batch in batches for planned in batch["notebooks"]]
    assert sorted(planned) == sorted(item.id for item in site.deployment.organisation.notebooks())


def test_batches_with_long_texts_fit_the_state_limit(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=40, size=300))
    for item in site.deployment.organisation.notebooks():
        item.description = "é" * 5000
    plan = site.plan()
    lines = contents(plan["planKey"])[plan["planKey"]].body.splitlines()
    assert 1 < len(lines) < 20
    assert max(map(len, lines)) < STATE_BYTES * 0.8
    assert sum(len(batch["notebooks"]) for batch in site.batches(plan)) == 40


@pytest.mark.parametrize("field", ["description", "tags"])
def test_huge_properties_of_one_notebook_do_not_stop_the_plan(small: Site, field: str) -> None:
    huge = small.item("First")
    huge.description, huge.tags = ("x" * 400_000, []) if field == "description" else (None, ["x" * 400_000])
    plan = small.plan()
    lines = contents(plan["planKey"])[plan["planKey"]].body.splitlines()
    assert max(map(len, lines)) < STATE_BYTES * 0.8
    assert small.run()["status"] == "complete"
    key = f"notebooks/{huge.id}/item.json"
    assert json.loads(contents(key)[key].body)["title"] == "First"


def test_long_title_is_cut_only_in_the_plan(small: Site) -> None:
    item = small.item("First")
    item.title = "é" * 5000
    plan = small.plan()
    [planned] = [each for batch in small.batches(plan) for each in batch["notebooks"] if each["itemId"] == item.id]
    assert planned["title"] == "é" * 497 + "..."
    report = small.run("two")
    assert report["status"] == "complete"
    key = f"notebooks/{item.id}/item.json"
    assert json.loads(contents(key)[key].body)["title"] == item.title


def test_title_of_300_kb_does_not_stop_a_run(small: Site) -> None:
    small.item("First").title = "x" * 300_000
    report = small.run()
    assert (report["status"], report["snapshots"]["archived"]) == ("complete", 3)
    assert len(json.dumps(report)) < 20_000


def test_an_owner_name_that_is_too_long_makes_the_run_partial(small: Site) -> None:
    small.item("Second").owner = "x" * 257
    report = small.run()
    assert (report["status"], report["notebooks"]["attempted"]) == ("partial", 1)
    assert [notice["reason"] for notice in report["notices"]] == ["listing-incomplete"]


def test_plan_contains_what_is_already_archived(small: Site) -> None:
    small.run("one")
    item = small.item("First")
    planned = {each["itemId"]: each for batch in small.batches(small.plan("two")) for each in batch["notebooks"]}
    held = planned[item.id]["archived"]
    digests = {held[i : i + DIGEST_LENGTH] for i in range(0, len(held), DIGEST_LENGTH)}
    assert digests == {ResourceKey.parse(snapshot.resource_key).key_digest for snapshot in item.snapshots}
    assert "item" not in planned[item.id], "unchanged since it was written"


def test_line_of_a_notebook_with_many_versions_fits_a_state() -> None:
    keys = [ResourceKey(f"snapshot-{number:032x}.json") for number in range(MAX_PLANNED_SNAPSHOTS + 1)]
    sizes = ((5 * 10**9, 5 * 10**9),) * len(keys)
    held = ArchivedNotebook(ItemId("a" * 32), join_digests(keys), None, sizes=sizes)
    properties = {f"field-{number}": "é" * 1000 for number in range(100)}
    item = NotebookItem(held.item_id, "é" * MAX_OWNER, "é" * MAX_TITLE, properties_json=json.dumps(properties))
    line = plan_notebook(item, held, ORGANIZATION)
    assert len(json.dumps(line)) < STATE_BYTES * 0.95
    assert (line["sizes"][0], line["sizes"][-1]) == ([], [5 * 10**9] * 2)
    assert len(line["sizes"]) == len(split_digests(line["archived"])) == MAX_PLANNED_SNAPSHOTS


def test_an_owners_notebooks_are_next_to_each_other(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=12, size=300))
    owners = [each["owner"] for batch in site.batches(site.plan()) for each in batch["notebooks"]]
    assert owners == sorted(owners)


def test_listing_the_archive_costs_one_call_per_1000_keys(small: Site) -> None:
    small.run("one")
    small.s3.calls.clear()
    small.plan("two")
    assert small.s3.counts() == {"ListObjectsV2": 1, "PutObject": 2}, "the listing, the run's mark, the plan"


class TestChosen:
    def test_only_chosen_notebooks_are_archived(self, small: Site) -> None:
        chosen = small.item("First")
        report = small.run(item_ids=[chosen.id])
        assert (report["scope"], report["status"], report["notebooks"]["attempted"]) == ("chosen", "complete", 1)
        assert {key.split("/")[1] for key in stored_snapshots()} == {chosen.id}

    def test_invalid_ids_are_reported_and_the_others_archived(self, small: Site) -> None:
        chosen = small.item("Second").id
        hostile = [
            "../../community/users",
            "",
            "A" * 32,
            "x" * 1_000_000,
            None,
            5,
            ["a"],
            {"id": chosen},
            "a?f=json#",
            "b" * 32,
        ]
        report = small.run(item_ids=[*hostile, chosen])
        assert report["notebooks"]["archived"] == 1
        assert report["notebooks"]["failed"] == {"not-found": 1, "not-an-id": len(hostile) - 1}
        assert report["status"] == "partial"
        assert len(json.dumps(report)) < 20_000
        check_report(report)
        paths = {request.path for request in small.deployment.requests if request.operation == "items/item"}
        assert all(path.rsplit("/", 1)[1] in (chosen, "b" * 32) for path in paths)

    def test_plan_and_report_count_similar_ids_the_same(self, small: Site) -> None:
        plan = small.plan(item_ids=["y" * 41, "y" * 42, "z", 5, "5"])
        report = small.report("one", plan)
        assert plan["notebooks"] == report["notebooks"]["attempted"] == 3

    def test_an_item_that_is_not_a_notebook_is_refused(self, site: Site) -> None:
        web_map = next(item for item in site.deployment.organisation.items.values() if item.type == "Web Map")
        report = site.run(item_ids=[web_map.id])
        assert report["notebooks"]["failed"] == {"not-found": 1}
        assert report["status"] == "failed"


class TestInput:
    @pytest.mark.parametrize("given", [{}, {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:x"}])
    def test_no_item_ids_means_every_notebook(self, given: dict[str, str]) -> None:
        assert read_item_ids(given) is None

    def test_item_ids_keep_their_order(self) -> None:
        assert read_item_ids({"itemIds": ["b", "a"], "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "x"}) == [
            "b",
            "a",
        ]

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"items": ["a"]}, "'items'"),
            ({"itemIds": ["a"], "itemids": ["b"]}, "'itemids'"),
            ({"x" * 1_000_000: 1}, "'xxx"),
            ({"itemIds": []}, "itemIds is empty"),
            ({"itemIds": None}, "itemIds is not a list"),
            ({"itemIds": "a"}, "itemIds is not a list"),
            ({"itemIds": {"a": 1}}, "itemIds is not a list"),
            ({"itemIds": ["a", "b", "a"]}, '"a" 2 times'),
            ({"itemIds": [None, {"x": 1}, "y" * 99, {"x": 1}]}, '{"x": 1} 2 times'),
            ({"itemIds": [5, "a", "a", ["z"]]}, '"a" 2 times'),
            ([], "not a JSON object"),
            (None, "not a JSON object"),
            ("everything", "not a JSON object"),
        ],
    )
    def test_unknown_field_is_named_in_the_error(self, given: object, named: str) -> None:
        with pytest.raises(RunInputInvalid) as refused:
            read_item_ids(given)
        assert named in str(refused.value)
        assert 'Allowed are {} and {"itemIds"' in str(refused.value)
        assert len(str(refused.value)) < 300

    def test_run_with_invalid_input_reports_run_input_invalid(self, small: Site) -> None:
        report = small.run(item_ids=[])
        assert (report["status"], report["notebooks"]["attempted"]) == ("failed", 0)
        assert report["error"]
        assert report["error"]["reason"] == "RunInputInvalid"
        assert small.s3.counts()["ListObjectsV2"] == 1, "of outcomes; nothing was planned"


class TestRunId:
    def test_a_second_plan_does_not_replace_the_first(self, small: Site) -> None:
        first, again, third = small.plan(), small.plan(), small.plan()
        names = [plan["planKey"].rpartition("/")[2] for plan in (first, again, third)]
        assert names == ["plan.jsonl", "plan-again-1.jsonl", "plan-again-2.jsonl"]
        assert all(stored.versions == 1 for stored in contents("runs/").values())
        assert small.batches(first) == small.batches(again)

    def test_names_that_differ_in_one_character_are_two_runs(self, small: Site) -> None:
        small.run("nightly.1")
        small.deployment.faults.add("*", "http-500")
        report = small.run("nightly-1")
        assert (report["status"], report["snapshots"]["archived"]) == ("failed", 0)

    def test_run_of_another_stack_is_not_changed(self, small: Site) -> None:
        other = small.run("one")
        before = {key: stored.body for key, stored in contents().items()}
        small.started_at = "2026-11-22T02:00:00.001Z"
        with pytest.raises(RunIdTaken, match=f"2026-11-22/one.*{STARTED_AT}"):
            small.plan("one")
        with pytest.raises(RunIdTaken):
            small.report("one", None)
        assert {key: stored.body for key, stored in contents().items()} == before
        assert read_report() == other

    def test_report_ignores_outcomes_of_another_execution(self, small: Site) -> None:
        plan = small.plan()
        [batch] = small.batches(plan)
        small.work("one", batch)
        small.started_at = "2026-11-22T04:00:00.000Z"
        with pytest.raises(RunIdTaken):
            small.report("one", None, {"Error": "SecretMissing", "Cause": ""})
        assert not contents("runs/2026-11-22/one/report.json")

    def test_a_failed_plan_also_keeps_its_run_id(self, small: Site) -> None:
        small.report("one", None, {"Error": "SecretMissing", "Cause": ""})
        small.started_at = "2026-11-22T04:00:00.000Z"
        with pytest.raises(RunIdTaken):
            small.plan("one")


def test_plan_of_many_notebooks_needs_little_memory(make_site: MakeSite) -> None:
    site = make_site(Seed.many(notebooks=300, size=200))
    tracemalloc.start()
    try:
        plan = site.plan()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plan["notebooks"] == 300
    assert peak < 30_000_000
