"""Test that each log line is one JSON object with the keys of the invocation, at the level of the deployment."""

import logging
import warnings
from typing import Any

import pytest

from notebook_archive.errors import EventRefused
from tests.functions.conftest import Functions, sample

RUN = "2026-11-22/sample-run"


def make_damaged_batch() -> dict[str, Any]:
    """Return the sample batch with a notebook that makes the function fail."""
    event = sample("archive_notebooks")
    notebooks = event["batch"]["notebooks"]
    notebooks.append({**notebooks[0], "archived": None})
    return event


def test_line_from_a_worker_thread_has_the_run_id(functions: Functions) -> None:
    functions.invoke("archive_notebooks", make_damaged_batch())
    (line,) = [line for line in functions.lines() if line["name"] == "notebook_archive.backup.archive_each"]
    assert (line["level"], line["run_id"], line["batch"]) == ("ERROR", RUN, 1)
    assert "Traceback" in line["exception"]


def test_warning_of_a_library_has_the_run_id(functions: Functions) -> None:
    functions.invoke("plan_run", sample("plan_run"))
    logging.getLogger("urllib3.connectionpool").warning("Connection pool is full: %s", "localhost")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("Something is old", UserWarning, stacklevel=1)
    library, python = functions.lines()[-2:]
    assert (library["name"], library["message"]) == ("urllib3.connectionpool", "Connection pool is full: localhost")
    assert python["name"] == "py.warnings"
    assert "UserWarning: Something is old" in python["message"]
    assert library["run_id"] == python["run_id"] == RUN


def test_libraries_never_log_below_warning(functions: Functions) -> None:
    functions.invoke("plan_run", sample("plan_run"))
    before = functions.lines()
    logging.getLogger("botocore.endpoint").debug("headers, with a signature")
    logging.getLogger("urllib3.connectionpool").info("an address, with a query")
    assert functions.lines() == before


@pytest.mark.parametrize("lambda_level", ["", "DEBUG"])
def test_the_deployment_sets_the_log_level(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, lambda_level: str
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", lambda_level)
    functions.invoke("archive_notebooks", make_damaged_batch())
    logging.getLogger("notebook_archive.backup_requests.queue").info("of no interest")
    assert {line["level"] for line in functions.lines()} == {"ERROR", "WARNING"}


def test_each_line_is_written_once(functions: Functions) -> None:
    for _ in range(2):
        functions.invoke("plan_run", sample("plan_run"))
    assert [line["message"] for line in functions.lines()] == ["Planned", "Planned"]


def test_error_that_ends_an_invocation_has_the_run_id(functions: Functions) -> None:
    functions.configure(EVENT_BUS_NAME="elsewhere")
    with pytest.raises(EventRefused):
        functions.invoke("report_run", sample("report_run.failed"))
    line = functions.lines()[-1]
    assert (line["level"], line["run_id"], line["exception_name"]) == ("ERROR", RUN, "EventRefused")
    assert line["problem"]["reason"] == "event-refused"
    assert line["problem"]["remedy"] == EventRefused.remedy


def test_a_defect_is_logged_as_a_defect(functions: Functions) -> None:
    event = sample("archive_notebooks") | {"batch": {"number": 7}}
    with pytest.raises(KeyError):
        functions.invoke("archive_notebooks", event)
    line = functions.lines()[-1]
    assert (line["run_id"], line["batch"], line["problem"]["reason"]) == (RUN, 7, "internal-error")


def test_text_that_is_not_unicode_is_logged_escaped(functions: Functions) -> None:
    functions.invoke("plan_run", sample("plan_run"))
    logging.getLogger("notebook_archive").warning("Title %s", "half \ud83d of a pair, 水位")
    assert functions.lines()[-1]["message"] == "Title half \ud83d of a pair, 水位"


def test_metrics_of_a_run_name_the_run(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    functions.invoke("report_run", sample("report_run.failed"))
    assert f'"run_id":"{RUN}"' in capsys.readouterr().out.replace('": "', '":"')
