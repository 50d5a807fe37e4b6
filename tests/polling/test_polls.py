"""Test which changes a poll requests, where it begins, and how many calls it makes."""

import json
from collections import Counter

import pytest

from local.arcgis.deployment import Kind
from notebook_archive.errors import ArcGISUnavailable, ChangeSearchUnsupported
from notebook_archive.events.details import MAX_REQUEST_ITEMS
from tests.polling.scene import DAY, HOUR, MINUTE, MakeScene, Scene
from tests.strict_s3 import contents


def begun(make_scene: MakeScene, *, kind: Kind = "enterprise", notebooks: int = 4, **options: object) -> Scene:
    """Return a scene in which one poll was made. Nothing is archived, but each notebook was requested."""
    scene = make_scene(notebooks, kind, **options)
    scene.poll()
    scene.bus.events.clear()
    scene.wait(15 * MINUTE)
    return scene


@pytest.mark.parametrize("kind", ["enterprise", "kubernetes", "online"])
def test_change_is_requested_once(make_scene: MakeScene, kind: Kind) -> None:
    scene = begun(make_scene, kind=kind)
    item = scene.save(1)
    poll = scene.poll()
    assert (poll.found, poll.requested, poll.postponed) == (1, [item.id], 0)
    [event] = scene.bus.events
    assert (event["Source"], event["DetailType"]) == ("arcgis.notebooks", "SnapshotArchiveRequested")
    assert json.loads(event["Detail"]) == {"itemIds": [item.id]}
    for _ in range(3):
        scene.wait(15 * MINUTE)
        assert scene.poll().found == 0, "although nothing is archived yet"
    scene.drain()
    assert any(f"/current/{item.modified}-" in key for key in contents(f"notebooks/{item.id}/"))
    scene.wait(15 * MINUTE)
    assert (scene.poll().found, scene.requested) == (0, [item.id])


def test_quiet_poll_makes_two_calls(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    scene.save(1)
    scene.poll()
    scene.wait(15 * MINUTE)
    scene.site.start()
    scene.calls()
    scene.site.s3.calls.clear()
    scene.poll()
    assert scene.calls() == ["generateToken", "search"]
    assert Counter(operation for operation, _ in scene.site.s3.calls) == {"GetObject": 1, "PutObject": 1}


def test_new_notebook_is_requested(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    new = scene.add("New")
    assert scene.poll().requested == [new.id]


def test_change_that_is_archived_already_is_not_requested(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    scene.save(1)
    scene.site.run("morning")
    poll = scene.poll()
    assert (poll.found, list(poll.requested), scene.bus.events) == (1, [], [])


def test_change_after_a_request_is_requested_again(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    item = scene.save(1)
    scene.poll()
    scene.save(1, at=scene.now + 1)
    scene.wait(15 * MINUTE)
    scene.poll()
    assert scene.requested == [item.id, item.id]


def test_change_that_the_index_shows_late_is_requested(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    item = scene.save(1)
    item.index_lag_seconds = HOUR - 1
    for _ in range(3):
        scene.wait(15 * MINUTE)
        other = scene.save(2)
        assert scene.poll().requested == [other.id], "the search shows other changes at once"
    scene.wait(15 * MINUTE)
    assert scene.poll().requested == [item.id]


@pytest.mark.parametrize("pause", [DAY, 9 * DAY])
def test_poll_after_a_pause_requests_all_changes(make_scene: MakeScene, pause: float) -> None:
    scene = begun(make_scene)
    changed = [scene.save(number, at=scene.now + number * HOUR).id for number in range(4)]
    scene.wait(pause)
    poll = scene.poll()
    assert poll.requested == changed
    assert poll.seconds_since_last == pytest.approx(pause + 15 * MINUTE)


@pytest.mark.parametrize("skew", [-3 * DAY, -2 * HOUR, 2 * HOUR, 3 * DAY])
def test_clocks_of_aws_and_the_portal_may_differ(make_scene: MakeScene, skew: float) -> None:
    scene = make_scene()
    scene.skew = skew
    scene.poll()
    scene.bus.events.clear()
    for number in (0, 1, 2, 3, 0):
        scene.wait(15 * MINUTE)
        item = scene.save(number)
        assert scene.poll().requested == [item.id]


def test_portal_clock_that_was_ahead_hides_no_change(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    scene.save(1, at=scene.now + 30 * DAY)
    scene.poll()
    scene.wait(15 * MINUTE)
    item = scene.save(2)
    assert scene.poll().requested == [item.id]
    scene.wait(15 * MINUTE)
    wrong = scene.items[1]
    wrong.modified = int(scene.now * 1000)  # saved when the clock was right again
    assert scene.poll().requested == [wrong.id]


def test_polls_at_the_same_time_lose_nothing(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    first = scene.save(1)
    late: list[str] = []

    def poll_meanwhile() -> None:
        scene.wait(MINUTE)
        late.append(scene.save(2).id)
        scene.poll()

    for operation in ("GetObject", "PutObject"):
        scene.site.s3.deeds.append((operation, "polls/", poll_meanwhile))
        scene.poll()
        assert {first.id, *late} <= set(scene.requested)
        scene.wait(15 * MINUTE)
        scene.poll()
        scene.wait(15 * MINUTE)
        assert scene.poll().found == 0


def test_more_changes_than_a_page_are_all_requested(make_scene: MakeScene) -> None:
    scene = begun(make_scene, notebooks=220)
    changed = [scene.save(number, at=scene.now + number).id for number in range(220)]
    scene.wait(15 * MINUTE)
    scene.calls()
    assert scene.poll().requested == changed
    assert scene.calls() == ["search"] * 3
    assert [len(json.loads(event["Detail"])["itemIds"]) for event in scene.bus.events] == [MAX_REQUEST_ITEMS] * 2 + [20]


def test_changes_beyond_the_maximum_wait_for_the_next_poll(make_scene: MakeScene) -> None:
    scene = begun(make_scene, notebooks=12)
    changed = [scene.save(number).id for number in range(12)]
    sizes = []
    for _ in range(4):
        poll = scene.poll(max_changes=5)
        sizes.append((poll.found, len(poll.requested), poll.postponed))
        scene.wait(15 * MINUTE)
    assert sizes == [(12, 5, 7), (7, 5, 2), (2, 2, 0), (0, 0, 0)]
    assert sorted(scene.requested) == sorted(changed), "each once"


def test_postponed_changes_are_not_lost_while_others_come(make_scene: MakeScene) -> None:
    scene = begun(make_scene, notebooks=12)
    waiting = {scene.save(number).id for number in range(6)}
    for number in range(6, 12):
        scene.poll(max_changes=2)
        scene.wait(2 * HOUR)
        waiting.add(scene.save(number).id)
    while scene.poll(max_changes=2).postponed:
        scene.wait(2 * HOUR)
    assert Counter(scene.requested) == Counter(waiting)


def test_change_just_before_the_next_range_is_remembered(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    item = scene.save(1)
    scene.save(2, at=scene.now + HOUR + 30)
    scene.wait(2 * HOUR)
    scene.poll()
    last = json.loads(scene.state)
    assert item.modified < last["since"], "an index that stores times less precisely may show it again"
    assert item.id in last["handled"]


# Where the first poll begins.


def test_first_poll_begins_at_the_last_run(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.site.started_at = "2025-01-10T02:00:00.000Z"
    scene.site.run("night")
    scene.now = 1_736_503_200.0  # ten hours later
    items = [scene.save(number, at=scene.now - number * 2 * HOUR) for number in range(4)]
    assert scene.poll().requested == [item.id for item in reversed(items)]
    assert scene.poll().requested == []


def test_first_poll_ignores_runs_that_failed(make_scene: MakeScene) -> None:
    scene = make_scene()
    for name, day in (("complete", "2025-01-10"), ("failed", "2025-01-11")):
        scene.site.started_at = f"{day}T02:00:00.000Z"
        if name == "failed":
            scene.site.deployment.faults.add("search", "http-500")
        assert scene.site.run(name)["status"] == name
    scene.site.deployment.faults.clear()
    scene.now = 1_736_589_600.0  # ten hours after the second one
    item = scene.save(1, at=scene.now - 30 * HOUR)
    scene.save(2)
    assert item.id in scene.poll().requested


def test_first_poll_without_a_run_requests_only_what_is_new(make_scene: MakeScene) -> None:
    scene = make_scene()
    item = scene.save(2, at=scene.now - 30 * MINUTE)
    assert scene.poll().requested == [item.id]


def test_first_poll_of_an_empty_portal_finds_nothing(make_scene: MakeScene) -> None:
    scene = make_scene(0)
    assert scene.poll().found == 0
    scene.wait(15 * MINUTE)
    item = scene.add("First")
    assert scene.poll().requested == [item.id]


@pytest.mark.parametrize("body", [None, b"", b"{", b"[]", b'{"schema":2}', b'{"schema":1,"handled":{"x":1}}'])
def test_poll_whose_state_is_lost_begins_again(make_scene: MakeScene, body: bytes | None) -> None:
    scene = begun(make_scene)
    item = scene.save(1)
    scene.poll()
    scene.set_state(body)
    scene.wait(15 * MINUTE)
    scene.poll()
    assert scene.requested == [item.id, item.id]
    scene.wait(15 * MINUTE)
    assert scene.poll().found == 0


def test_poll_of_another_portal_begins_again(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    document = json.loads(scene.state)
    scene.set_state(json.dumps({**document, "portalUrl": "https://other.example.com/portal"}).encode())
    scene.calls()
    scene.poll()
    assert scene.calls() == ["portals/self", "search", "search"]


# What ArcGIS does.


@pytest.mark.parametrize("switch", ["refused", "ignored", "matches-nothing"])
def test_portal_without_the_range_is_reported(make_scene: MakeScene, switch: str) -> None:
    scene = make_scene()
    scene.site.deployment.switches.modified_range = switch  # type: ignore[assignment]
    scene.save(1)
    with pytest.raises(ChangeSearchUnsupported):
        scene.poll()
    assert scene.bus.events == []


@pytest.mark.parametrize("switch", ["refused", "ignored"])
def test_portal_that_loses_the_range_later_is_reported(make_scene: MakeScene, switch: str) -> None:
    scene = begun(make_scene)
    scene.wait(DAY)
    scene.save(1)
    scene.poll()
    scene.site.deployment.switches.modified_range = switch  # type: ignore[assignment]
    with pytest.raises(ChangeSearchUnsupported):
        scene.poll()


def test_incomplete_search_is_searched_again(make_scene: MakeScene) -> None:
    scene = begun(make_scene, notebooks=3)
    items = [scene.save(number) for number in range(3)]
    organisation = scene.site.deployment.organisation
    scene.site.deployment.faults.add("search", "body", body=json.dumps(shown_partly(scene, items[0].id)))
    poll = scene.poll()
    assert poll.incomplete
    assert json.loads(scene.state)["polledAt"] == (scene.now - 15 * MINUTE) * 1000, "it is not a successful poll"
    assert poll.requested == [items[0].id], "what was found is requested"
    scene.site.deployment.faults.clear()
    scene.wait(3 * HOUR)
    organisation.items[items[0].id].touch(scene.now)
    poll = scene.poll()
    assert not poll.incomplete
    assert set(poll.requested) == {item.id for item in items}


def shown_partly(scene: Scene, item_id: str) -> dict[str, object]:
    """Return a page of results with one item, whose total is three."""
    item = scene.site.deployment.organisation.items[item_id]
    result = {"id": item.id, "owner": "ana", "title": "x", "type": "Notebook", "modified": item.modified}
    return {"total": 3, "start": 1, "num": 100, "nextStart": -1, "results": [result]}


def test_capture_does_not_cause_requests_for_ever(make_scene: MakeScene) -> None:
    scene = begun(make_scene, captures=True)
    scene.site.deployment.switches.snapshot_bumps_modified = True
    item = scene.save(1)
    for _ in range(6):
        scene.poll()
        scene.drain()
        scene.wait(15 * MINUTE)
    assert 1 <= len(scene.requested) <= 2
    assert set(scene.requested) == {item.id}
    assert len(item.snapshots) == 1, "the content is captured once"


def test_without_copies_each_change_is_requested_once(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    scene.site.archive_current = False
    item = scene.save(1)
    for _ in range(5):
        scene.poll()
        scene.drain()
        scene.wait(15 * MINUTE)
    assert scene.requested == [item.id]


def test_failed_poll_changes_nothing(make_scene: MakeScene) -> None:
    scene = begun(make_scene)
    before = scene.state
    item = scene.save(1)
    scene.site.deployment.faults.add("search", "http-503")
    with pytest.raises(ArcGISUnavailable):
        scene.poll()
    assert (scene.state, scene.bus.events) == (before, [])
    scene.site.deployment.faults.clear()
    assert scene.poll().requested == [item.id]
