"""Describe the deployed archive that the checks examine."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from notebook_archive_cli.doctor.arcgis import ArcGIS
from notebook_archive_cli.session import Session

# The functions wait longer. A person waits for each check.
CONNECT_SECONDS = 5
READ_SECONDS = 15


class Target:
    """The deployed stack, its resources, and AWS clients that give up after some seconds.

    Every property may raise CommandError, or an error of botocore.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.options = session.options
        self.is_local = session.options.is_local
        self._clients: dict[str, Any] = {}

    def client(self, service: str, region: str = "") -> Any:  # noqa: ANN401 - one of boto3's clients
        """Return the client of a service, in the region of the stack if no other is given."""
        name = f"{service} {region}"
        if name not in self._clients:
            self._clients[name] = self.session.client(
                service,
                region,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": 2, "mode": "standard"},
            )
        return self._clients[name]

    def parameter(self, name: str) -> str:
        """Return a parameter of the stack, or an empty string."""
        return self.session.stack.parameter(name)

    def output(self, name: str) -> str:
        """Return an output of the stack."""
        return self.session.stack.output(name)

    @cached_property
    def arcgis(self) -> ArcGIS:
        """The portal of the stack, as the functions call it."""
        return ArcGIS(self.session, self.client("secretsmanager"))

    @property
    def is_in_vpc(self) -> bool:
        """Whether the functions are in a VPC. Then they may reach hosts that this machine cannot reach."""
        return bool(self.parameter("SubnetIds"))

    @cached_property
    def resources(self) -> Mapping[str, tuple[str, str]]:
        """The type and the physical id of each resource of the stack, by its logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
            for page in pages.paginate(StackName=self.session.stack.name)
            for each in page["StackResourceSummaries"]
        }

    def find(self, logical_id: str) -> str:
        """Return the physical id of a resource, or an empty string if the stack does not have it."""
        return self.resources.get(logical_id, ("", ""))[1]

    def list_ids(self, kind: str) -> dict[str, str]:
        """Return the physical ids of all resources of a type, by their logical ids."""
        return {name: physical for name, (each, physical) in sorted(self.resources.items()) if each == kind}

    def aws(self, *words: str) -> str:
        """Return a command line of the AWS CLI for the chosen account, region and endpoint."""
        return self.options.aws_command(*words)

    def command(self, *words: str) -> str:
        """Return a command line of `notebook-archive` for the chosen stack."""
        return self.options.command(*words)

    def deploy_with(self, name: str, value: str) -> tuple[str, str]:
        """Return the sentence and the command that change a parameter of the stack."""
        return self.options.deploy_with(name, value)
