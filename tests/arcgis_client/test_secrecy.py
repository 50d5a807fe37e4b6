"""Test that no exception, log, report or object contains a secret, a token or an ArcGIS error message."""

import io
import itertools
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.arcgis.faults import KINDS
from notebook_archive.arcgis.item_editor import MAX_SINGLE_UPLOAD_BYTES, ItemProperties
from notebook_archive.arcgis.portal import Portal
from notebook_archive.arcgis.token_renewal import TokenSource
from notebook_archive.archive import Archive, RunId
from notebook_archive.backup.job import ArchiveContext
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.runs import archive_batch, plan_run, report_run
from tests.arcgis_client.client import LIMIT, PREFIX, Client, id_of, soon

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CANARY = "CANARY-7f31c0de"
OWNER = "123456789012"
NUMBERS = itertools.count(1)
STARTED = "2026-11-22T05:00:00Z"
STATUSES = ["http-401", "http-403", "http-404", "http-429", "http-500"]
# A time-out has no answer, so no text of it can leak.
FAULTS = [*(kind for kind in KINDS if not kind.startswith("http") and kind != "time-out"), *STATUSES]


@pytest.fixture(scope="module")
def s3() -> Iterator["S3Client"]:
    with mock_aws():
        yield boto3.client("s3")


@pytest.fixture
def archive(s3: "S3Client") -> Archive:
    """Return an archive for this test alone."""
    bucket = f"archive-{next(NUMBERS)}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Archive(s3, bucket, OWNER)


@pytest.fixture
def small(enterprise: Client) -> Client:
    """Return a client with three notebooks: one for each route, and one that nobody may read."""
    client = enterprise
    organisation = client.deployment.organisation
    kept = {client.item(title).id for title in ("Flood model", "Empty", "Restricted")}
    for item_id in [item_id for item_id in organisation.items if item_id not in kept]:
        del organisation.items[item_id]
    for user in client.deployment.users:
        user.password = f"{CANARY}-password-of-{user.username}"
    client.keep(f"{PREFIX}/admin", "gis_admin")
    client.keep(f"{PREFIX}/owners/ana", "ana")
    return client


def everything_stored(bucket: str) -> str:
    s3 = boto3.client("s3")
    stored = []
    for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        found = s3.get_object(Bucket=bucket, Key=entry["Key"])
        tags = s3.get_object_tagging(Bucket=bucket, Key=entry["Key"])["TagSet"]
        stored.append(f"{entry['Key']} {found['Metadata']} {tags} {found['Body'].read()!r}")
    return "\n".join(stored)


def administrator(client: Client, deadline: Deadline) -> Portal:
    return client.routes().portal(deadline)


def run(client: Client, archive: Archive, strike: Callable[[], object]) -> str:
    """Make a plan and run it with the faults of `strike`. Return every text that this produced."""
    first, second = RunId.from_execution("first", STARTED), RunId.from_execution("second", STARTED)
    routes = client.routes()
    plan = plan_run(first, STARTED, administrator(client, soon()), archive, None, batch_size=10, threads=2)
    [line] = (archive.read_object(plan["planKey"]) or b"").splitlines()
    strike()
    said = []
    try:
        plan_run(second, STARTED, administrator(client, Deadline(5)), archive, None, batch_size=10, threads=2)
    except NotebookArchiveError as error:
        said.append("".join(traceback.format_exception(error)))
    context = ArchiveContext(routes, archive, client.deployment.portal_url, LIMIT)
    outcomes, rest = archive_batch(json.loads(line), first, context, 2, Deadline(5))
    _, report = report_run(first, archive, STARTED, plan, None, 2, soon())
    assert rest is None
    assert report["notebooks"]["attempted"] == 3
    assert "internal-error" not in str(outcomes)
    return "\n".join([*said, str(outcomes), str(report), everything_stored(archive.bucket_name)])


def assert_kept(client: Client, text: str) -> None:
    assert CANARY not in text
    for token in client.deployment.tokens._tokens:
        assert token not in text


@pytest.mark.parametrize("kind", FAULTS)
def test_no_secret_leaks_whatever_fails(
    small: Client, archive: Archive, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    caplog.set_level(logging.INFO, "botocore")
    caplog.set_level(logging.DEBUG)
    fields: dict[str, Any] = {"message": f"{CANARY} in an answer", "body": json.dumps({"x": CANARY}), "seconds": 0.05}
    fields |= {"size": 200_000, "location": f"https://localhost:1/{CANARY}"}
    said = run(small, archive, lambda: small.deployment.faults.add("*", kind, **fields))
    assert "https://localhost" in caplog.text  # everything is logged
    assert_kept(small, "\n".join([said, caplog.text, *capfd.readouterr()]))


@pytest.mark.parametrize("kind", FAULTS)
def test_no_secret_leaks_when_a_change_fails(small: Client, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    caplog.set_level(logging.DEBUG)
    fields: dict[str, Any] = {"message": CANARY, "body": json.dumps({"x": CANARY}), "seconds": 0.05, "size": 200_000}
    small.deployment.faults.add("*", kind, **fields, location=f"https://localhost:1/{CANARY}")
    content, size = io.BytesIO(CANARY.encode()), MAX_SINGLE_UPLOAD_BYTES + 1
    editor, item_id = small.editor(tokens=small.tokens(f"{PREFIX}/owners/ana")), id_of(small.item())
    changes: list[Callable[[], object]] = [
        lambda: editor.add_item(ItemProperties(CANARY, description=CANARY)),
        lambda: editor.find_item_by_keyword(CANARY),
        lambda: editor.upload(item_id, "", content, size),
        lambda: editor.upload(item_id, "", content, 5),
        lambda: editor.share(item_id, "", groups=(CANARY,)),
        lambda: editor.delete_item(item_id, ""),
    ]
    said = []
    for change in changes:
        try:
            change()
        except NotebookArchiveError as error:
            said.append("".join(traceback.format_exception(error)))
    assert_kept(small, "\n".join([*said, caplog.text]))


@pytest.mark.parametrize("code", [400, 403, 498])
@pytest.mark.parametrize("operation", ["generateToken", "snapshots/*", "items/*"])
def test_no_secret_leaks_when_arcgis_refuses(
    small: Client, archive: Archive, caplog: pytest.LogCaptureFixture, operation: str, code: int
) -> None:
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")

    def strike() -> None:
        small.deployment.tokens.revoke_all()
        small.deployment.faults.add(operation, "shape-a", code=code, message=CANARY)

    assert_kept(small, run(small, archive, strike) + caplog.text)


@pytest.mark.parametrize(
    "secret",
    [
        CANARY,
        json.dumps([CANARY]),
        json.dumps({"token": CANARY}),
        json.dumps({"token": f"{CANARY} "}),
        json.dumps({"username": "gis_admin", "password": f"{CANARY}-wrong"}),
        json.dumps({"clientId": "nobody", "clientSecret": CANARY}),
        json.dumps({"password": CANARY}),
    ],
)
def test_no_value_of_a_malformed_secret_leaks(small: Client, archive: Archive, secret: str) -> None:
    def strike() -> None:
        small.deployment.tokens.revoke_all()
        small.secrets.texts[f"{PREFIX}/admin"] = small.secrets.texts[f"{PREFIX}/owners/ana"] = secret

    said = run(small, archive, strike)
    assert_kept(small, said)
    assert f"{PREFIX}/admin" in said


def test_no_object_shows_a_secret(small: Client) -> None:
    routes = small.routes()
    access = routes.choose("ana", soon())
    tokens = access.portal.client.tokens
    assert isinstance(tokens, TokenSource)
    tokens.call_with_token(len, soon())
    assert_kept(small, f"{routes!r} {access!r} {tokens!r} {tokens._token!r} {small.transport!r}")


# Invalid ids.

HOSTILE: list[Any] = [
    "../../security/users",
    "x?f=json&token=#",
    "A" * 32,
    f"{'0' * 32}\n",
    "",
    "%2e%2e",
    "0" * 31,
    None,
    5,
    [],
]


@pytest.mark.parametrize("given", HOSTILE)
def test_a_hostile_id_in_the_input_is_refused_without_a_request(small: Client, archive: Archive, given: object) -> None:
    run_id = RunId.from_execution("run", STARTED)
    plan = plan_run(run_id, STARTED, administrator(small, soon()), archive, [given], batch_size=10, threads=2)
    _, report = report_run(run_id, archive, STARTED, plan, None, 2, soon())
    assert (plan["batches"], plan["notebooks"]) == (0, 1)
    assert report["notebooks"]["failed"] == {"not-an-id": 1}
    assert "items/item" not in small.deployment.requests.counts()
    assert "unknown" not in small.deployment.requests.counts()


@pytest.mark.parametrize("given", HOSTILE[:-3])
def test_a_hostile_id_in_a_plan_is_refused_without_a_request(small: Client, archive: Archive, given: str) -> None:
    planned: Any = {"itemId": given, "title": "x", "owner": "ana", "archived": ""}
    context = ArchiveContext(small.routes(), archive, small.deployment.portal_url, LIMIT)
    batch: Any = {"number": 1, "part": 0, "notebooks": [planned]}
    [outcome], _ = archive_batch(batch, RunId.from_execution("run", STARTED), context, 1, soon())
    assert outcome["state"] == "failed"
    assert outcome["problem"]["reason"] == "not-an-id"
    assert len(small.deployment.requests) == 0
