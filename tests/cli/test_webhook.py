"""Test the script that registers the webhook on a portal. Actions can be repeated, and no secret is printed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local.arcgis import Deployment, LocalArcGIS, Seed, Webhook
from local.aws import ROOT
from scripts import webhook
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
    """A portal, a server at the webhook's address, the secrets, and the script."""

    deployment: Deployment
    listener: Listener
    folder: Path

    @property
    def base(self) -> str:
        return self.listener.url.rpartition("/")[0] + "/"

    def run(self, action: str, *more: str) -> int:
        return webhook.main([action, *more])

    def deploy(self, name: str = "notebook-archive", **more: str) -> None:
        """Create a stack with the parameters and outputs that the script reads."""
        given = {"PortalUrl": self.deployment.portal_url, "CaBundleSecret": "notebook-archive/ca-bundle"}
        given |= {"WebhookSecret": "notebook-archive-webhook", "TlsStrict": "true", **more}
        url = {"WebhookUrl": {"Value": self.base}} if given["WebhookSecret"] else {}
        boto3.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps({**STACK, "Outputs": {**STACK["Outputs"], **url}}),
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
def site(running: LocalArcGIS, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    running.reset()
    deployment = running.enterprise
    with mock_aws(), listening(tmp_path) as listener:
        deployment.switches.webhook_ca_bundle = str(listener.ca_bundle)
        boto3.setup_default_session()
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="notebook-archive/ca-bundle", SecretString=running.ca_bundle.read_text())
        secrets.create_secret(Name="notebook-archive-webhook", SecretString=json.dumps(SECRET))
        admin = json.dumps({"username": deployment.admin.username, "password": deployment.admin.password})
        secrets.create_secret(Name="notebook-archive/admin", SecretString=admin)
        site = Site(deployment, listener, tmp_path)
        site.deploy()
        yield site
        printed = "".join(capsys.readouterr())
        assert not [each for each in (PATH, KEY, deployment.admin.password) if each in printed]


def test_registering_twice_creates_one_webhook(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("register") == 0
    assert capsys.readouterr().out.splitlines()[0] == "Created the webhook notebook-archive."
    (first,) = site.webhooks
    assert (first.url, first.secret, first.active) == (f"{site.base}{PATH}", KEY, True)
    assert first.events == ["/items/add", "/items/update", "/items/publish", "/items/share"]
    assert first.config["deactivationPolicy"] == {"numberOfFailures": 5, "daysInPast": 5}
    assert site.run("register") == 0
    assert capsys.readouterr().out.splitlines()[0] == "Updated the webhook notebook-archive."
    assert [each.id for each in site.webhooks] == [first.id]


def test_registering_again_renews_secret_and_activates(site: Site) -> None:
    assert site.run("register") == 0
    (there,) = site.webhooks
    there.active = False
    new = {"path": PATH + "-new", "key": KEY + "-new", "previousKey": KEY}
    (site.folder / "webhook.json").write_text(json.dumps(new))
    more = ["--secret", f"file://{site.folder}/webhook.json", "--events", "/items"]
    assert site.run("register", *more) == 0
    (there,) = site.webhooks
    assert (there.url, there.secret, there.active) == (f"{site.base}{PATH}-new", f"{KEY}-new", True)
    assert there.events == ["/items"]


def test_removing_twice_keeps_other_webhooks(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    organisation = site.deployment.organisation
    other = Webhook("another", "https://localhost:1/", "", ["/"], {}, "gis_admin")
    organisation.webhooks = {other.id: other}
    site.run("register")
    capsys.readouterr()
    assert [site.run("remove"), site.run("remove")] == [0, 0]
    assert capsys.readouterr().out.splitlines() == [
        "Removed 1 webhook named notebook-archive.",
        "Removed 0 webhooks named notebook-archive.",
    ]
    assert site.webhooks == [other]


def test_list_does_not_show_the_secret_path(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("list") == 1
    printed = capsys.readouterr()
    assert (printed.out, "no active webhook 'notebook-archive'" in printed.err) == ("", True)
    site.run("register")
    capsys.readouterr()
    assert site.run("list") == 0
    host = site.base.split("/")[2]
    assert capsys.readouterr().out == (
        f"notebook-archive: active, to {host}, on /items/add, /items/update, /items/publish, /items/share\n"
    )


def test_list_prints_nothing_that_moves_the_cursor(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.run("register", "--events", "/items\u009b2J\u202e")
    capsys.readouterr()
    assert site.run("list") == 0
    assert capsys.readouterr().out.endswith(", on /items\ufffd2J\ufffd\n")


def test_list_fails_and_shows_times_for_a_deactivated_webhook(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.run("register")
    (there,) = site.webhooks
    there.active = False
    times = [f"2026-11-22 02:0{minute}:00.000" for minute in range(8)]
    there.deliveries = [
        {"id": there.id, "isInvoked": when == times[7], "invokedTimestamp": when, "responseText": "", "payload": "{}"}
        for when in times
    ]
    capsys.readouterr()
    assert site.run("list") == 1
    printed = capsys.readouterr()
    state, *failed = printed.out.splitlines()
    assert state.startswith("notebook-archive: not active, to ")
    assert failed == [f"  not delivered: {when}" for when in times[6:1:-1]]
    assert "no active webhook 'notebook-archive'. To register it: " in printed.err


def test_the_webhook_is_found_on_a_later_page(site: Site) -> None:
    webhooks = [Webhook(f"w{n}", "https://localhost:1/", "", ["/"], {}, "gis_admin") for n in range(230)]
    site.deployment.organisation.webhooks = {each.id: each for each in webhooks}
    assert [site.run("register"), site.run("register"), site.run("remove")] == [0, 0, 0]
    assert site.webhooks == webhooks


def test_a_duplicate_webhook_is_deleted(site: Site) -> None:
    twice = [Webhook("notebook-archive", f"{site.base}{PATH}", KEY, ["/"], {}, "gis_admin") for _ in range(2)]
    site.deployment.organisation.webhooks = {each.id: each for each in twice}
    assert site.run("register") == 0
    assert len(site.webhooks) == 1


def test_a_lost_response_creates_no_second_webhook(site: Site) -> None:
    site.deployment.faults.add("webhooks/create", "http-503", times=1)
    assert site.run("register") == 0
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
def test_missing_secrets_and_files_are_named(
    site: Site, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.run("register", *more) == 1
    assert told in capsys.readouterr().err
    assert site.webhooks == []


def test_an_account_without_the_privilege_is_reported(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    file = site.folder / "ana.json"
    file.write_text(json.dumps({"username": "ana", "password": "ana-password"}))
    assert site.run("register", "--credential", f"file://{file}") == 1
    assert "The account needs the administrative privilege to manage organization webhooks" in capsys.readouterr().err


def test_an_unreachable_address_is_named(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("register", "--url", "https://localhost:1/v1/webhooks/") == 1
    assert "Check that the portal can reach localhost:1" in capsys.readouterr().err
    assert site.run("register") == 0
    (there,) = site.webhooks
    assert site.run("register", "--url", "https://localhost:1/v1/webhooks/") == 1
    assert "Check that the portal can reach localhost:1" in capsys.readouterr().err
    assert there.url == f"{site.base}{PATH}"


def test_another_stack_has_its_own_webhook(site: Site) -> None:
    site.deploy("notebook-archive-dev")
    assert [site.run("register"), site.run("register", "--stack-name", "notebook-archive-dev")] == [0, 0]
    assert [each.name for each in site.webhooks] == ["notebook-archive", "notebook-archive-dev"]


def test_the_stack_is_not_read_if_all_options_are_given(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--portal", site.deployment.portal_url, "--url", site.base, "--secret", "notebook-archive-webhook"]
    arguments += ["--credential", "notebook-archive/admin", "--ca", "notebook-archive/ca-bundle", "--no-lenient-tls"]
    assert site.run("register", "--stack-name", "nowhere", *arguments) == 0
    capsys.readouterr()
    assert site.run("register", "--stack-name", "nowhere", *arguments[2:]) == 1
    assert "This account and region have no stack 'nowhere'" in capsys.readouterr().err


def test_a_stack_without_webhooks_is_reported(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.deploy("without", WebhookSecret="")
    assert site.run("register", "--stack-name", "without") == 1
    assert capsys.readouterr().err == (
        "Stack 'without' receives no webhooks. First deploy it with the parameter WebhookSecret.\n"
    )


def test_a_file_name_without_file_prefix_is_reported(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(site.folder)
    Path("ca.pem").write_text("PEM")
    assert site.run("list", "--ca", "ca.pem") == 1
    assert capsys.readouterr().err == (
        "There is no secret 'ca.pem', but there is such a file. To read the file: file://ca.pem\n"
    )


def test_a_missing_region_is_reported_in_a_sentence(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    boto3.setup_default_session()
    assert site.run("list") == 1
    assert capsys.readouterr().err.startswith("No AWS region is set: set AWS_DEFAULT_REGION")


@pytest.mark.parametrize("script", ["add_owner", "failures", "webhook"])
def test_each_script_starts_from_the_checkout(script: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", f"scripts.{script}", "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "--stack-name" in done.stdout) == (0, True), done.stderr


def test_arcgis_online_has_no_webhooks(site: Site, running: LocalArcGIS, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("list", "--portal", running.online.portal_url) == 1
    assert "ArcGIS Online has no organisation webhooks" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["register", "--portal", "https://gis.example.com/portal", "--url", "http://x/"],
        ["list", "--portal", "http://gis.example.com/portal"],
        ["dance", "--portal", "https://gis.example.com/portal"],
    ],
)
def test_wrong_arguments_are_refused_before_any_call(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        webhook.main(arguments)
