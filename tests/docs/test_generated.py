"""Test that the generated parts of the documents match the code."""

from pathlib import Path

import pytest

from local.documents import generated_documents

DOCUMENTS = generated_documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_document_matches_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path], "the document is outdated; run: make docs"
