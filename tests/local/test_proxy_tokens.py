"""Test the deployed HTTP proxy with ApiAuth=ArcGIS. The token's user determines what a caller can read."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local.arcgis import Deployment, Item
from local.archive_run import ArchiveRun
from local.comparison import stored_snapshots
from local.system import SECRET_PREFIX, LocalSystem
from tests.local.proxy import DOWNLOAD, Proxy, bytes_of, envelope, large_notebook, titled
from tests.local.roles import session_of

REFERER = "https://maps.example.com/app"


@pytest.fixture(scope="module")
def archived(open_system: LocalSystem) -> list[Item]:
    """A notebook of ana and one of ben. All their snapshots are in the archive."""
    items = [titled(open_system, "Flood model"), titled(open_system, "Shared methods")]
    report = ArchiveRun(open_system.aws, open_system.outputs, [item.id for item in items]).wait().report
    assert report["status"] == "complete"
    return items


@pytest.fixture(scope="module")
def proxy(open_system: LocalSystem) -> Proxy:
    return Proxy(open_system)


@pytest.fixture(scope="module")
def arcgis(open_system: LocalSystem) -> Deployment:
    return open_system.arcgis.enterprise


@pytest.fixture
def large(open_system: LocalSystem) -> Iterator[Item]:
    with large_notebook(open_system) as item:
        yield item


def bearer(arcgis: Deployment, username: str) -> dict[str, str]:
    return {"X-Esri-Authorization": f"Bearer {arcgis.token(username)}"}


@pytest.mark.parametrize("how", ["form", "X-Esri-Authorization", "Authorization", "bound to a referer"])
def test_a_token_is_accepted_in_every_documented_place(
    proxy: Proxy, arcgis: Deployment, open_system: LocalSystem, how: str
) -> None:
    item = titled(open_system, "Évolution")
    token = arcgis.token("ana", referer=REFERER if "referer" in how else "")
    form = {} if "uthorization" in how else {"token": token}
    headers = {how: f"Bearer {token}"} if "uthorization" in how else {"Referer": REFERER}
    answer = proxy.download(item, item.snapshots[0], form=form, headers=headers)
    assert (answer.status_code, answer.content) == (200, bytes_of(item.snapshots[0]))
    assert answer.headers["X-Notebook-Source"] == "arcgis"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_a_token_bound_to_another_referer_is_refused(proxy: Proxy, arcgis: Deployment, archived: list[Item]) -> None:
    form = {"token": arcgis.token("ana", referer=REFERER)}
    answer = proxy.download(archived[0], archived[0].snapshots[0], form=form)
    assert envelope(answer) == (401, 498)


@pytest.mark.parametrize("path", [DOWNLOAD, "/admin/notebooks", f"/admin/notebooks/{'0' * 32}"])
def test_requests_without_a_valid_token_are_refused(proxy: Proxy, archived: list[Item], path: str) -> None:
    form = {"itemId": archived[0].id, "resourceKey": archived[0].snapshots[0].resource_key, "f": "json"}
    assert envelope(proxy.call(path, form=form)) == (401, 499)
    assert envelope(proxy.call(path, form={**form, "token": "rubbish"})) == (401, 498)


def test_notebooks_of_others_look_as_if_they_did_not_exist(
    proxy: Proxy, arcgis: Deployment, open_system: LocalSystem, archived: list[Item]
) -> None:
    ana = {"headers": bearer(arcgis, "ana")}
    own, shared, unarchived = *archived, titled(open_system, "水位")
    there = [(shared, snapshot) for snapshot in shared.snapshots] + [(unarchived, unarchived.snapshots[0])]
    nothing = Item("ana", "Nothing", id="0" * 32)
    answers = [proxy.download(item, snapshot, **ana) for item, snapshot in there]
    answers += [proxy.download(nothing, shared.snapshots[0], **ana), proxy.download(own, shared.snapshots[0], **ana)]
    assert {envelope(answer) for answer in answers} == {(404, 404)}
    assert len({without_ids(answer) for answer in answers}) == 1

    for item, snapshot in there:
        answer = proxy.download(item, snapshot, headers=bearer(arcgis, "gis_admin"))
        assert (answer.status_code, answer.content) == (200, bytes_of(snapshot))
        assert answer.headers["X-Notebook-Source"] == ("archive" if item is shared else "arcgis")


def without_ids(answer: requests.Response) -> str:
    """Return the response without the values that differ between equal requests."""
    own = {"x-correlation-id", "x-amzn-requestid", "x-amz-request-id", "date"}
    headers = sorted((name, value) for name, value in answer.headers.items() if name.lower() not in own)
    return f"{answer.status_code} {headers} {answer.text.replace(answer.headers['X-Correlation-Id'], '')}"


def test_archive_is_read_first_unless_source_is_arcgis(proxy: Proxy, arcgis: Deployment, archived: list[Item]) -> None:
    (item, _), ana = archived, bearer(arcgis, "ana")
    for source, query in (("archive", {}), ("arcgis", {"source": "arcgis"})):
        arcgis.requests.clear()
        answer = proxy.download(item, item.snapshots[0], headers=ana, query=query)
        assert (answer.content, answer.headers["X-Notebook-Source"]) == (bytes_of(item.snapshots[0]), source)
        calls = [name for name in arcgis.requests.counts() if name.startswith("snapshots/")]
        assert calls == ([] if source == "archive" else ["snapshots/download"])


def test_large_snapshot_is_archived_and_served_by_a_link(
    proxy: Proxy, arcgis: Deployment, open_system: LocalSystem, large: Item, tmp_path: Path
) -> None:
    (snapshot,), ana = large.snapshots, bearer(arcgis, "ana")
    answer = proxy.download(large, snapshot, headers=ana, follow=True)
    (sent,) = answer.history
    assert (sent.status_code, sent.headers["X-Notebook-Source"], sent.content) == (303, "arcgis", b"")
    assert answer.content == snapshot.content
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="Large 20')
    key = f"notebooks/{large.id}/snapshots/{snapshot.resource_key}"
    assert key in stored_snapshots(open_system.aws.s3, open_system.outputs["ArchiveBucket"])

    command = [
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--location",
        "--output",
        "body",
        "--dump-header",
        "headers",
    ]
    command += ["--cacert", str(open_system.aws.ca_bundle), "--header", f"X-Esri-Authorization: {ana.popitem()[1]}"]
    command += ["--data", f"itemId={large.id}", "--data", f"resourceKey={snapshot.resource_key}"]
    subprocess.run([*command, open_system.api_base_url + DOWNLOAD], cwd=tmp_path, check=True)
    assert "x-notebook-source: archive" in (tmp_path / "headers").read_text().lower()
    assert hashlib.sha256((tmp_path / "body").read_bytes()).digest() == hashlib.sha256(bytes_of(snapshot)).digest()


def test_known_callers_are_served_during_an_outage(
    proxy: Proxy, arcgis: Deployment, open_system: LocalSystem, archived: list[Item]
) -> None:
    (item, bens), ana, ben = archived, bearer(arcgis, "ana"), bearer(arcgis, "ben")
    unarchived = titled(open_system, "Évolution")
    proxy.download(item, item.snapshots[0], headers=ana)
    with open_system.arcgis.stopped():
        known = proxy.download(item, item.snapshots[0], headers=ana)
        others = proxy.download(bens, bens.snapshots[0], headers=ana)
        unknown = proxy.download(item, item.snapshots[0], headers=ben)
        lacking = proxy.download(unarchived, unarchived.snapshots[0], headers=ana)
    assert (known.status_code, known.content) == (200, bytes_of(item.snapshots[0]))
    assert known.headers["X-Notebook-Source"] == "archive"
    # For a caller, another user's notebook looks like one that is not archived.
    for answer in (unknown, lacking, others):
        assert envelope(answer) == (503, 503)
        assert int(answer.headers["Retry-After"]) > 0


def test_callers_see_only_their_open_notebooks(proxy: Proxy, arcgis: Deployment, open_system: LocalSystem) -> None:
    session = arcgis.organisation.open_session(titled(open_system, "水位").id, "ben")
    everybody = [each.id for each in arcgis.organisation.sessions]
    for username, seen in (("ben", [session.id]), ("gis_admin", everybody)):
        listing = proxy.call("/admin/notebooks", "GET", query={"f": "json"}, headers=bearer(arcgis, username)).json()
        assert ([each["id"] for each in listing["notebooks"]], listing["total"]) == (seen, len(seen))
    for path in (f"/admin/notebooks/{session.id}", f"/admin/notebook/{session.id}"):
        one = proxy.call(path, "GET", query={"f": "json"}, headers=bearer(arcgis, "ben"))
        assert (one.status_code, one.json()["itemTitle"], one.json()["username"]) == (200, "水位の記録", "ben")
        assert envelope(proxy.call(path, form={"f": "json"}, headers=bearer(arcgis, "ana"))) == (404, 404)


@pytest.mark.parametrize("function", ["GetNotebook", "DownloadSnapshot"])
def test_the_proxy_may_not_read_credentials(open_system: LocalSystem, function: str) -> None:
    session = session_of(open_system, function)
    secrets = session.client("secretsmanager", endpoint_url=open_system.aws.endpoint_url)
    assert "BEGIN CERTIFICATE" in secrets.get_secret_value(SecretId=f"{SECRET_PREFIX}/ca-bundle")["SecretString"]
    for secret in ("admin", "owners/ana"):
        with pytest.raises(secrets.exceptions.ClientError, match="AccessDenied"):
            secrets.get_secret_value(SecretId=f"{SECRET_PREFIX}/{secret}")


FAULTS = ("shape-a", "shape-e", "body", "redirect", "http-500", "tokens-revoked")


def test_responses_and_logs_contain_no_secret_or_arcgis_text(
    proxy: Proxy, arcgis: Deployment, open_system: LocalSystem, large: Item
) -> None:
    """Responses and logs contain no secret and no text from ArcGIS. The logs contain each correlation id."""
    item, tokens = titled(open_system, "Évolution"), [arcgis.token("ana")]
    link = proxy.download(large, large.snapshots[0], form={"token": tokens[0]}).headers["Location"]
    canary = {"message": "CANARY", "body": '{"error": "CANARY"}', "location": "https://localhost:1/CANARY"}
    refusals = [proxy.call(DOWNLOAD, form={"token": tokens[0], "itemId": "CANARY"})]
    for fault in FAULTS:
        for operation, path in (("snapshots/download", DOWNLOAD), ("notebooks", "/admin/notebooks")):
            tokens.append(arcgis.token("ana"))
            arcgis.faults.add(operation, fault, **canary)
            form = {"token": tokens[-1], "itemId": item.id, "resourceKey": item.snapshots[0].resource_key, "f": "json"}
            refusals.append(proxy.call(path, form=form))
            arcgis.faults.clear()
    assert {envelope(answer)[0] for answer in refusals} <= {400, 401, 404, 502, 503}
    written = "\n".join((*proxy.log("DownloadSnapshot"), *proxy.log("GetNotebook")))
    for text in (written, *(answer.text for answer in refusals)):
        assert "CANARY" not in text
        assert "ana-password" not in text
        assert "X-Amz-" not in text
        assert not any(token in text for token in (*tokens, *arcgis.tokens._tokens))
    assert link.partition("?")[2] not in written
    for answer in refusals:
        assert answer.headers["X-Correlation-Id"] in written
