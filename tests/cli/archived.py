"""Fill the archive of a stack in moto, and damage it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from moto.s3.models import s3_backends

from notebook_archive.archive import Archive, CopyId, Ledger, LedgerEntry, RunId, Shard, keys, spool_lines
from notebook_archive.models import ItemId, ResourceKey
from tests.cli.conftest import ACCOUNT, REGION, MotoStack

RUN = RunId(f"{datetime.now(UTC).date()}/nightly")


def make_id(text: object) -> str:
    """Return 32 hexadecimal digits for a text."""
    return hashlib.md5(str(text).encode()).hexdigest()


def code(source: str, *outputs: dict[str, Any], count: int | None = 1) -> dict[str, Any]:
    """Return a code cell."""
    return {"cell_type": "code", "execution_count": count, "metadata": {}, "source": source, "outputs": list(outputs)}


def markdown(source: str) -> dict[str, Any]:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """Return an output of text."""
    return {"output_type": "stream", "name": name, "text": text}


def make_notebook(*cells: object) -> bytes:
    """Return a notebook with these cells."""
    language = {"name": "python"}
    document = {"cells": cells, "metadata": {"language_info": language}, "nbformat": 4, "nbformat_minor": 2}
    return json.dumps(document).encode()


@dataclass
class Archived:
    """The archive and the ledger of a stack, as a run leaves them."""

    stack: MotoStack

    def __post_init__(self) -> None:
        self.client = boto3.client("s3", REGION)
        self.bucket = self.stack.outputs["ArchiveBucket"]
        self.archive = Archive(self.client, self.bucket, ACCOUNT)
        self.ledger = Ledger(self.client, self.stack.outputs["LedgerBucket"], ACCOUNT)

    def add_snapshot(
        self,
        item: object,
        name: str,
        body: bytes | None = None,
        *,
        created: str = "2025-01-01T10:00:01.000Z",
        title: str = "",
        owner: str = "ana",
    ) -> str:
        """Store a snapshot, and return its key."""
        item_id, key = ItemId(make_id(item)), ResourceKey(f"snapshot-{make_id((item, name))}.json")
        content = make_notebook(code(name)) if body is None else body
        digest = hashlib.sha256(content).digest()
        metadata = {
            "item-id": item_id,
            "resource-key": key,
            "sha256": digest.hex(),
            "snapshot-name": name,
            "snapshot-created": created,
            "title": title or str(item),
            "owner": owner,
            "run-id": RUN,
            "runtime": "ArcGIS Notebook Python 3 Standard",
            "runtime-version": "9.0",
        }
        return self.archive.put_snapshot(item_id, key, content, digest, metadata, {}).key

    def add_copy(self, item: object, modified: int, body: bytes | None = None) -> str:
        """Store a copy of the content as of this time in epoch milliseconds, and return its key."""
        item_id, content = ItemId(make_id(item)), body or make_notebook(code(f"at {modified}"))
        digest = hashlib.sha256(content).digest()
        copy = CopyId.from_content(modified, digest)
        metadata = {"item-id": item_id, "sha256": digest.hex(), "title": str(item), "owner": "ana"}
        return self.archive.put_copy(item_id, copy, content, digest, metadata, {}).key

    def add_item(self, item: object, title: str = "", owner: str = "ana") -> None:
        """Store the properties of an item."""
        item_id = ItemId(make_id(item))
        self.archive.put_item_properties(item_id, {"id": item_id, "title": title or str(item), "owner": owner})

    def note_deletion(self, item: object) -> None:
        """Store the note that the portal does not have the item any more. It is newer than everything else."""
        item_id = ItemId(make_id(item))
        self.archive.put_deletion_note(item_id, {"runId": RUN, "at": "2025-01-02T00:00:00Z"})
        self.held(keys.deletion_key(item_id)).last_modified += timedelta(seconds=5)

    def add_run(self, items: Sequence[object], **states: str) -> None:
        """Store the plan and the report of a run over everything. Items without a state are protected."""
        entries = [{"itemId": make_id(item), "title": str(item), "owner": "ana", "archived": ""} for item in items]
        with spool_lines([{"number": 1, "part": 0, "notebooks": entries}]) as lines:
            self.archive.put_lines_once(keys.plan_key(RUN), lines)
        others = [{"itemId": make_id(item), "state": state} for item, state in states.items()]
        report = {"schema": 2, "runId": RUN, "scope": "everything", "status": "complete", "notProtected": others}
        report |= {"startedAt": "2025-01-03T02:00:00.000Z", "endedAt": "2025-01-03T02:01:00.000Z"}
        self.archive.put_document(keys.report_key(RUN), report)

    def record(self, key: str, body: bytes, **known: Any) -> None:
        """Write the shard of the ledger that a version belongs to, with only this version."""
        entry = LedgerEntry(key, len(body), hashlib.sha256(body).hexdigest(), str(RUN), **known)
        self.ledger.write_shard(keys.shard_of(key), Shard(datetime.now(UTC).date(), {key: entry}))

    def held(self, key: str) -> Any:
        """Return moto's own object of the current version."""
        return s3_backends[ACCOUNT]["aws"].get_bucket(self.bucket).keys[key]

    def damage(self, key: str) -> None:
        """Change a byte of an object, and leave its checksum as it is."""
        body = self.held(key).value
        self.held(key).value = body[:20] + bytes([body[20] ^ 1]) + body[21:]

    def replace(self, key: str, body: bytes) -> str:
        """Store other bytes with right checksum and metadata, as somebody might. Return the older S3 version."""
        older = self.held(key)
        names = {name.removeprefix("x-amz-meta-"): value for name, value in older.metadata.items()}
        names["sha256"] = hashlib.sha256(body).hexdigest()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=names, ChecksumAlgorithm="SHA256")
        return str(older.version_id)
