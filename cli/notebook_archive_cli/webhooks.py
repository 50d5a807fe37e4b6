"""Create, list and remove the archive's webhook on the portal."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.console import RenderableType

from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.output import format_count
from notebook_archive_cli.portal_webhooks import Webhooks, describe_webhook
from notebook_archive_cli.secrets import Secrets
from notebook_archive_cli.session import Session

# After this many failed deliveries, the portal deactivates the webhook by default. More of them need not be shown.
MAX_FAILURES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """The options of the commands. An empty text, or None, stands for the value of the stack.

    `secret`, `credential` and `ca` are each the name of a secret, or `file://` and the path of a file.
    """

    name: str = ""
    portal: str = ""
    url: str = ""
    secret: str = ""
    credential: str = ""
    ca: str | None = None
    is_lenient: bool | None = None


class WebhookSettings:
    """The settings of a command. They come from the options, or from the stack if an option is not given.

    The stack is read only if it is needed. Every property may raise CommandError.
    """

    def __init__(self, session: Session, options: WebhookOptions) -> None:
        self._session, self._options = session, options

    def _check_stack(self) -> None:
        if not self._session.stack.parameter("WebhookSecret"):
            raise CommandError(
                "webhooks-off",
                f"Stack {self._session.stack.name!r} receives no webhooks.",
                remedy="Deploy it with the parameter WebhookSecret: docs/webhook.md.",
                command=self._session.options.command("doctor"),
                status=ExitStatus.NOT_FOUND,
            )

    @property
    def name(self) -> str:
        """The name of the webhook on the portal."""
        return self._options.name or self._session.options.stack

    @property
    def portal(self) -> str:
        """The portal's URL."""
        url = self._options.portal or self._session.stack.parameter("PortalUrl")
        return url.rstrip("/").removesuffix("/sharing/rest")

    @property
    def url(self) -> str:
        """The webhook's address without the secret path at its end."""
        url = self._options.url or self._session.local.get("webhookUrl", "")
        if not url:
            self._check_stack()
            url = self._session.stack.output("WebhookUrl")
        return str(url).rstrip("/")

    @cached_property
    def secret(self) -> str:
        """The name of the secret that contains the webhook's path and key."""
        if not self._options.secret:
            self._check_stack()
        return self._options.secret or self._session.stack.parameter("WebhookSecret")

    @property
    def credential(self) -> str:
        """The name of the secret that contains the administrator's credential."""
        return self._options.credential or self._session.stack.output("AdminSecretName")

    @property
    def ca(self) -> str:
        """The name of the secret that contains the CA certificates. It is empty if the portal's CA is public."""
        given = self._options.ca
        return self._session.stack.parameter("CaBundleSecret") if given is None else given

    @property
    def is_strict(self) -> bool:
        """Whether certificates must contain every extension that RFC 5280 requires."""
        given = self._options.is_lenient
        return self._session.stack.parameter("TlsStrict") != "false" if given is None else not given


def create_webhook(session: Session, options: WebhookOptions, events: str) -> dict[str, Any]:
    """Create the webhook, or update and activate it if it exists. Return what was done and the webhook."""
    settings, secrets = WebhookSettings(session, options), Secrets(session)
    secret = WebhookSecret.parse(settings.secret, secrets.read_text(settings.secret))
    webhooks = _connect(secrets, settings)
    done = webhooks.register(settings.name, f"{settings.url}/{secret.path}", secret.keys[0].decode(), events)
    return {"result": done, "webhooks": [describe_webhook(each) for each in webhooks.find(settings.name)]}


def list_webhooks(session: Session, options: WebhookOptions) -> dict[str, Any]:
    """Return the webhooks with the name, and the times of the last deliveries that failed."""
    settings = WebhookSettings(session, options)
    webhooks = _connect(Secrets(session), settings)
    return {
        "name": settings.name,
        "webhooks": [
            {
                **describe_webhook(each),
                "failedDeliveries": webhooks.list_failed_deliveries(each)[:MAX_FAILURES_SHOWN],
            }
            for each in webhooks.find(settings.name)
        ],
    }


def remove_webhook(session: Session, options: WebhookOptions) -> dict[str, Any]:
    """Remove the webhooks with the name. Return the name and the number of removed webhooks."""
    settings = WebhookSettings(session, options)
    return {"name": settings.name, "removed": _connect(Secrets(session), settings).remove(settings.name)}


def _connect(secrets: Secrets, settings: WebhookSettings) -> Webhooks:
    return Webhooks(secrets, settings.portal, settings.credential, settings.ca, strict=settings.is_strict)


def render_created(created: dict[str, Any], _width: int) -> Iterator[RenderableType]:
    """Return what was done, and the webhook."""
    for webhook in created["webhooks"]:
        yield f"The webhook {webhook['name']} was {created['result']}."
        yield _format_webhook(webhook)


def render_webhooks(found: dict[str, Any], _width: int) -> Iterator[RenderableType]:
    """Return a line for each webhook and for each of its failed deliveries."""
    for webhook in found["webhooks"]:
        yield _format_webhook(webhook)
        for time in webhook["failedDeliveries"]:
            yield f"  not delivered: {time}"


def render_removed(removed: dict[str, Any], _width: int) -> Iterator[RenderableType]:
    """Return how many webhooks were removed."""
    yield f"{format_count(removed['removed'], 'webhook')} named {removed['name']} removed."


def _format_webhook(webhook: dict[str, Any]) -> str:
    state = "active" if webhook["isActive"] else "not active"
    return f"{webhook['name']}: {state}, to {webhook['host']}, on {', '.join(webhook['events'])}"
