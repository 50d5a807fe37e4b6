"""Test the erasure of a person's notebooks: the plan, the locks, the confirmation, and that everything is gone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import boto3
import pytest
from moto.s3.models import S3Backend

from notebook_archive.archive import fold, keys
from notebook_archive.models import ItemId
from notebook_archive_cli.erasing.erasure import is_session_of
from tests.cli.archived import Archived, make_id
from tests.cli.conftest import ACCOUNT, MotoStack, Run, columns_of

ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/archive-break-glass"
WHY = ("--why", "request 17")


@pytest.fixture
def archived(stack: MotoStack) -> Archived:
    """Three notebooks: the flood model was of ana and then of ben, the survey is of ana, and the map of ben."""
    archived = Archived(stack)
    archived.add_item("flood", owner="ana")
    archived.add_item("flood", owner="ben")
    archived.add_snapshot("flood", "one", owner="ben")
    archived.add_copy("flood", 1_735_725_600_000)
    archived.add_snapshot("survey", "one", owner="ana")
    archived.note_deletion("survey")
    archived.client.delete_object(Bucket=archived.bucket, Key=archived.add_snapshot("survey", "two", owner="ana"))
    archived.record(archived.add_snapshot("map", "one", b"{}", owner="ben"), b"{}")
    return archived


def list_left(archived: Archived, item: str) -> list[str]:
    listed = archived.archive.list_item_versions(ItemId(make_id(item)))
    return [each.key for each in listed for _ in each.versions]


def lock(archived: Archived, item: str, mode: Literal["GOVERNANCE", "COMPLIANCE"]) -> datetime:
    """Lock all S3 versions of a notebook, and return the end of the lock."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=100)
    for each in archived.archive.list_item_versions(ItemId(make_id(item))):
        for version in each.versions:
            if not version.is_marker:
                archived.client.put_object_retention(
                    Bucket=archived.bucket,
                    Key=each.key,
                    VersionId=version.version_id,
                    Retention={"Mode": mode, "RetainUntilDate": until},
                )
    return until


def read_records(archived: Archived) -> list[dict[str, Any]]:
    found = archived.archive.list_keys(keys.ERASURES)
    return [json.loads(archived.archive.read_object(key) or b"") for key in found]


def test_dry_run_says_what_is_erased_and_what_stays(archived: Archived, run: Run) -> None:
    result = run("erase", "--owner", "ana", "--dry-run")
    assert result.status == 0
    assert columns_of(result.stdout) <= 80
    assert f"  {make_id('survey')}  survey\n    owner: ana; 3 S3 versions" in result.stdout
    assert "owner: ana and ben; 4 S3 versions" in result.stdout
    assert make_id("map") not in result.stdout
    stays = "What stays with titles and user names, forever, because no lifecycle rule removes them: runs/ (plans,"
    assert stays in " ".join(result.stdout.split())
    document = run("erase", "--owner", "ana", "--dry-run", "--json").document
    assert document["kinds"] == {"copies": 1, "deletion-notes": 1, "item-properties": 2, "snapshots": 3}
    assert (document["deleteMarkers"], document["versions"]) == (1, 7)
    assert read_records(archived) == []


def test_all_versions_are_erased_and_recorded_without_names(archived: Archived, run: Run) -> None:
    result = run("erase", "--owner", "ana", "--confirm", "ana", *WHY, "--json")
    assert result.status == 0
    assert result.document["status"] == "erased"
    assert not list_left(archived, "flood")
    assert not list_left(archived, "survey")
    assert list_left(archived, "map")
    (record,) = read_records(archived)
    assert record["itemIds"] == sorted((make_id("flood"), make_id("survey")))
    assert (record["status"], record["versions"], record["why"], record["left"]) == ("erased", 7, "request 17", 0)
    assert record["by"].startswith("arn:aws:sts::")
    assert "ana" not in json.dumps({**record, "by": ""})


def test_ledger_forgets_only_what_was_erased(archived: Archived, run: Run) -> None:
    key = archived.add_snapshot("map", "two")
    archived.record(key, b"{}")
    assert run("erase", make_id("map"), "--confirm", make_id("map"), *WHY).status == 0
    assert archived.ledger.read_shard(keys.shard_of(key)).entries == {}
    again = archived.add_snapshot("map", "three")
    archived.record(again, b"{}", proved_at=int(datetime.now(UTC).timestamp() * 1000) + 5000)
    fold(archived.archive, archived.ledger, datetime.now(UTC).date(), 2)
    assert list(archived.ledger.read_shard(keys.shard_of(again)).entries) == [again]


@pytest.mark.parametrize("confirmed", [(), ("--confirm", "Ana"), ("--confirm", "yes")])
def test_nothing_is_erased_without_the_typed_name(archived: Archived, run: Run, confirmed: tuple[str, ...]) -> None:
    result = run("erase", "--owner", "ana", *WHY, *confirmed, "--json")
    assert result.status == (130 if confirmed else 2)
    assert result.error["reason"] == "not-confirmed"
    assert len(list_left(archived, "survey")) == 4
    assert read_records(archived) == []


def test_a_governance_lock_is_lifted(archived: Archived, run: Run) -> None:
    lock(archived, "survey", "GOVERNANCE")
    plan = run("erase", "survey", "--dry-run")
    assert plan.status == 0
    assert "3 versions with a GOVERNANCE lock" in plan.stdout
    assert run("erase", "survey", "--confirm", make_id("survey"), *WHY).status == 0
    assert not list_left(archived, "survey")


def test_compliance_locks_are_named_with_their_end(archived: Archived, run: Run) -> None:
    until = lock(archived, "survey", "COMPLIANCE")
    result = run("erase", "survey", "--confirm", make_id("survey"), *WHY, "--json")
    # A delete marker is never locked.
    assert result.status == 3
    assert result.document["status"] == "partly-erased"
    assert result.document["locks"] == [
        {"kind": "compliance", "versions": 3, "until": until.isoformat().replace("+00:00", "Z")}
    ]
    assert len(list_left(archived, "survey")) == 3
    again = run("erase", "survey", "--confirm", make_id("survey"), *WHY, "--json")
    assert (again.status, again.error["reason"]) == (3, "everything-locked")
    assert again.error["command"] == f"notebook-archive erase {make_id('survey')} --dry-run"
    assert len(read_records(archived)) == 1


def test_a_legal_hold_keeps_a_version(archived: Archived, run: Run) -> None:
    (key, *_) = list_left(archived, "map")
    archived.client.put_object_legal_hold(Bucket=archived.bucket, Key=key, LegalHold={"Status": "ON"})
    result = run("erase", "map", "--dry-run")
    assert result.status == 3
    assert "1 version with a legal hold." in result.stdout


def test_only_the_role_of_the_bucket_policy_erases(archived: Archived, run: Run) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject*",
        "Resource": f"arn:aws:s3:::{archived.bucket}/notebooks/*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": ROLE}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    archived.client.put_bucket_policy(Bucket=archived.bucket, Policy=json.dumps(policy))
    assert f"Only {ROLE} may delete them." in run("erase", "map", "--dry-run").stdout
    result = run("erase", "map", "--confirm", make_id("map"), *WHY, "--json")
    assert (result.status, result.error["reason"]) == (4, "not-break-glass")
    assert result.error["command"].startswith(f"aws sts assume-role --role-arn {ROLE} ")
    assert list_left(archived, "map")


def test_a_session_of_a_role_is_recognized() -> None:
    sessions = f"arn:aws:sts::{ACCOUNT}:assumed-role"
    assert is_session_of(f"{sessions}/archive-break-glass/erasure", ROLE)
    assert not is_session_of(f"{sessions}/other/archive-break-glass", ROLE)
    assert not is_session_of("arn:aws:sts::999999999999:assumed-role/archive-break-glass/erasure", ROLE)
    assert not is_session_of(f"arn:aws:iam::{ACCOUNT}:user/archive-break-glass", ROLE)


def test_a_refused_erasure_changes_nothing(archived: Archived, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any, __: str, objects: list[dict[str, Any]], *___: Any) -> tuple[list[Any], list[str]]:
        return [], [each["Key"] for each in objects]

    before = list_left(archived, "flood")
    with monkeypatch.context() as patch:
        patch.setattr(S3Backend, "delete_objects", refuse)
        result = run("erase", "--owner", "ana", "--confirm", "ana", "--json", *WHY)
    assert (result.status, result.error["reason"]) == (4, "erasure-denied")
    assert list_left(archived, "flood") == before
    assert [each["status"] for each in read_records(archived)] == ["refused"]


def test_an_interrupted_erasure_is_completed(archived: Archived, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, left = S3Backend.delete_objects, [1]

    def break_off(*arguments: Any) -> Any:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return delete(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(S3Backend, "delete_objects", break_off)
        assert run("erase", "--owner", "ana", "--confirm", "ana", *WHY).status == 130
    assert list_left(archived, "flood") or list_left(archived, "survey")
    assert run("erase", "--owner", "ana", "--confirm", "ana", *WHY).status == 0
    assert not list_left(archived, "flood")
    assert not list_left(archived, "survey")
    assert sorted(each["status"] for each in read_records(archived)) == ["begun", "erased"]


def test_nothing_is_erased_while_something_runs(archived: Archived, run: Run) -> None:
    machine = archived.stack.outputs["VerificationStateMachine"]
    boto3.client("stepfunctions").start_execution(stateMachineArn=machine, name="nightly", input="{}")
    result = run("erase", "map", "--confirm", make_id("map"), *WHY, "--json")
    assert (result.status, result.error["reason"]) == (6, "something-running")


@pytest.mark.usefixtures("archived")
def test_a_similar_owner_is_suggested(run: Run) -> None:
    result = run("erase", "--owner", "Ana", "--dry-run", "--json")
    assert (result.status, result.error["reason"]) == (5, "owner-not-found")
    assert "Did you mean 'ana'?" in result.error["message"]
