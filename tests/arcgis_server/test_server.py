"""Test the server: TLS, ports, start and stop, large files, the command."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.arcgis import LocalArcGIS, Seed
from tests.arcgis_server.client import Client

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.servers


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_certificate_satisfies_strict_verification(arcgis: LocalArcGIS, name: str) -> None:
    context = ssl.create_default_context(cafile=str(arcgis.ca_bundle))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for deployment in arcgis.deployments:
        for port in {deployment.portal_port, deployment.notebook_port}:
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname=name) as secure,
            ):
                assert secure.getpeercert()


def test_clients_without_the_ca_refuse_the_certificate(enterprise: Client) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{enterprise.rest}/portals/self", timeout=5, verify=True)


def test_every_host_has_its_own_port(arcgis: LocalArcGIS) -> None:
    ports = {port for each in arcgis.deployments for port in (each.portal_port, each.notebook_port)}
    assert len(ports) == 5
    path = "/sharing/rest/portals/self"
    with requests.Session() as session:
        _trust(session, arcgis.ca_bundle)
        wrong = session.get(f"https://localhost:{arcgis.enterprise.notebook_port}/portal{path}", timeout=5)
    assert wrong.status_code == 404


def test_stopped_server_keeps_its_state(arcgis: LocalArcGIS, enterprise: Client) -> None:
    token = enterprise.deployment.token("ana")
    with arcgis.stopped():
        for deployment in arcgis.deployments:
            for port in {deployment.portal_port, deployment.notebook_port}:
                with socket.socket() as probe:
                    assert probe.connect_ex(("127.0.0.1", port)) != 0
    answer = enterprise.session.get(f"{enterprise.rest}/portals/self", params={"f": "json", "token": token}, timeout=5)
    assert answer.json()["user"]["username"] == "ana"


def test_server_starts_and_stops_fast_and_leaves_nothing() -> None:
    threads = set(threading.enumerate())
    began = time.monotonic()
    with LocalArcGIS(Seed.many(3)) as arcgis:
        started = time.monotonic()
        session = requests.Session()
        _trust(session, arcgis.ca_bundle)
        assert session.get(f"{arcgis.online.portal_url}/sharing/rest/portals/self", timeout=5).status_code == 200
        arcgis.online.faults.add(kind="slow", seconds=30)
        hanging = threading.Thread(target=_ignore_errors, args=(session, arcgis.online.portal_url))
        hanging.start()
        time.sleep(0.1)
        stopping = time.monotonic()
    stopped = time.monotonic()
    hanging.join()
    session.close()
    # Both take about 0.2 s. The limits are larger because the machine may be busy.
    assert started - began < 5
    assert stopped - stopping < 5, "an open connection and a running call do not delay the stop"
    assert set(threading.enumerate()) == threads
    assert not arcgis.ca_bundle.exists()


def _trust(session: requests.Session, ca_bundle: Path | str) -> None:
    # Without this, `requests` would use a CA bundle that the environment names.
    session.trust_env = False
    session.verify = str(ca_bundle)


def _ignore_errors(session: requests.Session, url: str) -> None:
    try:
        session.get(f"{url}/sharing/rest/portals/self", timeout=5)
    except requests.RequestException:
        return


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    ready = tmp_path_factory.mktemp("ready") / "ready.json"
    command = [sys.executable, "-m", "local.arcgis", "--write-ready", str(ready), "--many", "7", "--snapshots", "2"]
    with subprocess.Popen(command, cwd=ROOT) as started:
        deadline = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield started, json.loads(ready.read_text())
        if started.poll() is None:
            started.kill()


def test_a_large_file_is_served_in_little_memory(
    process: tuple[subprocess.Popen[bytes], dict[str, Any]], tmp_path: Path
) -> None:
    started, ready = process
    large = tmp_path / "large.ipynb"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    deployment = ready["enterprise"]
    with requests.Session() as session:
        _trust(session, ready["caBundle"])
        items = session.get(f"{deployment['controlUrl']}/items").json()["items"]
        assert [len(item["snapshots"]) for item in items] == [2] * 7
        control = f"{deployment['controlUrl']}/items/{items[0]['id']}/snapshots"
        key = session.post(control, json={"path": str(large)}).json()["resourceKey"]
        token = session.post(f"{deployment['controlUrl']}/tokens", json={"username": "gis_admin"}).json()["token"]
        url = f"{deployment['portalUrl']}/sharing/rest/content/items/{items[0]['id']}/resources/{key}"
        before = _peak_kb(started.pid)
        with session.get(url, headers={"X-Esri-Authorization": f"Bearer {token}"}, stream=True) as answer:
            length = sum(len(chunk) for chunk in answer.iter_content(1024 * 1024))
        assert length == 200_000_000
        assert _peak_kb(started.pid) - before < 30_000


def _peak_kb(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_command_ends_at_a_signal(
    process: tuple[subprocess.Popen[bytes], dict[str, Any]],
) -> None:
    started, ready = process
    assert {ready[kind]["kind"] for kind in ("enterprise", "online", "kubernetes")} == {
        "enterprise",
        "online",
        "kubernetes",
    }
    assert Path(ready["caBundle"]).exists()
    began = time.monotonic()
    started.send_signal(signal.SIGTERM)
    assert started.wait(5) == 0
    assert time.monotonic() - began < 5
    assert not Path(ready["caBundle"]).exists()
