"""Test that the doctor finds planted faults of the portal, the secrets and the buckets, and that its fixes work."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.arcgis import LocalArcGIS, Seed
from notebook_archive.archive import LastPoll, keys
from notebook_archive_cli.doctor import beliefs, bucket, functions, network, portal, schedule, secrets, webhook
from notebook_archive_cli.doctor.aws import describe_skew, measure_skew
from notebook_archive_cli.doctor.bucket import build_statements
from notebook_archive_cli.doctor.checks import Check, good
from notebook_archive_cli.doctor.examination import Step, run_step
from notebook_archive_cli.doctor.portal import describe_portal_skew
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.options import Options
from notebook_archive_cli.session import Session
from tests.arcgis_client.certificates import Authority
from tests.cli.aws_commands import run_aws
from tests.cli.conftest import MotoStack, Result, Run
from tests.template.rendered import EVERYTHING, render

PREFIX = "notebook-archive"
# The stack in moto has no functions and no topic for alarms, and its portal does not know the webhook. moto does not
# know how many functions an account may invoke.
ALWAYS_BAD = ["resources", "webhook", "account concurrency", "alarms"]


@pytest.fixture(scope="module")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


class Site:
    """A stack in moto whose portal is the local ArcGIS, and the doctor that examines both."""

    def __init__(self, run: Run, stack: MotoStack, arcgis: LocalArcGIS) -> None:
        self._run, self.stack, self.arcgis = run, stack, arcgis
        self.secrets = boto3.client("secretsmanager")
        self.bucket = stack.outputs["ArchiveBucket"]
        self.result: Result

    def deploy(self, **parameters: str) -> None:
        """Set parameters of the stack."""
        self.stack.parameters |= parameters
        self.stack.deploy()

    def store(self, name: str, value: object) -> None:
        """Write a secret below the stack's prefix."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.secrets.put_secret_value(SecretId=f"{PREFIX}/{name}", SecretString=text)

    def examine(self, *options: str) -> dict[str, dict[str, str]]:
        """Run the whole command, which takes a second, and return its checks by name."""
        self.result = self._run("doctor", "--json", *options)
        checks: list[dict[str, str]] = self.result.document["checks"]
        assert len({each["name"] for each in checks}) == len(checks), "each check has its own name"
        return {each["name"]: each for each in checks}

    def check(self, function: Callable[[Target], Check | list[Check]]) -> Check:
        """Return the result of one function: its bad check, or else its first one."""
        result = function(Target(Session(Options())))
        results = [result] if isinstance(result, Check) else result
        bad = [each for each in results if each.state == "bad"]
        assert len(bad) <= 1, "one cause makes one bad line"
        return (bad or results)[0]

    def assert_good(self, function: Callable[[Target], Check | list[Check]]) -> None:
        """Check that a fault is corrected."""
        assert self.check(function).state == "good"


@pytest.fixture
def site(run: Run, stack: MotoStack, running: LocalArcGIS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site without faults. The files that the printed commands read are in the working directory."""
    running.reset()
    monkeypatch.chdir(tmp_path)
    site = Site(run, stack, running)
    Path("ca.pem").write_text(running.ca_bundle.read_text())
    site.secrets.create_secret(Name=f"{PREFIX}/ca-bundle", SecretString=running.ca_bundle.read_text())
    webhook = json.dumps({"path": "p" * 32, "key": "k" * 32})
    site.secrets.create_secret(Name="notebook-archive-webhook", SecretString=webhook)
    for user in running.enterprise.users:
        credential = json.dumps({"username": user.username, "password": user.password})
        name = "admin" if user.role == "admin" else user.username
        Path(f"{name}.json").write_text(credential)
        if user.has_secret:
            secret = f"{PREFIX}/admin" if name == "admin" else f"{PREFIX}/owners/{name}"
            site.secrets.create_secret(Name=secret, SecretString=credential)
    site.deploy(PortalUrl=running.enterprise.portal_url, CaBundleSecret=f"{PREFIX}/ca-bundle")
    return site


@pytest.fixture
def protected(site: Site) -> Site:
    """A site whose bucket has what the template gives a new bucket."""
    s3: Any = boto3.client("s3")
    policy = {"Version": "2012-10-17", "Statement": build_statements(site.bucket, "aws", "")}
    s3.put_bucket_policy(Bucket=site.bucket, Policy=json.dumps(policy))
    s3.put_bucket_versioning(Bucket=site.bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=site.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(bucket.PUBLIC_ACCESS_BLOCK, True),
    )
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 365}}}
    s3.put_object_lock_configuration(Bucket=site.bucket, ObjectLockConfiguration=lock)
    put_lifecycle_rule(site, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7})
    return site


def put_lifecycle_rule(site: Site, **action: dict[str, int]) -> None:
    s3: Any = boto3.client("s3")
    rule = {"ID": "planted", "Status": "Enabled", "Filter": {"Prefix": ""}, **action}
    s3.put_bucket_lifecycle_configuration(Bucket=site.bucket, LifecycleConfiguration={"Rules": [rule]})


def test_good_configuration_has_no_bad_line(protected: Site, run: Run) -> None:
    checks = protected.examine()
    assert [name for name, check in checks.items() if check["state"] == "bad"] == ALWAYS_BAD
    assert checks["functions"]["message"] == "not checked, because of 'resources'"
    assert protected.result.status == 3
    for user in protected.arcgis.enterprise.users:
        assert user.password not in protected.result.stdout

    text = run("doctor")
    lines = text.stdout.splitlines()
    assert "good     bucket versioning: enabled." in lines
    # Commands, and names that cannot be broken, may be longer.
    assert all(len(line) <= 80 or line.startswith(" " * 9) for line in lines)
    assert text.stderr == ""


def test_wrong_portal_url_names_the_right_one(site: Site) -> None:
    right = site.arcgis.enterprise.portal_url
    site.deploy(PortalUrl=right.replace("/portal", "/portals"))
    checks = site.examine()
    assert checks["portal"]["state"] == "bad"
    assert f'Put "PortalUrl={right}" into' in checks["portal"]["fix"]
    assert checks["admin secret"]["message"] == "not checked, because of 'portal'"
    site.deploy(PortalUrl=right)
    site.assert_good(portal.check_portal)


def test_unresolved_host_is_unknown_only_in_a_vpc(site: Site) -> None:
    site.deploy(PortalUrl="https://portal.invalid/portal")
    assert site.check(portal.check_url).state == "bad"
    site.deploy(SubnetIds="subnet-0a1b2c3d", SecurityGroupIds="sg-0a1b2c3d")
    assert site.check(portal.check_url).state == "unknown"


def test_portal_that_is_down_is_one_bad_line(site: Site) -> None:
    with site.arcgis.stopped():
        check = site.check(portal.check_certificate)
        assert (check.state, check.message.startswith("no connection to localhost")) == ("bad", True)
    site.assert_good(portal.check_certificate)


def test_unknown_authority_is_stored_by_the_command(site: Site, tmp_path: Path) -> None:
    site.store("ca-bundle", Authority.make(tmp_path).pem)
    check = site.check(portal.check_certificate)
    assert "is not trusted (" in check.message
    run_aws(check.command)
    site.assert_good(portal.check_certificate)


def test_missing_authority_gets_a_secret(site: Site) -> None:
    site.secrets.delete_secret(SecretId=f"{PREFIX}/ca-bundle", ForceDeleteWithoutRecovery=True)
    site.deploy(CaBundleSecret="")
    check = site.check(portal.check_certificate)
    run_aws(check.command)
    assert f'Put "CaBundleSecret={PREFIX}/ca-bundle" into' in check.fix
    site.deploy(CaBundleSecret=f"{PREFIX}/ca-bundle")
    site.assert_good(portal.check_certificate)


def test_secret_without_a_certificate_is_bad(site: Site) -> None:
    site.store("ca-bundle", "not PEM")
    check = site.check(portal.check_ca_bundle)
    run_aws(check.command)
    site.assert_good(portal.check_ca_bundle)


def test_wrong_password_of_the_administrator(site: Site) -> None:
    site.store("admin", {"username": "gis_admin", "password": "wrong"})
    checks = site.examine()
    assert checks["admin secret"]["state"] == "bad"
    assert checks["notebook server"]["message"] == "not checked, because of 'admin secret'"
    run_aws(checks["admin secret"]["command"])
    site.assert_good(secrets.check_administrator)


def test_administrator_without_privileges_is_named(site: Site) -> None:
    site.store("admin", {"username": "ana", "password": "ana-password"})
    check = site.check(secrets.check_privileges)
    assert check.message == "ana does not have portal:admin:viewItems and portal:admin:updateItems"


def test_missing_secret_is_created_by_the_command(site: Site) -> None:
    site.secrets.delete_secret(SecretId=f"{PREFIX}/admin", ForceDeleteWithoutRecovery=True)
    run_aws(site.check(secrets.check_administrator).command)
    site.assert_good(secrets.check_administrator)


def test_secret_of_another_user_names_both(site: Site) -> None:
    site.store("owners/ana", {"username": "ben", "password": "ben-password"})
    check = site.check(secrets.check_owners)
    assert check.name == f"secret {PREFIX}/owners/ana"
    assert check.message == "it signs in as 'ben', but its name is that of 'ana'"
    run_aws(check.command)
    site.assert_good(secrets.check_owners)


def test_malformed_secret_is_stored_again(site: Site) -> None:
    site.store("owners/ana", '{"user": "ana", "password": "hidden"}')
    check = site.check(secrets.check_owners)
    assert check.state == "bad"
    assert "hidden" not in str(check)
    run_aws(check.command)
    site.assert_good(secrets.check_owners)


def test_secret_without_a_token_yet_names_owners_add(site: Site) -> None:
    site.store("owners/ana", {"credential": f"{PREFIX}-credentials/owners/ana"})
    for function in (secrets.check_owners, secrets.check_rotations):
        assert site.check(function).command == "notebook-archive owners add ana"


def test_expiring_token_that_is_not_rotated_is_bad(site: Site) -> None:
    token = site.arcgis.enterprise.token("ana")
    site.store("owners/ana", {"token": token, "expires": int(time.time() + 3600) * 1000})
    check = site.check(secrets.check_owners)
    assert "its token is not rotated, and expires at" in check.message
    assert token not in str(check)


def test_rotation_that_does_not_work_names_owners_add(site: Site) -> None:
    target, now = Target(Session(Options())), datetime.now(UTC)
    rules = {"ScheduleExpression": "rate(12 hours)"}
    rotated = {
        "Name": f"{PREFIX}/owners/ana",
        "RotationLambdaARN": site.stack.outputs["RotateTokenFunction"],
        "RotationRules": rules,
        "LastRotatedDate": now - timedelta(hours=1),
    }
    assert secrets.check_rotation(target, rotated).state == "good"
    refused = {"1": ["AWSCURRENT", f"refused-2-{int(now.timestamp()) + 60}"]}
    for fault in (
        {"SecretVersionsToStages": refused},
        {"LastRotatedDate": now - timedelta(hours=14)},
        {"RotationLambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:other"},
    ):
        assert secrets.check_rotation(target, rotated | fault).command == "notebook-archive owners add ana"
    assert secrets.check_rotation(target, rotated | {"LastRotatedDate": None}).state == "unknown"


def test_secret_with_another_key_is_encrypted_again(site: Site) -> None:
    site.secrets.update_secret(SecretId=f"{PREFIX}/owners/ana", KmsKeyId="alias/other")
    check = site.check(secrets.check_encryption)
    assert check.name == f"encryption {PREFIX}/owners/ana"
    run_aws(check.command)
    site.assert_good(secrets.check_encryption)


def test_username_with_other_characters_is_compared(site: Site) -> None:
    assert secrets.decode_username("ana=20m=C3=BCller") == "ana müller"
    site.secrets.create_secret(Name=f"{PREFIX}/owners/ANA", SecretString=Path("ana.json").read_text())
    assert site.check(secrets.check_owners).message == "it signs in as 'ana', but its name is that of 'ANA'"


def test_malformed_webhook_secret_is_bad(site: Site) -> None:
    site.secrets.put_secret_value(SecretId="notebook-archive-webhook", SecretString='{"path": "short"}')
    check = site.check(webhook.check_secret)
    Path("webhook.json").write_text(json.dumps({"path": "p" * 32, "key": "k" * 32}))
    run_aws(check.command)
    site.assert_good(webhook.check_secret)


def test_missing_webhook_is_created_by_the_command(site: Site) -> None:
    check = site.check(webhook.check_registration)
    assert check.message == "the portal has no webhook 'notebook-archive', so a save archives nothing"
    assert check.command == "notebook-archive webhook create"


def test_refused_discovery_needs_the_address(site: Site) -> None:
    site.arcgis.enterprise.faults.add("portals/servers", "http-403")
    check = site.check(portal.check_discovery)
    assert 'Put "NotebookAdminUrl=https://HOST' in check.fix
    site.deploy(NotebookAdminUrl=site.arcgis.enterprise.notebook_admin_url)
    site.assert_good(portal.check_discovery)


def test_suspended_versioning_is_turned_on(protected: Site) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket=protected.bucket, VersioningConfiguration={"Status": "Suspended"})
    run_aws(protected.check(bucket.check_versioning).command)
    protected.assert_good(bucket.check_versioning)


def test_removed_policy_is_written_again(protected: Site) -> None:
    boto3.client("s3").delete_bucket_policy(Bucket=protected.bucket)
    check = protected.check(bucket.check_policy)
    assert check.message == "the policy does not have TlsOnly and NeverOverwriteSnapshots"
    run_aws(check.command)
    protected.assert_good(bucket.check_policy)


def test_policy_of_the_doctor_is_that_of_the_template() -> None:
    for given in ({}, EVERYTHING):
        policy = render(given)["Resources"]["ArchiveBucketPolicy"]["Properties"]["PolicyDocument"]
        role = given.get("BreakGlassRoleArn", "")
        assert build_statements("ArchiveBucket", "aws", role) == policy["Statement"]


def test_public_bucket_is_blocked(protected: Site) -> None:
    boto3.client("s3").delete_public_access_block(Bucket=protected.bucket)
    run_aws(protected.check(bucket.check_public_access).command)
    protected.assert_good(bucket.check_public_access)


def test_missing_lock_is_set(site: Site) -> None:
    run_aws(site.check(bucket.check_object_lock).command)
    site.assert_good(bucket.check_object_lock)


def test_lifecycle_rule_that_deletes_versions_is_bad(protected: Site) -> None:
    protected.assert_good(bucket.check_lifecycle)
    put_lifecycle_rule(protected, NoncurrentVersionExpiration={"NoncurrentDays": 30})
    assert protected.check(bucket.check_lifecycle).message == "these rules delete archived objects: planted"


def test_network_without_a_way_out_gets_endpoints(site: Site) -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="functions", Description="functions")["GroupId"]
    site.deploy(SubnetIds=subnet, SecurityGroupIds=group)
    target = Target(Session(Options()))
    topic = "arn:aws:sns:eu-central-1:123456789012:operators"
    for service in (*network.SERVICES, "sns"):
        if service == "sns":
            assert {each.state for each in network.check_network(target)} == {"good"}
            site.deploy(SubnetIds=subnet, SecurityGroupIds=group, AlarmTopicArn=topic, AlarmFormat="TEXT")
            target = Target(Session(Options()))
        (check,) = (each for each in network.check_network(target) if each.state == "bad")
        assert check.message.startswith(f"no way to {service}")
        run_aws(check.command)
    assert {each.state for each in network.check_network(target)} == {"good"}


def test_disabled_schedule_is_enabled(site: Site) -> None:
    scheduler: Any = boto3.client("scheduler")
    machine = site.stack.outputs["StateMachine"]
    properties = {"Name": "runs", "ScheduleExpression": "cron(0 2 * * ? *)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    role = "arn:aws:iam::123456789012:role/schedules"
    scheduler.create_schedule(**properties, Target={"Arn": machine, "RoleArn": role}, State="DISABLED")

    def check(target: Target) -> Check:
        target.resources = {"ArchiveRunSchedule": ("", "runs"), "ArchiveRun": ("", machine)}
        return schedule.check_runs(target)

    run_aws(site.check(check).command)
    site.assert_good(check)
    assert "cron(0 2 * * ? *) in UTC, next at " in site.check(check).message


def test_polls_that_stopped_are_found(site: Site) -> None:
    assert site.check(schedule.check_last_poll).message == "not needed: ChangePoll is not set"
    site.stack.outputs["PollChangesLogGroup"] = "/aws/lambda/notebook-archive-poll-changes"
    site.deploy(ChangePoll="rate(15 minutes)")
    assert site.check(schedule.check_last_poll).state == "unknown"
    for hours, state in ((2, "bad"), (0.1, "good")):
        polled_at = int((time.time() - hours * 3600) * 1000)
        body = json.dumps(LastPoll(site.arcgis.enterprise.portal_url, "0a1B2c", 0, polled_at, {}).describe())
        boto3.client("s3").put_object(Bucket=site.stack.outputs["LedgerBucket"], Key=keys.LAST_POLL, Body=body)
        assert site.check(schedule.check_last_poll).state == state


@pytest.mark.parametrize("switch", ["refused", "ignored", "matches-nothing"])
def test_portal_whose_search_has_no_range_is_found(site: Site, switch: str) -> None:
    site.arcgis.enterprise.switches.modified_range = switch  # type: ignore[assignment]
    (item, *_) = site.arcgis.enterprise.organisation.notebooks()
    item.touch()

    def check(target: Target) -> Check:
        return next(each for each in beliefs.check_beliefs(target) if each.name == "belief modified_range")

    assert (site.check(check).state, "leave ChangePoll empty" in site.check(check).message) == ("good", True)
    site.deploy(ChangePoll="rate(15 minutes)")
    assert site.check(check).state == "bad"
    site.arcgis.enterprise.switches.modified_range = "applied"
    site.assert_good(check)


@pytest.mark.usefixtures("stack")
def test_errors_of_the_newest_hour_show_the_log() -> None:
    cloudwatch: Any = boto3.client("cloudwatch")
    target = Target(Session(Options()))
    target.resources = {"PlanRunFunction": (functions.FUNCTION, "plan")}
    assert functions.check_errors(target)[0].state == "unknown"
    at = datetime.now(UTC) - timedelta(hours=2)
    for metric in ("Invocations", "Errors"):
        named = {"MetricName": metric, "Dimensions": [{"Name": "FunctionName", "Value": "plan"}]}
        cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[{**named, "Timestamp": at, "Value": 1.0}])
    (check,) = functions.check_errors(target)
    assert check.message.startswith("1 error in 1 invocation in the hour from ")
    assert run_aws(check.command)["events"] == []


@pytest.mark.usefixtures("stack")
def test_deleted_function_is_found() -> None:
    target = Target(Session(Options()))
    target.resources = {"PlanRunFunction": (functions.FUNCTION, "plan")}
    assert [each.message for each in functions.check_states(target)] == ["plan was deleted"]


@pytest.mark.usefixtures("stack")
def test_check_that_does_not_end_is_unknown() -> None:
    never = threading.Event()

    def wait(_: Target) -> Check:
        never.wait()
        return good("slow", "it ended")

    (check,) = run_step(Step("slow", wait, seconds=0.05), Target(Session(Options())))
    never.set()
    assert (check.state, "did not end within" in check.message) == ("unknown", True)


def test_alarm_topic_needs_a_subscriber(site: Site) -> None:
    topic = run_aws(site.check(schedule.check_alarms).command)["TopicArn"]
    site.deploy(AlarmTopicArn=topic)
    check = site.check(schedule.check_alarms)
    assert check.message == "nobody subscribed to the topic"
    run_aws(check.command)
    # The stack in moto has no alarm.
    assert site.check(schedule.check_alarms).state == "unknown"


def test_snapshots_that_are_not_resources_are_found(site: Site) -> None:
    site.arcgis.enterprise.switches.snapshots_are_resources = False
    check = site.check(beliefs.check_beliefs)
    assert check.name == "belief snapshots_are_resources"
    assert check.command == "notebook-archive owners add USERNAME"


def test_probe_leaves_nothing_behind(site: Site) -> None:
    before = set(site.arcgis.enterprise.organisation.items)
    results = beliefs.check_by_writing(Target(Session(Options())))
    assert [each.name for each in results if each.name.startswith("probe")] == [
        "probe item", "probe snapshot", "probe deletion", "probe cleanup",
    ]  # fmt: skip
    assert {each.state for each in results} == {"good"}
    assert set(site.arcgis.enterprise.organisation.items) == before


def test_probe_asks_first(site: Site, run: Run) -> None:
    before = len(site.arcgis.enterprise.requests)
    result = run("doctor", "--probe")
    assert (result.status, "Nothing was changed" in result.stderr) == (2, True)
    assert len(site.arcgis.enterprise.requests) == before


def test_missing_stack_is_one_bad_line(site: Site) -> None:
    checks = site.examine("--stack", "other")
    assert [name for name, check in checks.items() if check["state"] == "bad"] == ["stack"]


def test_wrong_clock_of_this_machine_is_bad() -> None:
    now, whose, fix = time.time(), "the clock of this machine", "Set the clock of this machine."
    late, right = (measure_skew(formatdate(now - seconds, usegmt=True), now) for seconds in (600, 0))
    check = describe_skew("aws clock", whose, "AWS", late, fix)
    assert (check.state, check.command) == ("bad", "sudo timedatectl set-ntp true")
    assert "seconds ahead of AWS" in check.message
    assert describe_skew("aws clock", whose, "AWS", right, fix).state == "good"


def test_wrong_clock_of_the_portal_is_bad() -> None:
    assert describe_portal_skew(-400).message.startswith("the portal's clock is 400 seconds behind this machine")
    assert describe_portal_skew(None).state == "unknown"
