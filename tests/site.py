"""Define a site for tests: one ArcGIS, one bucket and secrets. It makes runs in the same steps as the state machine."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends

from local.arcgis import Deployment, Item
from notebook_archive.arcgis.discovery import Discovery
from notebook_archive.arcgis.routes import Routes
from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.archive import Archive, ArchiveReader, RunId
from notebook_archive.backup.job import ArchiveContext, CaptureSettings
from notebook_archive.clock import Deadline
from notebook_archive.errors import NotebookArchiveError, SecretMissing
from notebook_archive.runs import archive_batch, plan_run, read_item_ids, report_run
from notebook_archive.runs.batch import Batch
from notebook_archive.runs.counts import Counts
from notebook_archive.runs.notices import INCOMPLETE
from notebook_archive.runs.plan import Plan
from notebook_archive.runs.protection_figures import STATES
from notebook_archive.runs.report import Report
from notebook_archive.runs.run_input import Scope, read_scope
from notebook_archive.settings import Route
from tests.strict_s3 import ACCOUNT, BUCKET, COPIES, KEPT, StrictS3, contents

STARTED_AT = "2026-11-22T02:00:00.000Z"
PREFIX = "notebook-archive"


@dataclass
class Site:
    """Everything that a run uses. `secrets` maps names to secrets. Members with `has_secret` in the seed have one."""

    deployment: Deployment
    ca_bundle: Path
    s3: StrictS3
    route: Route = "auto"
    threads: int = 4
    batch_size: int = 100
    max_snapshot_bytes: int = 20_000_000
    archive_current: bool = False
    seconds: float = 120.0
    attempts: int = 2
    captures: bool = False
    rotates: bool = False
    slots: int = 5
    pause_seconds: float = 0.0
    started_at: str = STARTED_AT
    secrets: dict[str, str] = field(default_factory=dict)
    secrets_read: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for user in self.deployment.users:
            if user.has_secret:
                name = f"{PREFIX}/admin" if user.role == "admin" else f"{PREFIX}/owners/{user.username}"
                self.secrets[name] = json.dumps({"username": user.username, "password": user.password})
        self._client = self.s3.client(self.attempts)
        self.start()

    def start(self) -> None:
        """Start a new container, which has no token, no connection, and no results of discovery."""
        context = make_tls_context(self.ca_bundle.read_text(), strict=True)
        transport = Transport(context, connections=self.threads, sleep=lambda _: None, jitter=lambda: 0.0)
        url = self.deployment.portal_url
        self.routes = Routes(transport, url, self.route, Discovery(""), PREFIX, self._read_secret)
        self.archive = Archive(self._client, BUCKET, ACCOUNT, sleep=lambda _: None, jitter=lambda: 0.0)
        reader = ArchiveReader(self._client, BUCKET, ACCOUNT)
        self.context = ArchiveContext(
            self.routes,
            self.archive,
            self.deployment.portal_url,
            self.max_snapshot_bytes,
            self.archive_current,
            CaptureSettings(reader, self.slots, self.rotates, self.pause_seconds) if self.captures else None,
        )

    def _read_secret(self, name: str) -> str:
        self.secrets_read.append(name)
        if name not in self.secrets:
            raise SecretMissing(f"There is no secret {name!r}.")
        return self.secrets[name]

    def plan(self, name: str = "one", item_ids: Sequence[object] | None = None) -> Plan:
        run = RunId.from_execution(name, self.started_at)
        chosen = read_item_ids({} if item_ids is None else {"itemIds": list(item_ids)})
        administrator = self.routes.portal(Deadline(self.seconds))
        sizes = {"batch_size": self.batch_size, "threads": self.threads}
        return plan_run(run, self.started_at, administrator, self.archive, chosen, **sizes)

    def batches(self, plan: Plan) -> list[Batch]:
        """Return the plan's lines, parsed as Step Functions parses them."""
        return [json.loads(line) for line in contents(plan["planKey"])[plan["planKey"]].body.splitlines()]

    def work(self, name: str, batch: Batch) -> Batch | None:
        """Archive the batch in one invocation, and return the rest of it or None."""
        run = RunId.from_execution(name, self.started_at)
        return archive_batch(batch, run, self.context, self.threads, Deadline(self.seconds))[1]

    def report(
        self, name: str, plan: Plan | None, error: dict[str, str] | None = None, asked: Scope = "everything"
    ) -> Report:
        run, deadline = RunId.from_execution(name, self.started_at), Deadline(self.seconds)
        return report_run(run, self.archive, self.started_at, plan, error, self.threads, deadline, asked=asked)[1]

    def run(self, name: str = "one", item_ids: Sequence[object] | None = None) -> Report:
        """Make a whole run. As in the state machine, a batch that raises is lost, and a failed plan is reported."""
        try:
            plan = self.plan(name, item_ids)
        except NotebookArchiveError as error:
            cause = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            asked = read_scope({} if item_ids is None else {"itemIds": item_ids})
            return self.report(name, None, {"Error": type(error).__name__, "Cause": cause}, asked)
        for batch in self.batches(plan) if plan["batches"] else ():
            left: Batch | None = batch
            while left:
                try:
                    left = self.work(name, left)
                except NotebookArchiveError:
                    break
        return self.report(name, plan)

    def item(self, title: str) -> Item:
        """Return the notebook with that title."""
        return next(item for item in self.deployment.organisation.notebooks() if item.title == title)

    def sources(self) -> dict[str, bytes]:
        """Return what the archive should contain: every snapshot of the organization, by its key."""
        return {
            f"notebooks/{item.id}/snapshots/{snapshot.resource_key}": (
                snapshot.content if isinstance(snapshot.content, bytes) else snapshot.content.read_bytes()
            )
            for item in self.deployment.organisation.notebooks()
            for snapshot in item.snapshots
        }

    def present(self) -> dict[str, bytes]:
        """Return what the archive should contain of the current content, by its key."""
        bodies = (
            (item, item.content if isinstance(item.content, bytes) else item.content.read_bytes())
            for item in self.deployment.organisation.notebooks()
        )
        return {
            f"notebooks/{item.id}/current/{item.modified}-{hashlib.sha256(body).hexdigest()[:12]}.ipynb": body
            for item, body in bodies
        }


def stored_snapshots() -> dict[str, bytes]:
    """Return the archived snapshots by key."""
    return {key: stored.body for key, stored in contents("notebooks/").items() if KEPT.fullmatch(key)}


def check_archive(site: Site, ever: dict[str, bytes] | None = None) -> None:
    """Check what must always be true: each archived snapshot is complete, has the right bytes and was written once.

    `ever` contains versions that the organization no longer has.
    """
    sources = site.sources() | site.present() | (ever or {})
    for key, stored in contents("notebooks/").items():
        if KEPT.fullmatch(key) or COPIES.fullmatch(key):
            digest = hashlib.sha256(stored.body)
            assert stored.body == sources[key], "byte for byte what ArcGIS has"
            assert stored.metadata["sha256"] == digest.hexdigest()
            assert stored.versions == 1, "never overwritten"
            assert {"cells", "nbformat"} <= json.loads(stored.body, strict=False).keys()
    for key, stored in contents("runs/").items():
        for outcome in json.loads(stored.body).get("outcomes", ()) if "/outcomes/" in key else ():
            for claimed in outcome["archived"]:
                body = sources[claimed["key"]]
                assert stored_body(claimed["key"]) == body, "the archive contains every version that an outcome lists"
                assert (claimed["bytes"], claimed["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    for key, (size, sha256) in list_recorded().items():
        assert (size, sha256) == (len(sources[key]), hashlib.sha256(sources[key]).hexdigest())
        assert stored_body(key) == sources[key], "the archive contains every version that a store record lists"
    assert site.s3.broken == []


def list_recorded(run: str = "") -> dict[str, tuple[int, str]]:
    """Return the size and the SHA-256 of each version that the store records list, by its key. `run` selects a run."""
    return {
        version["key"]: (version["bytes"], version["sha256"])
        for key, stored in contents(f"records/{run}").items()
        for version in json.loads(stored.body)["versions"]
    }


def put_lines(key: str, lines: Iterable[object]) -> None:
    """Write JSON Lines to the bucket without the checks of StrictS3. An existing object is replaced."""
    body = "".join(json.dumps(line) + "\n" for line in lines)
    s3_backends[ACCOUNT]["aws"].put_object(BUCKET, key, body.encode())


def stored_body(key: str) -> bytes:
    return contents(key)[key].body


def check_report(report: Report) -> None:
    """Check that the report's figures add up, and that each failure has a remedy."""
    for counts in (report["notebooks"], report["snapshots"]):
        assert counts["attempted"] == _sum(counts)
    notebooks = report["notebooks"]
    protection, named = report["protection"], report["notProtected"]
    assert sum(protection.values()) == notebooks["attempted"]
    assert len(named) == notebooks["attempted"] - protection["protected"]
    assert all(protection[state] == sum(each["state"] == state for each in named) for state in STATES[1:])
    assert len(report["failed"]) == sum(notebooks["failed"].values())
    assert len(report["skipped"]) + len(report["unprotected"]) == sum(notebooks["skipped"].values())
    for entry in (*report["failed"], *report["skipped"], *report["unprotected"], *named):
        assert entry["reason"]
        assert entry["remedy"]
    assert (report["status"] == "complete") == (not report["failed"] and not report["error"] and not _short(report))


def _sum(counts: Counts) -> int:
    return counts["archived"] + counts["unchanged"] + sum(counts["skipped"].values()) + sum(counts["failed"].values())


def _short(report: Report) -> bool:
    unprotected, attempted = len(report["unprotected"]), report["notebooks"]["attempted"]
    return bool(INCOMPLETE & {n["reason"] for n in report["notices"]}) or 0 < attempted == unprotected


def read_report(name: str = "one") -> Any:
    """Return the report from the bucket."""
    return json.loads(stored_body(f"runs/2026-11-22/{name}/report.json"))
