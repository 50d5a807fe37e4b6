"""Test the deployed HTTP proxy with ApiAuth=IAM. Callers sign requests, and the stack's credentials read ArcGIS."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from local.arcgis import Item
from local.arcgis.sample_notebooks import plain
from local.archive_run import ArchiveRun
from local.aws import ACCESS_KEY, SECRET_KEY
from local.comparison import stored_snapshots
from local.system import SECRET_PREFIX, LocalSystem
from tests.local.proxy import DOWNLOAD, ROOT, Proxy, bytes_of, envelope, large_notebook
from tests.local.test_archive_run import notebook_of


@pytest.fixture(scope="module")
def proxy(system: LocalSystem) -> Proxy:
    return Proxy(system)


@pytest.fixture
def fresh(system: LocalSystem) -> Iterator[Item]:
    """A notebook that no run has archived. ana owns it."""
    organisation = system.arcgis.enterprise.organisation
    item = organisation.add_notebook("ana", "Fresh")
    item.add_snapshot(plain(7, 2_000))
    yield item
    organisation.remove(item.id)


@pytest.fixture
def large(system: LocalSystem) -> Iterator[Item]:
    with large_notebook(system) as item:
        yield item


def curl(system: LocalSystem, folder: Path, path: str, *arguments: str) -> tuple[str, bytes]:
    """Send a request with curl, which signs it. Return the response's headers and body."""
    command = ["curl", "--silent", "--show-error", "--fail", "--dump-header", "headers", "--output", "body"]
    command += ["--cacert", str(system.aws.ca_bundle), "--user", f"{ACCESS_KEY}:{SECRET_KEY}"]
    command += ["--aws-sigv4", "aws:amz:us-east-1:execute-api", *arguments, system.api_base_url + path]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "headers").read_text().lower(), (folder / "body").read_bytes()


def test_curl_downloads_a_snapshot_and_reads_a_session(system: LocalSystem, fresh: Item, tmp_path: Path) -> None:
    data = ("--data", f"itemId={fresh.id}", "--data", f"resourceKey={fresh.snapshots[0].resource_key}")
    headers, body = curl(system, tmp_path, DOWNLOAD, *data)
    assert body == fresh.snapshots[0].content
    assert 'content-disposition: attachment; filename="snapshot-' in headers

    session = system.arcgis.enterprise.organisation.open_session(fresh.id, "ana")
    described = json.loads(curl(system, tmp_path, f"/admin/notebooks/{session.id}?f=json")[1])
    assert described == {
        "itemId": fresh.id,
        "notebookUrl": f"/notebooks/{session.container_id}/notebooks/{fresh.id}.ipynb",
        "itemTitle": "Fresh",
        "dateLastActivity": session.last_activity,
        "id": session.id,
        "notebookDeploymentId": session.container_id,
        "username": "ana",
        "revision": fresh.modified,
    }


def test_only_signed_and_permitted_requests_are_served(system: LocalSystem, proxy: Proxy, fresh: Item) -> None:
    """API Gateway refuses these requests and does not call the functions."""
    iam = system.aws.session.client("iam", endpoint_url=system.aws.endpoint_url)
    user = iam.create_user(UserName="reader")["User"]
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    assert proxy.download(fresh, fresh.snapshots[0], signer=reader).status_code == 403

    account = user["Arn"].split(":")[4]
    operation = f"arn:aws:execute-api:us-east-1:{account}:{system.outputs['ProxyApiId']}/v1/POST{DOWNLOAD}"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": operation}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="download", PolicyDocument=policy)
    assert proxy.download(fresh, fresh.snapshots[0], signer=reader).content == fresh.snapshots[0].content
    for method, path in (("GET", DOWNLOAD), ("GET", "/admin/notebooks"), ("POST", "/admin/notebooks")):
        assert proxy.call(path, method, signer=reader).status_code == 403

    for signer in (None, Credentials(key["AccessKeyId"], "not the secret key")):
        assert proxy.download(fresh, fresh.snapshots[0], signer=signer).status_code == 403
        for path in (DOWNLOAD, "/admin/notebooks", f"/admin/notebooks/{'0' * 32}", f"/admin/notebook/{'0' * 32}"):
            for method in ("GET", "POST"):
                if (method, path) != ("POST", DOWNLOAD):
                    assert proxy.call(path, method, signer=signer).status_code == 403


def test_large_snapshot_is_archived_and_served_by_a_link(
    system: LocalSystem, proxy: Proxy, large: Item, tmp_path: Path
) -> None:
    (snapshot,) = large.snapshots
    sent = proxy.download(large, snapshot, signer=ROOT)
    assert (sent.status_code, sent.headers["X-Notebook-Source"], sent.content) == (303, "arcgis", b"")
    assert proxy.session.get(sent.headers["Location"], timeout=60).content == snapshot.content
    key = f"notebooks/{large.id}/snapshots/{snapshot.resource_key}"
    assert key in stored_snapshots(system.aws.s3, system.outputs["ArchiveBucket"])

    data = ("--data", f"itemId={large.id}", "--data", f"resourceKey={snapshot.resource_key}")
    headers, body = curl(system, tmp_path, DOWNLOAD, "--location", *data)
    assert "x-notebook-source: archive" in headers
    assert hashlib.sha256(body).digest() == hashlib.sha256(bytes_of(snapshot)).digest()


def test_archived_snapshots_are_served_during_an_outage(system: LocalSystem, proxy: Proxy, fresh: Item) -> None:
    item = notebook_of(system, "ana")
    ArchiveRun(system.aws, system.outputs, [item.id]).wait()
    with system.arcgis.stopped():
        archived = proxy.download(item, item.snapshots[0], signer=ROOT)
        lacking = proxy.download(fresh, fresh.snapshots[0], signer=ROOT)
    assert (archived.status_code, archived.content) == (200, item.snapshots[0].content)
    assert archived.headers["X-Notebook-Source"] == "archive"
    assert envelope(lacking) == (503, 503)
    assert int(lacking.headers["Retry-After"]) > 0


def test_the_list_is_returned_in_pages(system: LocalSystem, proxy: Proxy) -> None:
    organisation = system.arcgis.enterprise.organisation
    added = [organisation.open_session(notebook_of(system, "ben").id, "ben") for _ in range(12)]
    ids = [session.id for session in organisation.sessions]
    try:
        for start, num in ((1, 5), (6, 5), (11, 100), (1000, 10)):
            query = {"f": "json", "start": str(start), "num": str(num)}
            page = proxy.call("/admin/notebooks", "GET", query=query, signer=ROOT).json()
            expected = ids[start - 1 : start - 1 + num]
            assert [each["id"] for each in page["notebooks"]] == expected
            assert (page["total"], page["start"], page["num"]) == (len(ids), start, len(expected))
    finally:
        for session in added:
            organisation.sessions.remove(session)


@pytest.mark.parametrize(
    ("query", "content_type", "start"),
    [
        ({}, "text/html", "<!doctype html>"),
        ({"f": "html"}, "text/html", "<!doctype html>"),
        ({"f": "json"}, "application/json", '{"'),
        ({"f": "pjson"}, "application/json", '{\n  "'),
    ],
)
def test_the_response_has_the_requested_format(
    system: LocalSystem, proxy: Proxy, query: dict[str, str], content_type: str, start: str
) -> None:
    session = system.arcgis.enterprise.organisation.sessions[0]
    for path in ("/admin/notebooks", f"/admin/notebooks/{session.id}", f"/admin/notebook/{session.id}"):
        answer = proxy.call(path, "GET", query=query, signer=ROOT)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, content_type)
        assert answer.text.lower().startswith(start)
        assert session.id in answer.text


def test_responses_and_logs_contain_no_secret(system: LocalSystem, proxy: Proxy, large: Item) -> None:
    """Responses and logs contain no secret. The logs contain the correlation id of each refusal."""
    arcgis, aws = system.arcgis.enterprise, system.aws
    link = proxy.download(large, large.snapshots[0], signer=ROOT).headers["Location"]
    refusals = []
    for fault in ("tokens-revoked", "shape-e", "http-500"):
        arcgis.faults.add("*", fault)
        refusals += [
            proxy.download(large, large.snapshots[0], form={"source": "arcgis"}, signer=ROOT),
            proxy.call("/admin/notebooks", form={"f": "json"}, signer=ROOT),
        ]
        arcgis.faults.clear()
    assert {envelope(answer)[0] for answer in refusals} <= {502, 503}
    written = "\n".join((*proxy.log("DownloadSnapshot"), *proxy.log("GetNotebook")))
    for text in (written, *(answer.text for answer in refusals)):
        assert not any(user.password in text for user in arcgis.users)
        assert not any(token in text for token in arcgis.tokens._tokens)
        assert "X-Amz-" not in text
    for answer in refusals:
        assert answer.headers["X-Correlation-Id"] in written
        assert SECRET_PREFIX not in answer.text
        assert aws.endpoint_url not in answer.text
    assert link.partition("?")[2] not in written
