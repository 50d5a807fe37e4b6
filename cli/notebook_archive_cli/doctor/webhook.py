"""Check the webhook: its secret, and whether the portal calls it."""

from notebook_archive.errors import SecretMalformed, SecretMissing
from notebook_archive.http.webhook_signature import WebhookSecret
from notebook_archive_cli.accounts.webhooks import WebhookOptions, list_webhooks
from notebook_archive_cli.doctor.checks import Check, bad, good
from notebook_archive_cli.doctor.secrets import put_secret
from notebook_archive_cli.doctor.target import Target

NOT_NEEDED = "not needed: WebhookSecret is not set"


def check_secret(target: Target) -> Check:
    """Check the form of the webhook's secret."""
    name, secret = "webhook secret", target.parameter("WebhookSecret")
    if not secret:
        return good(name, NOT_NEEDED)
    write = 'Write {"path": …, "key": …} into webhook.json, as docs/webhook.md shows, and'
    try:
        WebhookSecret.parse(secret, target.arcgis.read_secret(secret))
    except SecretMissing:
        words = ("create-secret", "--name", secret, "--secret-string", "file://webhook.json")
        return bad(
            name, f"there is no secret {secret!r}", f"{write} create the secret.", target.aws("secretsmanager", *words)
        )
    except SecretMalformed as error:
        return bad(name, str(error), f"{write} store it.", put_secret(target, secret, "webhook.json"))
    return good(name, f"secret {secret!r} has a path and a key")


def check_registration(target: Target) -> Check:
    """Check that the portal has the webhook, and that it is active."""
    name = "webhook"
    if not target.parameter("WebhookSecret"):
        return good(name, NOT_NEEDED)
    found = list_webhooks(target.session, WebhookOptions())
    create = target.command("webhook", "create")
    if not found["webhooks"]:
        return bad(
            name, f"the portal has no webhook {found['name']!r}, so a save archives nothing", "Create it.", create
        )
    if not any(each["isActive"] for each in found["webhooks"]):
        failed = sum(len(each["failedDeliveries"]) for each in found["webhooks"])
        message = f"the portal's webhook {found['name']!r} is not active; failed deliveries: {failed}"
        fix = "Read why in the log of ReceiveWebhookFunction (docs/webhook.md). Then activate it."
        return bad(name, message, fix, create)
    return good(name, f"the portal has the webhook {found['name']!r}, and it is active")
