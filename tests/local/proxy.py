"""A caller of the deployed HTTP proxy. It uses `requests` and botocore's signatures, not the functions' code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.arcgis import Item, Snapshot
from local.arcgis.sample_notebooks import plain
from local.aws import ACCESS_KEY, REGION, SECRET_KEY
from local.system import LocalSystem

DOWNLOAD = "/admin/notebooks/snapshots/download"
ROOT = Credentials(ACCESS_KEY, SECRET_KEY)


@dataclass
class Proxy:
    """The proxy of one system, and every response that it has sent."""

    system: LocalSystem
    answers: list[requests.Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.system.aws.ca_bundle)

    def call(
        self,
        path: str,
        method: str = "POST",
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        signer: Credentials | None = None,
        follow: bool = False,
    ) -> requests.Response:
        """Send one request and return the response. If there is a signer, sign the request."""
        url = self.system.api_base_url + path + (f"?{urlencode(query)}" if query else "")
        body = urlencode(form) if form else ""
        given = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        request = AWSRequest(method, url, headers={**given, "Accept": "*/*", **(headers or {})}, data=body)
        if signer:
            SigV4Auth(signer, "execute-api", REGION).add_auth(request)
        answer = self.session.request(
            method, url, data=body, headers=dict(request.headers), allow_redirects=follow, timeout=60
        )
        self.answers.append(answer)
        return answer

    def download(self, item: Item, snapshot: Snapshot, **more: Any) -> requests.Response:
        """Download one snapshot and return the response. `more` contains arguments for `call`."""
        form = {"itemId": item.id, "resourceKey": snapshot.resource_key, **more.pop("form", {})}
        return self.call(DOWNLOAD, form=form, **more)

    def log(self, function: str) -> list[str]:
        """Return the lines in a function's log group."""
        logs = self.system.aws.session.client("logs", endpoint_url=self.system.aws.endpoint_url)
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.system.outputs[f"{function}LogGroup"]
        )
        return [event["message"] for page in pages for event in page["events"]]


def titled(system: LocalSystem, title: str) -> Item:
    """Return the notebook with a title that begins with this text."""
    notebooks = system.arcgis.enterprise.organisation.notebooks()
    return next(item for item in notebooks if item.title.startswith(title))


@contextmanager
def large_notebook(system: LocalSystem, size: int = 40_000_000) -> Iterator[Item]:
    """Add a notebook with a snapshot that is too large for a Lambda response. ana owns it.

    After the block, remove the notebook and everything that was archived from it.
    """
    organisation = system.arcgis.enterprise.organisation
    item = organisation.add_notebook("ana", "Large")
    item.add_snapshot(plain(7, size))
    try:
        yield item
    finally:
        organisation.remove(item.id)
        s3, bucket = system.aws.s3, system.outputs["ArchiveBucket"]
        for each in s3.list_object_versions(Bucket=bucket, Prefix=f"notebooks/{item.id}/").get("Versions", ()):
            key, version = each["Key"], each["VersionId"]
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


def envelope(answer: requests.Response) -> tuple[int, int]:
    """Return the HTTP status and the code in ArcGIS's error envelope. Check that it names the correlation id."""
    error = answer.json()["error"]
    assert error["details"] == [f"Correlation id {answer.headers['X-Correlation-Id']}"]
    assert error["message"]
    return answer.status_code, error["code"]


def bytes_of(snapshot: Snapshot) -> bytes:
    """Return the snapshot's bytes as ArcGIS serves them."""
    assert isinstance(snapshot.content, bytes)
    return snapshot.content
