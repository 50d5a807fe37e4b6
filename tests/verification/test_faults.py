"""Test that a verification reports nothing false if any call to S3 fails, and that the next one finds everything."""

import pytest
from moto.s3.models import s3_backends

from notebook_archive.errors import ArchiveError
from notebook_archive.verification.report import VerificationReport
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, Fault, Killed
from tests.verification.scene import Scene, damage, delete, put_foreign

EVERYTHING = {"everything": True}
# About the number of calls that a verification of the small archive makes, so that each call fails once.
CALLS = 75
KINDS_OF_FAULT = ("403-AccessDenied", "lost-answer", "timeout", "reset", "page", "empty")


def prepare(scene: Scene) -> dict[str, str]:
    """Make an archive with one damaged, one missing and one foreign object. Return the kinds by key."""
    good, damaged, missing = (scene.add_snapshot(name) for name in ("good", "damaged", "missing"))
    scene.add_item("good")
    scene.record()
    damage(damaged)
    delete(missing)
    put_foreign("notebooks/old/", b"")
    assert good
    return {damaged: "damaged", missing: "missing", "notebooks/old/": "foreign"}


def broken_verification(scene: Scene) -> VerificationReport | None:
    """Return the report of a verification with a fault in it, or None if even the report could not be written."""
    try:
        return scene.verify("broken", EVERYTHING)
    except ArchiveError:
        assert not any(key.endswith("broken/report.json") for key in contents_of("verifications/"))
        return None


def contents_of(prefix: str) -> list[str]:
    """Return the keys below a prefix, of which some may be hidden by a delete marker."""
    return [key for key in s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys if key.startswith(prefix)]


def check(scene: Scene, report: VerificationReport | None, expected: dict[str, str]) -> None:
    """Check that nothing false was reported, that nothing was changed, and that the next verification is right."""
    if report:
        found = {finding["key"]: finding["kind"] for finding in report["named"]}
        for key, kind in found.items():
            assert kind == "unreadable" or kind == expected.get(key), (key, kind)
        assert report["status"] != "complete", "there are defects, so it is never called complete"
    scene.s3.faults = []
    scene.night += 1
    clean = scene.verify("clean", EVERYTHING)
    assert {finding["key"]: finding["kind"] for finding in clean["named"]} == expected
    assert clean["versions"]["read"] == 1
    assert clean["notices"] == []


def sweep(scene: Scene, kind: str, calls: range) -> int:
    """Let each of some calls fail once, in a new archive each time. Return how many calls met their fault."""
    met = 0
    for number in calls:
        for bucket in (BUCKET, LEDGER_BUCKET):
            s3_backends[ACCOUNT]["aws"].get_bucket(bucket).keys.clear()
        expected = prepare(scene)
        scene.s3.faults = [Fault("*", kind, after=number)]
        report = broken_verification(scene)
        met += scene.s3.faults[0].times == 0
        check(scene, report, expected)
    return met


@pytest.mark.parametrize("kind", ["403-AccessDenied", "lost-answer"])
def test_nothing_false_is_reported_if_an_s3_call_fails(scene: Scene, kind: str) -> None:
    scene.threads = 1
    assert sweep(scene, kind, range(1, CALLS, 9)) >= 7


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS_OF_FAULT)
def test_nothing_false_is_reported_if_any_s3_call_fails(scene: Scene, kind: str) -> None:
    scene.threads = 1
    assert sweep(scene, kind, range(CALLS)) >= CALLS - 10


def sweep_kills(scene: Scene, calls: range) -> int:
    """Kill a verification before some of its calls, and repeat it under the same id. Return how many were killed."""
    killed = 0
    for number in calls:
        for bucket in (BUCKET, LEDGER_BUCKET):
            s3_backends[ACCOUNT]["aws"].get_bucket(bucket).keys.clear()
        expected = prepare(scene)
        before = {key: len(versions) for key, versions in archived_versions().items()}
        scene.s3.faults = [Fault("*", "killed", after=number)]
        try:
            scene.verify("same", EVERYTHING)
        except Killed:
            killed += 1
        scene.s3.faults = []
        report = scene.verify("same", EVERYTHING)
        assert {finding["key"]: finding["kind"] for finding in report["named"]} == expected
        assert (report["versions"]["read"], report["notices"]) == (1, [])
        assert {key: len(versions) for key, versions in archived_versions().items()} == before, "nothing was written"
    return killed


def archived_versions() -> dict[str, list[object]]:
    """Return the S3 versions of everything that a verification must not change."""
    held = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys
    return {key: held.getlist(key) for key in held if not key.startswith("verifications/")}


def test_killed_verification_is_completed_under_the_same_id(scene: Scene) -> None:
    scene.threads = 1
    assert sweep_kills(scene, range(2, CALLS, 9)) >= 7


@pytest.mark.soak
def test_verification_killed_before_any_call_is_completed(scene: Scene) -> None:
    scene.threads = 1
    assert sweep_kills(scene, range(CALLS)) >= CALLS - 10
