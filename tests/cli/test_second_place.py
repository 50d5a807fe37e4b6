"""Test that the command reads the second place, also after the archive's bucket is lost, and that doctor checks it."""

import json
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters

from notebook_archive_cli.doctor import second_place
from notebook_archive_cli.doctor.checks import Check
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.errors import ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from tests.cli.archived import RUN, Archived, code, make_id, make_notebook
from tests.cli.aws_commands import run_aws
from tests.cli.conftest import ACCOUNT, MotoStack, Run
from tests.cli.functions import Failure, Functions, answered
from tests.second_place import REGION, lose_bucket, make_second_bucket, replicate
from tests.strict_s3 import SECOND_BUCKET

RIVERS = make_id("Rivers")
VERIFICATION = f"{RUN[:10]}/checked"


@pytest.fixture
def archived(stack: MotoStack) -> Archived:
    """Return an archive with two versions of a notebook, which is replicated."""
    made = Archived(stack)
    made.add_item("Rivers")
    made.add_snapshot("Rivers", "first", make_notebook(code("level = 1")))
    made.add_snapshot("Rivers", "second", make_notebook(code("level = 2")), created="2025-01-02T10:00:01.000Z")
    made.add_run(["Rivers"])
    make_second_bucket()
    replicate(source=made.bucket)
    stack.parameters |= {"SecondBucket": SECOND_BUCKET, "SecondBucketRegion": REGION}
    stack.outputs |= {
        "ReplicationRole": f"arn:aws:iam::{ACCOUNT}:role/replication",
        "BatchReplicationRole": f"arn:aws:iam::{ACCOUNT}:role/batch",
    }
    stack.deploy()
    return made


@pytest.fixture
def lost(archived: Archived) -> Archived:
    """Return the same archive after its bucket is gone."""
    lose_bucket(archived.bucket)
    return archived


@pytest.mark.usefixtures("lost")
def test_lost_archive_is_read_from_the_second_place(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("list", "--json").status != 0
    (notebook,) = run("list", "--second-place", "--json").document
    assert (notebook["title"], notebook["owner"], notebook["versions"], notebook["state"]) == (
        "Rivers",
        "ana",
        2,
        "protected",
    )
    versions = run("versions", "Rivers", "--second-place", "--json").document
    assert [each["name"] for each in versions] == ["second", "first"]
    assert "level = 2" in run("show", "Rivers@latest", "--second-place").stdout
    assert "level = 1" in run("diff", "Rivers", "--second-place").stdout
    assert run("get", "Rivers@-1", "--second-place", "-o", "rivers.ipynb").status == 0
    assert json.loads(Path("rivers.ipynb").read_text())["cells"][0]["source"] == "level = 1"
    assert run("get", "--all", "copy", "--second-place").status == 0
    assert len(list(Path("copy").rglob("*.ipynb"))) == 2


def test_restore_reads_from_the_second_place(run: Run, lost: Archived) -> None:
    def restore(event: dict[str, Any]) -> dict[str, Any]:
        record = {
            "schema": 1, "restoreId": "one", "as": "new", "itemId": RIVERS, "resourceKey": event["resourceKey"],
            "key": "key", "bytes": 1, "sha256": "0" * 64, "portalUrl": "https://gis.example.com/portal", "owner": "ana",
            "plan": ["Read the version from the second place."], "seconds": 1.0, "status": "planned",
        }  # fmt: skip
        done = {"status": "restored", "newItemId": "5" * 32, "level": 5, "differences": [], "undo": "aws"}
        return record if event["dryRun"] else record | done

    functions = Functions({lost.stack.outputs["RestoreNotebookFunction"]: restore})
    with answered(lambda_Invoke=functions.invoke):
        result = run("restore", "Rivers@latest", "--second-place", "--yes", "--json")
    assert result.status == 0
    assert [event["from"] for _, event in functions.calls] == ["second-place", "second-place"]


def test_next_command_reads_the_same_place(run: Run, archived: Archived) -> None:
    functions = Functions()
    functions.returns(archived.stack.outputs["RestoreNotebookFunction"], Failure("VersionMissing"))
    with answered(lambda_Invoke=functions.invoke):
        error = run("restore", "Rivers@latest", "--second-place", "--yes", "--json").error
    assert error["command"] == f"notebook-archive versions {RIVERS} --second-place"
    functions.returns(archived.stack.outputs["RestoreNotebookFunction"], Failure("ItemMissing"))
    with answered(lambda_Invoke=functions.invoke):
        error = run("restore", "Rivers@latest", "--as", "replace", "--second-place", "--yes", "--json").error
    assert shlex.split(error["command"])[-1] == "--second-place"


@pytest.mark.usefixtures("archived")
def test_title_that_the_second_place_does_not_have(run: Run) -> None:
    result = run("versions", "Nowhere", "--second-place")
    assert result.status == ExitStatus.NOT_FOUND
    assert "No notebook in the second place has the title 'Nowhere'" in " ".join(result.stderr.split())


@pytest.mark.usefixtures("stack")
def test_stack_without_second_place_is_refused(run: Run) -> None:
    result = run("list", "--second-place", "--json")
    assert (result.status, result.error["reason"]) == (2, "second-place-missing")


def test_resumed_plan_names_its_place(run: Run, archived: Archived) -> None:
    result = run("restore", "--resume", RUN, "--second-place", "--json")
    assert (result.status, archived.bucket in result.stderr) == (2, False)
    assert "--second-place is not possible with --resume" in result.error["message"]


# ---------------------------------------------------------------------- doctor


def target() -> Target:
    return Target(Session(Options()))


def check(results: Check | list[Check]) -> Check:
    return results if isinstance(results, Check) else results[0]


@pytest.mark.usefixtures("stack")
def test_doctor_says_nothing_without_a_second_place() -> None:
    assert second_place.check_rule(target()).message == "not configured, so this bucket is the only copy"
    assert second_place.check_bucket(target()) == []
    assert second_place.check_replicas(target()) == []


@pytest.mark.usefixtures("archived")
def test_missing_rule_is_written_by_the_fix() -> None:
    found = second_place.check_rule(target())
    assert (found.state, found.message) == ("bad", f"no rule replicates to {SECOND_BUCKET}")
    run_aws(found.command)
    assert second_place.check_rule(target()).state == "good"


def test_wrong_rule_is_found(archived: Archived) -> None:
    there = target()
    place = there.session.stack.second_place
    assert place
    changes: list[tuple[dict[str, Any], str]] = [
        ({"Status": "Disabled"}, "is disabled"),
        ({"ID": "mine"}, "is not called second-place"),
        ({"Destination": {"Bucket": f"arn:aws:s3:::{SECOND_BUCKET}"}}, "has no metrics"),
        ({"Destination": {"Bucket": "arn:aws:s3:::elsewhere"}}, "no rule replicates"),
    ]
    for change, message in changes:
        configuration: Any = second_place.build_configuration(there, place)
        configuration["Rules"][0] |= change
        archived.client.put_bucket_replication(Bucket=archived.bucket, ReplicationConfiguration=configuration)
        found = second_place.check_rule(there)
        assert (found.state, message in found.message) == ("bad", True)


def test_rule_for_another_account_and_key_is_complete(archived: Archived) -> None:
    key = "arn:aws:kms:eu-central-1:444455556666:key/4d5e6f7a"
    archived.stack.parameters |= {"SecondBucketAccount": "444455556666", "SecondBucketKmsKeyArn": key}
    archived.stack.deploy()
    there = target()
    place = there.session.stack.second_place
    assert place
    (rule,) = second_place.build_configuration(there, place)["Rules"]
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": key}
    assert rule["Destination"]["AccessControlTranslation"] == {"Owner": "Destination"}


def test_rule_must_replicate_encrypted_objects(archived: Archived) -> None:
    archived.stack.parameters["KmsKeyArn"] = "arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d"
    archived.stack.deploy()
    there = target()
    place = there.session.stack.second_place
    assert place
    configuration: Any = second_place.build_configuration(there, place)
    archived.client.put_bucket_replication(Bucket=archived.bucket, ReplicationConfiguration=configuration)
    assert "leaves out objects that are encrypted" in second_place.check_rule(there).message


@pytest.mark.usefixtures("archived")
def test_other_bucket_must_keep_versions_and_locks() -> None:
    client = boto3.client("s3", REGION)
    assert check(second_place.check_bucket(target())).state == "good"
    client.put_bucket_versioning(Bucket=SECOND_BUCKET, VersioningConfiguration={"Status": "Suspended"})
    found = check(second_place.check_bucket(target()))
    assert (found.state, "does not keep versions" in found.message) == ("bad", True)
    run_aws(found.command)
    lose_bucket(SECOND_BUCKET)
    assert check(second_place.check_bucket(target())).state == "bad"
    client.create_bucket(Bucket=SECOND_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_bucket_versioning(Bucket=SECOND_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    found = check(second_place.check_bucket(target()))
    assert (found.state, "no Object Lock" in found.message) == ("bad", True)
    assert f"--region {REGION}" in found.command


def put_report(archived: Archived, missing: list[str], bucket: str = SECOND_BUCKET) -> None:
    """Write the report of a verification that compared the two places, and its findings."""
    report = {
        "schema": 1,
        "runId": VERIFICATION,
        "scope": "due",
        "status": "findings",
        "message": "Findings.",
        "startedAt": f"{RUN[:10]}T07:59:00.000Z",
        "endedAt": f"{RUN[:10]}T08:00:00.000Z",
        "secondPlace": {"bucket": bucket, "compared": 3, "notReplicated": len(missing)},
    }
    findings = [{"kind": "not-replicated", "key": key, "versionId": archived.held(key).version_id} for key in missing]
    archived.archive.put_document(f"verifications/{VERIFICATION}/report.json", report)
    archived.archive.put_lines(f"verifications/{VERIFICATION}/findings.jsonl", findings)


def test_doctor_names_objects_without_replica(archived: Archived) -> None:
    assert check(second_place.check_replicas(target())).state == "unknown"
    put_report(archived, [])
    assert check(second_place.check_replicas(target())).message.startswith("3 objects replicated")
    put_report(archived, [], bucket="the-second-place-before")
    assert check(second_place.check_replicas(target())).state == "unknown"
    put_report(archived, [f"notebooks/{RIVERS}/item.json"])
    found = check(second_place.check_replicas(target()))
    assert found.state == "bad"
    assert found.message.startswith("1 of 3 objects without a replica")
    assert "of the first 1: 1 never replicated" in found.message
    assert "create-job" in found.command


@pytest.mark.usefixtures("archived")
def test_batch_command_has_the_form_of_the_api() -> None:
    words = shlex.split(second_place.build_batch_command(target()))
    given: dict[str, Any] = {
        name.removeprefix("--").title().replace("-", ""): value
        for name, value in pairwise(words)
        if name.startswith("--") and not value.startswith("--")
    }
    given = {name: json.loads(value) if value.startswith("{") else value for name, value in given.items()}
    given |= {"Priority": int(given["Priority"]), "ClientRequestToken": "one"}
    given.pop("Region", None)
    shape = get_session().get_service_model("s3control").operation_model("CreateJob").input_shape
    assert shape
    validate_parameters(given, shape)
