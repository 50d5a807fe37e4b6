"""Test that the layers contain the locked libraries and the package, compiled for the right processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.rendered import ROOT, functions

_LAYER = ROOT / "layers" / "notebook_archive"
_PAGES = ROOT / "layers" / "notebook_pages"
_ARM64, _X86_64 = 183, 62  # the field e_machine of an ELF file: EM_AARCH64, EM_X86_64
_MACHINES = {"LayerArm64": _ARM64, "LayerX8664": _X86_64, "LayerPagesArm64": _ARM64, "LayerPagesX8664": _X86_64}
_WITH_PACKAGE = ("LayerArm64", "LayerX8664")
_LARGEST = {
    "LayerArm64": 35_000_000,
    "LayerX8664": 35_000_000,
    "LayerPagesArm64": 20_000_000,
    "LayerPagesX8664": 20_000_000,
}


@pytest.mark.parametrize(("layer", "group"), [(_LAYER, "layer"), (_PAGES, "pages")])
def test_layer_requirements_match_the_lock_file(layer: Path, group: str) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".tools" / "bin"), os.environ.get("PATH", "")]))
    assert uv, "uv is missing; make installs it into .tools"
    command = [uv, "export", "--quiet", "--frozen", "--only-group", group, "--no-emit-project", "--no-header"]
    exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert (layer / "requirements.txt").read_text(encoding="utf-8") == exported
    assert "--hash=sha256:" in exported


def test_no_library_is_in_both_layers() -> None:
    shared, pages = (
        {line.split("==")[0] for line in (layer / "requirements.txt").read_text().splitlines() if "==" in line}
        for layer in (_LAYER, _PAGES)
    )
    assert "jinja2" in pages
    assert not shared & pages


def test_both_layers_use_one_makefile() -> None:
    # A link in the folder, because sam builds a copy of the folder, and only if a file in the folder changed.
    assert (_PAGES / "Makefile").readlink() == Path("../notebook_archive/Makefile")


@pytest.mark.local
@pytest.mark.parametrize("name", _MACHINES)
def test_layer_is_not_larger_than_its_limit(built: Path, name: str) -> None:
    size = sum(path.stat().st_size for path in (built / name).rglob("*") if path.is_file())
    assert size <= _LARGEST[name]


@pytest.mark.local
@pytest.mark.parametrize("name", _MACHINES)
def test_libraries_are_compiled_for_the_layers_processor(built: Path, name: str) -> None:
    libraries = list((built / name).rglob("*.so"))
    assert libraries
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries} == {_MACHINES[name]}


@pytest.mark.local
@pytest.mark.parametrize("name", _MACHINES)
def test_every_module_has_an_unchecked_pyc(built: Path, name: str) -> None:
    modules = set((built / name / "python").rglob("*.py"))
    tag = sys.implementation.cache_tag
    compiled = {path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in modules}
    assert compiled == set((built / name / "python").rglob("*.pyc"))
    # Bit 0 of the flags is set: Python identifies the source by hash. Bit 1 is not set: it does not check the hash.
    assert {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled} == {0b01}


@pytest.mark.local
@pytest.mark.parametrize("name", _WITH_PACKAGE)
def test_layer_contains_the_package_unchanged(built: Path, name: str) -> None:
    shipped = built / name / "python" / "notebook_archive"
    sources = _files(_LAYER / "notebook_archive")
    assert _files(shipped) == sources
    for source in sources:
        assert (shipped / source).read_bytes() == (_LAYER / "notebook_archive" / source).read_bytes()


def _files(folder: Path) -> set[Path]:
    """Return all files of the folder except bytecode."""
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def _python(layers: list[Path], program: str) -> None:
    # With -I and -S, Python ignores the environment, the current folder and all site-packages.
    added = [str(layer / "python") for layer in layers]
    code = f"import sys; sys.dont_write_bytecode = True; sys.path[:0] = {added!r}; {program}"
    environment = {
        "PATH": os.defpath,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_SERVICE_NAME": "notebook-archive",
        "POWERTOOLS_METRICS_NAMESPACE": "NotebookArchive",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.local
def test_every_module_can_be_imported_with_only_the_layers(layer: Path, pages: Path) -> None:
    _python(
        [layer, pages],
        "import importlib, pkgutil, notebook_archive as package; "
        "names = [m.name for m in pkgutil.walk_packages(package.__path__, 'notebook_archive.')]; "
        "assert len(names) > 5, names; "
        "[importlib.import_module(name) for name in names]; "
        f"assert all(m.__file__.startswith({str(layer)!r}) for n, m in sys.modules.items() if n in names)",
    )


@pytest.mark.local
@pytest.mark.parametrize("function", functions())
def test_built_function_can_be_imported_without_page_layer(built: Path, layer: Path, function: str) -> None:
    """This is also true for the HTTP proxy, which imports the libraries for pages only when it makes a page."""
    _python([layer], f"sys.path.insert(0, {str(built / function)!r}); import app; assert callable(app.handler)")


@pytest.mark.local
def test_page_libraries_are_imported_from_their_layer(layer: Path, pages: Path) -> None:
    found = sorted({entry.stem for entry in (pages / "python").iterdir() if entry.suffix != ".dist-info"})
    assert {"jinja2", "nh3", "pygments"} <= set(found)
    _python(
        [layer, pages],
        f"import importlib; loaded = [importlib.import_module(name) for name in {found!r}]; "
        f"assert all(module.__file__.startswith({str(pages)!r}) for module in loaded)",
    )


@pytest.mark.local
def test_snapshot_page_can_be_made_with_both_layers(layer: Path, pages: Path) -> None:
    """The page contains rendered Markdown, highlighted code and sanitized HTML."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Parcels\n\n*by* street"},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "def area(): pass",
            "execution_count": 1,
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b onclick='x()'>7</b>"}}
            ],
        },
    ]
    body = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
    _python(
        [layer, pages],
        "from notebook_archive.pages import snapshot_page; "
        f"page = snapshot_page({body!r}, item_id={'0' * 32!r}, resource_key='snapshot-1.json', details={{}}, "
        "source='archive', file_url=None, token_field=False); "
        "assert '<em>by</em>' in page and '<span' in page and '<b>7</b>' in page and 'onclick' not in page, page",
    )


@pytest.mark.local
def test_layer_contains_the_boto3_service_descriptions(layer: Path) -> None:
    _python(
        [layer],
        "import boto3; names = ('s3', 'secretsmanager', 'events', 'sqs', 'sns', 'stepfunctions', 'sts'); "
        "[boto3.client(name) for name in names]",
    )


@pytest.mark.local
def test_a_module_missing_from_the_layer_is_found(layer: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(layer, tmp_path / "layer")
    shutil.rmtree(copy / "python" / "requests")
    with pytest.raises(AssertionError, match="requests"):
        _python([copy], "import notebook_archive.arcgis.transport")
