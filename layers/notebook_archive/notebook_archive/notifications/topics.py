"""Publish a message on SNS topics."""

from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from notebook_archive.errors import NotificationRefused
from notebook_archive.notifications.formats import Message, write_chat, write_subject, write_text
from notebook_archive.notifications.notification import Stack


@dataclass(frozen=True, slots=True)
class Topic:
    """An SNS topic, and what its subscribers read: the text of e-mails, or the chat's custom notifications."""

    arn: str
    format: Literal["text", "chat"]


class Publisher:
    """Publishes the messages about one stack."""

    def __init__(self, sns: Any, stack: Stack) -> None:  # noqa: ANN401 - boto3's client of SNS
        self._sns, self._stack = sns, stack

    def publish(self, message: Message, topic: Topic) -> None:
        """Publish a message in the form that the topic's subscribers read. Raises NotificationRefused."""
        text = write_text(message) if topic.format == "text" else write_chat(message, self._stack)
        try:
            self._sns.publish(TopicArn=topic.arn, Subject=write_subject(message, self._stack), Message=text)
        except ClientError as error:
            raise NotificationRefused(_describe(topic, error.response.get("Error", {}).get("Code", ""))) from None
        except BotoCoreError as error:
            raise NotificationRefused(_describe(topic, type(error).__name__)) from None


def _describe(topic: Topic, code: str) -> str:
    return f"SNS did not accept a message for the topic {topic.arn} ({code or 'no error code'})."
