"""The checks of a verification: lines of its plan, which batches work on."""

from typing import Literal, NotRequired, TypedDict

# *read*: read a version whole. *head*: compare a version's size and checksums without its bytes. *missing*: look
# whether a version is really gone. *document*: read one of the archive's JSON documents. *foreign*: look whether a key
# that nobody knows still exists. *record*: read a store record or another document of evidence.
CheckKind = Literal["read", "head", "missing", "document", "foreign", "record"]


class Subject(TypedDict):
    """An object in the bucket. `versionId` is one of its S3 versions, or empty for the current one."""

    key: str
    versionId: str


class Check(Subject):
    """One object to check.

    `older` are the ids of older S3 versions, the
    newest first. `bytes` and `sha256` are what the ledger records of a version, and absent if it records nothing.
    `since` is the time since which a version is not proved, in epoch milliseconds.
    """

    kind: CheckKind
    older: NotRequired[list[str]]
    bytes: NotRequired[int]
    sha256: NotRequired[str]
    since: NotRequired[int]


class Batch(TypedDict):
    """A line of the plan. `number` starts at 1. `part` counts how often the batch was returned unfinished."""

    number: int
    part: int
    checks: list[Check]
