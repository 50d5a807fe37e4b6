"""Test that every command, path and name in the documents exists."""

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch

import pytest

from local.arcgis.switches import Switches
from local.documents import named_errors
from notebook_archive import errors
from notebook_archive.archive import store
from notebook_archive.events import DetailType
from notebook_archive.metrics import Metric
from tests.docs.documents import DOCUMENTS, ERRORS, FORMAT, OPERATIONS, ROOT, Document, code_in
from tests.template.rendered import template

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=repr)

TEMPLATE = template()
PARAMETERS = TEMPLATE["Parameters"]
STATES = [
    name
    for path in (ROOT / "statemachines").iterdir()
    for name in re.findall(r'^ +"(\w+)": \{\n +"Type"', path.read_text(), re.MULTILINE)
]
TARGETS = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
STAGES = {name for name in tomllib.loads((ROOT / "samconfig.toml").read_text()) if name not in {"version", "default"}}
# docs/local.md writes this stage, because its parameters differ each time.
STAGES.add("local")

# Names in CamelCase that are not in the template. They come from AWS, Python or this project.
OTHER_NAMES = {
    *("ReportRun", "ItemBatcher", "ResultWriter", "BuildArchitecture", "ArchiveRunCompleted", "ChecksumSHA256"),
    *("SnapshotArchiveRequested", "DetailType", "FailedEntryCount", "ForAllValues", "StringEquals"),
    *("ReplicationLatency", "OperationsFailedReplication", "SourceBucket", "DestinationBucket", "RuleId"),
    *("ObjectReplicationStatuses", "EligibleForReplication", "SourceAccount", "SourceStack", "BucketName"),
    *("SSLContext", "DeleteMarkers", "LastModified", "NaN", "NotebookArchive", "ArcGIS"),
}


def _commands(document: Document) -> Iterator[str]:
    yield from document.code
    for block in document.fences("sh"):
        yield from block.splitlines()


@every_document
def test_make_targets_exist(document: Document) -> None:
    for command in _commands(document):
        for target in re.findall(r"^make ([a-z]+)", command):
            assert target in TARGETS, command
        for stage in re.findall(r"STAGE=(\w+)", command):
            assert stage in STAGES, command


@every_document
def test_paths_exist(document: Document) -> None:
    top = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} | {".ci", ".python-version"}
    for code in document.code:
        if code.split("/")[0] in top and re.fullmatch(r"[\w.*/-]+", code):
            assert list(ROOT.glob(code.rstrip("/"))), code


@every_document
def test_names_in_camel_case_exist(document: Document) -> None:
    classes = {name for name in vars(errors) if name[0].isupper()}
    known = {
        *PARAMETERS,
        *TEMPLATE["Outputs"],
        *TEMPLATE["Resources"],
        *classes,
        *STATES,
        *DetailType,
        *Metric,
        *OTHER_NAMES,
    }
    for code in document.code:
        for name in re.findall(r"(?<![\w./:-])[A-Z][a-z]+(?:[A-Z][A-Za-z0-9]*)+(?![\w./:-])", code):
            assert name in known, code


@every_document
def test_documented_parameter_values_are_allowed(document: Document) -> None:
    for code in (*document.code, *document.fences("toml")):
        for name, value in re.findall(r"(?:^|\")([A-Z]\w+[a-z])=([^\"\n]*)", code):
            parameter = PARAMETERS[name]
            text = value.strip("'")
            assert "AllowedValues" not in parameter or text in map(str, parameter["AllowedValues"]), code
            for part in text.split(",") if parameter["Type"] == "CommaDelimitedList" else [text]:
                assert re.match(parameter.get("AllowedPattern", ""), part), code


@every_document
def test_outputs_exist(document: Document) -> None:
    blocks = "\n".join(document.fences("sh"))
    named = re.findall(r"OutputKey=='(\w+)'|\$\(output (\w+)\)", blocks)
    assert {name for pair in named for name in pair if name} <= set(TEMPLATE["Outputs"])


@every_document
def test_names_in_capitals_exist(document: Document) -> None:
    environment = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    values = {
        str(value) for each in PARAMETERS.values() for value in (*each.get("AllowedValues", ()), each.get("Default"))
    }
    states = {"SUCCEEDED", "FAILED", "RUNNING", "TIMED_OUT", "PENDING", "COMPLETED"}
    elsewhere = {"REQUESTS_CA_BUNDLE", "TOKEN", "NO_COLOR", "ITEM", "VERSION", "COMMAND", "SHELL"}
    elsewhere |= {"HTTPS_PROXY", "PIP_CERT", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "PARAMETERS", "PATH"}
    elsewhere |= {
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "USERNAME",
        "BAD",
        "KEY",
        "LICENSE",
        "RUN",
        "API",
    }
    for code in document.code:
        if re.fullmatch(r"[A-Z][A-Z_]+", code) and not code.startswith("GWM"):
            assert code in environment | values | states | elsewhere, code


def test_every_reason_without_an_error_is_explained() -> None:
    by_hand = [*ERRORS.section("Reasons without an error").table("reason"), *ERRORS.section("Notices").table("reason")]
    explained = [code_in(row[0])[0] for row in by_hand]
    package = ROOT / "layers/notebook_archive/notebook_archive"
    written = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r'(?:"reason":|^UNPROTECTED =) "([a-z-]+)"', path.read_text(), re.MULTILINE)
    }
    assert sorted(explained) == sorted(written)
    assert all(cell for row in by_hand for cell in row[-2:])


def test_every_error_has_a_meaning_and_a_remedy() -> None:
    classes = list(named_errors(errors.NotebookArchiveError))
    rows = {code_in(row[1])[0]: row for row in ERRORS.section("Errors").table("reason")}
    assert rows.keys() == {cls.__name__ for cls in classes}
    assert all(len(meaning) > 20 and remedy for _, _, meaning, remedy in rows.values())


def test_documented_limits_match_the_template() -> None:
    assert PARAMETERS["AlarmAfterHours"]["MaxValue"] == 168
    assert "168 at most" in OPERATIONS.prose
    timeout = re.search(r'"TimeoutSeconds": (\d+)', (ROOT / "statemachines/archive_run.asl.yaml").read_text())
    assert timeout
    assert int(timeout[1]) == 7 * 24 * 3600
    queue = TEMPLATE["Resources"]["ScheduleDeadLetterQueue"]["Properties"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_page_says_what_is_deleted_with_the_stack() -> None:
    resources = TEMPLATE["Resources"]
    assert resources["ArchiveBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    policy_stays = resources["ArchiveBucketPolicy"].get("DeletionPolicy") == "RetainExceptOnCreate"
    assert policy_stays != ("and the bucket's policy" in OPERATIONS.section("Delete the stack").prose)


def test_contributing_page_mentions_the_switches() -> None:
    assert Switches.__doc__
    assert "local/arcgis/switches.py" in Document(ROOT / "CONTRIBUTING.md").code


def test_documented_format_version_matches_the_code() -> None:
    assert f"Its version is {store.SCHEMA}" in FORMAT.prose


@every_document
def test_shell_names_are_defined_before_their_use(document: Document) -> None:
    """A reader who pastes the blocks of a page in their order must not run a command with an empty value."""
    defined = {"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    for block in document.fences("sh"):
        without_literals = re.sub(r"'[^']*'", "", block)
        for line in without_literals.splitlines():
            found = re.findall(r"(?<![\w$-])(\w+)(?:=|\(\) \{)|read -rs? ([\w ]+)", line)
            defined |= {name for groups in found for names in groups for name in names.split()}
            used = re.findall(r"\$\{?([A-Za-z_]\w*)", line) + re.findall(r"(?:^|\$\()(output|invoke) ", line)
            assert defined.issuperset(used), line


@every_document
def test_written_credential_files_are_ignored_by_git(document: Document) -> None:
    ignored = [line[1:] for line in (ROOT / ".gitignore").read_text().splitlines() if line.startswith("/")]
    for command in _commands(document):
        for name in re.findall(r"--secret-string file://(\S+)", command):
            assert any(fnmatch(name, pattern) for pattern in ignored), name
