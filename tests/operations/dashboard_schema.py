"""Define the JSON Schema of the dashboard's body, for the parts of CloudWatch's documentation that the dashboard uses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from typing import Any

# The time before now, such as -PT6H or -P14D.
_RELATIVE_TIME = {"type": "string", "pattern": r"^-P(\d+[DWM]|T\d+[HM])$"}
_COLOR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
_STATISTIC = {"enum": ["Sum", "Maximum", "Average"]}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


# The id of a metric or an expression begins with a lower-case letter. An expression that is not visible needs no label.
_OPTIONS = {
    "id": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"},
    "label": {"type": "string", "minLength": 1},
    "visible": {"const": False},
}
_EXPRESSION = {
    "type": "array",
    "prefixItems": [
        _object("expression id", expression={"type": "string", "maxLength": 2048}, color=_COLOR, **_OPTIONS)
    ],
    "items": False,
}
# Namespace, name, then names and values of dimensions, and at the end the options.
_METRIC = {
    "type": "array",
    "prefixItems": [{"type": "string", "minLength": 1}, {"type": "string", "minLength": 1}],
    "items": {
        "anyOf": [{"type": "string", "minLength": 1}, _object("stat", stat=_STATISTIC, color=_COLOR, **_OPTIONS)]
    },
    "minItems": 4,
}
_AXIS = _object("", min={"type": "number"}, max={"type": "number"}, showUnits={"type": "boolean"})
_ANNOTATION = _object("value", value={"type": "number"}, label={"type": "string"}, color=_COLOR)
_METRIC_PROPERTIES = _object(
    "title view region period metrics",
    title={"type": "string"},
    view={"enum": ["singleValue", "timeSeries"]},
    region={"type": "string"},
    # Data points older than 15 days are kept only for periods of five minutes or longer.
    period={"type": "integer", "minimum": 300, "multipleOf": 60},
    metrics={"type": "array", "items": {"anyOf": [_EXPRESSION, _METRIC]}, "minItems": 1, "maxItems": 500},
    start=_RELATIVE_TIME,
    setPeriodToTimeRange={"type": "boolean"},
    stacked={"type": "boolean"},
    yAxis=_object("", left=_AXIS, right=_AXIS),
    legend=_object("position", position={"enum": ["right", "bottom", "hidden"]}),
    annotations=_object("horizontal", horizontal={"type": "array", "items": _ANNOTATION}),
)
_LOG_PROPERTIES = _object(
    "region query view title",
    region={"type": "string"},
    query={"type": "string", "pattern": "^SOURCE '"},
    view={"enum": ["table"]},
    title={"type": "string"},
)
_ALARM_PROPERTIES = _object(
    "alarms",
    alarms={
        "type": "array",
        "items": {"type": "string", "pattern": "^arn:[^:]+:cloudwatch:[^:]+:[0-9]{12}:alarm:."},
        "minItems": 1,
        "maxItems": 100,
        "uniqueItems": True,
    },
    title={"type": "string"},
    sortBy={"enum": ["default", "stateUpdatedTimestamp", "timestamp"]},
    states={"type": "array", "items": {"enum": ["ALARM", "INSUFFICIENT_DATA", "OK"]}, "uniqueItems": True},
)
_TEXT_PROPERTIES = _object("markdown", markdown={"type": "string", "minLength": 1})


def _widget(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    return _object(
        "type x y width height properties",
        type={"const": kind},
        x={"type": "integer", "minimum": 0, "maximum": 23},
        y={"type": "integer", "minimum": 0},
        width={"type": "integer", "minimum": 1, "maximum": 24},
        height={"type": "integer", "minimum": 1, "maximum": 1000},
        properties=properties,
    )


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        "widgets",
        start=_RELATIVE_TIME,
        periodOverride={"enum": ["auto", "inherit"]},
        widgets={
            "type": "array",
            "maxItems": 500,
            "items": {
                "oneOf": [
                    _widget("metric", _METRIC_PROPERTIES),
                    _widget("log", _LOG_PROPERTIES),
                    _widget("alarm", _ALARM_PROPERTIES),
                    _widget("text", _TEXT_PROPERTIES),
                ]
            },
        },
    ),
}
