"""Make an archive without ArcGIS, plant defects in it, and verify it in the same steps as the state machine."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, ArchiveReader, CopyId, Ledger, RunId, SecondPlace, StoreRecord
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.models import ItemId, ResourceKey
from notebook_archive.verification import (
    BatchVerifier,
    guess_wanted,
    plan_verification,
    read_wanted,
    report_verification,
)
from notebook_archive.verification.checks import Batch, Check
from notebook_archive.verification.plan import VerificationPlan
from notebook_archive.verification.report import VerificationReport
from tests.strict_s3 import ACCOUNT, BUCKET, LEDGER_BUCKET, StrictS3, contents, plain_client

RUN = RunId("2026-11-22/nightly")


def notebook(text: object) -> bytes:
    """Return a small valid notebook that contains the text."""
    cell = {"cell_type": "raw", "metadata": {}, "source": str(text)}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}).encode()


def digits(text: object) -> str:
    """Return 32 hexadecimal digits for a text."""
    return hashlib.md5(str(text).encode()).hexdigest()


@dataclass
class Scene:
    """An archive, its ledger, and a clock. `stored` are the records of what was stored and not recorded yet.

    It has no second place until a test gives it one.
    """

    s3: StrictS3
    threads: int = 4
    verify_days: int = 180
    max_hours: float = 6
    seconds: float = 120.0
    night: int = 0
    second_place: SecondPlace | None = None
    stored: list[StoreRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        client = self.s3.client(2)
        self.archive = Archive(client, BUCKET, ACCOUNT, sleep=lambda _: None, jitter=lambda: 0.0)
        self.reader = ArchiveReader(client, BUCKET, ACCOUNT)
        self.ledger = Ledger(client, LEDGER_BUCKET, ACCOUNT)
        self._began = datetime.now(UTC) + timedelta(minutes=10)

    @property
    def now(self) -> datetime:
        """The time at which a verification of this night starts. It is later than everything was written."""
        return self._began + timedelta(days=self.night)

    @property
    def started_at(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def clock(self) -> float:
        return self.now.timestamp() + 60

    # ------------------------------------------------------------------ the archive

    def add_snapshot(self, name: object, body: bytes | None = None, item: object = "") -> str:
        """Store a snapshot as a run does, and return its key. It is not recorded until `record` is called."""
        item_id, key = ItemId(digits(item or name)), ResourceKey(f"snapshot-{digits(name)}.json")
        content = notebook(name) if body is None else body
        digest = hashlib.sha256(content).digest()
        metadata = {"item-id": item_id, "resource-key": key, "run-id": RUN, "sha256": digest.hex(), "title": "Käse"}
        path = self.archive.put_snapshot(item_id, key, content, digest, metadata, {"owner": "ana"}).key
        self.stored.append(StoreRecord(path, len(content), digest.hex()))
        return path

    def add_copy(self, name: object, item: object = "") -> str:
        """Store a copy of the content, like `add_snapshot`."""
        item_id, content = ItemId(digits(item or name)), notebook(f"copy of {name}")
        digest = hashlib.sha256(content).digest()
        copy = CopyId.from_content(1_735_725_600_000, digest)
        metadata = {"item-id": item_id, "run-id": RUN, "sha256": digest.hex()}
        path = self.archive.put_copy(item_id, copy, content, digest, metadata, {"owner": "ana"}).key
        self.stored.append(StoreRecord(path, len(content), digest.hex()))
        return path

    def add_item(self, item: object) -> str:
        """Write an item's properties, and return their key."""
        item_id = ItemId(digits(item))
        self.archive.put_item_properties(item_id, {"id": item_id, "title": "Item"})
        return f"notebooks/{item_id}/item.json"

    def record(self) -> str:
        """Write a store record of everything that is not recorded yet, and return its key."""
        before = contents("records/").keys()
        self.archive.put_store_record(RUN, self.stored)
        self.stored = []
        [key] = contents("records/").keys() - before
        return key

    # ------------------------------------------------------------------ verifications

    def plan(self, name: str, given: Mapping[str, Any] | None = None) -> VerificationPlan:
        run = RunId.from_execution(name, self.started_at)
        wanted = read_wanted(given or {})
        limits = {"verify_days": self.verify_days, "threads": self.threads}
        return plan_verification(run, self.started_at, wanted, self.archive, self.ledger, self.second_place, **limits)

    def batches(self, plan: VerificationPlan) -> list[Batch]:
        """Return the plan's lines, parsed as Step Functions parses them."""
        return [json.loads(line) for line in contents(plan["planKey"])[plan["planKey"]].body.splitlines()]

    def checks(self, plan: VerificationPlan) -> list[Check]:
        return [check for batch in self.batches(plan) for check in batch["checks"]]

    def work(self, name: str, batch: Batch) -> Batch | None:
        """Verify the batch in one invocation, and return the rest of it or None."""
        run = RunId.from_execution(name, self.started_at)
        end = self.now.timestamp() + self.max_hours * 3600
        verifier = BatchVerifier(run, self.archive, self.reader, end, self.clock)
        return verifier.verify(batch, self.threads, Deadline(self.seconds))[1]

    def report(
        self, name: str, plan: VerificationPlan | None, given: object = None, error: dict[str, str] | None = None
    ) -> VerificationReport:
        run = RunId.from_execution(name, self.started_at)
        parts = (guess_wanted(given), plan, error, self.archive, self.ledger, self.threads, self.clock)
        return report_verification(run, self.started_at, *parts)[1]

    def verify(self, name: str = "one", given: Mapping[str, Any] | None = None) -> VerificationReport:
        """Make a whole verification. As in the state machine, a batch that raises is lost."""
        plan = self.plan(name, given)
        for batch in self.batches(plan):
            left: Batch | None = batch
            while left:
                try:
                    left = self.work(name, left)
                except NotebookArchiveError:
                    break
        return self.report(name, plan, given)

    def findings(self, name: str = "one") -> dict[str, dict[str, Any]]:
        """Return the open findings after a verification, by key."""
        path = f"verifications/{self.started_at[:10]}/{name}/findings.jsonl"
        found = [json.loads(line) for line in contents(path)[path].body.splitlines()]
        return {finding["key"]: finding for finding in found}

    def acknowledge(self, finding_id: str) -> None:
        """Settle a finding as an operator does."""
        body = json.dumps({"findingId": finding_id, "at": "2026-11-23T08:00:00Z", "by": "ana", "why": "expected"})
        plain_client().put_object(Bucket=BUCKET, Key=f"acknowledgements/{finding_id}.json", Body=body)


# ---------------------------------------------------------------------- defects


def held(key: str) -> Any:
    """Return moto's own object of the current version."""
    return s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys[key]


def delete(key: str) -> None:
    """Hide an object with a delete marker."""
    plain_client().delete_object(Bucket=BUCKET, Key=key)


def destroy(key: str) -> None:
    """Delete an object with all its versions."""
    s3_backends[ACCOUNT]["aws"].get_bucket(BUCKET).keys.pop(key)


def damage(key: str) -> None:
    """Change a byte of an object, and leave its checksum as it is."""
    body = held(key).value
    held(key).value = body[:20] + bytes([body[20] ^ 1]) + body[21:]


def replace(key: str, body: bytes | None = None) -> str:
    """Store other bytes, with the right checksum and metadata. Return the id of the older S3 version."""
    older = str(held(key).version_id)
    names = {name.removeprefix("x-amz-meta-"): value for name, value in held(key).metadata.items()}
    put_foreign(key, notebook(f"another {key}") if body is None else body, {**names, "sha256": ""})
    return older


def put_foreign(key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
    """Store an object as anybody may. The metadata gets the right SHA-256 if it has one."""
    digest = hashlib.sha256(body)
    described = {name: digest.hexdigest() if name == "sha256" else value for name, value in (metadata or {}).items()}
    plain_client().put_object(
        Bucket=BUCKET,
        Key=key,
        Body=body,
        Metadata=described,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=b64encode(digest.digest()).decode(),
    )


def put_junk(name: object) -> str:
    """Store something that is not a notebook under the key of a snapshot, with right metadata."""
    key = f"notebooks/{digits(name)}/snapshots/snapshot-{digits(name)}.json"
    put_foreign(key, f"Not a notebook: {name}".encode(), {"sha256": ""})
    return key
