"""The generated parts of the documents are those that the code gives."""

from pathlib import Path

import pytest

from local.documents import generated_documents

DOCUMENTS = generated_documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_document_agrees_with_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path], "outdated, so run: make docs"
