"""Create, list and remove the archive's webhook on the portal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.console import RenderableType

from notebook_archive.errors import RequestRejected
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive_cli.accounts.portal_webhooks import Webhooks, describe_webhook
from notebook_archive_cli.accounts.secrets import Secrets
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from notebook_archive_cli.terminal.layout import wrap_text
from notebook_archive_cli.terminal.output import format_count

# After this many failed deliveries, the portal deactivates the webhook by default. More of them need not be shown.
MAX_FAILURES_SHOWN = 5
_INDENT = "  "


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
    try:
        done = webhooks.register(settings.name, f"{settings.url}/{secret.path}", secret.keys[0].decode(), events)
    except RequestRejected as error:
        raise CommandError(
            error.reason,
            str(error),
            remedy="Correct what is wrong, then run the command again. The portal's log may say more.",
            command=session.options.same_command(),
            status=ExitStatus.UNAVAILABLE,
        ) from error
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


def describe_missing(session: Session, options: WebhookOptions, found: Mapping[str, Any]) -> CommandError:
    """Return the error that none of the webhooks that `list_webhooks` found is active."""
    chosen = {"--name": options.name, "--portal": options.portal, "--credential": options.credential}
    words = [word for name, value in chosen.items() if value for word in (name, value)]
    words += ["--ca", options.ca] if options.ca is not None else []
    words += [] if options.is_lenient is None else ["--lenient-tls" if options.is_lenient else "--strict-tls"]
    remedy = (
        "Find out why the deliveries failed, then activate it with the next command."
        if found["webhooks"]
        else "Create it with the next command."
    )
    return CommandError(
        "webhook-not-active",
        f"The portal has no active webhook {found['name']!r}.",
        remedy=remedy,
        command=session.options.command("webhook", "create", *words),
        status=ExitStatus.FINDING,
    )


def describe_removal(session: Session, options: WebhookOptions) -> list[str]:
    """Return the plan of a removal, for the question whether to remove. It is empty if there is nothing to remove."""
    settings = WebhookSettings(session, options)
    found = _connect(Secrets(session), settings).find(settings.name)
    if not found:
        return []
    webhooks = format_count(len(found), "webhook")
    plan = f"{webhooks} named {settings.name} would be removed from {settings.portal}."
    # The stack may not exist any more, so its ChangePoll is not read.
    return [plan, "Without a webhook, the next run archives what changes, or the next poll if ChangePoll is set."]


def remove_webhook(session: Session, options: WebhookOptions) -> dict[str, Any]:
    """Remove the webhooks with the name. Return the name and the number of removed webhooks."""
    settings = WebhookSettings(session, options)
    return {"name": settings.name, "removed": _connect(Secrets(session), settings).remove(settings.name)}


def _connect(secrets: Secrets, settings: WebhookSettings) -> Webhooks:
    return Webhooks(secrets, settings.portal, settings.credential, settings.ca, strict=settings.is_strict)


def render_created(created: dict[str, Any], width: int) -> Iterator[RenderableType]:
    """Return what was done, and the webhook."""
    for webhook in created["webhooks"]:
        yield from wrap_text(f"The webhook {webhook['name']} was {created['result']}.", width)
        yield from _render_webhook(webhook, width)


def render_webhooks(found: dict[str, Any], width: int, options: Options, log_group: str) -> Iterator[RenderableType]:
    """Return lines for each webhook and for its failed deliveries, with the command that shows their cause."""
    for webhook in found["webhooks"]:
        yield from _render_webhook(webhook, width)
        yield from _render_failed(webhook["failedDeliveries"], width, options, log_group)


def _render_failed(times: Sequence[str], width: int, options: Options, log_group: str) -> Iterator[RenderableType]:
    if not times:
        return
    for time in times:
        yield f"{_INDENT}not delivered: {time}"
    text = "These times are as the portal writes them, which names no time zone. The portal does not say why."
    if log_group:
        text += " If a delivery arrived, the function's log has the cause:"
    yield from wrap_text(text, width, _INDENT, _INDENT)
    if log_group:
        yield f"{_INDENT}{options.aws_command('logs', 'tail', log_group, '--since', '1d')}"


def find_log_group(session: Session) -> str:
    """Return the log group of the function that receives deliveries, or an empty text if there is no such stack."""
    try:
        return session.stack.output("ReceiveWebhookLogGroup")
    except CommandError:
        return ""


def render_removed(removed: dict[str, Any], width: int) -> Iterator[RenderableType]:
    """Return how many webhooks were removed."""
    yield from wrap_text(f"{format_count(removed['removed'], 'webhook')} named {removed['name']} removed.", width)


def _render_webhook(webhook: dict[str, Any], width: int) -> Iterator[RenderableType]:
    state = "active" if webhook["isActive"] else "not active"
    text = f"{state}, to {webhook['host']}, on {', '.join(webhook['events'])}"
    yield from wrap_text(text, width, _INDENT, f"{webhook['name']}: ")
