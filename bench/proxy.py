"""Measure the latency of the HTTP proxy on the local AWS. Compare it with direct calls to the local ArcGIS."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SIZES = {"10 kB": 10_000, "1 MB": 1_000_000, "5 MB": 5_000_000}
_CALLS = {"10 kB": 40, "1 MB": 30, "5 MB": 20}
_DOWNLOAD = "/notebooks/snapshots/download"
# This pause between calls keeps the rate below the API's limit.
_PAUSE_SECONDS = 0.12
_MAX_RUN_SECONDS = 120

type Call = Callable[[], Any]


def measure_latencies(stack_file: str) -> dict[str, dict[str, float]]:
    """Return the median seconds for a download, by the snapshot's size and the kind of call.

    `direct` is a call to ArcGIS. `archive` and `arcgis` are calls to the proxy, which reads the snapshot from that
    source. `refused` is a call that the proxy rejects at once. It measures the local API Gateway and Lambda.
    """
    stack = json.loads(Path(stack_file).read_text())
    _archive_everything(stack)
    return {size: _measure_medians(_make_calls(stack, size), _CALLS[size]) for size in SIZES}


def _measure_medians(calls: Mapping[str, Call], count: int) -> dict[str, float]:
    """Make all calls in each round. Return the median seconds for each call, without the first round."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(count + 1):
        for name, call in calls.items():
            time.sleep(_PAUSE_SECONDS)
            seconds = call()
            if turn:
                found[name].append(seconds)
    return {name: median(seconds) for name, seconds in found.items()}


def _make_calls(stack: Mapping[str, Any], title: str) -> dict[str, Call]:
    """Return functions that download one snapshot. Each returns the seconds that it took."""
    arcgis = stack["arcgis"]
    item, digest = _find_snapshot(arcgis, title)
    to_arcgis, to_aws = _make_session(arcgis["caBundle"]), _make_session(stack["awsCaBundle"])
    (password,) = (user["password"] for user in arcgis["users"] if user["username"] == item["owner"])
    fields = {"f": "json", "username": item["owner"], "password": password, "client": "referer", "referer": "bench"}
    token = to_arcgis.post(f"{arcgis['portalUrl']}/sharing/rest/generateToken", data=fields, timeout=60).json()["token"]
    form = {"itemId": item["id"], "resourceKey": item["snapshots"][0]["resourceKey"], "f": "json"}
    signer = SigV4Auth(
        Credentials(stack["awsAccessKeyId"], stack["awsSecretAccessKey"]), "execute-api", stack["region"]
    )

    def direct() -> float:
        started = time.perf_counter()
        answer = to_arcgis.post(
            arcgis["notebookAdminUrl"] + _DOWNLOAD,
            data={**form, "token": token},
            headers={"Referer": "bench"},
            timeout=60,
        )
        return _check_download(started, answer, digest)

    def signed(method: str, **fields: str) -> requests.PreparedRequest:
        url = f"{stack['apiBaseUrl']}/admin{_DOWNLOAD}"
        prepared = to_aws.prepare_request(requests.Request(method, url, data=fields))
        request = AWSRequest(method, prepared.url, headers=dict(prepared.headers), data=prepared.body)
        signer.add_auth(request)
        prepared.headers.update(dict(request.headers))
        return prepared

    def refused() -> float:
        request = signed("GET")
        started = time.perf_counter()
        answer = to_aws.send(request, timeout=60)
        if answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            raise RuntimeError(f"The proxy did not reject the call. It returned HTTP {answer.status_code}.")
        return time.perf_counter() - started

    def proxied(source: str) -> float:
        request = signed("POST", **form, source=source)
        started = time.perf_counter()
        answer = to_aws.send(request, allow_redirects=False, timeout=60)
        if answer.headers.get("X-Notebook-Source") != source:
            raise RuntimeError(f"The proxy returned HTTP {answer.status_code}, but no snapshot from {source}.")
        if link := answer.headers.get("Location"):
            answer = to_aws.get(link, timeout=60)
        return _check_download(started, answer, digest)

    return {
        "direct": direct,
        "refused": refused,
        "archive": lambda: proxied("archive"),
        "arcgis": lambda: proxied("arcgis"),
    }


def _check_download(started: float, answer: requests.Response, digest: str) -> float:
    seconds = time.perf_counter() - started
    if hashlib.sha256(answer.content).hexdigest() != digest:
        raise RuntimeError(f"A download returned HTTP {answer.status_code} with bytes that are not the snapshot's.")
    return seconds


def _make_session(ca_bundle: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle
    return session


def _find_snapshot(arcgis: Mapping[str, Any], title: str) -> tuple[Mapping[str, Any], str]:
    """Return the local ArcGIS's description of the notebook with this title, and its snapshot's SHA-256."""
    control = f"{arcgis['portalUrl'].removesuffix('/portal')}/_local/items"
    items = _make_session(arcgis["caBundle"]).get(control, timeout=60).json()["items"]
    item = next(item for item in items if item["title"] == title)
    return item, item["snapshots"][0]["sha256"]


def _archive_everything(stack: Mapping[str, Any]) -> None:
    states = boto3.client(
        "stepfunctions",
        endpoint_url=stack["awsEndpointUrl"],
        region_name=stack["region"],
        aws_access_key_id=stack["awsAccessKeyId"],
        aws_secret_access_key=stack["awsSecretAccessKey"],
    )
    run = states.start_execution(stateMachineArn=stack["outputs"]["StateMachine"], input="{}")["executionArn"]
    deadline = time.monotonic() + _MAX_RUN_SECONDS
    while (status := states.describe_execution(executionArn=run)["status"]) == "RUNNING":
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if status != "SUCCEEDED":
        raise RuntimeError(f"The archive run of the benchmark ended with status {status}.")
