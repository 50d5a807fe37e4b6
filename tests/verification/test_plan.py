"""Test that a plan is deterministic, and that every version is read in time over many nights."""

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from notebook_archive.archive import LedgerEntry, ListedKey, ListedVersion
from notebook_archive.errors import NotebookArchiveError, RunIdTaken, RunInputInvalid
from notebook_archive.verification import read_wanted
from notebook_archive.verification.checks import Check
from notebook_archive.verification.due_reads import DueReads
from notebook_archive.verification.period import COMPARE_DAYS, DAY_MS, Period
from notebook_archive.verification.shard_plan import MAX_OLDER, plan_shard
from tests.strict_s3 import Fault, contents
from tests.verification.scene import Scene, delete, digits, put_foreign, replace

BEGAN = datetime(2026, 11, 22, tzinfo=UTC)


def filled(scene: Scene) -> Scene:
    for number in range(12):
        scene.add_snapshot(number, item=number % 5)
        scene.add_item(number % 5)
    scene.record()
    return scene


def test_same_archive_gives_the_same_plan(scene: Scene) -> None:
    filled(scene)
    scene.verify("earlier")
    snapshots = [key for key in contents("notebooks/") if "/snapshots/" in key]
    delete(min(snapshots))
    replace(max(snapshots))
    scene.night = 3
    first = scene.plan("one")
    body = contents("verifications/")[first["planKey"]].body
    again = scene.plan("one")
    assert again == first | {"planKey": first["planKey"].replace("plan", "plan-again-1")}
    assert contents("verifications/")[again["planKey"]].body == body


def test_a_nights_share_is_read_and_the_longest_unproved_first(scene: Scene) -> None:
    filled(scene)
    scene.verify_days = 4
    read: list[str] = []
    for night in range(1, 5):
        scene.night = night
        checks = scene.checks(scene.plan(f"night {night}"))
        tonight = [check["key"] for check in checks if check["kind"] == "read"]
        assert len(tonight) >= 3
        read += tonight
        scene.verify(f"whole {night}")
    assert read[:3] == sorted(set(read))[:3]
    assert len(set(read)) == 12


@pytest.mark.parametrize(("verify_days", "nights"), [(1, 20), (2, 30), (7, 120), (30, 120), (180, 400)])
def test_every_version_is_read_within_the_period(verify_days: int, nights: int) -> None:
    """Simulate nights of a growing archive. Some nights are left out, and one brings a thousand versions."""
    rng = random.Random(verify_days)
    written: dict[str, int] = {f"{number:06d}": _ms(BEGAN - timedelta(days=900)) for number in range(500)}
    proved: dict[str, int] = {}
    most = 0
    for night in range(nights):
        now = _ms(BEGAN + timedelta(days=night, hours=8))
        new = 1000 if night == 100 else rng.randrange(12)
        written |= {f"{len(written) + number:06d}": now - 6 * 3_600_000 for number in range(new)}
        if verify_days > 7 and rng.random() < 0.05:
            continue  # no verification takes place
        period = Period(now, _ms(BEGAN), verify_days)
        reads = DueReads(period, len(proved))
        for key in sorted(written):
            since = period.find_start(written[key], proved.get(key, 0))
            reads.add({"kind": "read", "key": key, "versionId": "", "since": since})
        lines, _ = reads.choose()
        most = max(most, len(lines))
        for line in lines:
            proved[key_of(line)] = now
        ages = [now - max(proved.get(key, 0), min(now, max(written[key], _ms(BEGAN)))) for key in written]
        # A night that is left out delays a version by one day.
        late_days = 2 if verify_days > 7 else 0
        assert max(ages) <= (verify_days + late_days) * DAY_MS
    if verify_days == 180:
        assert most < len(written) / 20, "no night reads much more than its share"


def key_of(line: bytes) -> str:
    return str(json.loads(line)["key"])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_longest_unproved_are_kept_if_the_list_is_cut() -> None:
    period = Period(_ms(BEGAN), _ms(BEGAN) - 400 * DAY_MS, 1000)
    reads = DueReads(period, 40_000)
    times = list(range(40_000))
    random.Random(1).shuffle(times)
    for time in times:
        reads.add({"kind": "read", "key": f"{time:06d}", "versionId": "", "since": _ms(BEGAN) - 100 * DAY_MS + time})
    lines, oldest_left = reads.choose()
    assert [key_of(line) for line in lines] == [f"{time:06d}" for time in range(40)]
    assert oldest_left == _ms(BEGAN) - 100 * DAY_MS + 40


def test_checksums_are_compared_on_one_day_of_each_month() -> None:
    keys = [f"notebooks/{digits(n)}/snapshots/snapshot-{digits(n)}.json" for n in range(300)]
    compared = dict.fromkeys(keys, 0)
    days: dict[str, list[int]] = {key: [] for key in keys}
    for night in range(100):
        if night in (50, 51):
            continue  # no verification takes place
        period = Period(_ms(BEGAN + timedelta(days=night, hours=8)), _ms(BEGAN), 180)
        tonight = [key for key in keys if period.must_compare(key, compared[key])]
        assert len(tonight) < 60, "spread over the month"
        for key in tonight:
            compared[key] = period.now
            days[key].append(night)
    assert all(len(found) >= 3 for found in days.values())
    assert max(late - early for found in days.values() for early, late in pairwise(found)) <= 33
    assert COMPARE_DAYS == 30


def test_documents_are_read_once_a_month(scene: Scene) -> None:
    keys = [scene.add_item(number) for number in range(30)]
    read: list[str] = []
    for night in range(COMPARE_DAYS):
        scene.night = night
        read += [check["key"] for check in scene.checks(scene.plan(f"night {night}")) if check["kind"] == "document"]
    assert sorted(read) == sorted(keys)


def test_versions_of_an_old_archive_are_not_all_read_at_once(scene: Scene) -> None:
    for number in range(20):
        scene.add_snapshot(number)
    scene.verify_days = 10
    plan = scene.plan("first")
    assert [check["kind"] for check in scene.checks(plan)] == ["read", "read"]
    assert plan["unrecorded"] == 20


def test_new_version_is_read_whole_before_the_period_ends(scene: Scene) -> None:
    scene.add_snapshot("only")
    scene.record()
    report = scene.verify()
    assert report["oldestUnprovedDays"] == 0
    scene.night = 170
    scene.add_snapshot("second")
    scene.record()
    assert scene.verify("later")["oldestUnprovedDays"] == 170


def test_chosen_items_are_read_whole(scene: Scene) -> None:
    filled(scene)
    plan = scene.plan("chosen", {"itemIds": [digits(1), digits(3)]})
    assert plan["scope"] == "chosen"
    checks = scene.checks(plan)
    assert {check["key"].split("/")[1] for check in checks} == {digits(1), digits(3)}
    assert {check["kind"] for check in checks} == {"read", "document"}


def test_unknown_item_is_refused(scene: Scene) -> None:
    with pytest.raises(RunInputInvalid, match=digits("nothing")):
        scene.plan("chosen", {"itemIds": [digits("nothing")]})


@pytest.mark.parametrize(
    "given",
    [
        {"everything": False},
        {"everything": "yes"},
        {"itemIds": []},
        {"itemIds": "all"},
        {"itemIds": ["no id"]},
        {"itemIds": [digits(1), digits(1)]},
        {"itemIds": [digits(1)], "everything": True},
        {"days": 3},
        [],
        "everything",
    ],
)
def test_invalid_input_is_refused_with_the_allowed_ones(given: object) -> None:
    with pytest.raises(RunInputInvalid) as refused:
        read_wanted(given)
    assert '{"everything": true}' in str(refused.value) or "itemIds" in str(refused.value)


def test_run_id_of_another_execution_is_taken(scene: Scene) -> None:
    scene.plan("one")
    scene._began += timedelta(seconds=1)
    with pytest.raises(RunIdTaken):
        scene.plan("one")


def test_failed_plan_is_reported(scene: Scene) -> None:
    report = scene.report("one", None, {"itemIds": ["no id"]}, {"Error": "RunInputInvalid", "Cause": "{}"})
    assert (report["status"], report["scope"], report["oldestUnprovedDays"]) == ("failed", "chosen", None)
    assert report["error"] is not None
    assert "verification failed" in report["message"]


def test_empty_archive_is_complete(scene: Scene) -> None:
    report = scene.verify()
    assert (report["status"], report["versions"]["listed"], report["arcgis"]) == ("complete", 0, None)


def test_many_older_versions_do_not_make_a_check_too_long() -> None:
    key = f"notebooks/{digits(1)}/snapshots/snapshot-{digits(1)}.json"
    versions = tuple(
        ListedVersion(f"v{number}", 5, "etag", BEGAN - timedelta(days=number), is_marker=False, is_latest=not number)
        for number in range(100)
    )
    plan = plan_shard([ListedKey(key, versions)], {}, frozenset(), Period(_ms(BEGAN), _ms(BEGAN), 180), "due")
    [check] = plan.urgent
    assert len(check["older"]) == MAX_OLDER
    assert (check["older"][0], check["older"][-1]) == ("v1", "v99")


def test_version_of_another_size_than_recorded_is_read_at_once() -> None:
    key = f"notebooks/{digits(1)}/snapshots/snapshot-{digits(1)}.json"
    listed = ListedKey(key, (ListedVersion("v1", 5, "etag", BEGAN, is_marker=False, is_latest=True),))
    period = Period(_ms(BEGAN) + DAY_MS, _ms(BEGAN), 180)

    def urgent(size: int) -> list[Check]:
        entry = LedgerEntry(key, size, "0" * 64, "2026-11-22/run")
        return plan_shard([listed], {key: entry}, frozenset(), period, "due").urgent

    assert urgent(5) == []
    assert [check["kind"] for check in urgent(6)] == ["read"]


def test_foreign_keys_outside_every_item_are_listed(scene: Scene) -> None:
    odd = ["notebooks/", "notebooks/!", "notebooks/0", "notebooks/ff/x", "notebooks/zz", "notebooks/\u00e9"]
    for key in odd:
        put_foreign(key, b"")
    assert sorted(finding["key"] for finding in scene.verify()["named"]) == sorted(odd)


def test_error_of_s3_fails_the_plan(scene: Scene) -> None:
    scene.s3.faults = [Fault("ListObjectVersions", "403-AccessDenied", times=None)]
    with pytest.raises(NotebookArchiveError):
        scene.plan("one")
