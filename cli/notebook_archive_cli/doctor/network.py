"""Check the VPC of the functions: its subnets, its security groups, and the ways to ArcGIS and to AWS."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from notebook_archive_cli.doctor.checks import Check, bad, good
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

# The AWS services that the functions of every stack call (docs/restricted-account.md).
SERVICES = ("s3", "secretsmanager", "sqs", "events")
HTTPS_PORT = 443
# Lambda needs some addresses of each subnet for its network interfaces.
MIN_ADDRESSES = 4
# What a default route may lead to. An internet gateway does not help, because functions have no public address.
_WAYS_OUT = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId", "InstanceId")


def check_network(target: Target) -> list[Check]:
    """Check the subnets, the security groups, and the routes of the functions."""
    subnet_ids = [each for each in target.parameter("SubnetIds").split(",") if each]
    if not subnet_ids:
        return [good("network", "the functions are not in a VPC")]
    ec2 = target.client("ec2")
    try:
        subnets = ec2.describe_subnets(SubnetIds=subnet_ids)["Subnets"]
        group_ids = [each for each in target.parameter("SecurityGroupIds").split(",") if each]
        groups = ec2.describe_security_groups(GroupIds=group_ids)["SecurityGroups"]
    except ClientError as error:
        if ".NotFound" not in error.response["Error"].get("Code", ""):
            raise
        fix, command = target.deploy_with("SubnetIds", "EXISTING-SUBNETS")
        return [
            bad(
                "network",
                f"a subnet or a security group does not exist ({error.response['Error']['Code']})",
                fix,
                command,
            )
        ]
    found = [_check_addresses(subnets), _check_groups(target, groups)]
    vpc = subnets[0]["VpcId"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    return [*found, *(_check_routes(target, subnet, tables, endpoints) for subnet in subnets)]


def _list_services(target: Target) -> tuple[str, ...]:
    """Return the services that this stack's functions call. Only notifications need SNS."""
    has_chat = bool(target.parameter("ChatTopicArn"))
    notifies = target.parameter("AlarmTopicArn") and (target.parameter("AlarmFormat") == "TEXT" or has_chat)
    return (*SERVICES, "sns") if notifies else SERVICES


def _check_addresses(subnets: list[dict[str, Any]]) -> Check:
    full = [each["SubnetId"] for each in subnets if each.get("AvailableIpAddressCount", MIN_ADDRESSES) < MIN_ADDRESSES]
    if full:
        fix = "Add a larger subnet to SubnetIds, or free addresses."
        return bad("subnets", f"almost no free address in {', '.join(full)}", fix)
    return good("subnets", f"{format_count(len(subnets), 'subnet')} with free addresses")


def _check_groups(target: Target, groups: list[dict[str, Any]]) -> Check:
    """Check that one of the groups allows connections to AWS and to the portal."""
    name = "security groups"
    portal = urlsplit(target.arcgis.url).port or HTTPS_PORT
    closed = [port for port in {HTTPS_PORT, portal} if not any(_allows(group, port) for group in groups)]
    if closed:
        port = str(closed[0])
        words = ("ec2", "authorize-security-group-egress", "--group-id", groups[0]["GroupId"], "--protocol", "tcp")
        command = target.aws(*words, "--port", port, "--cidr", "0.0.0.0/0")
        return bad(
            name, f"no group allows connections to port {port}", "Allow them, at least to ArcGIS and to AWS.", command
        )
    return good(name, f"allow connections to port {' and '.join(map(str, sorted({HTTPS_PORT, portal})))}")


def _allows(group: Mapping[str, Any], port: int) -> bool:
    return any(
        rule.get("IpProtocol") == "-1"
        or (rule.get("IpProtocol") == "tcp" and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65_535))
        for rule in group.get("IpPermissionsEgress", ())
    )


def _check_routes(
    target: Target, subnet: Mapping[str, Any], tables: list[dict[str, Any]], endpoints: list[dict[str, Any]]
) -> Check:
    """Check that a subnet has a way out, or an endpoint for each service."""
    name, region = f"subnet {subnet['SubnetId']}", target.client("ec2").meta.region_name
    table = _find_table(subnet["SubnetId"], tables)
    routes = [each for each in table.get("Routes", ()) if each.get("State", "active") == "active"]
    defaults = [each for each in routes if each.get("DestinationCidrBlock") == "0.0.0.0/0"]
    if any(each.get(way) for each in defaults for way in _WAYS_OUT):
        return good(name, "has a way out, for example through a NAT gateway")
    if any(str(each.get("GatewayId", "")).startswith(("vgw-", "vpce-")) for each in defaults):
        return good(name, "has a way out through your own network")
    services = _list_services(target)
    missing = [each for each in services if not _has_endpoint(each, region, table, endpoints)]
    if not missing:
        return good(name, f"has no way to the internet, but endpoints for {', '.join(services)}")
    words = [
        "ec2",
        "create-vpc-endpoint",
        "--vpc-id",
        subnet["VpcId"],
        "--service-name",
        f"com.amazonaws.{region}.{missing[0]}",
    ]
    if missing[0] == "s3":
        words += ["--vpc-endpoint-type", "Gateway", "--route-table-ids", str(table.get("RouteTableId", ""))]
    else:
        words += ["--vpc-endpoint-type", "Interface", "--subnet-ids", subnet["SubnetId"]]
    public = any(str(each.get("GatewayId", "")).startswith("igw-") for each in defaults)
    hint = (
        "; its route to an internet gateway does not help, because functions have no public address" if public else ""
    )
    return bad(
        name,
        f"no way to {', '.join(missing)}{hint}",
        f"Add a NAT gateway, or {format_count(len(missing), 'endpoint')}. The command makes the first.",
        target.aws(*words),
    )


def _find_table(subnet: str, tables: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return the route table of a subnet. A subnet without its own uses the main table of the VPC."""
    own = [each for each in tables if any(link.get("SubnetId") == subnet for link in each.get("Associations", ()))]
    main = [each for each in tables if any(link.get("Main") for link in each.get("Associations", ()))]
    return next(iter([*own, *main]), {})


def _has_endpoint(service: str, region: str, table: Mapping[str, Any], endpoints: list[dict[str, Any]]) -> bool:
    for each in endpoints:
        if (
            each["ServiceName"] != f"com.amazonaws.{region}.{service}"
            or each.get("State", "available").lower() != "available"
        ):
            continue
        # An interface in another subnet of the VPC can be reached too. A gateway works only through the route table.
        if each.get("VpcEndpointType") != "Gateway" or table.get("RouteTableId") in each.get("RouteTableIds", ()):
            return True
    return False
