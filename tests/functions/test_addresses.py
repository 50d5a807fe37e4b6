"""Test which hosts S3 calls and links use in each region. With a local endpoint, a wrong host would go unnoticed."""

import os
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from notebook_archive import aws
from notebook_archive.archive import ArchiveReader
from notebook_archive.models import ItemId, ResourceKey
from notebook_archive.settings import DownloadSnapshotSettings
from tests.functions.conftest import _new_container

ITEM = ItemId("e49a12b28da29e813ee6be0b546a3015")
KEY = ResourceKey("snapshot-431366fe5b13960cad7bcb174335458e.json")
PATH = f"/notebooks/{ITEM}/snapshots/{KEY}"
ENVIRONMENT = {
    "ARCHIVE_BUCKET": "gis-archive",
    "ARCHIVE_BUCKET_OWNER": "111122223333",
    "PORTAL_URL": "https://gis.example.com/portal",
    "SECRET_PREFIX": "notebook-archive",
    "THREADS": "4",
    "BATCH_SIZE": "50",
    "MAX_SNAPSHOT_MB": "100",
}
HOSTS = {
    "us-east-1": "s3.us-east-1.amazonaws.com",
    "eu-central-1": "s3.eu-central-1.amazonaws.com",
    "eu-south-2": "s3.eu-south-2.amazonaws.com",
    "us-gov-west-1": "s3.us-gov-west-1.amazonaws.com",
    "cn-north-1": "s3.cn-north-1.amazonaws.com.cn",
}
type Deploy = Callable[..., ArchiveReader]


def make_reader() -> ArchiveReader:
    """Return the archive reader of `download_snapshot`."""
    return aws.snapshot_source(DownloadSnapshotSettings.from_env(os.environ)).archive_reader


class Absent(AWSResponse):
    """The response of S3 for a missing object."""

    def __init__(self, url: str) -> None:
        super().__init__(url, 404, HTTPHeaders(), None)

    @property
    def content(self) -> bytes:
        return b"<Error><Code>NoSuchKey</Code></Error>"


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Return a function that deploys with additional variables, and returns the archive reader of the functions."""

    def deployed(**variables: str) -> ArchiveReader:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        for name, value in {**ENVIRONMENT, **variables}.items():
            monkeypatch.setenv(name, value)
        boto3.setup_default_session()
        _new_container()
        return make_reader()

    yield deployed
    _new_container()
    boto3.setup_default_session()


@pytest.mark.parametrize("region", HOSTS)
def test_link_leads_to_the_regional_host(deploy: Deploy, region: str) -> None:
    link = urlsplit(deploy(AWS_DEFAULT_REGION=region).link(ITEM, KEY, "flood-model.ipynb"))
    assert (link.scheme, link.netloc, link.path) == ("https", f"gis-archive.{HOSTS[region]}", PATH)
    signed = parse_qs(link.query)
    assert signed["X-Amz-SignedHeaders"] == ["host"], "so the link must name the host that responds"
    assert f"/{region}/s3/aws4_request" in signed["X-Amz-Credential"][0]


@pytest.mark.parametrize("region", HOSTS)
def test_calls_go_to_the_regional_host(deploy: Deploy, region: str) -> None:
    asked: list[str] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        asked.append(urlsplit(request.url).netloc)
        return Absent(request.url)

    deploy(AWS_DEFAULT_REGION=region)
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register_first("before-send.s3", answer)  # type: ignore[arg-type]
    _new_container()
    assert make_reader().read_owner(ITEM) == ""
    assert asked == [f"gis-archive.{HOSTS[region]}"]


def test_bucket_name_with_dots_stays_in_the_path(deploy: Deploy) -> None:
    """S3's certificate covers only one label before S3's host name."""
    link = urlsplit(deploy(AWS_DEFAULT_REGION="eu-south-2", ARCHIVE_BUCKET="gis.archive").link(ITEM, KEY, "a.ipynb"))
    assert (link.netloc, link.path) == (HOSTS["eu-south-2"], f"/gis.archive{PATH}")


def test_link_leads_to_a_local_endpoint_by_path(deploy: Deploy) -> None:
    link = urlsplit(deploy(AWS_ENDPOINT_URL="https://127.0.0.1:4566").link(ITEM, KEY, "flood-model.ipynb"))
    assert (link.netloc, link.path) == ("127.0.0.1:4566", f"/gis-archive{PATH}")
