"""Test the forms of messages: e-mails that any reader shows, and custom notifications that the chat accepts."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_archive.notifications import Digest, Notification, Stack
from notebook_archive.notifications.formats import WIDTH, write_chat, write_subject, write_text
from tests.notifications.examples import EXAMPLES, make_example

_STACK = Stack("notebook-archive", "eu-central-1")
_HOSTILE = st.text(st.characters() | st.sampled_from("\u202e\u200d\x00\x1b\r\n<>[]`*_&|@\ud800"), max_size=300)


def _make(text: str) -> Notification:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Notification("run 2026-11-22/n", text, text, at, (text, text), text, text, "notebook-archive status", "docs")


@given(_HOSTILE)
def test_any_text_is_made_safe(text: str) -> None:
    """Text from ArcGIS may contain anything. It must not move a cursor, add a link, or break a header."""
    digest = Digest("digest 2026-11-22/1", text, (("Protected", text),), "notebook-archive status", "docs")
    for message in (_make(text), digest):
        subject, mail, chat = write_subject(message, _STACK), write_text(message), write_chat(message, _STACK)
        assert 0 < len(subject) < 100
        assert subject.isascii()
        assert subject.isprintable()
        assert all(line.isprintable() or "\u200d" in line for line in mail.split("\n"))
        document = json.loads(chat)
        assert document["content"]["title"].isprintable() or "\u200d" in text
        for part in (document["content"]["description"], *document["content"]["nextSteps"]):
            assert not set("<>[]") & set(part)
        for written in (mail, chat):
            assert len(written.encode()) < 262_144


def test_only_commands_and_names_are_longer_than_a_line() -> None:
    for example in EXAMPLES:
        mail, _ = make_example(example)
        for line in mail.text.splitlines():
            is_command = line.startswith(("  notebook-archive ", "  aws "))
            assert len(line) <= WIDTH or is_command or len(line.split()) == 1, line


@pytest.mark.parametrize("name", ["n", "n" * 128])
def test_subject_is_cut_to_what_sns_accepts(name: str) -> None:
    subject = write_subject(_make("word " * 50), Stack(name, "eu-central-1"))
    assert len(subject) == 99
    assert subject.endswith("...")


def test_chat_message_has_the_documented_schema() -> None:
    """https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html"""
    for example in EXAMPLES:
        document = json.loads(make_example(example)[1].text)
        assert document.keys() == {"version", "source", "id", "content", "metadata"}
        assert (document["version"], document["source"]) == ("1.0", "custom")
        content = document["content"]
        assert content.keys() == {"textType", "title", "description", "nextSteps"}
        assert content["textType"] == "client-markdown"
        assert all(isinstance(step, str) for step in content["nextSteps"])
        assert document["metadata"].keys() == {"threadId", "summary", "eventType"}
