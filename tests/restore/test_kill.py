"""Test that a restore or an undo that ends at any outbound call leaves nothing without a name, and that it converges.

A process that is killed runs no more code. Here an exception that nothing catches ends the restore instead, before an
outbound call or after its response. So one process can try every call in a short time.
"""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from urllib3.connectionpool import HTTPConnectionPool

from local.arcgis import Item
from local.arcgis.deployment import Kind
from notebook_archive.errors import NotebookArchiveError
from tests.conftest import FAULTY_RUNS
from tests.restore.conftest import MakeScene, body
from tests.restore.scene import KINDS, RestoreScene
from tests.runs.conftest import Record
from tests.strict_s3 import Fault, StrictS3, contents

type Moment = Literal["before", "after"]
WAYS = ("new", "replace", "snapshot")
ARCGIS_FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"kind": "reset"},
    "500": {"kind": "http-500"},
    "HTML": {"kind": "shape-e"},
    "498": {"kind": "shape-a", "code": 498},
}
S3_FAULTS = ("reset", "lost-answer", "503-SlowDown", "page")
MAX_CALLS = 100


class Killed(BaseException):
    """Ends a restore like a kill. No handler of the package catches it."""


@dataclass
class Kill:
    """A kill at call number `call`, which starts at 0. `calls` counts the calls to ArcGIS and S3."""

    call: int
    moment: Moment
    calls: int = 0

    def around[**P, R](self, send: Callable[P, R]) -> Callable[P, R]:
        """Return a function that sends a request, unless it is killed before, and is killed after it."""

        def killing(*args: P.args, **more: P.kwargs) -> R:
            is_last = self.calls == self.call
            self.calls += 1
            if is_last and self.moment == "before":
                raise Killed
            answer = send(*args, **more)
            if is_last:
                getattr(answer, "close", bool)()  # the operating system closes the connections of a killed process
                raise Killed
            return answer

        return killing


@contextmanager
def killed_at(call: int, moment: Moment) -> Iterator[Kill]:
    """End what runs inside at an outbound call. `kill.calls` says how many calls there were."""
    kill = Kill(call, moment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnectionPool, "urlopen", kill.around(HTTPConnectionPool.urlopen))
        patch.setattr(StrictS3, "_answer", kill.around(StrictS3._answer))
        with suppress(Killed):
            yield kill


@dataclass
class Sweep:
    """Restores of one notebook in one way. Each is followed by an undo, so that the next one starts as the first."""

    scene: RestoreScene
    way: str
    number: int = 0

    def __post_init__(self) -> None:
        self.item = self.scene.site.item("Flood model")
        self.key = self.item.snapshots[0].resource_key
        self.others = self._copy()

    def _copy(self) -> dict[str, Item]:
        return copy.deepcopy(self.scene.items)

    def next_id(self) -> str:
        self.number += 1
        return f"sweep-{self.number}"

    def restore(self, request_id: str) -> str:
        return self.scene.restore(self.item, self.way, requestId=request_id, resourceKey=self.key)["restoreId"]

    def check_names(self, request_id: str) -> None:
        """Check that everything that is not as before is named by the restore's objects or by its mark."""
        written = {key: found.body.decode() for key, found in contents(f"restores/{request_id}/").items()}
        for item_id, item in self.scene.items.items():
            if item_id not in self.others:
                assert f"notebook-archive-restore-{request_id}" in item.type_keywords or any(
                    item_id in text for text in written.values()
                )
                continue
            assert self.way == "replace" or item.content == self.others[item_id].content
            known = {each.resource_key for each in self.others[item_id].snapshots}
            made = [each for each in item.snapshots if each.resource_key not in known]
            assert all(each.name in written[f"restores/{request_id}/plan.json"] for each in made)
        if self.item.content != self.others[self.item.id].content:
            noted = json.loads(written[f"restores/{request_id}/notes/1-present.json"])
            assert contents(noted["key"])[noted["key"]].body == self.others[self.item.id].content

    def check_restored(self, request_id: str) -> None:
        """Check that the restore is complete, and that it was made once."""
        result = json.loads(contents(f"restores/{request_id}/result.json").popitem()[1].body)
        assert (result["level"], result["differences"]) == (5, [])
        version = next(each for each in self.item.snapshots if each.resource_key == self.key).content
        new_items = self.scene.items.keys() - self.others.keys()
        assert new_items == ({result["newItemId"]} if self.way == "new" else set())
        count = len(self.item.snapshots) - len(self.others[self.item.id].snapshots)
        assert count == (1 if self.way == "snapshot" else 0)
        if self.way == "new":
            made = self.scene.items[result["newItemId"]]
            assert (made.content, made.type_keywords) == (version, self.item.type_keywords)
        if self.way == "replace":
            assert self.item.content == version

    def check_undone(self) -> None:
        """Check that everything is as it was before the restore, except the time of a change."""
        now = self._copy()
        assert now.keys() == self.others.keys()
        for item_id, before in self.others.items():
            now[item_id].modified, now[item_id].views = before.modified, before.views
            assert now[item_id] == before

    def kill_restore(self, call: int, moment: Moment) -> bool:
        """Kill a restore, then repeat and undo it. Return whether it made so many calls."""
        request_id = self.next_id()
        with killed_at(call, moment) as kill:
            self.scene.start()
            self.restore(request_id)
        self.check_names(request_id)
        self.scene.start()
        self.restore(request_id)
        self.check_restored(request_id)
        self.scene.undo(request_id)
        self.check_undone()
        return kill.calls > call

    def kill_and_undo(self, call: int, moment: Moment) -> bool:
        """Kill a restore, then undo what it did. Return whether it made so many calls."""
        request_id = self.next_id()
        with killed_at(call, moment) as kill:
            self.scene.start()
            self.restore(request_id)
        self.scene.start()
        with suppress(NotebookArchiveError):  # the plan may not be written yet
            self.scene.undo(request_id)
        self.check_undone()
        return kill.calls > call

    def kill_undo(self, call: int, moment: Moment) -> bool:
        """Kill an undo, then repeat it. Return whether it made so many calls."""
        request_id = self.next_id()
        self.restore(request_id)
        with killed_at(call, moment) as kill:
            self.scene.start()
            self.scene.undo(request_id)
        self.scene.start()
        assert self.scene.undo(request_id)["status"] in ("undone", "already-undone")
        self.check_undone()
        return kill.calls > call

    def strike(self, add_fault: Callable[[], Callable[[], bool]]) -> bool:
        """Let one call of a restore fail, then repeat the restore and undo it. Return whether a call failed."""
        request_id = self.next_id()
        self.scene.start()
        has_struck = add_fault()
        with suppress(NotebookArchiveError):
            self.restore(request_id)
        struck = has_struck()
        self.check_names(request_id)
        self.scene.start()
        self.restore(request_id)
        self.check_restored(request_id)
        self.scene.undo(request_id)
        self.check_undone()
        return struck

    def strike_arcgis(self, number: int, fault: dict[str, Any]) -> bool:
        """Let call number `number` to ArcGIS fail."""
        faults = self.scene.site.deployment.faults

        def add() -> Callable[[], bool]:
            added = faults.add("*", after=number, times=1, **fault)

            def clear() -> bool:
                faults.clear()
                return bool(added.struck)

            return clear

        return self.strike(add)

    def strike_s3(self, number: int, kind: str) -> bool:
        """Let call number `number` to S3 fail, and its first repetition too."""
        faults = self.scene.site.s3.faults

        def add() -> Callable[[], bool]:
            fault = Fault("*", kind, times=2, after=number)
            faults.append(fault)

            def clear() -> bool:
                faults.clear()
                return fault.times != 2

            return clear

        return self.strike(add)


def make_sweep(make_scene: MakeScene, kind: Kind, way: str) -> Sweep:
    scene = make_scene(kind)
    organisation = scene.site.deployment.organisation
    organisation.groups.append("Rivers")
    item = scene.site.item("Flood model")
    item.content, item.modified, item.name = body(77), item.modified + 1000, f"{item.id}.ipynb"
    return Sweep(scene, way)


def sweep_all(strike: Callable[[int], bool]) -> int:
    """Strike at each call, until there are no more. Return the number of calls."""
    for number in range(MAX_CALLS):
        if not strike(number):
            return number
    raise AssertionError


@pytest.mark.parametrize("way", WAYS)
def test_killed_restore_is_completed_by_its_repetition(
    make_scene: MakeScene, way: str, record_property: Record
) -> None:
    sweep = make_sweep(make_scene, "enterprise", way)
    count = sweep_all(lambda call: sweep.kill_restore(call, "after"))
    assert count > 10
    record_property(FAULTY_RUNS, ["kill", f"restore, {way}", count])


@pytest.mark.parametrize("way", WAYS)
def test_killed_undo_is_completed_by_its_repetition(make_scene: MakeScene, way: str, record_property: Record) -> None:
    sweep = make_sweep(make_scene, "enterprise", way)
    count = sweep_all(lambda call: sweep.kill_undo(call, "after"))
    assert count > 10
    record_property(FAULTY_RUNS, ["kill", f"undo, {way}", count])


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_kill_at_each_call_converges(
    make_scene: MakeScene, kind: Kind, way: str, moment: Moment, record_property: Record
) -> None:
    sweep = make_sweep(make_scene, kind, way)
    count = sweep_all(lambda call: sweep.kill_restore(call, moment))
    count += sweep_all(lambda call: sweep.kill_and_undo(call, moment))
    count += sweep_all(lambda call: sweep.kill_undo(call, moment))
    record_property(FAULTY_RUNS, ["kill", f"restore and undo, {way}, {kind}", count])


@pytest.mark.parametrize("way", WAYS)
def test_one_failed_call_changes_nothing_for_good(make_scene: MakeScene, way: str, record_property: Record) -> None:
    sweep = make_sweep(make_scene, "enterprise", way)
    count = sweep_all(lambda number: sweep.strike_arcgis(number, ARCGIS_FAULTS["reset"]))
    record_property(FAULTY_RUNS, ["failed call", f"restore, {way}", count])


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_failed_call_changes_nothing_for_good(
    make_scene: MakeScene, kind: Kind, way: str, record_property: Record
) -> None:
    sweep, count = make_sweep(make_scene, kind, way), 0
    for fault in ARCGIS_FAULTS.values():
        count += sweep_all(lambda number, fault=fault: sweep.strike_arcgis(number, fault))  # type: ignore[misc]
    for s3_fault in S3_FAULTS:
        count += sweep_all(lambda number, fault=s3_fault: sweep.strike_s3(number, fault))  # type: ignore[misc]
    record_property(FAULTY_RUNS, ["failed call", f"restore, {way}, {kind}", count])
