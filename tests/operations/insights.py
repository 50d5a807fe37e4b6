"""Run the queries of the template on log lines, as CloudWatch Logs Insights would.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. Only commands and functions that the
template uses are here. The local AWS stores no queries and ignores most commands.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# A value by the name of its field. The fields of nested objects have names such as `problem.reason`.
type Row = dict[str, Any]


@dataclass(frozen=True)
class LogLine:
    """A line in a log group, as a JSON document with its `timestamp`."""

    group: str
    document: Mapping[str, Any]


def run_query(query: str, lines: Iterable[LogLine]) -> list[Row]:
    """Return the rows that a query finds, each with the fields that the query shows.

    The commands SOURCE, which a query of a dashboard begins with, select the log groups. Without one, all lines are
    searched. Raises NotImplementedError for a command or a function that is not here.
    """
    commands = [command.strip() for command in query.split("|")]
    sources = {match[1] for command in commands if (match := re.fullmatch(r"SOURCE '([^']+)'", command))}
    rows = [_make_row(line) for line in lines if not sources or line.group in sources]
    shown: list[str] = []
    for command in commands:
        name, _, rest = command.partition(" ")
        match name:
            case "SOURCE":
                continue
            case "fields":
                shown += _add_fields(rest, rows)
            case "filter":
                condition = _parse(rest)
                rows = [row for row in rows if _evaluate(condition, row)]
            case "parse":
                _parse_field(rest, rows)
            case "stats":
                rows, shown = _count(rest, rows)
            case "sort":
                field, _, order = rest.partition(" ")
                rows = sorted(rows, key=lambda row: row[field], reverse=order == "desc")
            case "limit":
                rows = rows[: int(rest)]
            case _:
                raise NotImplementedError(command)
    return [{field: row[field] for field in shown if field in row} for row in rows]


def _make_row(line: LogLine) -> Row:
    row = dict(_flatten("", line.document))
    return {**row, "@timestamp": row.get("timestamp", ""), "@log": f"111122223333:{line.group}"}


def _flatten(prefix: str, document: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flatten(f"{prefix}{name}.", value)
        elif value is not None:
            yield f"{prefix}{name}", value


def _add_fields(rest: str, rows: Iterable[Row]) -> list[str]:
    """Add the fields that have an alias to the rows, and return the names of all."""
    names = []
    for part in _split(rest):
        expression, _, alias = part.partition(" as ")
        if alias:
            node = _parse(expression)
            for row in rows:
                if (value := _evaluate(node, row)) is not None:
                    row[alias] = value
        names.append(alias or expression)
    return names


def _parse_field(rest: str, rows: Iterable[Row]) -> None:
    """Carry out `FIELD 'GLOB' as NAME, NAME`: each * of the glob is the value of a new field."""
    match = re.fullmatch(r"(\S+) '([^']+)' as (.+)", rest)
    assert match, rest
    pattern, names = re.escape(match[2]).replace(r"\*", "(.*?)"), match[3].split(", ")
    for row in rows:
        if found := re.fullmatch(pattern, str(row.get(match[1], ""))):
            row.update(zip(names, found.groups(), strict=True))


def _count(rest: str, rows: Iterable[Row]) -> tuple[list[Row], list[str]]:
    """Carry out `FUNCTION as NAME, … by FIELD, …`. Return a row for each group of values, and the fields' names."""
    functions, _, fields = rest.partition(" by ")
    by = _split(fields)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row["@timestamp"])):
        groups.setdefault(tuple(row.get(field) for field in by), []).append(row)
    columns = [part.partition(" as ")[::2] for part in _split(functions)]
    result = []
    for values, members in groups.items():
        counted: Row = dict(zip(by, values, strict=True))
        for function, alias in columns:
            if function == "count(*)":
                counted[alias] = len(members)
            elif match := re.fullmatch(r"latest\((.+)\)", function):
                counted[alias] = next((each[match[1]] for each in reversed(members) if match[1] in each), None)
            else:
                raise NotImplementedError(function)
        result.append(counted)
    return result, [*by, *(alias for _, alias in columns)]


def _split(text: str) -> list[str]:
    """Return the parts between commas, without those in parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text)]


def _parse(expression: str) -> ast.expr:
    """Return an expression as Python's syntax tree. `=` and names that begin with @ are the only differences here."""
    text = re.sub(r"(?<![<>=!])=(?!=)", "==", expression)
    return ast.parse(re.sub(r"@(\w+)", r"at__\1", text), mode="eval").body


def _evaluate(node: ast.expr, row: Row) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            return row.get(ast.unparse(node).replace("at__", "@"))
        case ast.List(elts=elements):
            return [_evaluate(each, row) for each in elements]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_evaluate(each, row) for each in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_evaluate(each, row) for each in parts)
        case ast.Compare(left=left, ops=[symbol], comparators=[right]):
            return _compare(symbol, _evaluate(left, row), _evaluate(right, row))
        case ast.Call(func=ast.Name(id="ispresent"), args=[field]):
            return _evaluate(field, row) is not None
        case ast.Call(func=ast.Name(id="coalesce"), args=fields):
            return next((value for each in fields if (value := _evaluate(each, row)) is not None), None)
    raise NotImplementedError(ast.unparse(node))


def _compare(symbol: ast.cmpop, left: Any, right: Any) -> bool:
    match symbol:
        case ast.Eq():
            return bool(left == right)
        case ast.In():
            return left in right
        case ast.Gt():
            return left is not None and bool(left > right)
    raise NotImplementedError(type(symbol).__name__)
