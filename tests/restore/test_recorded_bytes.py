"""Test that the bytes of a version are compared with the ledger before anything is restored."""

import hashlib
import json
from datetime import date
from typing import Any

import pytest
from moto.s3.models import s3_backends

from local.arcgis import Item
from notebook_archive.archive import fold
from notebook_archive.errors import RestoreInterrupted, VersionReplaced
from tests.restore.conftest import body
from tests.restore.many import ManyScene
from tests.restore.scene import RestoreScene, changes, delete_object, version_ids
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, Fault, contents

NOT_COMPARED = "The bytes were not compared with the ledger, because "


@pytest.fixture
def item(scene: RestoreScene) -> Item:
    """Return an archived notebook, whose versions the ledger has."""
    fold(scene.context.archive, scene.context.ledger, date(2026, 11, 22), threads=4)
    return scene.site.item("Flood model")


def key_of(item: Item) -> str:
    return f"notebooks/{item.id}/snapshots/{item.snapshots[-1].resource_key}"


def replace_object(key: str, content: bytes) -> None:
    """Replace the bytes of an object together with its checksum and its metadata."""
    held = contents(key)[key]
    delete_object(key)
    metadata = held.metadata | {"sha256": hashlib.sha256(content).hexdigest()}
    replaced: Any = s3_backends[ACCOUNT]["aws"].put_object(BUCKET, key, content)
    replaced.set_metadata({f"x-amz-meta-{name}": value for name, value in metadata.items()})


def replace(item: Item) -> None:
    """Replace the bytes of the last snapshot."""
    replace_object(key_of(item), body(6))


def sentences(plan: list[str]) -> list[str]:
    """Return what a plan says about the comparison."""
    return [each for each in plan if "ledger" in each]


@pytest.mark.parametrize("way", ["new", "replace", "snapshot"])
def test_replaced_version_is_refused(scene: RestoreScene, item: Item, way: str) -> None:
    replace(item)
    before = contents("restores/")
    for dry_run in (True, False):
        with pytest.raises(VersionReplaced) as refused:
            scene.restore(item, way, dryRun=dry_run)
    stored, found = (hashlib.sha256(each).hexdigest() for each in (item.snapshots[-1].content, body(6)))  # type: ignore[arg-type]
    assert key_of(item) in str(refused.value)
    assert f"its SHA-256 is {found}, and the recorded one is {stored}." in str(refused.value)
    assert (changes(scene.site.deployment), contents("restores/")) == ([], before)


def test_recorded_version_is_restored_without_remark(scene: RestoreScene, item: Item) -> None:
    record = scene.restore(item, "new")
    assert (record["level"], sentences(record["plan"])) == (5, [])


def test_good_older_s3_version_is_restored(scene: RestoreScene, item: Item) -> None:
    (good,) = version_ids(key_of(item))
    replace(item)
    record = scene.restore(item, "new", versionId=good)
    assert (record["level"], sentences(record["plan"])) == (5, [])
    assert scene.items[record["newItemId"]].content == item.snapshots[-1].content


def test_chosen_replaced_s3_version_is_named(scene: RestoreScene, item: Item) -> None:
    replace(item)
    chosen = version_ids(key_of(item))[-1]
    record = scene.restore(item, "new", versionId=chosen)
    (sentence,) = sentences(record["plan"])
    assert sentence.startswith(f"Warning: The S3 version {chosen} of {key_of(item)} has other bytes than the ledger")
    assert scene.items[record["newItemId"]].content == body(6)


@pytest.mark.parametrize(
    ("shard", "why"),
    [
        (None, "it does not have {key} yet."),
        (b'{"schema":1,"foldedThrough":"2026-11-22"}\n', "it does not have {key} yet."),
        (b'{"schema":1,"foldedThrough":"2026-11-22"}\n{"key":"{key}","headedAt":5}\n', "it does not have {key} yet."),
        (b"no JSON\n", "it could not be read. ledger/{shard}.jsonl is not a shard of the ledger."),
    ],
)
def test_lost_or_damaged_ledger_stops_no_restore(
    scene: RestoreScene, item: Item, shard: bytes | None, why: str
) -> None:
    replace(item)
    s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys.clear()
    if shard is not None:
        content = shard.replace(b"{key}", key_of(item).encode())
        s3_backends[ACCOUNT]["aws"].put_object(LEDGER_BUCKET, f"ledger/{item.id[:2]}.jsonl", content)
    record = scene.restore(item, "new")
    why = why.replace("{key}", key_of(item)).replace("{shard}", item.id[:2])
    (sentence,) = sentences(record["plan"])
    assert sentence.startswith(f"{NOT_COMPARED}{why}")
    assert record["level"] == 5


def test_bulk_restore_says_what_was_not_compared(scene: RestoreScene, item: Item) -> None:
    many = ManyScene(scene)
    s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys.pop(f"ledger/{item.id[:2]}.jsonl")
    for name, dry_run in (("dry", True), ("real", False)):
        report = many.restore({"everything": True, "dryRun": dry_run}, name)
        assert "The bytes of 1 version were not compared with the ledger. The list says why." in report["message"]
        (sentence,) = [each for line in many.items(name) for each in line.get("warnings", [])]
        assert sentence.startswith(NOT_COMPARED)


@pytest.mark.parametrize("kind", ["404-NoSuchBucket", "403-AccessDenied", "timeout"])
def test_ledger_out_of_reach_stops_no_restore(scene: RestoreScene, item: Item, kind: str) -> None:
    scene.site.s3.faults.append(Fault("GetObject", kind, times=None, part="ledger/"))
    record = scene.restore(item, "new")
    (sentence,) = sentences(record["plan"])
    assert sentence.startswith(f"{NOT_COMPARED}it could not be read. S3 returned ")


def test_resumed_restore_keeps_what_its_plan_says(scene: RestoreScene, item: Item) -> None:
    scene.site.deployment.faults.add("items/update", kind="http-500", times=None)
    with pytest.raises(RestoreInterrupted):
        scene.restore(item, "new", requestId="one")
    scene.site.deployment.faults.clear()
    planned = json.loads(contents("restores/one/plan.json")["restores/one/plan.json"].body)["steps"]
    s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys.clear()
    record = scene.restore(item, "new", requestId="one")
    assert (record["plan"], sentences(record["plan"])) == (planned, [])
