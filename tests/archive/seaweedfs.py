"""A third S3, besides moto and MiniStack: SeaweedFS as one child process, on loopback only."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from local.aws import ROOT, free_ports
from local.stopping import end_group
from tests.strict_s3 import BUCKET, LEDGER_BUCKET, StoredObject, StrictS3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROGRAM = ROOT / ".venvs/seaweedfs/bin/weed"
MAX_START_SECONDS = 60
_IDENTITY = {"name": "tests", "credentials": [{"accessKey": "testing", "secretKey": "testing"}], "actions": ["Admin"]}


class SeaweedFS:
    """Run SeaweedFS for the duration of a `with` block, with the archive's two buckets."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="notebook-archive-seaweedfs-"))
        self._ports = free_ports(8)
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-west-1"
        )
        (self._folder / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder,
                env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "TMPDIR": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_for_a_write()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_group(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self, attempts: int = 3) -> "S3Client":
        """Return a client that makes that many attempts at a call."""
        retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
        config = Config(retries=retries, s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=10)
        return self._session.client("s3", endpoint_url=f"http://127.0.0.1:{self._ports[0]}", config=config)

    def empty_buckets(self) -> None:
        """Delete the archive's two buckets with everything in them, and make them again."""
        client = self.client()
        held = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in (BUCKET, LEDGER_BUCKET):
            if bucket in held:
                # The real S3 deletes only an empty bucket.
                client.delete_bucket(Bucket=bucket)
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket == BUCKET)

    def _command(self) -> list[str | Path]:
        servers = [f"{server}.port{kind}" for server in ("s3", "master", "volume", "filer") for kind in ("", ".grpc")]
        command: list[str | Path] = [PROGRAM, "-logtostderr", "server", "-filer", "-s3", f"-dir={self._folder}"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        command += [f"-{name}={port}" for name, port in zip(servers, self._ports, strict=True)]
        # By default, SeaweedFS reports its use to its makers.
        command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=32", "-volume.max=300"]
        command += [f"-s3.localSocket={self._folder}/s3.sock", f"-filer.localSocket={self._folder}/filer.sock"]
        return [*command, f"-s3.config={self._folder}/s3.json"]

    def _wait_for_a_write(self) -> None:
        """Wait until a write succeeds. That is seconds after the port is open."""
        client = self.client(attempts=1)
        deadline = time.monotonic() + MAX_START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(ClientError, BotoCoreError):
                self.empty_buckets()
                client.put_object(Bucket=BUCKET, Key="first", Body=b"{}")
                self.empty_buckets()
                return
            time.sleep(0.1)
        log = (self._folder / "log").read_text(errors="replace").splitlines()
        raise RuntimeError("SeaweedFS did not start.\n" + "\n".join(log[-40:]))


class StrictSeaweedFS(StrictS3):
    """The rules of the real S3, the counts and the faults, with SeaweedFS in place of moto."""

    def __init__(self, server: SeaweedFS) -> None:
        super().__init__()
        self._server = server
        self._http = URLLib3Session()
        self._plain = server.client()

    def client(self, attempts: int = 3) -> "S3Client":
        """Return a client whose calls are checked. It makes that many attempts at a call."""
        client = self._server.client(attempts)
        self.attach(client.meta.events)
        return client

    def contents(self, prefix: str = "") -> dict[str, StoredObject]:
        """Return everything in the archive's bucket."""
        versions: dict[str, int] = {}
        for page in self._plain.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix):
            assert not page.get("DeleteMarkers")
            for version in page.get("Versions", []):
                versions[version["Key"]] = versions.get(version["Key"], 0) + 1
        return {key: self._read(key, versions[key]) for key in sorted(versions)}

    def put(self, *keys: str, body: bytes = b"{}", bucket: str = BUCKET) -> None:
        """Write objects in this order, as somebody else does."""
        for key in keys:
            self._plain.put_object(Bucket=bucket, Key=key, Body=body)

    def read_ledger(self) -> dict[str, bytes]:
        """Return the bytes of each object in the ledger's bucket."""
        pages = self._plain.get_paginator("list_objects_v2").paginate(Bucket=LEDGER_BUCKET)
        keys = sorted(each["Key"] for page in pages for each in page.get("Contents", []))
        return {key: self._plain.get_object(Bucket=LEDGER_BUCKET, Key=key)["Body"].read() for key in keys}

    def empty(self, bucket: str) -> None:
        """Delete every version of everything in a bucket."""
        for page in self._plain.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self._plain.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])

    def plain_client(self) -> "S3Client":
        """Return a client for what somebody else does."""
        return self._plain

    def make_ledger_bucket(self) -> None:
        """Do nothing, because the server has the bucket."""

    def _read(self, key: str, versions: int) -> StoredObject:
        found = self._plain.get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
        tags = self._plain.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
        return StoredObject(
            body=found["Body"].read(),
            metadata=found["Metadata"],
            tags={tag["Key"]: tag["Value"] for tag in tags},
            checksum=found.get("ChecksumSHA256", ""),
            versions=versions,
        )

    def _answer(self, request: AWSPreparedRequest, event_name: str, **more: Any) -> AWSResponse | None:  # noqa: ARG002
        return self._http.send(request)
