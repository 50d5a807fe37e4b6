"""What the code may not do, read from its syntax; .importlinter says who may import whom."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "notebook_archive" / "notebook_archive"
MODULES = sorted(PACKAGE.rglob("*.py"))
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
AT_MODULE_LEVEL = {
    "re.compile", "frozenset", "bytes", "max", "ord", "range", "threading.local", "msgspec.json.Decoder",
    "logging.getLogger", "make_logger", "Metrics", "field", "Failure",
}  # fmt: skip
"""What may be called while a module is imported: constants and loggers, no I/O, no client, no clock."""


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
    """Yield the calls that importing makes, those of class bodies included; functions and decorators are not called."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in node.body if isinstance(node, ast.ClassDef) else ast.iter_child_nodes(node):
        yield from run_at_import(child)


def test_the_rules_see_the_code() -> None:
    assert len(MODULES) > 15
    assert len(HANDLERS) >= 3


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_importing_does_nothing(path: Path) -> None:
    calls = {ast.unparse(call.func) for call in run_at_import(tree(path))}
    assert calls - AT_MODULE_LEVEL == set()
    assert "os.environ" not in {ast.unparse(node) for node in tree(path).body if isinstance(node, ast.Assign)}


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_handlers_have_the_same_shape(path: Path) -> None:
    text, module = path.read_text(), tree(path)
    docstring = ast.get_docstring(module) or ""
    assert "Trigger:" in docstring
    assert "Answers:" in docstring
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == ["handler"]
    assert ast.unparse(functions[0].decorator_list[0]) == "log_invocation(logger)"
    assert "log_event" not in text, "events may hold what logs must not"
    assert sorted(child.name for child in path.parent.iterdir() if child.name != "__pycache__") == ["app.py"]


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_what_is_public_is_documented(path: Path) -> None:
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


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_side_knows_its_own_libraries_alone(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts[0]
    if place != "aws.py":
        assert not imports(path, "boto3"), "clients are made in one place"
    if place not in ("aws.py", "logs.py"):
        assert not imports(path, "os")
    if place != "logs.py":
        assert not imports(path, "aws_lambda_powertools"), "handlers log and count, the package does not know how"
    if place != "arcgis":
        assert not imports(path, "requests")
        assert not imports(path, "urllib3")
    if place not in ("archive", "secret_store", "events.py", "backup_requests", "aws.py"):
        assert not imports(path, "botocore")


@pytest.mark.parametrize("path", [*MODULES, *HANDLERS], ids=name_of)
def test_no_module_prints_deletes_or_switches_verification_off(path: Path) -> None:
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


def _within(path: Path, what: Callable[[ast.AST], bool]) -> list[str]:
    """Return ``module.function`` of each place where there is such a node."""
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]
    return [f"{path.stem}.{function.name}" for function in functions for node in ast.walk(function) if what(node)]


def test_nothing_is_deleted_in_arcgis_without_proof() -> None:
    """One address, one chain of calls that takes nothing but the proof, and one place that makes a proof."""

    def addresses(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith("/delete")

    def deletes(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "delete_snapshot"

    def proves(node: ast.AST) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("VerifiedCopy")

    def calls_proof(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and proves(node.func)

    def found(what: Callable[[ast.AST], bool]) -> list[str]:
        return [place for path in [*MODULES, *HANDLERS] for place in _within(path, what)]

    assert found(addresses) == ["notebook_server.delete_snapshot"]
    assert found(deletes) == ["snapshot_access.delete_snapshot", "slots._delete"]
    assert found(calls_proof) == ["slots.verified_copy"]
    assert set(found(proves)) == {
        "notebook_server.delete_snapshot", "snapshot_access.delete_snapshot", "slots.verified_copy", "slots._delete"
    }  # fmt: skip
    text = "".join(path.read_text() for path in MODULES)
    assert text.count('resourceKeys": copy.resource_key') == 1, "one key, which is the proof's"


def test_names_say_what_a_thing_is() -> None:
    classes = {node.name for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}
    assert not any(name.endswith(("Manager", "Service", "Helper", "Utils")) for name in classes)
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "misc"}


def test_every_function_folder_is_named_by_verb_and_noun() -> None:
    assert all(path.parent.name.count("_") == 1 for path in HANDLERS)


def test_imports_go_one_way() -> None:
    """The contracts of .importlinter, which ``make check`` runs by itself too.

    In a process of its own: it configures logging anew, which silences every logger that is there.
    """
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/notebook_archive")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
