"""A caller of the deployed HTTP proxy: plain requests and botocore's signatures, nothing of the functions' own code."""

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
    """The proxy of one system, and every answer it gave."""

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
        """Return the answer to one request, signed where there is a signer."""
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
        """Return the answer to a download of one snapshot; `more` is for `call`, its form being added to."""
        form = {"itemId": item.id, "resourceKey": snapshot.resource_key, **more.pop("form", {})}
        return self.call(DOWNLOAD, form=form, **more)

    def log(self, function: str) -> list[str]:
        """The lines in a function's log group."""
        logs = self.system.aws.session.client("logs", endpoint_url=self.system.aws.endpoint_url)
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.system.outputs[f"{function}LogGroup"]
        )
        return [event["message"] for page in pages for event in page["events"]]


def titled(system: LocalSystem, title: str) -> Item:
    """The notebook whose title begins so."""
    notebooks = system.arcgis.enterprise.organisation.notebooks()
    return next(item for item in notebooks if item.title.startswith(title))


@contextmanager
def large_notebook(system: LocalSystem, size: int = 40_000_000) -> Iterator[Item]:
    """A notebook of ana's with one snapshot that no answer of Lambda's could hold.

    Afterwards it is gone, and so is what was archived of it.
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
    """The HTTP status, and the code in ArcGIS's error envelope, which has its correlation id with it."""
    error = answer.json()["error"]
    assert error["details"] == [f"Correlation id {answer.headers['X-Correlation-Id']}"]
    assert error["message"]
    return answer.status_code, error["code"]


def bytes_of(snapshot: Snapshot) -> bytes:
    """The snapshot as ArcGIS serves it."""
    assert isinstance(snapshot.content, bytes)
    return snapshot.content
