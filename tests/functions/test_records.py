"""Test that each function that stores versions leaves a store record of exactly these versions."""

import json

import pytest

from notebook_archive.archive import keys
from notebook_archive.errors import ArchiveDenied
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import whole_run
from tests.functions.test_proxy import content, download, enlarge, notebook
from tests.functions.test_requests import FIRST, Queues, asked
from tests.site import list_recorded, stored_body
from tests.strict_s3 import Fault, contents

RUN = "2026-11-22/sample-run"


def stored_versions() -> dict[str, tuple[int, str]]:
    """Return the size and the SHA-256 of each version in the bucket."""
    return {
        key: (len(stored.body), stored.metadata["sha256"])
        for key, stored in contents("notebooks/").items()
        if keys.parse_version(key)
    }


def count_puts(functions: Functions) -> int:
    return sum(operation == "PutObject" and key.startswith("records/") for operation, key in functions.s3.calls)


def test_a_run_records_every_version_with_one_call_a_batch(functions: Functions) -> None:
    functions.configure(ARCHIVE_CURRENT="true", BATCH_SIZE="5")
    whole_run(functions)
    assert list_recorded(RUN) == list_recorded() == stored_versions()
    assert any("/current/" in key for key in list_recorded())
    assert count_puts(functions) == 3, "15 notebooks in batches of 5"


def test_a_run_with_nothing_new_records_nothing(functions: Functions) -> None:
    whole_run(functions)
    functions.s3.calls.clear()
    event = {**sample("plan_run"), "runId": "another"}
    plan = functions.invoke("plan_run", event)
    run = {"runId": event["runId"], "startedAt": event["startedAt"]}
    for line in stored_body(plan["planKey"]).splitlines():
        functions.invoke("archive_notebooks", {**run, "batch": json.loads(line)})
    functions.invoke("report_run", {**run, "plan": plan, "error": None})
    assert count_puts(functions) == 0


def test_the_report_records_what_a_crashed_batch_stored(functions: Functions) -> None:
    event = sample("plan_run")
    plan = functions.invoke("plan_run", event)
    run = {"runId": event["runId"], "startedAt": event["startedAt"]}
    functions.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="records/")]
    for line in stored_body(plan["planKey"]).splitlines():
        with pytest.raises(ArchiveDenied):
            functions.invoke("archive_notebooks", {**run, "batch": json.loads(line)})
    functions.s3.faults.clear()
    assert list_recorded() == {}
    functions.invoke("report_run", {**run, "plan": plan, "error": None})
    assert list_recorded(RUN) == stored_versions() != {}


def test_requested_backups_leave_one_record(functions: Functions) -> None:
    items = [item.id for item in functions.deployment.organisation.notebooks()][:3]
    queues = Queues(functions)
    queues.deliver(*(asked(itemIds=[item_id]) for item_id in items))
    assert list_recorded() == stored_versions() != {}
    assert count_puts(functions) == 1
    [key] = contents("records/")
    assert key.split("/")[2].startswith("event-")


def test_a_requested_backup_succeeds_without_its_record(functions: Functions) -> None:
    functions.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="records/")]
    assert Queues(functions).deliver(asked(itemIds=[FIRST])) == []
    assert (list_recorded(), bool(stored_versions())) == ({}, True)
    [line] = [line for line in functions.lines() if "store record" in line["message"]]
    assert line["level"] == "ERROR"
    assert "AccessDenied" in line["exception"]


def test_a_large_download_that_is_archived_leaves_a_record(functions: Functions) -> None:
    item = notebook(functions.deployment, "ana")
    enlarge(item)
    assert download(functions, item).status == 303
    assert list_recorded() == stored_versions()
    assert [size for size, _ in list_recorded().values()] == [len(content(item))]
    assert download(functions, item, {"source": "arcgis"}).status == 303
    assert [stored.versions for stored in contents("records/").values()] == [1]


def test_a_small_download_leaves_no_record(functions: Functions) -> None:
    assert download(functions, notebook(functions.deployment, "ana")).status == 200
    assert contents() == {}


def test_a_large_download_succeeds_without_its_record(functions: Functions) -> None:
    item = notebook(functions.deployment, "ana")
    enlarge(item)
    functions.s3.faults = [Fault("PutObject", "403-AccessDenied", times=None, part="records/")]
    assert download(functions, item).status == 303
    assert (list_recorded(), len(stored_versions())) == ({}, 1)
    assert any("store record" in line["message"] for line in functions.lines())
