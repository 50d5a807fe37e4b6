"""Errors of the configuration: settings, secrets, rotation."""

from notebook_archive.errors.base import NotebookArchiveError


class ConfigurationError(NotebookArchiveError):
    """The operator's configuration is at fault; nothing is retried."""


class SettingsInvalid(ConfigurationError):
    """Names every variable that is missing or wrong, in one message."""

    reason = "settings-invalid"
    remedy = "Correct the stack's parameters and deploy again."


class SecretMissing(ConfigurationError):
    """Names the secret that Secrets Manager does not have."""

    reason = "secret-missing"
    remedy = "Create the secret that the message names; README, 'Secrets', has the JSON."


class SecretUnreadable(ConfigurationError):
    """Names the secret and the code that Secrets Manager answered."""

    reason = "secret-unreadable"
    remedy = "Check that it lies under SecretPrefix (or CredentialPrefix), and that the role may use its KMS key."


class SecretUnwritable(ConfigurationError):
    """Names the secret and the code that Secrets Manager answered; the token that was current still is."""

    reason = "secret-unwritable"
    remedy = "Check that the secret lies under SecretPrefix, and its resource policy, against the function's role."


class SecretMalformed(ConfigurationError):
    """Names the secret and the keys it lacks, never a value."""

    reason = "secret-malformed"
    remedy = "Write the secret again in one of the three JSON forms; README, 'Secrets', has them."


class SecretNotRotated(ConfigurationError):
    """Names the secret, which is to hold a token once its credential has worked."""

    reason = "secret-not-rotated"
    remedy = (
        "Run scripts.add_owner again with the right password; the log of rotate_token says why the last try failed."
    )


class RotationRefused(ConfigurationError):
    """Names the secret and why this is no step of a rotation of it; nothing was changed."""

    reason = "rotation-refused"
    remedy = "Let Secrets Manager call the function: start a rotation with aws secretsmanager rotate-secret."


class NewTokenRejected(ConfigurationError):
    """Names the secret; its new token was dropped, and the one that was current still is."""

    reason = "new-token-rejected"
    remedy = "Check whose credential it is, and that the portal is the right one; then rotate the secret again."
