"""Test that links in documents work, that code blocks parse, and that only the product is described."""

import hashlib
import json
import re
import subprocess
import tomllib

import pytest

from tests.docs.documents import DOCUMENTS, PAGES, README, ROOT, Document

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=repr)


@every_document
def test_link_targets_exist(document: Document) -> None:
    by_path = {each.path: each for each in DOCUMENTS}
    for link in document.links:
        if re.match(r"https://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.path.parent / path).resolve() if path else document.path
        assert target.exists(), link
        assert not anchor or anchor in by_path[target].anchors, link


@every_document
def test_json_blocks_parse(document: Document) -> None:
    for block in document.fences("json"):
        json.loads(block)


@every_document
def test_toml_blocks_parse(document: Document) -> None:
    for block in document.fences("toml"):
        tomllib.loads(block)


@every_document
def test_python_blocks_compile(document: Document) -> None:
    for block in document.fences("python"):
        compile(block, str(document), "exec")


@every_document
def test_shell_blocks_have_valid_syntax(document: Document) -> None:
    for block in document.fences("sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=30)


@every_document
def test_code_blocks_name_their_language(document: Document) -> None:
    languages = set(re.findall(r"^ *```(\S*)$", document.text, re.MULTILINE))
    assert languages <= {"", "sh", "json", "toml", "python", "text", "mermaid"}
    assert sum(1 for line in document.text.splitlines() if line.strip() == "```") * 2 == document.text.count("```")


@every_document
def test_document_mentions_only_the_product(document: Document) -> None:
    assert not re.findall(r"/(?:work|tmp|root)/|\bthis session\b|\bissue #?\d", document.text)


def test_license_is_the_unchanged_apache_text() -> None:
    # The SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt
    known = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == known
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert project["version"] in README.text


def test_messages_name_documents_that_exist() -> None:
    sources = [
        *(ROOT / "layers/notebook_archive").rglob("*.py"),
        *(ROOT / "cli").rglob("*.py"),
        ROOT / "template.yaml",
    ]
    named = {name for path in sources for name in re.findall(r"docs/[\w-]+\.(?:md|json)", path.read_text())}
    assert {"docs/secrets.md", "docs/restricted-account.md"} <= named
    assert all((ROOT / name).is_file() for name in named)


@pytest.mark.parametrize("page", PAGES, ids=repr)
def test_page_begins_with_what_the_reader_can_do(page: Document) -> None:
    beginning = page.text.split("\n## ")[0]
    assert "After reading this page you" in " ".join(beginning.split())
