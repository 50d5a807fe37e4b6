"""Erase the archived versions of notebooks for good: find them, find what prevents it, and delete them.

The plan is made again from the bucket in each call, so an erasure that was interrupted is completed by the same call.
Within a notebook, what names the owner is deleted last. So the same call finds the rest of the notebook.
"""

import json
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import batched, groupby
from typing import Any

import click
from botocore.exceptions import ClientError

from notebook_archive.archive import CopyId, ListedKey, ListedVersion, keys, read_erasures
from notebook_archive.archive.erasures import ERASURE_REFUSED, ERASURE_SCHEMA
from notebook_archive.archive.metadata import decode_metadata
from notebook_archive.archive.s3_errors import is_absent, is_no_version
from notebook_archive.models import ItemId, parse_text
from notebook_archive_cli.errors import CommandError, ExitStatus
from notebook_archive_cli.options import Options
from notebook_archive_cli.reading.catalog import resolve_item
from notebook_archive_cli.running.executions import STATE_MACHINES
from notebook_archive_cli.session import THREADS, Session
from notebook_archive_cli.terminal.output import Output, format_count

# S3 deletes at most this many versions with one request.
MAX_DELETED_AT_ONCE = 1000
# What stays below these prefixes, and whether it contains titles and user names. Objects without them name item ids.
STAYING = (
    ("runs/", "plans, outcomes and reports of runs", True),
    ("restores/", "plans and results of restores", True),
    ("bulk-restores/", "plans and results of bulk restores", True),
    ("restore-tests/", "restore tests", False),
    ("records/", "store records", False),
    ("verifications/", "verifications and findings", False),
    ("acknowledgements/", "what operators wrote about findings", False),
    (keys.ERASURES, "records of erasures", False),
)
_KINDS = {"captures": "capture records", "item.json": "item properties", "deleted.json": "deletion notes"}


@dataclass(frozen=True, slots=True)
class _StoredVersion:
    """One S3 version of an object of a notebook. `owner` is empty if the version does not name one."""

    key: str
    version_id: str
    size: int
    is_marker: bool = False
    owner: str = ""
    title: str = ""
    mode: str = ""
    until: datetime | None = None
    is_held: bool = False

    def find_lock(self, now: datetime) -> str:
        """Return `legal-hold`, `compliance`, `governance` or an empty string."""
        if self.is_held:
            return "legal-hold"
        return self.mode.lower() if self.until and self.until > now else ""


@dataclass(slots=True)
class ErasurePlan:
    """What an erasure deletes. `document` is what the command shows, and `versions` are all S3 versions."""

    owner: str
    item_ids: list[ItemId]
    versions: list[_StoredVersion]
    allowed_roles: list[str]
    caller: str
    running: list[str]
    document: dict[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def deletable(self) -> list[_StoredVersion]:
        """The S3 versions that no lock keeps, or only one that the break-glass role may lift."""
        return [each for each in self.versions if each.find_lock(self.now) in ("", "governance")]

    @property
    def is_prevented(self) -> bool:
        """Whether a lock that nobody may lift keeps a version."""
        return len(self.deletable) < len(self.versions)

    def check(self, options: Options) -> None:
        """Raise CommandError if the erasure cannot begin: the wrong role, everything locked, or something is running.

        Nothing was changed then.
        """
        if self.allowed_roles and not any(is_session_of(self.caller, role) for role in self.allowed_roles):
            role = self.allowed_roles[0]
            raise CommandError(
                "not-break-glass",
                f"The bucket's policy allows only {' and '.join(self.allowed_roles)} to delete versions. You are "
                f"{self.caller}. Nothing was changed.",
                remedy="Assume that role, and run the command again with its credentials. docs/deploy.md says how.",
                command=options.aws_command("sts", "assume-role", "--role-arn", role, "--role-session-name", "erasure"),
                status=ExitStatus.DENIED,
            )
        if not self.deletable:
            untils = [each["until"] for each in self.document["locks"] if each["until"]]
            when = f" The last lock ends at {max(untils)}." if untils else ""
            raise CommandError(
                "everything-locked",
                f"Locks keep all {format_count(len(self.versions), 'version')}, and nobody may lift them.{when}",
                remedy="Wait until the locks end. A legal hold must be removed by whoever placed it. The next command "
                "shows the locks.",
                command=self._plan_command(options),
                status=ExitStatus.FINDING,
            )
        if self.running:
            raise CommandError(
                "something-running",
                f"{self.running[0]} is running. It could archive what is erased, or report it as missing.",
                remedy="Wait until it has ended. Then run the command again.",
                command=options.same_command(),
                status=ExitStatus.UNAVAILABLE,
            )

    def _plan_command(self, options: Options) -> str:
        words = ("--owner", self.owner) if self.owner else (self.item_ids[0],)
        return options.command("erase", *words, "--dry-run")


def is_session_of(caller: str, role: str) -> bool:
    """Return whether the ARN of a caller is that of a role, or of a session of the role.

    The ARN of a session does not contain the path of the role.
    """
    if caller == role:
        return True
    called, wanted = caller.split(":"), role.split(":")
    if len(called) < 6 or len(wanted) < 6 or called[4] != wanted[4]:
        return False
    kind, _, rest = called[5].partition("/")
    return kind == "assumed-role" and rest.partition("/")[0] == wanted[5].rpartition("/")[2]


class ErasurePlanner:
    """Finds what an erasure deletes. It changes nothing. Every method may raise CommandError or an error of AWS."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._s3 = session.client("s3", max_pool_connections=THREADS)
        self._address = {"Bucket": session.stack.output("ArchiveBucket"), "ExpectedBucketOwner": session.stack.account}
        self._output = Output(session.options)

    def plan_item(self, text: str) -> ErasurePlan:
        """Return the plan for one notebook."""
        item_id = resolve_item(self._session, text)
        listed = self._describe(self._session.archive.list_item_versions(item_id))
        if not listed:
            raise CommandError(
                "item-not-found",
                f"The archive has nothing of notebook {item_id}, and no older S3 version of it.",
                remedy="Check the id. The next command lists the notebooks in the archive.",
                command=self._session.options.command("list"),
                status=ExitStatus.NOT_FOUND,
            )
        return self._make_plan("", listed)

    def plan_owner(self, owner: str) -> ErasurePlan:
        """Return the plan for each notebook that has an S3 version with this owner's name."""
        everything = self._describe(self._session.archive.list_versions(keys.SHARDS[0], keys.SHARDS[-1]))
        items = {keys.item_of(each.key) for each in everything if each.owner == owner}
        if not items:
            owners = {each.owner for each in everything if each.owner}
            similar = [each for each in owners if each.casefold() == owner.casefold()]
            similar = similar or get_close_matches(owner, owners, 3)
            hint = f" Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
            raise CommandError(
                "owner-not-found",
                f"No S3 version in the archive names the owner {owner!r}.{hint}",
                remedy="Names are case-sensitive. The next command lists the notebooks and their owners.",
                command=self._session.options.command("list"),
                status=ExitStatus.NOT_FOUND,
            )
        return self._make_plan(owner, [each for each in everything if keys.item_of(each.key) in items])

    def _describe(self, listed: Iterable[ListedKey]) -> list[_StoredVersion]:
        """Return all S3 versions with their locks, and with the owners and titles that they name."""
        pairs = [(each.key, version) for each in listed for version in each.versions]
        described: list[_StoredVersion] = []
        with ThreadPoolExecutor(THREADS, thread_name_prefix="head") as pool:
            for some in batched(pairs, MAX_DELETED_AT_ONCE, strict=False):
                described += filter(None, pool.map(lambda pair: self._describe_version(*pair), some))
                if len(pairs) > MAX_DELETED_AT_ONCE:
                    self._output.progress(f"Read {len(described):,} of {format_count(len(pairs), 'S3 version')}")
        self._output.progress("")
        return described

    def _describe_version(self, key: str, version: ListedVersion) -> _StoredVersion | None:
        """Return an S3 version, or None if it was deleted meanwhile."""
        if version.is_marker:
            return _StoredVersion(key, version.version_id, 0, is_marker=True)
        try:
            head = self._s3.head_object(**self._address, Key=key, VersionId=version.version_id)
            named: Mapping[str, Any] = decode_metadata(head["Metadata"])
            if key.endswith("/item.json"):
                body = self._s3.get_object(**self._address, Key=key, VersionId=version.version_id)["Body"].read()
                named = _parse_properties(body)
        except ClientError as error:
            if is_absent(error) or is_no_version(error):
                return None
            raise
        return _StoredVersion(
            key,
            version.version_id,
            version.size,
            owner=parse_text(named.get("owner")),
            title=parse_text(named.get("title")),
            mode=head.get("ObjectLockMode", ""),
            until=head.get("ObjectLockRetainUntilDate"),
            is_held=head.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def _make_plan(self, owner: str, versions: list[_StoredVersion]) -> ErasurePlan:
        item_ids = sorted({keys.item_of(each.key) for each in versions})
        caller = self._session.client("sts").get_caller_identity()["Arn"]
        plan = ErasurePlan(owner, item_ids, versions, self._find_allowed_roles(), caller, self._list_running())
        policy, lifecycle = plan.allowed_roles, self._read("get_bucket_lifecycle_configuration")
        replication = self._read("get_bucket_replication").get("ReplicationConfiguration", {})
        replicas = {str(each["Destination"]["Bucket"]).rpartition(":")[2] for each in replication.get("Rules", ())}
        by_item = {each: [one for one in versions if keys.item_of(one.key) == each] for each in item_ids}
        plan.document = {
            "status": "planned",
            "erasureId": "",
            "owner": owner,
            "items": [_describe_item(item_id, some, plan.now) for item_id, some in by_item.items()],
            "versions": sum(not each.is_marker for each in versions),
            "bytes": sum(each.size for each in versions),
            "deleteMarkers": sum(each.is_marker for each in versions),
            "kinds": dict(sorted(Counter(_classify(each.key) for each in versions if not each.is_marker).items())),
            "locks": list(_describe_locks(versions, plan.now)),
            "caller": caller,
            "allowedRoles": policy,
            "running": plan.running,
            "replicas": sorted(replicas),
            "staying": [
                {"prefix": prefix, "what": what, "namesPersons": names, "days": _find_days(prefix, lifecycle)}
                for prefix, what, names in STAYING
            ],
        }
        return plan

    def _find_allowed_roles(self) -> list[str]:
        """Return the principals to which the bucket's policy restricts deletions, or an empty list."""
        text = self._read("get_bucket_policy").get("Policy", "")
        statements = json.loads(text).get("Statement", []) if text else []
        roles: list[str] = []
        for each in statements if isinstance(statements, list) else [statements]:
            actions = each.get("Action", [])
            named = [actions] if isinstance(actions, str) else actions
            condition = each.get("Condition", {})
            excepted = [
                value
                for operator in ("StringNotEquals", "ArnNotEquals", "StringNotLike", "ArnNotLike")
                for value in _as_list(condition.get(operator, {}).get("aws:PrincipalArn", []))
            ]
            if each.get("Effect") == "Deny" and any(action.startswith("s3:DeleteObject") for action in named):
                roles += excepted
        return sorted(set(roles))

    def _list_running(self) -> list[str]:
        """Return the names of the runs, verifications and bulk restores that are under way."""
        states, found = self._session.client("stepfunctions"), []
        for machine in STATE_MACHINES:
            arn = self._session.stack.output(machine.output)
            executions = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
            found += [f"The {machine.noun} {each['name']}" for each in executions]
        return found

    def _read(self, operation: str) -> dict[str, Any]:
        """Return a setting of the bucket, or an empty dictionary if the bucket does not have it."""
        try:
            answer: dict[str, Any] = getattr(self._s3, operation)(**self._address)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise
            return {}
        return answer


def erase(session: Session, plan: ErasurePlan, why: str) -> dict[str, Any]:
    """Erase what the plan says, and return the result.

    A record without content is written first. From then on, no verification expects these versions. Raises CommandError
    if AWS refuses every deletion.
    """
    archive, output = session.archive, Output(session.options)
    erasure_id, day = secrets.token_hex(6), plan.now.date()
    record = {
        "schema": ERASURE_SCHEMA,
        "erasureId": erasure_id,
        "at": plan.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "by": plan.caller,
        "why": why,
        "itemIds": plan.item_ids,
        "versions": plan.document["versions"],
        "bytes": plan.document["bytes"],
        "deleteMarkers": plan.document["deleteMarkers"],
        "status": "begun",
    }
    key = keys.erasure_key(day, erasure_id)
    archive.put_document(key, record)
    refused = _delete(session, plan, output)
    left = [
        _StoredVersion(each.key, version.version_id, version.size, is_marker=version.is_marker)
        for item_id in plan.item_ids
        for each in archive.list_item_versions(item_id)
        for version in each.versions
    ]
    is_denied = bool(refused) and len(left) >= len(plan.versions)
    status = ERASURE_REFUSED if is_denied else "partly-erased" if left else "erased"
    archive.put_document(key, {**record, "status": status, "left": len(left)})
    if is_denied:
        raise CommandError(
            "erasure-denied",
            f"S3 refused every deletion ({refused}). Nothing was erased.",
            remedy="Use the break-glass role. Its policy is docs/policies/break-glass.json. The next command shows who "
            "you are.",
            command=session.options.aws_command("sts", "get-caller-identity"),
            status=ExitStatus.DENIED,
        )
    session.ledger.remove_erased(read_erasures(archive))
    remaining = Counter(keys.item_of(each.key) for each in left)
    items = [{**each, "left": remaining[each["itemId"]]} for each in plan.document["items"]]
    return {**plan.document, "status": status, "erasureId": erasure_id, "items": items}


def _delete(session: Session, plan: ErasurePlan, output: Output) -> str:
    """Delete what can be deleted. Return the code of an error if S3 refused a version, or an empty text."""
    s3, done, refused = session.client("s3"), 0, ""
    address = {"Bucket": session.stack.output("ArchiveBucket"), "ExpectedBucketOwner": session.stack.account}

    def order(version: _StoredVersion) -> tuple[str, bool, bool]:
        is_governed = version.find_lock(plan.now) == "governance"
        return keys.item_of(version.key), _names(version, plan.owner), is_governed

    for (_, _, is_governed), group in groupby(sorted(plan.deletable, key=order), key=order):
        for some in batched(group, MAX_DELETED_AT_ONCE, strict=False):
            objects = [{"Key": each.key, "VersionId": each.version_id} for each in some]
            # Only a role with the permission s3:BypassGovernanceRetention may send this header.
            bypass = {"BypassGovernanceRetention": True} if is_governed else {}
            answer = s3.delete_objects(**address, Delete={"Objects": objects, "Quiet": True}, **bypass)
            refused = next((str(each.get("Code", "")) for each in answer.get("Errors", ())), refused)
            done += len(some)
            output.progress(f"{done:,} of {format_count(len(plan.deletable), 'S3 version')}")
    output.progress("")
    return refused


def _names(version: _StoredVersion, owner: str) -> bool:
    """Return whether the plan is found by this version. Without an owner, it is found by its title."""
    return version.owner == owner if owner else bool(version.title)


def _parse_properties(body: bytes) -> Mapping[str, Any]:
    try:
        properties = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return properties if isinstance(properties, dict) else {}


def _describe_item(item_id: ItemId, versions: Sequence[_StoredVersion], now: datetime) -> dict[str, Any]:
    titles = [each.title for each in versions if each.title]
    return {
        "itemId": item_id,
        "title": titles[-1] if titles else "",
        "owners": sorted({each.owner for each in versions if each.owner}),
        "versions": sum(not each.is_marker for each in versions),
        "bytes": sum(each.size for each in versions),
        "deleteMarkers": sum(each.is_marker for each in versions),
        "locked": sum(each.find_lock(now) in ("compliance", "legal-hold") for each in versions),
        "left": len(versions),
    }


def _describe_locks(versions: Sequence[_StoredVersion], now: datetime) -> Iterator[dict[str, Any]]:
    """Yield each kind of lock, with the number of S3 versions and the time at which the last of them ends."""
    for kind in ("governance", "compliance", "legal-hold"):
        locked = [each for each in versions if each.find_lock(now) == kind]
        until = max((each.until for each in locked if each.until), default=None)
        if locked:
            ends = until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if until else ""
            yield {"kind": kind, "versions": len(locked), "until": "" if kind == "legal-hold" else ends}


def _classify(key: str) -> str:
    found = keys.parse_version(key)
    if found:
        return "copies" if isinstance(found[1], CopyId) else "snapshots"
    part = key.removeprefix(keys.notebook_prefix(keys.item_of(key)))
    if part.endswith((".seen", ".captured")):
        return "notes"
    return _KINDS.get(part.partition("/")[0], "others").replace(" ", "-")


def _find_days(prefix: str, lifecycle: Mapping[str, Any]) -> int | None:
    """Return after how many days a lifecycle rule removes all S3 versions below a prefix, or None if none does."""
    days = [
        rule["Expiration"]["Days"] + rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in lifecycle.get("Rules", ())
        if rule.get("Status") == "Enabled"
        and prefix.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "\0")))
        and "Days" in rule.get("Expiration", {})
        and "NoncurrentDays" in rule.get("NoncurrentVersionExpiration", {})
    ]
    return min(days, default=None)


def _as_list(value: Any) -> list[str]:  # noqa: ANN401 - a part of a policy
    return [value] if isinstance(value, str) else list(value)


def ask_reason(options: Options) -> str:
    """Ask on the terminal for the reason. Raises CommandError if there is no terminal."""
    if options.is_json or not sys.stdin.isatty():
        raise CommandError(
            "reason-missing",
            "An erasure needs a reason. Nothing was changed.",
            remedy="Give the reason with --why, for example the number of a request. It must not name the person.",
            command=options.command("erase", "--help"),
            status=ExitStatus.USAGE,
        )
    return str(click.prompt("Reason, without personal data", err=True))
