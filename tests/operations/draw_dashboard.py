"""Draw the dashboard as a picture, from its own JSON, with the values of runs on this machine.

    export PYTHONPATH=layers/notebook_archive:cli:.
    .venv/bin/python -m tests.operations.draw_dashboard docs/images/dashboard.png

The metrics are evaluated as CloudWatch documents it, and so is the query of the table. The appearance resembles that of
CloudWatch, but fonts and colors differ.
"""

import argparse
import html
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright

from tests.operations.insights import LogLine, run_query
from tests.operations.metric_math import Series, Window, evaluate
from tests.operations.metrics import Point
from tests.template.rendered import render

# The width of a laptop's screen in pixels. A dashboard has 24 columns.
LAPTOP = 1280
COLUMN, ROW = LAPTOP / 24, 50
_DAYS = {"D": timedelta(days=1), "H": timedelta(hours=1)}
_MARKDOWN = MarkdownIt()
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")
_STYLE = """
body { margin: 0; background: #f2f3f3; color: #16191f;
  font: 14px/1.4 "Helvetica Neue", Arial, "DejaVu Sans", sans-serif }
main { position: relative }
section { position: absolute; box-sizing: border-box; padding: 3px }
section > div { box-sizing: border-box; height: 100%; background: #fff; border: 1px solid #d5dbdb; border-radius: 4px;
  padding: 8px 12px; overflow: hidden }
.text > div { font-size: 13px } .text h2 { font-size: 17px; margin: 0 0 4px } .text p { margin: 0 0 6px }
code { background: #f2f3f3; border-radius: 3px; padding: 1px 4px; font: 12px "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere }
h3 { font-size: 14px; margin: 0 0 6px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.numbers { display: flex; flex-wrap: wrap; align-content: center; height: calc(100% - 26px); gap: 6px 22px }
.numbers b { display: block; font-size: 30px; line-height: 1.1; font-weight: 400 }
.numbers.one b { font-size: 44px }
.numbers span { font-size: 12px; color: #545b64 }
table { border-collapse: collapse; width: 100%; font-size: 12px }
td, th { text-align: left; vertical-align: top; border-bottom: 1px solid #eaeded; padding: 3px 8px 3px 0 }
.on { border-left: 4px solid #d13212; background: #fdf3f1; padding: 2px 8px; margin-bottom: 4px; font-size: 12px;
  overflow-wrap: anywhere }
.none { color: #545b64 }
svg text { font-size: 11px; fill: #545b64 }
"""


@dataclass(frozen=True)
class Facts:
    """What the dashboard shows: values of metrics, log lines, and the names of the alarms that are on, at a time."""

    points: Sequence[Point]
    lines: Sequence[LogLine]
    alarms_on: Sequence[str]
    now: datetime


def read_body(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of the dashboard that the template makes with these parameters."""
    rendered = render(parameters)["Resources"]["OperationsDashboard"]["Properties"]
    body: dict[str, Any] = json.loads(rendered["DashboardBody"])
    return body


def draw_page(body: Mapping[str, Any], facts: Facts) -> str:
    """Return an HTML page that shows the dashboard with this body."""
    widgets = body["widgets"]
    height = max(each["y"] + each["height"] for each in widgets) * ROW
    drawn = "".join(_draw_widget(each, body, facts) for each in widgets)
    return f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style><main style="height:{height}px">{drawn}</main>'


def take_picture(page_html: str, browser: Browser, path: Path) -> None:
    """Write a picture of the whole page as PNG."""
    page = browser.new_page(viewport={"width": LAPTOP, "height": 800})
    page.set_content(page_html)
    page.screenshot(path=path, full_page=True)
    page.close()


def evaluate_widget(widget: Mapping[str, Any], body: Mapping[str, Any], facts: Facts) -> list[tuple[str, str, Series]]:
    """Return the label, the color and the values of each metric and expression that a metric widget shows."""
    properties = widget["properties"]
    start = facts.now - _read_duration(properties.get("start", body["start"]))
    if properties.get("setPeriodToTimeRange"):
        window = Window.one_period(start, facts.now)
    else:
        window = Window.between(start, facts.now, properties["period"])
    rows = {_options(row)["id"]: row for row in properties["metrics"]}

    def find_series(name: str) -> Series:
        row, options = rows[name], _options(rows[name])
        if "expression" in options:
            return evaluate(options["expression"], find_series, window)
        namespace, metric, *dimensions = row[:-1]
        wanted = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        points = [
            each
            for each in facts.points
            if (each.namespace, each.metric, each.dimensions) == (namespace, metric, wanted)
        ]
        return window.aggregate(points, options["stat"])

    shown = [(name, _options(row)) for name, row in rows.items() if _options(row).get("visible", True)]
    colors = [options.get("color", _COLORS[number % len(_COLORS)]) for number, (_, options) in enumerate(shown)]
    return [(options["label"], color, find_series(name)) for (name, options), color in zip(shown, colors, strict=True)]


def _options(row: Sequence[Any]) -> Mapping[str, Any]:
    options: Mapping[str, Any] = row[-1]
    return options


def _read_duration(text: str) -> timedelta:
    match = re.fullmatch(r"-PT?(\d+)([DH])", text)
    assert match, text
    return int(match[1]) * _DAYS[match[2]]


def _draw_widget(widget: Mapping[str, Any], body: Mapping[str, Any], facts: Facts) -> str:
    properties = widget["properties"]
    x, y, width, height = widget["x"] * COLUMN, widget["y"] * ROW, widget["width"] * COLUMN, widget["height"] * ROW
    match widget["type"], properties.get("view"):
        case "text", _:
            content = _MARKDOWN.render(properties["markdown"])
        case "alarm", _:
            content = _draw_alarms(properties, facts)
        case "log", "table":
            content = _draw_table(run_query(properties["query"], facts.lines))
        case "metric", "singleValue":
            content = _draw_numbers(evaluate_widget(widget, body, facts))
        case "metric", "timeSeries":
            content = _draw_chart(properties, evaluate_widget(widget, body, facts), width - 32, height - 52)
        case other:
            raise NotImplementedError(other)
    title = f"<h3>{html.escape(properties['title'])}</h3>" if "title" in properties else ""
    place = f"left:{x:.1f}px;top:{y}px;width:{width:.1f}px;height:{height}px"
    return f'<section class="{widget["type"]}" style="{place}"><div>{title}{content}</div></section>'


def _draw_numbers(shown: Sequence[tuple[str, str, Series]]) -> str:
    """Draw the last value of each time series, or -- if it has none."""
    numbers = "".join(
        f"<div><b>{_format(list(series.values())[-1]) if series else '--'}</b><span>{html.escape(label)}</span></div>"
        for label, _, series in shown
    )
    return f'<div class="numbers{" one" if len(shown) == 1 else ""}">{numbers}</div>'


def _format(value: float) -> str:
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.01 else f"{value:.1g}"


def _draw_alarms(properties: Mapping[str, Any], facts: Facts) -> str:
    assert properties["states"] == ["ALARM"], properties["states"]
    names = [arn.rpartition(":")[2] for arn in properties["alarms"]]
    on = [f'<div class="on">{name}<br>In alarm</div>' for name in facts.alarms_on if name in names]
    return "".join(on) or '<p class="none">No alarm is on.</p>'


def _draw_table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return '<p class="none">No results.</p>'
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row.values()) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


@dataclass(frozen=True)
class _Plot:
    """The area of a chart between its axes, in pixels, and the ranges of time and values that it shows."""

    right: float
    bottom: float
    first: int
    last: int
    highest: float
    left: float = 48
    top: float = 6

    def x(self, time: float) -> float:
        return self.left + (time - self.first) / max(self.last - self.first, 1) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - value / self.highest * (self.bottom - self.top)


# A line, or an area: its color, and the time, the lower value and the upper value of each point.
type _Area = tuple[str, list[tuple[int, float, float]]]


def _draw_chart(
    properties: Mapping[str, Any], shown: Sequence[tuple[str, str, Series]], width: float, height: float
) -> str:
    """Draw lines, or areas on top of each other if the widget is stacked, with the limits that the widget has."""
    areas = _stack(shown) if properties.get("stacked") else [(color, _to_area(series)) for _, color, series in shown]
    limits = properties.get("annotations", {}).get("horizontal", [])
    times = [time for _, area in areas for time, _, _ in area]
    if not times:
        return '<p class="none">No data.</p>'
    highest = max(*(high for _, area in areas for _, _, high in area), *(each["value"] for each in limits), 1e-9) * 1.1
    legend = shown if properties["legend"]["position"] == "right" else []
    plot = _Plot(width - (170 if legend else 0), height - 18, min(times), max(times), highest)
    parts = [
        *_draw_axes(plot),
        *(_draw_area(plot, color, area, is_filled=bool(properties.get("stacked"))) for color, area in areas),
        *(_draw_limit(plot, limit) for limit in limits),
        *(_draw_legend(plot, number, label, color) for number, (label, color, _) in enumerate(legend)),
    ]
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(parts)}</svg>'


def _to_area(series: Series) -> list[tuple[int, float, float]]:
    return [(time, 0.0, value) for time, value in series.items()]


def _stack(shown: Sequence[tuple[str, str, Series]]) -> list[_Area]:
    bases: Series = {}
    areas: list[_Area] = []
    for _, color, series in shown:
        areas.append(
            (color, [(time, bases.get(time, 0.0), bases.get(time, 0.0) + value) for time, value in series.items()])
        )
        bases |= {time: high for time, _, high in areas[-1][1]}
    return areas


def _draw_axes(plot: _Plot) -> Iterator[str]:
    yield f'<line x1="{plot.left}" x2="{plot.right}" y1="{plot.bottom}" y2="{plot.bottom}" stroke="#aab7b8"/>'
    for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end")):
        value = plot.highest / 1.1 * share
        y, text = plot.y(value) + 4, f"{value:.2g}" if value < 100 else f"{value:,.0f}"
        yield f'<text x="{plot.left - 5}" y="{y:.1f}" text-anchor="end">{text}</text>'
        time = plot.first + (plot.last - plot.first) * share
        x, text = plot.x(time), datetime.fromtimestamp(time, UTC).strftime("%d %b")
        yield f'<text x="{x:.1f}" y="{plot.bottom + 15}" text-anchor="{anchor}">{text}</text>'


def _draw_area(plot: _Plot, color: str, area: Sequence[tuple[int, float, float]], *, is_filled: bool) -> str:
    upper = " ".join(f"{plot.x(time):.1f},{plot.y(high):.1f}" for time, _, high in area)
    if not is_filled:
        return f'<polyline points="{upper}" fill="none" stroke="{color}" stroke-width="1.5"/>'
    lower = " ".join(f"{plot.x(time):.1f},{plot.y(low):.1f}" for time, low, _ in reversed(area))
    return f'<polygon points="{upper} {lower}" fill="{color}" fill-opacity="0.75"/>'


def _draw_limit(plot: _Plot, limit: Mapping[str, Any]) -> str:
    y, label = plot.y(limit["value"]), html.escape(f"{limit['label']} ({_format(limit['value'])})")
    line = f'<line x1="{plot.left}" x2="{plot.right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{limit["color"]}"/>'
    return f'{line}<text x="{plot.left + 4}" y="{y - 4:.1f}">{label}</text>'


def _draw_legend(plot: _Plot, number: int, label: str, color: str) -> str:
    x, y = plot.right + 16, plot.top + 12 + number * 20
    box = f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{color}"/>'
    return f'{box}<text x="{x + 17}" y="{y}">{html.escape(label)}</text>'


def main() -> None:
    """Make two weeks of runs on this machine, and write the picture of the dashboard after them."""
    # These modules change the environment for tests, or import this one.
    from tests.conftest import BROWSERS, QUIET
    from tests.operations.two_weeks import PARAMETERS, live_two_weeks

    parser = argparse.ArgumentParser(description="Draw the dashboard after two weeks of runs on this machine.")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    path: Path = parser.parse_args().picture
    page = draw_page(read_body(PARAMETERS), live_two_weeks())
    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, BROWSERS)))
        browser = playwright.chromium.launch(executable_path=installed, args=[*QUIET])
        take_picture(page, browser, path)
        browser.close()


if __name__ == "__main__":
    main()
