"""Test that the dashboard is what CloudWatch accepts, refers to what exists, and answers its questions correctly."""

import functools
import itertools
import json
import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from notebook_archive.metrics import Metric
from tests.cli.parsing import parse_arguments
from tests.docs.documents import COSTS
from tests.operations.dashboard_schema import SCHEMA
from tests.operations.draw_dashboard import Facts, draw_page, evaluate_widget, read_body
from tests.operations.insights import LogLine, run_query
from tests.operations.metrics import Point
from tests.template.rendered import EVERYTHING, VARIANTS, render

QUESTIONS = [
    "Is everything protected?",
    "How fresh is it?",
    "Is it proved?",
    "What fails, and where?",
    "What does it cost?",
]
NOW = datetime(2026, 11, 29, 9, 10, tzinfo=UTC)
JUST_NOW = NOW - timedelta(minutes=1)
OWN = {"service": "notebook-archive"}
# An account may have three dashboards with this number of metrics without paying for them.
MAX_FREE_METRICS = 50


def widgets(body: Mapping[str, Any], kind: str) -> list[Any]:
    return [each for each in body["widgets"] if each["type"] == kind]


def own_points(at: datetime, **values: float) -> list[Point]:
    return [Point("NotebookArchive", name, OWN, at, value) for name, value in values.items()]


def run_points(at: datetime, status: str, **values: float) -> list[Point]:
    """Return what a run sends. A run over chosen notebooks has none of the three statuses."""
    statuses = {f"Run{each}": float(each == status) for each in ("Complete", "Partial", "Failed")}
    counts = {f"Notebooks{state}": 0.0 for state in ("Protected", "Stale", "Unprotected", "Empty")}
    return own_points(at, **statuses, **counts | values)


@functools.cache
def body_of(variant: str) -> Any:
    """Return the body of the dashboard with the parameters of a variant."""
    return read_body(VARIANTS[variant])


def read_answer(question: str, points: list[Point]) -> float | None:
    """Return the number next to a question, or None if the dashboard shows none."""
    body = body_of("defaults")
    (y,) = (each["y"] for each in widgets(body, "text") if question in each["properties"]["markdown"])
    (widget,) = (each for each in widgets(body, "metric") if (each["x"], each["y"]) == (6, y))
    ((_, _, series),) = evaluate_widget(widget, body, Facts(points, [], [], NOW))
    return list(series.values())[-1] if series else None


@pytest.mark.parametrize("variant", VARIANTS)
def test_body_is_valid(variant: str) -> None:
    assert list(Draft202012Validator(SCHEMA).iter_errors(body_of(variant))) == []


def test_planted_defects_make_the_body_invalid() -> None:
    for planted in ('"period": 60', '"stat": "Max"', '"view": "number"', '"x": 24', '"id": "Complete"'):
        name = planted.split(":")[0]
        text = re.sub(rf'{name}: ("\w+"|\d+)', planted, json.dumps(body_of("everything")), count=1)
        assert list(Draft202012Validator(SCHEMA).iter_errors(json.loads(text))), planted


def test_dashboard_exists_unless_it_is_switched_off() -> None:
    assert "OperationsDashboard" in render()["Resources"]
    assert "OperationsDashboard" not in render({"Dashboard": "false"})["Resources"]
    assert "Dashboard" not in render({"Dashboard": "false"})["Outputs"]


def test_dashboards_of_two_regions_have_different_names() -> None:
    rendered = render()["Resources"]["OperationsDashboard"]["Properties"]
    assert rendered["DashboardName"] == "notebook-archive-eu-central-1"


def test_each_row_begins_with_a_question() -> None:
    texts = [each for each in widgets(body_of("defaults"), "text") if each["x"] == 0]
    assert [each["properties"]["markdown"].splitlines()[0].removeprefix("## ") for each in texts] == QUESTIONS
    assert all("if the number is" in each["properties"]["markdown"] for each in texts[:-1])


@pytest.mark.parametrize("variant", ["defaults", "everything"])
def test_widgets_do_not_overlap(variant: str) -> None:
    cells = [
        (x, y)
        for each in body_of(variant)["widgets"]
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_metrics_exist_and_are_free() -> None:
    body = body_of("everything")
    metrics = {tuple(row[:-1]) for each in widgets(body, "metric") for row in each["properties"]["metrics"] if row[:-1]}
    assert len(metrics) <= MAX_FREE_METRICS
    own = [each for each in metrics if each[0] == "NotebookArchive"]
    assert {name for _, name, *_ in own} <= set(Metric)
    assert {tuple(rest) for _, _, *rest in own} == {("service", "notebook-archive")}


def test_ids_in_a_widget_are_unique() -> None:
    for each in widgets(body_of("everything"), "metric"):
        ids = [row[-1]["id"] for row in each["properties"]["metrics"]]
        assert len(ids) == len(set(ids)), each["properties"]["title"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_alarm_widget_lists_every_alarm(variant: str) -> None:
    resources = render(VARIANTS[variant])["Resources"]
    alarms = {name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    shown = [arn for each in widgets(body_of(variant), "alarm") for arn in each["properties"]["alarms"]]
    assert {arn.rpartition(":")[2] for arn in shown} == alarms


def test_commands_in_the_texts_can_be_run() -> None:
    texts = "\n".join(each["properties"]["markdown"] for each in widgets(body_of("defaults"), "text"))
    commands = re.findall(r"`notebook-archive ([^`]+)`", texts)
    assert len(commands) == 5
    for command in commands:
        parse_arguments(shlex.split(command))
        assert command.endswith("--stack notebook-archive")


class TestAnswers:
    """Test the number next to each question."""

    def test_stale_and_unprotected_notebooks_are_counted(self) -> None:
        night = run_points(NOW - timedelta(hours=7), "Complete", NotebooksStale=2, NotebooksUnprotected=1)
        assert read_answer(QUESTIONS[0], night) == 3

    @pytest.mark.parametrize("status", ["Failed", "chosen"])
    def test_failed_and_chosen_runs_hide_nothing(self, status: str) -> None:
        night = run_points(NOW - timedelta(hours=31), "Partial", NotebooksUnprotected=4)
        assert read_answer(QUESTIONS[0], [*night, *run_points(NOW - timedelta(hours=7), status)]) == 4

    def test_newer_run_replaces_the_number(self) -> None:
        first = run_points(NOW - timedelta(hours=2), "Partial", NotebooksUnprotected=4)
        assert read_answer(QUESTIONS[0], [*first, *run_points(NOW - timedelta(hours=1), "Complete")]) == 0

    def test_hours_are_those_since_the_last_complete_run(self) -> None:
        night = run_points(NOW - timedelta(hours=31), "Complete")
        assert read_answer(QUESTIONS[1], night) == 31
        assert read_answer(QUESTIONS[1], [*night, *run_points(NOW, "Partial")]) == 31
        assert read_answer(QUESTIONS[1], [*night, *run_points(NOW, "Complete")]) == 0

    def test_hours_before_the_first_run_are_not_drawn(self) -> None:
        body, points = body_of("defaults"), run_points(NOW - timedelta(hours=3), "Complete")
        (widget,) = (each for each in widgets(body, "metric") if each["properties"]["title"].startswith("Hours since"))
        ((_, _, series),) = evaluate_widget(widget, body, Facts(points, [], [], NOW))
        assert list(series.values()) == [0, 1, 2, 3]

    def test_without_runs_there_is_no_answer(self) -> None:
        assert [read_answer(question, []) for question in QUESTIONS[:3]] == [None, None, None]

    def test_findings_of_all_kinds_are_counted(self) -> None:
        verification = own_points(NOW, VersionsRead=10, VersionsMissing=1, ObjectsDamaged=2, VersionsNotNotebooks=4)
        assert read_answer(QUESTIONS[2], verification) == 7

    def test_failures_in_the_time_range_are_counted(self) -> None:
        machine = "arn:aws:states:eu-central-1:111122223333:stateMachine:ArchiveRun"
        failed = [
            Point("AWS/States", name, {"StateMachineArn": machine}, NOW - timedelta(days=days), 1)
            for name, days in itertools.product(("ExecutionsFailed", "ExecutionsTimedOut"), (1, 8))
        ]
        proxy = Point("AWS/ApiGateway", "5XXError", {"ApiName": "notebook-archive", "Stage": "v1"}, JUST_NOW, 3)
        assert read_answer(QUESTIONS[3], [*failed, proxy]) == 5
        assert read_answer(QUESTIONS[3], []) == 0

    def test_cost_is_that_of_the_documents(self) -> None:
        """Test it with the large organization of docs/costs.md: 12 GB, and 10,000 notebooks each night for 0.12 s."""
        storage = {"BucketName": "ArchiveBucket", "StorageType": "StandardStorage"}
        large = [
            Point("AWS/S3", "BucketSizeBytes", storage, JUST_NOW, 12_000_000_000),
            Point("AWS/Lambda", "Duration", {"FunctionName": "ArchiveNotebooksFunction"}, JUST_NOW, 30 * 10_000 * 120),
        ]
        documented = 12 * 0.023 + 0.83
        answer, without = read_answer(QUESTIONS[4], large), read_answer(QUESTIONS[4], [])
        assert answer is not None
        assert without is not None
        assert answer - without == pytest.approx(documented, abs=0.01)


def test_prices_are_those_of_the_documents() -> None:
    body = json.dumps(body_of("everything"))
    for price in ("0.023", "0.0125", "0.004", "0.0000133334", "1.73"):
        assert price in body
        assert price in COSTS.prose
    rows = {row[0]: row[2] for row in COSTS.section("The arithmetic").table("what")}
    metrics = float(rows["CloudWatch metrics"]) + float(rows["verification: CloudWatch metrics"])
    fixed = (metrics, float(rows["SQS"]), float(rows["CloudWatch dashboard"]))
    for amount in fixed:
        assert f"TIME_SERIES({amount:g})" in body


@pytest.mark.parametrize("variant", ["defaults", "everything"])
def test_cost_of_alarms_is_ten_cents_each(variant: str) -> None:
    is_on = any(each["Type"] == "AWS::CloudWatch::Alarm" for each in render(VARIANTS[variant])["Resources"].values())
    with_topic = render({"AlarmTopicArn": EVERYTHING["AlarmTopicArn"]})["Resources"].values()
    number = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in with_topic)
    (shown,) = set(re.findall(r"TIME_SERIES\(([0-9.]+)\)\", \"id\": \"alarms\"", json.dumps(body_of(variant))))
    assert float(shown) == (number / 10 if is_on else 0)


def test_table_names_reasons_and_remedies() -> None:
    (widget,) = widgets(body_of("defaults"), "log")
    problem = {"reason": "arcgis-unavailable", "message": "503", "remedy": "Check that the server is up."}
    lines = [
        LogLine("/aws/lambda/notebook-archive-plan-run", {"timestamp": "2", "level": "ERROR", "problem": problem}),
        LogLine(
            "/aws/lambda/notebook-archive-archive-notebooks", {"timestamp": "1", "level": "WARNING", "problem": problem}
        ),
        LogLine(
            "/aws/lambda/notebook-archive-archive-notebooks", {"timestamp": "3", "level": "INFO", "problem": problem}
        ),
    ]
    rows = run_query(widget["properties"]["query"], lines)
    expected = {"why": problem["reason"], "times": 1, "what_to_do": problem["remedy"]}
    assert rows == [{**expected, "part": part} for part in ("archive-notebooks", "plan-run")]


def test_page_shows_every_widget_without_data() -> None:
    page = draw_page(body_of("everything"), Facts([], [], [], NOW))
    assert page.count("<section") == len(body_of("everything")["widgets"])
    assert "No alarm is on." in page
