"""Test the commands `webhook`. They can be repeated, and print no secret."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local.arcgis import Deployment, LocalArcGIS, Seed, Webhook
from tests.cli.conftest import MAX_COLUMNS, Result, Run, columns_of
from tests.listener import Listener, listening

PATH, KEY = "a-path-of-32-characters-or-more-x", "a-key-of-16-characters-or-more"
SECRET = {"path": PATH, "key": KEY}


STACK = {
    "Parameters": {name: {"Type": "String"} for name in ("PortalUrl", "WebhookSecret", "CaBundleSecret", "TlsStrict")},
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"AdminSecretName": {"Value": "notebook-archive/admin"}},
}


@dataclass
class Site:
    """A portal, a server at the webhook's address, the secrets, and the command."""

    deployment: Deployment
    listener: Listener
    folder: Path
    command: Run

    @property
    def base(self) -> str:
        return self.listener.url.rpartition("/")[0] + "/"

    def run(self, action: str, *more: str) -> Result:
        result = self.command("webhook", action, *more)
        printed = result.stdout + result.stderr
        assert not [each for each in (PATH, KEY, self.deployment.admin.password) if each in printed]
        return result

    def deploy(self, name: str = "notebook-archive", **more: str) -> None:
        """Create a stack with the parameters and outputs that the script reads."""
        given = {"PortalUrl": self.deployment.portal_url, "CaBundleSecret": "notebook-archive/ca-bundle"}
        given |= {"WebhookSecret": "notebook-archive-webhook", "TlsStrict": "true", **more}
        outputs = {"WebhookUrl": {"Value": self.base}, "ReceiveWebhookLogGroup": {"Value": "receive-webhook-logs"}}
        outputs = outputs if given["WebhookSecret"] else {}
        boto3.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps({**STACK, "Outputs": {**STACK["Outputs"], **outputs}}),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )

    @property
    def webhooks(self) -> list[Webhook]:
        return list(self.deployment.organisation.webhooks.values())


@pytest.fixture(scope="module")
def running() -> Iterator[LocalArcGIS]:
    with LocalArcGIS(Seed.samples()) as arcgis:
        yield arcgis


@pytest.fixture
def site(running: LocalArcGIS, tmp_path: Path, run: Run) -> Iterator[Site]:
    running.reset()
    deployment = running.enterprise
    with mock_aws(), listening(tmp_path) as listener:
        deployment.switches.webhook_ca_bundle = str(listener.ca_bundle)
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="notebook-archive/ca-bundle", SecretString=running.ca_bundle.read_text())
        secrets.create_secret(Name="notebook-archive-webhook", SecretString=json.dumps(SECRET))
        admin = json.dumps({"username": deployment.admin.username, "password": deployment.admin.password})
        secrets.create_secret(Name="notebook-archive/admin", SecretString=admin)
        site = Site(deployment, listener, tmp_path, run)
        site.deploy()
        yield site


def said(result: Result) -> str:
    """Return what the command said of its failure, on one line."""
    assert (result.status > 0, result.stdout) == (True, "")
    return " ".join(result.stderr.split())


def test_registering_twice_creates_one_webhook(site: Site) -> None:
    assert site.run("create").stdout.startswith("The webhook notebook-archive was created.\n")
    (first,) = site.webhooks
    assert (first.url, first.secret, first.active) == (f"{site.base}{PATH}", KEY, True)
    assert first.events == ["/items/add", "/items/update", "/items/publish", "/items/share"]
    assert first.config["deactivationPolicy"] == {"numberOfFailures": 5, "daysInPast": 5}
    assert site.run("create").stdout.startswith("The webhook notebook-archive was updated.\n")
    assert [each.id for each in site.webhooks] == [first.id]


def test_registering_again_renews_secret_and_activates(site: Site) -> None:
    assert site.run("create").status == 0
    (there,) = site.webhooks
    there.active = False
    new = {"path": PATH + "-new", "key": KEY + "-new", "previousKey": KEY}
    (site.folder / "webhook.json").write_text(json.dumps(new))
    more = ["--secret", f"file://{site.folder}/webhook.json", "--events", "/items"]
    assert site.run("create", *more).status == 0
    (there,) = site.webhooks
    assert (there.url, there.secret, there.active) == (f"{site.base}{PATH}-new", f"{KEY}-new", True)
    assert there.events == ["/items"]


def test_removing_twice_keeps_other_webhooks(site: Site) -> None:
    organisation = site.deployment.organisation
    other = Webhook("another", "https://localhost:1/", "", ["/"], {}, "gis_admin")
    organisation.webhooks = {other.id: other}
    site.run("create")
    refused = site.run("remove", "--json")
    assert (refused.status, refused.error["reason"], len(site.webhooks)) == (2, "not-confirmed", 2)
    assert "or the next poll if ChangePoll is set" in " ".join(site.run("remove").stderr.split())
    assert site.run("remove", "--yes").stdout == "1 webhook named notebook-archive removed.\n"
    assert site.run("remove").stdout == "0 webhooks named notebook-archive removed.\n"
    assert site.webhooks == [other]


def test_list_does_not_show_the_secret_path(site: Site) -> None:
    result = site.run("list")
    assert (result.status, result.stdout, "no active webhook 'notebook-archive'" in result.stderr) == (3, "", True)
    site.run("create")
    host = site.base.split("/")[2]
    text = site.run("list").stdout
    assert " ".join(text.split()) == (
        f"notebook-archive: active, to {host}, on /items/add, /items/update, /items/publish, /items/share"
    )
    assert columns_of(text) <= MAX_COLUMNS


def test_list_prints_nothing_that_moves_the_cursor(site: Site) -> None:
    site.run("create", "--events", "/items\u009b2J\u202e")
    assert site.run("list").stdout.endswith(", on /items\ufffd2J\ufffd\n")


def test_list_fails_and_shows_times_for_a_deactivated_webhook(site: Site) -> None:
    site.run("create")
    (there,) = site.webhooks
    there.active = False
    times = [f"2026-11-22 02:0{minute}:00.000" for minute in range(8)]
    there.deliveries = [
        {"id": there.id, "isInvoked": when == times[7], "invokedTimestamp": when, "responseText": "", "payload": "{}"}
        for when in times
    ]
    result = site.run("list")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("notebook-archive: not active, to ")
    failed = [line for line in lines if "not delivered" in line]
    assert failed == [f"  not delivered: {when}" for when in times[6:1:-1]]
    assert "as the portal writes them, which names no time zone" in " ".join(result.stdout.split())
    assert lines[-1] == "  aws logs tail receive-webhook-logs --since 1d"
    assert (result.status, result.stderr.splitlines()[-1]) == (3, "  notebook-archive webhook create")


def test_the_webhook_is_found_on_a_later_page(site: Site) -> None:
    webhooks = [Webhook(f"w{n}", "https://localhost:1/", "", ["/"], {}, "gis_admin") for n in range(230)]
    site.deployment.organisation.webhooks = {each.id: each for each in webhooks}
    assert [site.run(action).status for action in ("create", "create")] == [0, 0]
    assert site.run("remove", "--yes").status == 0
    assert site.webhooks == webhooks


def test_a_duplicate_webhook_is_deleted(site: Site) -> None:
    twice = [Webhook("notebook-archive", f"{site.base}{PATH}", KEY, ["/"], {}, "gis_admin") for _ in range(2)]
    site.deployment.organisation.webhooks = {each.id: each for each in twice}
    assert site.run("create").status == 0
    assert len(site.webhooks) == 1


def test_a_lost_response_creates_no_second_webhook(site: Site) -> None:
    site.deployment.faults.add("webhooks/create", "http-503", times=1)
    assert site.run("create").status == 0
    assert len(site.webhooks) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--credential", "notebook-archive/nobody"], "There is no secret 'notebook-archive/nobody'."),
        (["--credential", "file:///no/such/file"], "There is no file '/no/such/file'."),
        (["--secret", "notebook-archive/admin"], "'path' in secret 'notebook-archive/admin' is missing"),
        (["--ca", ""], "is not trusted"),
    ],
)
def test_missing_secrets_and_files_are_named(site: Site, more: list[str], told: str) -> None:
    assert told in said(site.run("create", *more))
    assert site.webhooks == []


def test_an_account_without_the_privilege_is_reported(site: Site) -> None:
    file = site.folder / "ana.json"
    file.write_text(json.dumps({"username": "ana", "password": "ana-password"}))
    assert "The account needs the administrative privilege to manage organization webhooks" in said(
        site.run("create", "--credential", f"file://{file}")
    )


def test_an_unreachable_address_is_named(site: Site) -> None:
    assert "Check that the portal can reach localhost:1" in said(
        site.run("create", "--url", "https://localhost:1/v1/webhooks/")
    )
    assert site.run("create").status == 0
    (there,) = site.webhooks
    assert "Check that the portal can reach localhost:1" in said(
        site.run("create", "--url", "https://localhost:1/v1/webhooks/")
    )
    assert there.url == f"{site.base}{PATH}"


def test_refused_address_is_not_looked_for_in_a_run(site: Site) -> None:
    result = site.run("create", "--url", "https://localhost:1/v1/webhooks/", "--json")
    assert (result.status, result.error["reason"]) == (6, "request-rejected")
    assert "at the time of the run" not in result.error["remedy"]
    assert result.error["command"].startswith("notebook-archive webhook create --url")


def test_missing_webhook_is_created_with_its_name(site: Site) -> None:
    error = site.run("list", "--name", "nope", "--json").stderr
    assert json.loads(error)["remedy"] == "Create it with the next command."
    assert json.loads(error)["command"] == "notebook-archive webhook create --name nope"


def test_another_stack_has_its_own_webhook(site: Site) -> None:
    site.deploy("notebook-archive-dev")
    assert [site.run("create", "--stack", name).status for name in ("notebook-archive", "notebook-archive-dev")] == [
        0,
        0,
    ]
    assert [each.name for each in site.webhooks] == ["notebook-archive", "notebook-archive-dev"]


def test_the_stack_is_not_read_if_all_options_are_given(site: Site) -> None:
    arguments = ["--portal", site.deployment.portal_url, "--url", site.base, "--secret", "notebook-archive-webhook"]
    arguments += ["--credential", "notebook-archive/admin", "--ca", "notebook-archive/ca-bundle", "--strict-tls"]
    assert site.run("create", "--stack", "nowhere", *arguments).status == 0
    assert "This account and region have no stack 'nowhere'" in said(
        site.run("create", "--stack", "nowhere", *arguments[2:])
    )


def test_a_stack_without_webhooks_is_reported(site: Site) -> None:
    site.deploy("without", WebhookSecret="")
    result = site.run("create", "--stack", "without", "--json")
    assert (result.status, result.error["reason"]) == (5, "webhooks-off")


def test_a_file_name_without_file_prefix_is_reported(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.folder)
    Path("ca.pem").write_text("PEM")
    told = "There is no secret 'ca.pem', but there is such a file. To read the file: file://ca.pem"
    assert told in said(site.run("list", "--ca", "ca.pem"))


def test_arcgis_online_has_no_webhooks(site: Site, running: LocalArcGIS) -> None:
    assert "ArcGIS Online has no organisation webhooks" in said(site.run("list", "--portal", running.online.portal_url))


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--portal", "https://gis.example.com/portal", "--url", "http://x/"],
        ["list", "--portal", "http://gis.example.com/portal"],
        ["dance", "--portal", "https://gis.example.com/portal"],
    ],
)
def test_wrong_arguments_are_refused_before_any_call(run: Run, arguments: list[str]) -> None:
    assert run("webhook", *arguments).status == 2


def test_webhook_is_described_as_json(site: Site) -> None:
    assert site.run("create", "--json").document["result"] == "created"
    (webhook,) = site.run("list", "--json").document["webhooks"]
    assert (webhook["isActive"], webhook["failedDeliveries"]) == (True, [])
    assert site.run("remove", "--yes", "--json").document == {"name": "notebook-archive", "removed": 1}
