"""cfn-lint and sam validate accept the template, and notice planted defects."""

import os
import subprocess
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.template.rendered import ROOT, TEMPLATE


def _findings(text: str, regions: tuple[str, ...] = ("eu-central-1",)) -> list[str]:
    # "I" too: an informational finding is either followed or switched off.
    matches = lint(text, config=ManualArgs(regions=list(regions), include_checks=["I"]))
    return [f"{match.rule.id} {match.message}" for match in matches]


def test_cfn_lint_finds_nothing() -> None:
    assert _findings(TEMPLATE.read_text(encoding="utf-8"), ("eu-central-1", "us-east-1", "us-gov-west-1")) == []


@pytest.mark.parametrize(
    ("sound", "planted", "rule"),
    [
        ("!GetAtt PlanRunRole.Arn", "!GetAtt PlanRole.Arn", "E1010"),
        ("Period: 300", "Period: 301", "E3615"),
        ("SSEAlgorithm: AES256", "SSEAlgorithm: AES-256", "E3030"),
    ],
)
def test_cfn_lint_finds_a_planted_defect(sound: str, planted: str, rule: str) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert sound in text
    assert any(finding.startswith(rule) for finding in _findings(text.replace(sound, planted)))


def _sam_validate(template: Path) -> subprocess.CompletedProcess[str]:
    sam = ROOT / ".venvs" / "sam" / "bin" / "sam"
    assert sam.exists(), "make build installs sam"
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    command = [str(sam), "validate", "--lint", "--template", str(template)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_sam_validates_the_template() -> None:
    done = _sam_validate(TEMPLATE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sam_refuses_a_planted_defect(tmp_path: Path) -> None:
    planted = tmp_path / "template.yaml"
    text = TEMPLATE.read_text(encoding="utf-8")
    planted.write_text(text.replace("Runtime: python3.13", "Runtime: python3.7"), encoding="utf-8")
    done = _sam_validate(planted)
    assert done.returncode != 0
    assert "E2531" in done.stdout + done.stderr
