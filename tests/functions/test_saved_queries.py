"""Test that each saved query finds the lines that functions log about a failure, and no others."""

import contextlib
from collections.abc import Callable

import pytest

from notebook_archive.errors import NotebookArchiveError
from tests.docs.documents import OPERATIONS, code_in
from tests.functions.conftest import Functions, sample
from tests.functions.test_handlers import whole_run
from tests.functions.test_verification import damage, whole_verification
from tests.operations.insights import LogLine, Row, run_query
from tests.strict_s3 import contents
from tests.template.rendered import EVERYTHING, render

QUERIES = {
    name: each["Properties"]
    for name, each in render(EVERYTHING)["Resources"].items()
    if each["Type"] == "AWS::Logs::QueryDefinition"
}
FOLDER = "notebook-archive/"


def ask(name: str, lines: list[LogLine]) -> list[Row]:
    """Return what the saved query finds in these lines."""
    groups = QUERIES[name]["LogGroupNames"]
    return run_query(QUERIES[name]["QueryString"], [line for line in lines if line.group in groups])


def lines_of(functions: Functions, function: str) -> list[LogLine]:
    """Return what was logged so far, as lines in the log group of a function."""
    return [LogLine(f"/aws/lambda/notebook-archive-{function}", line) for line in functions.lines()]


def test_saved_queries_are_made_only_if_wanted() -> None:
    kinds = [each["Type"] for each in render()["Resources"].values()]
    assert "AWS::Logs::QueryDefinition" not in kinds
    assert "WebhookProblemsQuery" not in render({"SavedQueries": "true"})["Resources"]


def test_each_saved_query_is_in_the_folder_of_the_stack() -> None:
    names = [each["Name"] for each in QUERIES.values()]
    assert all(name.startswith(FOLDER) for name in names)
    assert len(names) == len(set(names))


def test_every_alarm_has_one_row_of_the_table_of_queries() -> None:
    rows = OPERATIONS.table("saved query")
    documented = {row[0].strip("*"): code_in(row[2]) for row in rows}
    assert documented.keys() - {"(none)"} == {each["Name"].removeprefix(FOLDER) for each in QUERIES.values()}
    resources = render(EVERYTHING)["Resources"]
    alarms = [name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"]
    listed = [name for names in documented.values() for name in names if name.endswith("Alarm")]
    assert sorted(listed) == sorted(alarms)


def test_query_for_invocations_searches_every_function() -> None:
    resources = render(EVERYTHING)["Resources"].values()
    groups = {each["Properties"]["LogGroupName"] for each in resources if each["Type"] == "AWS::Logs::LogGroup"}
    functions = {name for name in groups if name.startswith("/aws/lambda/")}
    assert set(QUERIES["FailedInvocationsQuery"]["LogGroupNames"]) == functions


def test_unprotected_notebooks_and_findings_are_found(functions: Functions) -> None:
    functions.configure(ARCHIVE_CURRENT="true")
    whole_run(functions)
    (row,) = ask("UnprotectedNotebooksQuery", lines_of(functions, "archive-notebooks"))
    assert (row["protection"], row["problem.reason"]) == ("unprotected", "owner-credentials-missing")
    key = next(key for key in contents("notebooks/") if "/snapshots/" in key)
    damage(key)
    whole_verification(functions)
    rows = ask("FindingsQuery", lines_of(functions, "verify-versions"))
    assert [(row["finding.kind"], row["finding.key"]) for row in rows] == [("damaged", key)]


# A sample of each function that fails without the configuration or the data that it needs, and the query for it.
FAILING = [
    ("plan_run", "plan-run", "RunProblemsQuery", "problem.reason"),
    ("plan_verification", "plan-verification", "VerificationProblemsQuery", "problem.reason"),
    ("archive_requests", "archive-requests", "RequestProblemsQuery", "problem.reason"),
    ("restore_notebook", "restore-notebook", "RestoreProblemsQuery", "reason"),
    ("test_restores", "test-restores", "RestoreTestProblemsQuery", "reason"),
    ("rotate_token", "rotate-token", "RotationProblemsQuery", "problem.reason"),
    ("download_snapshot", "download-snapshot", "ProxyErrorsQuery", "why"),
    ("receive_webhook", "receive-webhook", "WebhookProblemsQuery", "reason"),
]


@pytest.fixture
def fail(functions: Functions) -> Callable[[str], None]:
    """Return a function that invokes a function with its sample, without the buckets and queues that it needs."""
    functions.configure(ARCHIVE_BUCKET="", REQUEST_QUEUE_URL="", WEBHOOK_SECRET="", SECRET_PREFIX="")

    def invoke(name: str) -> None:
        with contextlib.suppress(NotebookArchiveError):
            functions.invoke(name.split(".")[0], sample(name))

    return invoke


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize(("name", "group", "query", "reason"), FAILING)
def test_failure_of_a_function_is_found(
    functions: Functions, fail: Callable[[str], None], name: str, group: str, query: str, reason: str
) -> None:
    fail(name)
    rows = ask(query, lines_of(functions, group))
    assert [row[reason] for row in rows] == ["settings-invalid"]
    if not group.startswith(("download", "receive")):
        (row,) = ask("FailedInvocationsQuery", lines_of(functions, group))
        assert row["why"] == "settings-invalid"


def test_lambdas_own_lines_are_found() -> None:
    report = {"type": "platform.report", "record": {"requestId": "r-1", "status": "timeout"}}
    good = {"type": "platform.report", "record": {"requestId": "r-2", "status": "success"}}
    crash = {"level": "ERROR", "errorType": "Runtime.ExitError", "errorMessage": "exit", "requestId": "r-3"}
    lines = [LogLine("/aws/lambda/notebook-archive-plan-run", each) for each in (report, good, crash)]
    found = {row["request"]: row["why"] for row in ask("FailedInvocationsQuery", lines)}
    assert found == {"r-1": "timeout", "r-3": "Runtime.ExitError"}


def test_executions_that_did_not_succeed_are_found() -> None:
    group = "/aws/vendedlogs/states/notebook-archive-archive-run"
    types = ("ExecutionStarted", "TaskFailed", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
    rows = ask("ExecutionErrorsQuery", [LogLine(group, {"type": each, "timestamp": each}) for each in types])
    assert sorted(row["type"] for row in rows) == ["ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"]
