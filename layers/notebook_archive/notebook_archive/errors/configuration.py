"""Errors of the configuration: settings, secrets and rotation."""

from notebook_archive.errors.base import NotebookArchiveError


class ConfigurationError(NotebookArchiveError):
    """The configuration is wrong. A retry would not help."""


class SettingsInvalid(ConfigurationError):
    """Settings of a function are missing or wrong. The message names all of them."""

    reason = "settings-invalid"
    remedy = "Correct the parameters of the stack and deploy again."


class SecretMissing(ConfigurationError):
    """Secrets Manager does not have the secret."""

    reason = "secret-missing"
    remedy = "Create the secret that the message names; docs/secrets.md shows the JSON."


class SecretUnreadable(ConfigurationError):
    """Secrets Manager did not return the secret."""

    reason = "secret-unreadable"
    remedy = (
        "Check that its name begins with SecretPrefix or CredentialPrefix, and that the function's role may use its "
        "KMS key."
    )


class SecretUnwritable(ConfigurationError):
    """Secrets Manager did not store a new token or label. The current token is still current."""

    reason = "secret-unwritable"
    remedy = (
        "Check that the secret's name begins with SecretPrefix, and that its resource policy allows the function's "
        "role."
    )


class SecretMalformed(ConfigurationError):
    """The secret does not have one of the three JSON forms."""

    reason = "secret-malformed"
    remedy = "Store the secret again in one of the three JSON forms; docs/secrets.md shows them."


class SecretNotRotated(ConfigurationError):
    """The secret should hold a token, but no rotation has stored one yet."""

    reason = "secret-not-rotated"
    remedy = (
        "Run scripts.add_owner again with the correct password; the log of rotate_token says why the last rotation "
        "failed."
    )


class RotationRefused(ConfigurationError):
    """The request is not a step of a rotation that is under way. Nothing was changed."""

    reason = "rotation-refused"
    remedy = (
        "Do not call the function yourself. Start a rotation with: aws secretsmanager rotate-secret --secret-id NAME"
    )


class NewTokenRejected(ConfigurationError):
    """The portal rejects the new token, or says that it belongs to another user. The current token is still current."""

    reason = "new-token-rejected"
    remedy = (
        "Check that the credential is that of the right user and portal, then rotate the secret again: aws "
        "secretsmanager rotate-secret --secret-id NAME"
    )
