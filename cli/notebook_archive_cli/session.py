"""Connect to AWS and to the deployed stack, when a command needs them."""

import json
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from notebook_archive.archive import Archive, ArchiveReader, Ledger, Polls
from notebook_archive_cli.errors import CommandError, ExitStatus, FunctionFailed
from notebook_archive_cli.local_system import read_local_system
from notebook_archive_cli.options import Options

# botocore waits 60 seconds for a response by default. A restore may take as long as its function, 15 minutes.
INVOKE_TIMEOUT_SECONDS = 930
# Number of threads that a command uses for requests to S3. Each needs a connection.
THREADS = 32


class Session:
    """AWS clients, the stack and the archive, created when they are first used.

    Every property may raise CommandError, or an error of botocore.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def without_second_place(self) -> "Session":
        """Return a session that reads the archive's own bucket, which has the records of restores."""
        options = copy(self.options)
        options.is_second_place = False
        return Session(options)

    @cached_property
    def local(self) -> dict[str, Any]:
        """The description of the local system, or an empty dictionary without `--local`."""
        return read_local_system() if self.options.is_local else {}

    @cached_property
    def _aws(self) -> Any:  # noqa: ANN401 - boto3's session, whose `client` accepts only literal names for mypy
        local = self.local
        if local:
            return boto3.Session(
                aws_access_key_id=local["awsAccessKeyId"],
                aws_secret_access_key=local["awsSecretAccessKey"],
                region_name=local["region"],
            )
        return boto3.Session(profile_name=self.options.profile or None, region_name=self.options.region or None)

    def client(self, service: str, region: str = "", **config: Any) -> Any:  # noqa: ANN401 - one of boto3's clients
        """Return a new client, for the region of the stack if no other is given.

        `config` are options of botocore's `Config`.
        """
        endpoint = self.local.get("awsEndpointUrl")
        return self._aws.client(service, region or None, endpoint_url=endpoint, config=Config(**config))

    @cached_property
    def stack(self) -> "Stack":
        """The deployed stack."""
        return Stack(self.client("cloudformation"), self.options)

    @cached_property
    def _s3(self) -> Any:  # noqa: ANN401 - a boto3 client
        return self.client("s3", max_pool_connections=THREADS)

    @cached_property
    def archive(self) -> Archive:
        """The archive, or the second place with `--second-place`, for reading.

        Its methods also write, but only `acknowledge` and `erase` may use them. They do not have the option.
        """
        return Archive(*self._place)

    @cached_property
    def reader(self) -> ArchiveReader:
        """What reads archived versions, from the archive or from the second place."""
        return ArchiveReader(*self._place)

    @cached_property
    def _place(self) -> tuple[Any, str, str]:
        """A client for the bucket from which versions are read, its name, and its account."""
        if not self.options.is_second_place:
            return self._s3, self.stack.output("ArchiveBucket"), self.stack.account
        place = self.stack.second_place
        if place is None:
            sentence, command = self.options.deploy_with("SecondBucket", "NAME-OF-A-BUCKET")
            raise CommandError(
                "second-place-missing",
                f"Stack {self.stack.name!r} has no second place, because its parameter SecondBucket is empty.",
                remedy=f"Leave out --second-place. To have one, read docs/second-place.md. {sentence}",
                command=command,
                status=ExitStatus.USAGE,
            )
        return self.client("s3", place.region, max_pool_connections=THREADS), place.bucket, place.account

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of proofs."""
        return Ledger(self._s3, self.stack.output("LedgerBucket"), self.stack.account)

    @cached_property
    def polls(self) -> Polls:
        """The last poll for changes, for reading."""
        return Polls(self._s3, self.stack.output("LedgerBucket"), self.stack.account)

    def invoke(self, output: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the function that an output of the stack names, and return its answer.

        Raises FunctionFailed if the function failed.
        """
        client = self.client("lambda", read_timeout=INVOKE_TIMEOUT_SECONDS, retries={"total_max_attempts": 1})
        name = self.stack.output(output)
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        body = answer["Payload"].read()
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise FunctionFailed("Lambda.ResponseInvalid", "The function did not return a JSON object.")
        if "FunctionError" in answer:
            raise FunctionFailed(str(document.get("errorType", "")), str(document.get("errorMessage", "")))
        return document


@dataclass(frozen=True, slots=True)
class SecondPlace:
    """The bucket to which S3 replicates the archive. An empty `region` is the region of the stack."""

    bucket: str
    account: str
    region: str


class Stack:
    """The outputs and the parameters of the deployed stack."""

    def __init__(self, cloudformation: Any, options: Options) -> None:  # noqa: ANN401 - a boto3 client
        self.name, self._deploy_command = options.stack, options.deploy_command()
        self._same_command = options.same_command()
        self._events_command = options.aws_command("cloudformation", "describe-stack-events", "--stack-name", self.name)
        try:
            (stack,) = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "ValidationError":
                raise
            raise CommandError(
                "stack-missing",
                f"This account and region have no stack {self.name!r}.",
                remedy="Check --stack, --profile and --region. The next command lists the stacks that exist.",
                command=options.aws_command("cloudformation", "describe-stacks", "--query", "Stacks[].StackName"),
                status=ExitStatus.NOT_FOUND,
            ) from None
        self._status: str = stack["StackStatus"]
        self.account: str = stack["StackId"].split(":")[4]
        self._outputs: dict[str, str] = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        parameters = stack.get("Parameters", ())
        self._parameters: dict[str, str] = {each["ParameterKey"]: each.get("ParameterValue", "") for each in parameters}

    def output(self, name: str) -> str:
        """Return the value of an output. Raises CommandError if this stack does not have the output."""
        if name not in self._outputs:
            if not self._outputs and self._status.endswith("_IN_PROGRESS"):
                raise CommandError(
                    "stack-in-progress",
                    f"Stack {self.name!r} is not ready. Its status is {self._status}.",
                    remedy="Wait until the deployment has ended. Then run the command again.",
                    command=self._same_command,
                    status=ExitStatus.UNAVAILABLE,
                )
            if not self._outputs:
                raise CommandError(
                    "stack-incomplete",
                    f"Stack {self.name!r} was not deployed. Its status is {self._status}.",
                    remedy="The next command shows why. Delete the stack, remove the cause, and deploy it again.",
                    command=self._events_command,
                    status=ExitStatus.NOT_FOUND,
                )
            raise CommandError(
                "stack-outdated",
                f"Stack {self.name!r} has no output {name!r}: an earlier release is deployed.",
                remedy="Deploy this release.",
                command=self._deploy_command,
                status=ExitStatus.NOT_FOUND,
            )
        return self._outputs[name]

    @property
    def second_place(self) -> SecondPlace | None:
        """The second place, or None if this stack has none."""
        bucket = self.parameter("SecondBucket")
        account = self.parameter("SecondBucketAccount") or self.account
        return SecondPlace(bucket, account, self.parameter("SecondBucketRegion")) if bucket else None

    def has_output(self, name: str) -> bool:
        """Return whether this stack has the output."""
        return name in self._outputs

    def parameter(self, name: str) -> str:
        """Return a parameter's value, or an empty string if this stack does not have the parameter."""
        return self._parameters.get(name, "")
