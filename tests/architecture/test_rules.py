"""Test rules for the syntax of the code. `.importlinter` contains the rules for imports."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.template.rendered import VARIANTS, functions, routes

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "notebook_archive" / "notebook_archive"
MODULES = sorted(PACKAGE.rglob("*.py"))
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
# The folders of the functions behind API Gateway.
API_FUNCTIONS = {functions()[name]["CodeUri"] for name in routes(VARIANTS["webhooks"]).values()}
# Calls that may run when a module is imported. They make constants and loggers. They do no I/O, create no client and
# read no clock.
CALLS_AT_IMPORT = {
    "re.compile", "frozenset", "tuple", "bytes", "max", "ord", "range", "threading.local", "msgspec.json.Decoder",
    "logging.getLogger", "make_logger", "Metrics", "field", "Failure", "msgspec.Raw", "msgspec.field", "_CellCount",
    "Meta", "TypedDict", "timedelta", "str.maketrans", "AlarmWords", "_describe_execution", "_list_names",
}  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports(path: Path, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imported(path))


def run_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that run at import, also in class bodies, but not those in functions or decorators."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in node.body if isinstance(node, ast.ClassDef) else ast.iter_child_nodes(node):
        yield from run_at_import(child)


def test_rules_find_modules_and_handlers() -> None:
    assert len(MODULES) > 15
    assert len(HANDLERS) >= 3
    assert API_FUNCTIONS


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_import_runs_only_allowed_calls(path: Path) -> None:
    calls = {ast.unparse(call.func) for call in run_at_import(tree(path))}
    assert calls - CALLS_AT_IMPORT == set()
    assert "os.environ" not in {ast.unparse(node) for node in tree(path).body if isinstance(node, ast.Assign)}


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_handlers_have_the_same_shape(path: Path) -> None:
    module = tree(path)
    docstring = ast.get_docstring(module) or ""
    assert "Trigger:" in docstring
    assert "Returns:" in docstring
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == ["handler"]
    assert ast.unparse(functions[0].decorator_list[0]) == "log_invocation(logger)"
    assert sorted(child.name for child in path.parent.iterdir() if child.name != "__pycache__") == ["app.py"]


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_public_names_have_docstrings(path: Path) -> None:
    module = tree(path)
    missing = [] if ast.get_docstring(module) or not module.body else ["the module"]
    missing += [each.name for each in _undocumented(module)]
    assert missing == []


def _undocumented(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Yield the public classes, methods and functions that have no docstring."""
    for each in node.body:
        if isinstance(each, ast.ClassDef | ast.FunctionDef) and not each.name.startswith("_"):
            if ast.get_docstring(each) is None:
                yield each
            if isinstance(each, ast.ClassDef):
                yield from _undocumented(each)


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_only_api_functions_import_http_and_pages(path: Path) -> None:
    is_importing = imports(path, "notebook_archive.http") or imports(path, "notebook_archive.pages")
    assert is_importing == (path.parent.relative_to(ROOT).as_posix() in API_FUNCTIONS)


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_no_function_logs_its_event(path: Path) -> None:
    """An event may contain a token, which must not be logged."""
    keywords = {word.arg for node in ast.walk(tree(path)) if isinstance(node, ast.Call) for word in node.keywords}
    assert "log_event" not in keywords


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_no_module_prints_or_deletes_or_skips_verification(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    names = {ast.unparse(call.func).rsplit(".", 1)[-1] for call in calls}
    assert not names & {
        "print",
        "delete_object",
        "delete_objects",
        "delete_object_tagging",
        "copy_object",
        "eval",
        "exec",
    }
    assert not any(word.arg == "verify" for call in calls for word in call.keywords)


def _find_functions(path: Path, what: Callable[[ast.AST], bool]) -> list[str]:
    """Return `module.function` for each node of a function that `what` accepts."""
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]
    return [f"{path.stem}.{function.name}" for function in functions for node in ast.walk(function) if what(node)]


def test_snapshots_in_arcgis_are_deleted_only_with_proof() -> None:
    """Only one function calls ArcGIS's delete operation. It needs a VerifiedCopy, which two functions make."""

    def addresses(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith("/delete")

    def deletes(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "delete_snapshot"

    def proves(node: ast.AST) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("VerifiedCopy")

    def calls_proof(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and proves(node.func)

    def found(what: Callable[[ast.AST], bool]) -> list[str]:
        return [place for path in [*MODULES, *HANDLERS] for place in _find_functions(path, what)]

    assert found(addresses) == ["notebook_server.delete_snapshot"]
    assert found(deletes) == ["snapshot_access.delete_snapshot", "slots._delete", "undo_ways.carry_out"]
    assert found(calls_proof) == ["slots.prove_copy", "undo_ways._prove_made"]
    assert set(found(proves)) == {
        "notebook_server.delete_snapshot", "snapshot_access.delete_snapshot", "slots.prove_copy", "slots._delete",
        "undo_ways._prove_made",
    }  # fmt: skip


def test_no_class_or_module_has_a_vague_name() -> None:
    classes = {node.name for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}
    assert not any(name.endswith(("Manager", "Service", "Helper", "Utils")) for name in classes)
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "misc"}


def test_every_function_folder_is_named_by_verb_and_noun() -> None:
    assert all(path.parent.name.count("_") == 1 for path in HANDLERS)
