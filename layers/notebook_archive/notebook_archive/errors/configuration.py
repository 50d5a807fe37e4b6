"""Define the errors of the configuration: settings, secrets and rotation."""

from notebook_archive.errors.base import NotebookArchiveError


class ConfigurationError(NotebookArchiveError):
    """The configuration is wrong. A retry would not help."""


class SettingsInvalid(ConfigurationError):
    """Environment variables of the function are missing or wrong. The message names all of them."""

    reason = "settings-invalid"
    remedy = "Correct the parameters of the stack and deploy again."


class SecretMissing(ConfigurationError):
    """Secrets Manager has no secret with the name in the message."""

    reason = "secret-missing"
    remedy = "Create the secret that the message names. docs/secrets.md shows the JSON."


class SecretUnreadable(ConfigurationError):
    """Secrets Manager refused to return the secret or did not answer, or the secret is binary.

    The message names the secret and the error code from Secrets Manager.
    """

    reason = "secret-unreadable"
    remedy = (
        "Check that the secret's name begins with SecretPrefix or CredentialPrefix, and that the function's role may "
        "use the secret's KMS key."
    )


class SecretUnwritable(ConfigurationError):
    """Secrets Manager did not store a new token, or did not move a label. The current token is still current."""

    reason = "secret-unwritable"
    remedy = (
        "Check that the secret's name begins with SecretPrefix, and that its resource policy allows the function's "
        "role."
    )


class SecretMalformed(ConfigurationError):
    """The secret is not JSON, or does not have one of the three forms.

    The message says what is missing. It never repeats the secret's content.
    """

    reason = "secret-malformed"
    remedy = "Store the secret again in one of the three JSON forms. docs/secrets.md shows them."


class SecretNotRotated(ConfigurationError):
    """The secret names a credential but contains no token, because its first rotation has not succeeded yet."""

    reason = "secret-not-rotated"
    remedy = (
        "Run the command `owners add` again with the correct password. The log of rotate_token says why the last "
        "rotation failed."
    )


class RotationRefused(ConfigurationError):
    """The function `rotate_token` was called outside a rotation in progress. Nothing was changed.

    Either rotation is switched off, or the version is not the pending one, or no token has been written to the version.
    """

    reason = "rotation-refused"
    remedy = (
        "Do not call the function yourself. Start a rotation with: aws secretsmanager rotate-secret --secret-id NAME"
    )


class NewTokenRejected(ConfigurationError):
    """The portal rejected a new token, or the token and its credential belong to different users.

    The new token was discarded. The current token is still current.
    """

    reason = "new-token-rejected"
    remedy = (
        "Check that the credential belongs to the right user and portal. Then rotate the secret again with: aws "
        "secretsmanager rotate-secret --secret-id NAME"
    )
