"""Test that each alarm has words, and that what they name exists."""

import re
import shlex

import pytest
from click.testing import CliRunner

from notebook_archive.notifications import ALARMS
from notebook_archive.notifications.notification import Stack
from notebook_archive.notifications.remedies import choose_command, choose_page
from notebook_archive_cli.main import notebook_archive
from tests.docs.documents import ROOT
from tests.notifications.examples import EXAMPLES, make_example
from tests.template.rendered import template

_STACK = Stack("notebook-archive", "eu-central-1")
# CloudWatch itself sends this alarm.
_STRAIGHT = {"NotificationFailedAlarm"}
# Alarms of parts of the template that a parameter switches on.
_BY_PARAMETER = {
    "SecondBucket": {"ReplicationFailedAlarm", "ReplicationLateAlarm"},
    "ChangePoll": {"ChangePollFailingAlarm"},
}
_REASONS = (
    "TokenRejected", "token-rejected", "credential-broken", "owner-credentials-missing", "ArcGISUnavailable",
    "CertificateUntrusted", "ArchiveDenied", "search-missed", "not-a-notebook",
)  # fmt: skip


def test_each_alarm_of_the_template_has_words() -> None:
    loaded = template()
    made = {name for name, each in loaded["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    left_out = [alarms for parameter, alarms in _BY_PARAMETER.items() if parameter not in loaded["Parameters"]]
    assert set(ALARMS).difference(*left_out) | _STRAIGHT == made


def test_states_have_an_end_and_events_have_none() -> None:
    for alarm, words in ALARMS.items():
        assert bool(words.recovered) == (words.kind == "state"), alarm


def test_alarms_are_folded_into_something_that_exists() -> None:
    coverages = {"run", "unprotected", "verification", "restore", "restore-test", *ALARMS}
    assert {each for words in ALARMS.values() for each in words.folded_into} <= coverages


def test_sentences_end_with_a_full_stop() -> None:
    for words in ALARMS.values():
        assert words.cause.endswith(".")
        assert words.remedy.endswith(".")
        assert not words.failure.endswith(".")
        assert not words.concerns.endswith(".")


def _list_commands() -> list[str]:
    commands = {_STACK.command(words.command) for words in ALARMS.values()}
    commands |= set(re.findall(r"`(notebook-archive [^`]+)`", " ".join(words.remedy for words in ALARMS.values())))
    problems = ({"reason": reason, "message": "", "secret": "notebook-archive/owners/ana"} for reason in _REASONS)
    commands |= {choose_command(problem, "2026-11-22/nightly", _STACK)[1] for problem in problems}
    return sorted(commands)


@pytest.mark.parametrize("command", _list_commands())
def test_command_exists_with_its_options(command: str) -> None:
    name, *words = shlex.split(command)
    assert name == "notebook-archive"
    result = CliRunner().invoke(notebook_archive, [*words, "--help"])
    assert result.exit_code == 0, result.output


def test_pages_exist_with_their_sections() -> None:
    pages = {words.more for words in ALARMS.values()} | {choose_page(reason) for reason in _REASONS}
    pages |= {make_example(example)[0].text.splitlines()[-1].strip() for example in EXAMPLES}
    for page in pages:
        path, _, section = page.partition(", ")
        assert re.search(f"^#+ {re.escape(section)}", (ROOT / path).read_text(), re.MULTILINE), page


@pytest.mark.parametrize(
    ("problem", "command"),
    [
        (
            {"reason": "TokenRejected", "message": "The credential in secret 'a/admin' was refused."},
            "aws secretsmanager put-secret-value --secret-id a/admin --secret-string file://admin.json",
        ),
        (
            {"reason": "SecretMissing", "message": "There is no secret 'a/admin'."},
            "aws secretsmanager create-secret --name a/admin --secret-string file://admin.json",
        ),
        ({"reason": "SecretMissing", "message": "There is no secret 'a/ca-bundle'."}, "notebook-archive doctor"),
        (
            {"reason": "token-rejected", "message": "", "secret": "a/owners/anna=20=C3=A4"},
            "notebook-archive owners add 'anna ä'",
        ),
        ({"reason": "arcgis-unavailable", "message": ""}, "notebook-archive run"),
        ({"reason": "ArchiveDenied", "message": ""}, "notebook-archive doctor"),
        ({"reason": "batch-crashed", "message": ""}, "notebook-archive run"),
        ({"reason": "unheard-of", "message": ""}, "notebook-archive report '2026-11-22/it is'"),
    ],
)
def test_command_is_chosen_by_the_reason(problem: dict[str, str], command: str) -> None:
    assert choose_command(problem, "2026-11-22/it is", _STACK)[1].startswith(command)
