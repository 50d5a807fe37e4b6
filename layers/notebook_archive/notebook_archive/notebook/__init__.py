"""The gate that a body passes before it is stored, and the comparison of two notebooks."""

from notebook_archive.notebook.comparison import has_same_cells, is_same_notebook
from notebook_archive.notebook.gate import NotebookFacts, read_facts

__all__ = ["NotebookFacts", "has_same_cells", "is_same_notebook", "read_facts"]
