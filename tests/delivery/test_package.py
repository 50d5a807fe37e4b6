"""Test that packages are the same, byte for byte, whenever and wherever they are made."""

import json
import os
import stat
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from delivery.package import package, write_zip

BUILT = {
    "Resources": {
        "PlanRunFunction": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "PlanRunFunction"}},
        "LayerArm64": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "LayerArm64"}},
        "ArchiveRun": {
            "Type": "AWS::Serverless::StateMachine",
            "Properties": {"DefinitionUri": "../../statemachines/archive_run.asl.yaml"},
        },
        "Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    }
}


def build(folder: Path, *, time: int = 1_700_000_000, umask: int = 0o022, names: tuple[str, ...] = ("a", "b")) -> Path:
    """Write what `sam build` writes. Return the folder with the template."""
    built = folder / ".aws-sam/build"
    for name in names:
        for path in (built / f"PlanRunFunction/{name}.py", built / f"LayerArm64/python/{name}/__init__.py"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {path.name}\n" * 100)
            path.chmod((0o777 if name == "a" else 0o666) & ~umask)
            os.utime(path, (time, time))
    machines = folder / "statemachines"
    machines.mkdir()
    (machines / "archive_run.asl.yaml").write_text("{}")
    (built / "template.yaml").write_text(yaml.safe_dump(BUILT))
    return built


def test_template_names_files_in_its_own_folder(tmp_path: Path) -> None:
    template = package(build(tmp_path / "checkout"), tmp_path / "package")
    resources = json.loads(template.read_text(encoding="utf-8"))["Resources"]
    properties = {name: each["Properties"] for name, each in resources.items() if "Properties" in each}
    assert properties == {
        "PlanRunFunction": {"CodeUri": "PlanRunFunction.zip"},
        "LayerArm64": {"ContentUri": "LayerArm64.zip"},
        "ArchiveRun": {"DefinitionUri": "archive_run.asl.yaml"},
    }
    named = {value for each in properties.values() for value in each.values()}
    assert {path.name for path in template.parent.iterdir()} == {"template.json", *named}


def test_packages_of_equal_builds_are_equal(tmp_path: Path) -> None:
    first = build(tmp_path / "first", time=1_700_000_000, umask=0o022, names=("a", "b"))
    second = build(tmp_path / "in/another/folder", time=1_790_000_000, umask=0o077, names=("b", "a"))
    packages = [package(each, tmp_path / f"package-{number}").parent for number, each in enumerate((first, second))]
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in packages)
    assert one == other


def test_zip_contains_every_file_readable_for_all(tmp_path: Path) -> None:
    built = build(tmp_path, umask=0o077)
    write_zip(built / "LayerArm64", tmp_path / "layer.zip")
    with ZipFile(tmp_path / "layer.zip") as archive:
        modes = {entry.filename: stat.filemode(entry.external_attr >> 16) for entry in archive.infolist()}
        assert archive.read("python/b/__init__.py") == (built / "LayerArm64/python/b/__init__.py").read_bytes()
    assert modes == {"python/a/__init__.py": "-rwxr-xr-x", "python/b/__init__.py": "-rw-r--r--"}


def test_package_does_not_overwrite_another(tmp_path: Path) -> None:
    built = build(tmp_path)
    package(built, tmp_path / "package")
    with pytest.raises(FileExistsError):
        package(built, tmp_path / "package")
