"""Simulate S3 with moto, check rules of the real S3 that moto does not check, count calls, and inject faults.

A call that breaks a rule raises at once. Its rule is also added to `broken`, because the code may catch the exception.
"""

import functools
import hashlib
import re
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber
from moto.s3.models import FakeDeleteMarker, s3_backends

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCOUNT = "123456789012"
BUCKET = "archive"
LEDGER_BUCKET = "ledger"
SECOND_BUCKET = "second-place"
TAG = re.compile(r"[\w \-.:/=+@]*")
KEPT = re.compile(r"notebooks/[0-9a-f]{32}/snapshots/snapshot-[0-9a-f]{32}\.json")
ALTERED = re.compile(r"notebooks/[0-9a-f]{32}/snapshots/snapshot-[0-9a-f]{32}\.[0-9a-f]{12}\.json")
COPIES = re.compile(r"notebooks/[0-9a-f]{32}/current/[0-9]{13}-[0-9a-f]{12}\.ipynb")
RECORDS = re.compile(r"records/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,80}/[0-9a-f]{12}\.json")
_BATCH = r"\d{6}(?:-\d+)?(?:-again-\d+)?"
OURS = re.compile(
    rf"{KEPT.pattern}|{ALTERED.pattern}|{COPIES.pattern}|{COPIES.pattern[:-7]}\.(?:seen|captured)"
    r"|notebooks/[0-9a-f]{32}/(?:item\.json|deleted\.json|captures/snapshot-[0-9a-f]{32}\.json)"
    r"|runs/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,80}/"
    rf"(?:run\.json|plan(?:-again-\d+)?\.jsonl|report\.json|outcomes/(?:plan|crashed|{_BATCH})\.json)"
    r"|restores/[A-Za-z0-9_.-]{1,80}/(?:plan|result|notes/\d-[a-z]+|undo/(?:plan|result))\.json"
    r"|bulk-restores/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,80}/"
    rf"(?:run\.json|plan(?:-again-\d+)?\.jsonl|items\.jsonl|report\.json|results/(?:plan|{_BATCH})\.json)"
    r"|restore-tests/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,80}/(?:plan|results|removed)\.json"
    r"|verifications/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,80}/"
    rf"(?:run\.json|plan(?:-again-\d+)?\.jsonl|report\.json|(?:findings|not-replicated)\.jsonl|results/{_BATCH}\.json)"
    r"|erasures/\d{4}-\d\d-\d\d/[0-9a-f]{12}\.json"
    r"|notifications/[a-z-]+/\d{4}-\d\d-\d\d/[A-Za-z0-9_.-]{1,120}\.json"
    rf"|{RECORDS.pattern}|ledger/(?:[0-9a-f]{{2}}\.jsonl|empty\.json)|polls/last\.json"
)


class RuleBroken(AssertionError):
    """The code made a call that the real S3 would refuse, or that the archive must never make."""


class Killed(BaseException):
    """The process was killed. No code catches this, because it is not an Exception."""


@dataclass
class Fault:
    """Makes calls of an operation fail.

    Only calls whose key contains `part` count, and only those to `bucket` if it is given. The first `after` calls
    succeed, then `times` calls fail, or all further ones if it is None. `kind` is one of these:

    - `reset`: half of the body is sent
    - `timeout`: no response comes
    - `lost-answer`: the call is done, but its response is lost
    - `no-checksum`: the call is done, but its response has no checksum
    - `killed`: the process is killed before the call
    - `page` and `empty`: the call is not done, but the response has the status 200
    - a status and an error code, such as `409-ConditionalRequestConflict`
    """

    operation: str
    kind: Literal["reset", "timeout", "lost-answer", "no-checksum", "killed", "page", "empty"] | str
    times: int | None = 1
    after: int = 0
    part: str = ""
    bucket: str = ""


@dataclass
class StrictS3:
    """The rules, which can be attached to a client or a session. Use it inside moto's `mock_aws`."""

    broken: list[str] = field(default_factory=list)
    # The operation and the key, or the prefix, of every attempt.
    calls: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    # An operation, a part of a key, and an action of somebody else. The action is done once, right before the first
    # call of that operation whose key contains the part.
    deeds: list[tuple[str, str, Callable[[], object]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, events: Any) -> None:
        """Check the calls of a client, or of all clients that a session makes from now on."""
        events.register("provide-client-params.s3", self._check_parameters)
        events.unregister("before-send", botocore_stubber)
        events.register("before-send", self._send)

    def client(self, attempts: int = 3) -> "S3Client":
        """Return a client whose calls are checked. It makes that many attempts at a call."""
        # botocore would make its own user agent again for each call, which takes a twentieth of the call's time.
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, user_agent="tests")
        client = _session().client("s3", config=config)
        self.attach(client.meta.events)
        return client

    def counts(self) -> Counter[str]:
        """Return the number of attempts by operation."""
        return Counter(operation for operation, _ in self.calls)

    # The methods below neither check nor count their calls.

    def contents(self, prefix: str = "") -> "dict[str, StoredObject]":
        """Return everything in the archive's bucket."""
        return contents(prefix)

    def put(self, *keys: str, body: bytes = b"{}", bucket: str = BUCKET) -> None:
        """Write objects in this order, as somebody else does."""
        for key in keys:  # a thousand calls through a client would take seconds
            s3_backends[ACCOUNT]["aws"].put_object(bucket, key, body)

    def read_ledger(self) -> dict[str, bytes]:
        """Return the bytes of each object in the ledger's bucket."""
        held = s3_backends[ACCOUNT]["aws"].get_bucket(LEDGER_BUCKET).keys
        return {key: held[key].value for key in sorted(held)}

    def empty(self, bucket: str) -> None:
        """Delete every version of everything in a bucket."""
        s3_backends[ACCOUNT]["aws"].get_bucket(bucket).keys.clear()

    def plain_client(self) -> "S3Client":
        """Return a client for what somebody else does."""
        return _plain()

    def make_ledger_bucket(self) -> None:
        """Make the bucket of the ledger as the template does, without versioning."""
        make_ledger_bucket()

    def _rule(self, name: str, *, kept: bool) -> None:
        if not kept:
            self.broken.append(name)
            raise RuleBroken(name)

    def _check_parameters(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if context.get("is_presign_request"):  # a link cannot make a browser send the header with the bucket's owner
            key = params["Key"]
            is_content = bool(KEPT.fullmatch(key) or COPIES.fullmatch(key))
            self._rule("links read archived snapshots and copies", kept=model.name == "GetObject" and is_content)
            return
        self._rule("every call names the bucket's owner", kept=params.get("ExpectedBucketOwner") == ACCOUNT)
        is_read = re.fullmatch("GetObject|HeadObject|ListObjectsV2|ListObjectVersions", model.name)
        self._rule("the second place is only read", kept=params["Bucket"] != SECOND_BUCKET or is_read is not None)
        self._rule("nothing is deleted or copied", kept=not re.search("Delete|Copy|Multipart|UploadPart", model.name))
        if model.name != "PutObject":
            return
        key, body = params["Key"], params["Body"]
        self._rule(f"keys are of the documented form: {key}", kept=bool(OURS.fullmatch(key)))
        self._rule("keys have at most 1,024 bytes", kept=len(key.encode()) <= 1024)
        self._rule("an Object Lock bucket wants an algorithm", kept=params.get("ChecksumAlgorithm") == "SHA256")
        metadata, tags = params.get("Metadata", {}), parse_qsl(params.get("Tagging", ""), keep_blank_values=True)
        size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
        self._rule(f"metadata has at most 2,048 bytes: {size}", kept=size <= 2048)
        self._rule(
            "metadata is ASCII", kept=all(value.isascii() and value.isprintable() for value in metadata.values())
        )
        self._rule("at most 10 tags, each once", kept=len({name for name, _ in tags}) == len(tags) <= 10)
        good = all(len(name) <= 128 and len(value) <= 256 and TAG.fullmatch(name + value) for name, value in tags)
        self._rule(f"tags keep to S3's alphabet: {tags}", kept=good)
        self._rule(
            "no tag begins with aws:", kept=not any(each.lower().startswith("aws:") for tag in tags for each in tag)
        )
        if key.startswith("restores/"):
            self._rule("a record is never overwritten", kept=params.get("IfNoneMatch") == "*")
        if "/current/" in key:
            self._rule("a copy or a sighting is never overwritten", kept=params.get("IfNoneMatch") == "*")
        if RECORDS.fullmatch(key):
            self._rule("a store record is never overwritten", kept=params.get("IfNoneMatch") == "*")
        is_rewritten = key.startswith(("ledger/", "notifications/", "polls/"))
        self._rule("what has no lock is in the ledger's bucket", kept=is_rewritten == (params["Bucket"] != BUCKET))
        if not KEPT.fullmatch(key) and not COPIES.fullmatch(key):
            return
        if not isinstance(body, bytes):
            self._rule("a file is at its beginning", kept=body.tell() == 0)
            body = body.read()
            params["Body"].seek(0)
        digest = hashlib.sha256(body).digest()
        self._rule("a snapshot is never overwritten", kept=params.get("IfNoneMatch") == "*")
        self._rule("the checksum is the body's", kept=params.get("ChecksumSHA256") == b64encode(digest).decode())
        self._rule("so is the metadata's", kept=metadata.get("sha256") == digest.hex())

    def _send(self, request: AWSPreparedRequest, event_name: str, **more: Any) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:3]
        if service != "s3":
            return botocore_stubber(event_name=event_name, request=request, **more)
        parts = urlsplit(request.url)
        key = dict(parse_qsl(parts.query)).get("prefix") or unquote(parts.path).lstrip("/").removeprefix(f"{BUCKET}/")
        with self._lock:
            self.calls.append((operation, key))
            fault = self._due(operation, key, _find_bucket(request))
            deed = next((each for each in self.deeds if each[0] == operation and each[1] in key), None)
            if deed:
                self.deeds.remove(deed)
        if deed:
            deed[2]()
        if operation == "PutObject":
            self._check_wire(request)
        return (
            self._answer(request, event_name, **more)
            if fault is None
            else self._fail(fault, request, event_name, **more)
        )

    def _fail(self, fault: Fault, request: AWSPreparedRequest, event_name: str, **more: Any) -> AWSResponse | None:
        """Make the call fail as the fault says. Return the response if there is one."""
        if fault.kind == "killed":
            raise Killed
        if fault.kind == "timeout":
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault.kind == "reset":
            body: Any = request.body
            if hasattr(body, "read"):
                body.read(max(1, int(request.headers.get("Content-Length", 2)) // 2))
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault.kind == "lost-answer":
            self._answer(request, event_name, **more)
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault.kind in ("page", "empty"):
            page = "<html><body>Signed in</body></html>" if fault.kind == "page" else ""
            return AWSResponse(request.url, 200, {"content-type": "text/html"}, MockRawResponse(page))  # type: ignore[arg-type]
        if fault.kind == "no-checksum":
            answer = self._answer(request, event_name, **more)
            assert answer is not None
            assert answer.headers.pop("x-amz-checksum-sha256", None)
            return answer
        status, _, code = fault.kind.partition("-")
        text = "" if event_name.endswith("HeadObject") else f"<Error><Code>{code}</Code><Message>No.</Message></Error>"
        return AWSResponse(request.url, int(status), {}, MockRawResponse(text))  # type: ignore[arg-type]

    def _answer(self, request: AWSPreparedRequest, event_name: str, **more: Any) -> AWSResponse | None:
        with self._lock:  # moto is not thread-safe
            if event_name.endswith("ListObjectVersions"):
                return _list_versions(request)
            if "/ledger/" in request.url and event_name.endswith(("GetObject", "PutObject")):
                return _answer_for_ledger(request)
            return botocore_stubber(event_name=event_name, request=request, **more)

    def _check_wire(self, request: AWSPreparedRequest) -> None:
        body: Any = request.body
        if not isinstance(body, bytes):
            place = body.tell()
            self._rule("a body is sent from its beginning, also again", kept=place == 0)
            file, body = body, body.read()
            file.seek(place)
        digest = b64encode(hashlib.sha256(body).digest()).decode()
        self._rule("every attempt sends the whole body", kept=_read_checksum(request) == digest)
        self._rule(
            "the body is sent plainly", kept="aws-chunked" not in str(request.headers.get("Content-Encoding", ""))
        )

    def _due(self, operation: str, key: str, bucket: str) -> Fault | None:
        for fault in self.faults:
            is_meant = fault.operation in ("*", operation) and fault.part in key and fault.bucket in ("", bucket)
            if is_meant and fault.times != 0:
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


def _read_checksum(request: AWSPreparedRequest) -> str | None:
    """Return the SHA-256 that a request names, in base64."""
    checksum = request.headers.get("x-amz-checksum-sha256")
    return checksum.decode() if isinstance(checksum, bytes) else checksum


def _answer_for_ledger(request: AWSPreparedRequest) -> AWSResponse:
    """Read or write a shard of the ledger in moto's memory.

    A fold makes 500 calls. moto's own handling of a request takes more time than all the rest of such a call.
    """
    key = f"ledger/{urlsplit(request.url).path.rpartition('/ledger/')[2]}"
    backend = s3_backends[ACCOUNT]["aws"]
    if request.method == "PUT":
        sent: Any = request.body
        held: Any = backend.put_object(LEDGER_BUCKET, key, sent if isinstance(sent, bytes) else sent.read())
        held.checksum_value = _read_checksum(request)
    else:
        held = backend.get_bucket(LEDGER_BUCKET).keys.get(key)
    if held is None:
        text = "<Error><Code>NoSuchKey</Code><Message>No.</Message></Error>"
        return AWSResponse(request.url, 404, {}, MockRawResponse(text))  # type: ignore[arg-type]
    body = held.value if request.method == "GET" else b""
    headers = {"etag": held.etag, "content-length": str(len(body))}
    if held.checksum_value:
        headers["x-amz-checksum-sha256"] = held.checksum_value
    return AWSResponse(request.url, 200, headers, MockRawResponse(body))  # type: ignore[arg-type]


def _list_versions(request: AWSPreparedRequest) -> AWSResponse:
    """Return a page of the versions in a bucket, as the API reference of ListObjectVersions describes it.

    moto skips the first version after a key marker, does not encode keys, and copies the whole bucket for each page.
    """
    query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    after, version_after = query.get("key-marker", ""), query.get("version-id-marker", "")
    held = s3_backends[ACCOUNT]["aws"].get_bucket(_find_bucket(request)).keys
    entries: list[str] = []
    last = ("", "")
    is_truncated = False
    for key in sorted(key for key in held if key.startswith(query.get("prefix", ""))):
        if key < after or (key == after and not version_after):
            continue
        versions = list(reversed(held.getlist(key)))
        ids = [version.version_id or "null" for version in versions]
        skipped = ids.index(version_after) + 1 if key == after else 0
        for place in range(skipped, len(versions)):
            if len(entries) == 1000:
                is_truncated = True
                break
            version, last = versions[place], (quote(key), ids[place])
            is_marker = isinstance(version, FakeDeleteMarker)
            kind = "DeleteMarker" if is_marker else "Version"
            body = "" if is_marker else f"<ETag>{escape(version.etag)}</ETag><Size>{version.size}</Size>"
            entries.append(
                f"<{kind}><Key>{last[0]}</Key><VersionId>{last[1]}</VersionId>{body}"
                f"<IsLatest>{str(place == 0).lower()}</IsLatest>"
                f"<LastModified>{version.last_modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></{kind}>"
            )
    following = f"<NextKeyMarker>{last[0]}</NextKeyMarker><NextVersionIdMarker>{last[1]}</NextVersionIdMarker>"
    text = (
        f"<ListVersionsResult><IsTruncated>{str(is_truncated).lower()}</IsTruncated>"
        f"<EncodingType>url</EncodingType>{following if is_truncated else ''}{''.join(entries)}</ListVersionsResult>"
    )
    return AWSResponse(request.url, 200, {}, MockRawResponse(text))  # type: ignore[arg-type]


def _find_bucket(request: AWSPreparedRequest) -> str:
    """Return the name of the bucket of a request, which is part of the host or of the path."""
    parts = urlsplit(request.url)
    names = {parts.netloc.partition(".")[0], parts.path.strip("/").partition("/")[0]}
    return SECOND_BUCKET if SECOND_BUCKET in names else BUCKET


@dataclass(frozen=True)
class StoredObject:
    """One object in the bucket."""

    body: bytes
    metadata: dict[str, str]
    tags: dict[str, str]
    checksum: str
    versions: int


@functools.cache
def _session() -> boto3.Session:
    """Return one session for all tests.

    moto replaces boto3's default session for each test, and each new session parses S3's model again.
    """
    return boto3.Session(region_name="eu-west-1")


@functools.cache
def _plain() -> "S3Client":
    """Return a client whose calls are neither checked nor counted."""
    return _session().client("s3")


def make_bucket() -> None:
    """Make the archive's bucket as the template does, with versioning and Object Lock."""
    _plain().create_bucket(
        Bucket=BUCKET,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )


def plain_client() -> "S3Client":
    """Return a client whose calls are neither checked nor counted, for what somebody else does."""
    return _plain()


def make_ledger_bucket() -> None:
    """Make the bucket of the ledger as the template does, without versioning."""
    _plain().create_bucket(Bucket=LEDGER_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def empty_bucket() -> None:
    """Delete everything in the bucket."""
    s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys.clear()


def contents(prefix: str = "") -> dict[str, StoredObject]:
    """Return everything in the bucket, without calls that are checked or counted.

    The contents are read from moto's memory. Calls for each object after each step took half of a sweep's time.
    """
    held = s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys
    return {key: _stored(held.getlist(key)) for key in sorted(held) if key.startswith(prefix)}


def _stored(versions: list[Any]) -> StoredObject:
    assert not any(isinstance(version, FakeDeleteMarker) for version in versions)
    latest = versions[-1]
    named = ((name.removeprefix("x-amz-meta-"), name, value) for name, value in latest.metadata.items())
    return StoredObject(
        body=latest.value,
        metadata={short: value for short, name, value in named if short != name},
        tags=s3_backends[ACCOUNT]["aws"].tagger.get_tag_dict_for_resource(latest.arn),
        checksum=latest.checksum_value or "",
        versions=len(versions),
    )
