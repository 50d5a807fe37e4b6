"""Errors of the configuration: settings, secrets, rotation."""

from notebook_archive.errors.base import NotebookArchiveError


class ConfigurationError(NotebookArchiveError):
    """The operator's configuration is at fault; nothing is retried."""


class SettingsInvalid(ConfigurationError):
    """An environment variable of the function is missing or not of its form. The message names all of them."""

    reason = "settings-invalid"
    remedy = "Correct the stack's parameters and deploy again."


class SecretMissing(ConfigurationError):
    """Secrets Manager has no secret of the name in the message."""

    reason = "secret-missing"
    remedy = "Create the secret that the message names; docs/secrets.md has the JSON."


class SecretUnreadable(ConfigurationError):
    """Secrets Manager refused the secret or did not answer, or the secret is binary.

    The message names the secret and the code that Secrets Manager answered.
    """

    reason = "secret-unreadable"
    remedy = "Check that it lies under SecretPrefix (or CredentialPrefix), and that the role may use its KMS key."


class SecretUnwritable(ConfigurationError):
    """Secrets Manager did not take a new token, or did not move a label. The token that was current still is."""

    reason = "secret-unwritable"
    remedy = "Check that the secret lies under SecretPrefix, and its resource policy, against the function's role."


class SecretMalformed(ConfigurationError):
    """The secret is not JSON, or not one of the three forms.

    The message names what is missing from it, never what it holds.
    """

    reason = "secret-malformed"
    remedy = "Write the secret again in one of the three JSON forms; docs/secrets.md has them."


class SecretNotRotated(ConfigurationError):
    """The secret of a token names a credential, but holds no token: its first rotation has not succeeded."""

    reason = "secret-not-rotated"
    remedy = (
        "Run scripts.add_owner again with the right password; the log of rotate_token says why the last try failed."
    )


class RotationRefused(ConfigurationError):
    """The call of `rotate_token` is not a step of a rotation under way. Nothing was changed.

    Rotation is off, or the version is not the pending one, or the version is still empty.
    """

    reason = "rotation-refused"
    remedy = "Let Secrets Manager call the function: start a rotation with aws secretsmanager rotate-secret."


class NewTokenRejected(ConfigurationError):
    """The portal refused a new token, or took it for another user than the credential's.

    The new token was dropped. The one that was current still is.
    """

    reason = "new-token-rejected"
    remedy = "Check whose credential it is, and that the portal is the right one; then rotate the secret again."
