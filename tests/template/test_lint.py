"""Test that the linter that `make check` runs on the template finds defects."""

from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.template.rendered import TEMPLATE

PLANTED = {
    "!GetAtt PlanRunRole.Arn": ("!GetAtt PlanRole.Arn", "E1010"),
    "Period: 300": ("Period: 301", "E3615"),
    "SSEAlgorithm: AES256": ("SSEAlgorithm: AES-256", "E3030"),
    "ActionsEnabled: !If": ("ActionEnabled: !If", "E3002"),
    "QueryString: |-": ("Query: |-", "E3003"),
    "Runtime: python3.13": ("Runtime: python2.7", "E2533"),
}


def test_linter_finds_planted_defects() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    for sound, (planted, _) in PLANTED.items():
        assert sound in text
        text = text.replace(sound, planted)
    found = {match.rule.id for match in lint(text, config=ManualArgs(regions=["eu-central-1"]))}
    assert found >= {rule for _, rule in PLANTED.values()}
