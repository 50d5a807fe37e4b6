"""The gate that a body passes before it is stored, and the facts of a notebook that it learns on the way."""

from notebook_archive.notebook.comparison import is_same_notebook
from notebook_archive.notebook.facts import NotebookFacts
from notebook_archive.notebook.gate import Gate

__all__ = ["Gate", "NotebookFacts", "is_same_notebook"]
