"""Write a message as the text of an e-mail, and as a custom notification of AWS's chat integration."""

import json
import textwrap
from collections.abc import Iterator

from notebook_archive.models import replace_unprintable, truncate
from notebook_archive.notifications.notification import Digest, Notification, Stack, format_time

type Message = Notification | Digest

# SNS accepts subjects of fewer than 100 ASCII characters (API reference, Publish).
MAX_SUBJECT = 99
# Maximum number of characters of the stack's name in a subject.
_MAX_STACK = 30
# Width of the lines of an e-mail. Only commands are longer, because a broken line cannot be pasted.
WIDTH = 78
# Maximum number of characters of a paragraph. Its text may come from a report.
_MAX_PARAGRAPH = 2000
# Maximum number of characters of the description in a chat. Slack cuts longer sections.
_MAX_DESCRIPTION = 3000
_INDENT = "  "
# Slack reads `<` as the beginning of a link or a mention, and Teams reads `[` as that of a link.
_CHAT = str.maketrans("<>[]", "()()")


def write_subject(message: Message, stack: Stack) -> str:
    """Return the subject of an e-mail: ASCII, and shorter than 100 characters. It begins with the stack's name."""
    text = f"[{truncate(stack.name, _MAX_STACK)}] {message.subject}"
    printable = "".join(each if " " <= each <= "~" else "?" for each in text)
    return truncate(printable, MAX_SUBJECT)


def write_text(message: Message) -> str:
    """Return the text of an e-mail."""
    return "\n".join(_write_lines(message)).strip() + "\n"


def _write_lines(message: Message) -> Iterator[str]:
    if isinstance(message, Digest):
        for label, text in message.rows:
            yield from _write_section(label, text)
    else:
        yield from _wrap(message.what)
        yield ""
        yield from _write_section("Since", format_time(message.since))
        yield from _write_section("Whom it concerns", "\n".join(message.concerns))
        yield from _write_section("Cause", message.cause)
        yield from _write_section("What to do", message.remedy)
    yield from (f"{_INDENT}{_clean(message.command)}", "")
    yield from _write_section("Read more", message.more)


def _write_section(heading: str, text: str) -> Iterator[str]:
    yield heading
    for paragraph in text.split("\n"):
        yield from _wrap(paragraph, _INDENT)
    yield ""


def _wrap(paragraph: str, indent: str = "") -> list[str]:
    clean = _clean(truncate(paragraph, _MAX_PARAGRAPH))
    return textwrap.wrap(
        clean, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def write_chat(message: Message, stack: Stack) -> str:
    """Return the custom notification: a JSON document of AWS's schema 1.0.

    Messages about the same alarm or the same kind of report are in one thread.
    """
    if isinstance(message, Digest):
        description = "\n".join(f"{label}: {text}" for label, text in message.rows)
        steps = [f"`{message.command}`"]
    else:
        concerns = "; ".join(message.concerns)
        lines = (
            message.what,
            f"Since: {format_time(message.since)}",
            f"Concerns: {concerns}",
            f"Cause: {message.cause}",
        )
        description = "\n".join(lines)
        steps = [*map(_clean_for_chat, message.remedy.split("\n")), f"`{_clean(message.command)}`"]
    subject = f"[{stack.name}] {_clean_for_chat(message.subject)}"
    document = {
        "version": "1.0",
        "source": "custom",
        "id": f"{stack.name} {message.key}",
        "content": {
            "textType": "client-markdown",
            "title": subject,
            "description": truncate("\n".join(map(_clean_for_chat, description.split("\n"))), _MAX_DESCRIPTION),
            "nextSteps": [*steps, f"Read more: {message.more}"],
        },
        "metadata": {
            "threadId": f"{stack.name} {message.key.partition(' ')[0]}",
            "summary": subject,
            "eventType": message.key.partition(" ")[0],
        },
    }
    return json.dumps(document, ensure_ascii=False)


def _clean(text: str) -> str:
    """Return text from ArcGIS or AWS without characters that could change how the rest is shown."""
    return replace_unprintable(text)


def _clean_for_chat(text: str) -> str:
    return _clean(text).translate(_CHAT)
