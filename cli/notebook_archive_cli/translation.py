"""Turn the errors of the package, of the functions, of AWS and of the system into the errors that a command reports."""

import errno
import re
from dataclasses import dataclass

from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from notebook_archive import errors
from notebook_archive_cli.errors import CommandError, ExitStatus, FunctionFailed
from notebook_archive_cli.options import Options


@dataclass(frozen=True)
class _Report:
    """How a command reports an error.

    `next_command` are the words after `notebook-archive`. If there are none, the next command is the same one again.
    `remedy` replaces the remedy of the error's class, which may be written for callers of a function.
    """

    status: ExitStatus
    next_command: tuple[str, ...] = ()
    remedy: str = ""


_DOCTOR = ("doctor",)
_SAME = ()

# An error of a class that is not in this table is reported like the nearest of its base classes.
_REPORTS: dict[type[errors.NotebookArchiveError], _Report] = {
    errors.NotAnId: _Report(ExitStatus.USAGE, ("list",), "Give an item id, its first digits (at least 4), or a title."),
    errors.RunInputInvalid: _Report(ExitStatus.USAGE, ("run", "--help"), "Name each notebook once."),
    errors.RunIdTaken: _Report(ExitStatus.UNAVAILABLE, _SAME, "Run the command again. The run gets another name."),
    errors.RequestRefused: _Report(ExitStatus.USAGE, ("--help",)),
    errors.RequestInvalid: _Report(ExitStatus.USAGE, ("failed", "list")),
    errors.EventRefused: _Report(ExitStatus.UNAVAILABLE, _DOCTOR),
    errors.NotificationRefused: _Report(ExitStatus.UNAVAILABLE, _DOCTOR),
    errors.ConfigurationError: _Report(ExitStatus.DENIED, _DOCTOR),
    errors.SettingsInvalid: _Report(ExitStatus.USAGE, _DOCTOR),
    errors.SecretMissing: _Report(ExitStatus.NOT_FOUND, ("owners", "list")),
    errors.SecretNotRotated: _Report(
        ExitStatus.DENIED,
        ("owners", "list"),
        "Add the owner again with the correct password, with the command `notebook-archive owners add`.",
    ),
    errors.RotationRefused: _Report(ExitStatus.UNAVAILABLE, ("owners", "list")),
    errors.NewTokenRejected: _Report(ExitStatus.DENIED, ("owners", "list")),
    errors.ArcGISError: _Report(ExitStatus.UNAVAILABLE, _DOCTOR),
    errors.TokenRejected: _Report(ExitStatus.DENIED, _DOCTOR),
    errors.PermissionDenied: _Report(ExitStatus.DENIED, _DOCTOR),
    errors.CertificateUntrusted: _Report(ExitStatus.DENIED, _DOCTOR),
    errors.DeadlineExceeded: _Report(ExitStatus.UNAVAILABLE, _SAME),
    errors.NoContent: _Report(ExitStatus.NOT_FOUND, ("list",)),
    errors.NotebookNotFound: _Report(ExitStatus.NOT_FOUND, ("list",)),
    errors.NoFreeSlot: _Report(ExitStatus.FINDING, _SAME),
    errors.UploadTooLarge: _Report(ExitStatus.FINDING, _DOCTOR),
    errors.SnapshotInvalid: _Report(ExitStatus.FINDING, ("status",)),
    errors.ArchiveError: _Report(ExitStatus.UNAVAILABLE, _SAME, "Run the command again."),
    errors.ArchiveConflict: _Report(ExitStatus.FINDING, ("findings",)),
    errors.ArchiveDamaged: _Report(
        ExitStatus.FINDING,
        ("verify", "--all"),
        "Choose another version of the notebook, and find out who altered this one. The next command reads every "
        "version of every notebook.",
    ),
    errors.ArchiveDenied: _Report(
        ExitStatus.DENIED,
        _DOCTOR,
        "Check that the bucket exists, and that its policy, the KMS key and your role allow the call. docs/deploy.md "
        "has a policy for each task of an operator.",
    ),
    errors.RestoreError: _Report(ExitStatus.FINDING, ("restore", "--help")),
    errors.RestoreInputInvalid: _Report(ExitStatus.USAGE, ("restore", "--help"), "Correct the options."),
    errors.RestoreIdTaken: _Report(
        ExitStatus.UNAVAILABLE, _SAME, "Run the command again. The restore gets another id."
    ),
    errors.VersionMissing: _Report(ExitStatus.NOT_FOUND, ("list",), "List the notebooks, then the versions of one."),
    errors.VersionReplaced: _Report(
        ExitStatus.FINDING,
        ("findings",),
        "Find out who replaced the object. Restore an older S3 version of it, with --version-id.",
    ),
    errors.RestoreForbidden: _Report(ExitStatus.DENIED, _DOCTOR),
    errors.OwnerMissing: _Report(
        ExitStatus.NOT_FOUND,
        ("restore", "--help"),
        "Add the member to the portal, or name another owner with --new-owner.",
    ),
    errors.ItemMissing: _Report(
        ExitStatus.NOT_FOUND, ("restore", "--help"), "Restore the version as a new item, with --as new."
    ),
    errors.SessionOpen: _Report(
        ExitStatus.UNAVAILABLE,
        _SAME,
        "Ask the users to close the notebook without saving, then run the command again. Or replace the content "
        "anyway, with --force.",
    ),
    errors.SessionsUnknown: _Report(
        ExitStatus.UNAVAILABLE,
        _SAME,
        "Run the command again. Or make sure that nobody has the notebook open, and restore it with --force.",
    ),
    errors.SnapshotNameTaken: _Report(
        ExitStatus.USAGE, ("restore", "--help"), "Give the snapshot another name, with --title."
    ),
    errors.SnapshotsFull: _Report(
        ExitStatus.FINDING,
        ("restore", "--help"),
        "Restore the version as a new item, with --as new. Or delete a snapshot in ArcGIS, after you checked that the "
        "archive has it.",
    ),
    errors.SnapshotUnsendable: _Report(
        ExitStatus.USAGE, ("restore", "--help"), "Restore the version with --as new or --as replace."
    ),
    errors.RestoreInterrupted: _Report(ExitStatus.UNAVAILABLE, _DOCTOR),
    errors.RestoreTouched: _Report(ExitStatus.FINDING, ("undo", "--help")),
    errors.UndoImpossible: _Report(ExitStatus.FINDING, ("undo", "--help")),
    errors.RestoreUnknown: _Report(
        ExitStatus.NOT_FOUND, ("undo", "--help"), "Give the id that the command `notebook-archive restore` printed."
    ),
    errors.RestoreTestFailed: _Report(ExitStatus.FINDING, ("restore-test", "--help")),
}

# What AWS calls these cases. S3 sends only a number in the response to a HEAD request.
_DENIED_CODES = {"403", "AllAccessDisabled", "AuthorizationError", "Forbidden", "UnauthorizedOperation"}
_SIGNED_OUT_CODES = {
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId",
    "InvalidClientTokenId", "InvalidSignatureException", "InvalidToken", "NotSignedUp", "RequestExpired",
    "SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
}  # fmt: skip
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_BUSY_CODES = {
    "503", "BandwidthLimitExceeded", "InternalError", "InternalFailure", "LimitExceededException",
    "PriorRequestNotComplete", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
    "RequestTimeout", "ResourceNotReadyException", "ServiceUnavailable", "SlowDown", "ThrottledException",
    "Throttling", "ThrottlingException", "TooManyRequestsException", "TransactionInProgressException",
}  # fmt: skip
_MISSING = re.compile(r"404|NoSuch.*|.*NotFound(?:Exception|Fault)?|.*DoesNotExist|.*NonExistentQueue")
_ACTION = re.compile(r"not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9*]+)")
_MIN_SERVER_ERROR = 500
# A disk, a quota or a file is full, or a device does not work.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

_SIGNED_OUT = (
    aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.SSOError,
    aws.TokenRetrievalError, aws.NoAuthTokenError, aws.LoginError,
)  # fmt: skip
_NO_RESPONSE = (
    aws.ConnectionError, aws.HTTPClientError, aws.IncompleteReadError, aws.ChecksumError, aws.FlexibleChecksumError,
    aws.MetadataRetrievalError,
)  # fmt: skip
_WRONG_PROFILE = (aws.ConfigNotFound, aws.ConfigParseError, aws.InvalidConfigError, aws.ProfileNotFound)
_WRONG_REGION = (aws.NoRegionError, aws.InvalidRegionError, aws.UnknownRegionError, aws.UnknownEndpointError)


def translate_error(error: Exception, options: Options) -> CommandError:
    """Return the error to report. An error that nothing here describes is a defect of this program."""
    match error:
        case CommandError():
            return error
        case errors.NotebookArchiveError():
            return _report(type(error), str(error), options)
        case FunctionFailed():
            return translate_failure(error.kind, str(error), options)
        case ClientError():
            return _translate_response(error, options)
        case aws.BotoCoreError():
            return _translate_call(error, options)
        case ResponseParserError():
            return _describe_outage("A proxy or another server responded in place of AWS.", options)
        case UnicodeEncodeError() if not "".join(options.arguments).isprintable():
            # Python keeps bytes of the command line that are not UTF-8 as characters that cannot be sent.
            return CommandError(
                "usage",
                "An argument has characters that are not UTF-8.",
                remedy="Type it again, in a terminal with UTF-8.",
                command=options.command("--help"),
                status=ExitStatus.USAGE,
            )
        case OSError(filename=str() as name):
            return _translate_file_error(error, name, options)
        case OSError() if error.errno in _FULL:
            # Writing to an open file or to standard output failed. Such an error does not name the file.
            return _translate_file_error(error, "the file or the output that is written", options)
    return _describe_defect(error, options)


def translate_failure(kind: str, message: str, options: Options) -> CommandError:
    """Return the error to report if a function or an execution failed.

    `kind` is the name of an error's class, such as `SessionOpen`, or a name of Lambda or Step Functions, such as
    `Sandbox.Timedout` or `States.Timeout`.
    """
    kind = kind.rpartition(".")[2] if kind.startswith("notebook_archive.") else kind
    if kind in errors.__all__:
        return _report(getattr(errors, kind), message, options)
    if kind in {"Sandbox.Timedout", "States.Timeout"} or "Task timed out" in message:
        return CommandError(
            "timed-out",
            "A function of the stack did not end in time.",
            remedy="Run the command again. If this happens again, read the function's log (docs/operations.md).",
            command=options.same_command(),
            status=ExitStatus.UNAVAILABLE,
        )
    return CommandError(
        "function-failed",
        f"A function of the stack failed with {kind or 'an unknown error'}.",
        remedy="This is a defect, or the function has too little memory. Its log says more (docs/operations.md).",
        command=options.command("doctor"),
        status=ExitStatus.DEFECT,
    )


def _report(kind: type[errors.NotebookArchiveError], message: str, options: Options) -> CommandError:
    report = next((_REPORTS[each] for each in kind.__mro__ if each in _REPORTS), None)
    # The functions that are called directly append the remedy to the message.
    message = message.removesuffix(kind.remedy).strip()
    if report is None:
        return CommandError(
            kind.reason,
            message,
            remedy=kind.remedy,
            command=options.same_command("--debug"),
            status=ExitStatus.DEFECT,
        )
    command = options.command(*report.next_command) if report.next_command else options.same_command()
    return CommandError(
        kind.reason, message, remedy=report.remedy or kind.remedy, command=command, status=report.status
    )


def _translate_response(error: ClientError, options: Options) -> CommandError:
    """Return the error to report if AWS returned an error code. The message does not repeat AWS's text."""
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    operation = error.operation_name
    if code.startswith("AccessDenied") or code in _DENIED_CODES:
        action = _ACTION.search(str(details.get("Message", "")))
        return CommandError(
            "aws-denied",
            f"AWS denied {action[1] if action else operation}.",
            remedy="Add the action to the policy of your role. docs/deploy.md has a policy for each task of an "
            "operator. The next command shows who you are.",
            command=options.aws_command("sts", "get-caller-identity"),
            status=ExitStatus.DENIED,
        )
    if code in _CLOCK_CODES:
        return CommandError(
            "clock-wrong",
            f"AWS refused {operation}, because the clock of this machine is wrong.",
            remedy="Set the clock. Then run the command again.",
            command=options.same_command(),
            status=ExitStatus.DENIED,
        )
    if code in _SIGNED_OUT_CODES:
        return _describe_sign_out(f"AWS did not accept your credentials ({code}).", options)
    if code in _BUSY_CODES or status >= _MIN_SERVER_ERROR:
        return _describe_outage(f"AWS did not complete {operation} ({code}), and retries did not help.", options)
    if _MISSING.fullmatch(code):
        return CommandError(
            "aws-resource-missing",
            f"{operation} did not find what it should use ({code}).",
            remedy="Somebody may have deleted a part of the stack. The next command says which one.",
            command=options.command("doctor"),
            status=ExitStatus.NOT_FOUND,
        )
    return _describe_defect(error, options, f"AWS refused {operation} with {code or 'no code'}")


def _translate_call(error: aws.BotoCoreError, options: Options) -> CommandError:
    """Return the error to report if no response came from AWS, or no request was sent."""
    if isinstance(error, _SIGNED_OUT):
        return _describe_sign_out("There are no AWS credentials that can be used.", options)
    if isinstance(error, _WRONG_PROFILE):
        return CommandError(
            "profile-wrong",
            f"There is no AWS profile {options.profile!r}."
            if isinstance(error, aws.ProfileNotFound) and options.profile
            else "The AWS configuration of this machine cannot be used.",
            remedy="Choose one of the profiles that the next command lists, with --profile.",
            command="aws configure list-profiles",
            status=ExitStatus.USAGE,
        )
    if isinstance(error, _WRONG_REGION):
        return CommandError(
            "region-wrong",
            f"There is no AWS region {options.region!r}." if options.region else "No AWS region is chosen.",
            remedy="Choose a region with --region. The next command shows the profile's region.",
            command=options.aws_command("configure", "list"),
            status=ExitStatus.USAGE,
        )
    if isinstance(error, aws.SSLError):
        return CommandError(
            "aws-certificate-untrusted",
            "The connection to AWS is not trusted: no trusted authority signed the server's certificate.",
            remedy="If a proxy of your organization decrypts TLS, set AWS_CA_BUNDLE to the file with its "
            "certificate. Then run the command again.",
            command=options.same_command(),
            status=ExitStatus.UNAVAILABLE,
        )
    if isinstance(error, _NO_RESPONSE):
        return _describe_outage("AWS did not respond.", options)
    return _describe_defect(error, options)


def _describe_sign_out(message: str, options: Options) -> CommandError:
    if options.is_local:
        return CommandError(
            "local-system-outdated",
            "The local system does not accept the credentials in .local/stack.json.",
            remedy="Start the local system again in this folder.",
            command="make local",
            status=ExitStatus.DENIED,
        )
    return CommandError(
        "signed-out",
        message,
        remedy="Sign in to AWS, for example with `aws sso login`, or choose another profile with --profile. The next "
        "command shows where the credentials come from.",
        command=options.aws_command("configure", "list"),
        status=ExitStatus.DENIED,
    )


def _describe_outage(message: str, options: Options) -> CommandError:
    if options.is_local:
        return CommandError(
            "local-system-unavailable",
            "The local system does not respond.",
            remedy="Run the next command in this folder, and wait until it is ready.",
            command="make local",
            status=ExitStatus.UNAVAILABLE,
        )
    return CommandError(
        "aws-unavailable",
        message,
        remedy="Check the network and --region. Then run the command again.",
        command=options.same_command(),
        status=ExitStatus.UNAVAILABLE,
    )


def _translate_file_error(error: OSError, name: str, options: Options) -> CommandError:
    remedy = "Name another file or folder, or correct its permissions."
    if error.errno in _FULL:
        remedy = "Free some space, or name a folder on another disk. Then run the command again."
    return CommandError(
        "file-unusable",
        f"Cannot use {name}: {error.strerror}.",
        remedy=remedy,
        command=options.same_command(),
        status=ExitStatus.USAGE,
    )


def _describe_defect(error: Exception, options: Options, message: str = "") -> CommandError:
    """Return the error to report for a defect. It does not repeat the error's text, which may contain anything."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" (line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename})" if trace else ""
    return CommandError(
        "defect",
        f"{message or f'This is a defect: {type(error).__name__}'}{place}.",
        remedy="Run the command again with --debug, and report what it prints.",
        command=options.same_command("--debug"),
        status=ExitStatus.DEFECT,
    )
