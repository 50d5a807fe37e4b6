"""Check that a body is one complete notebook before it is stored, and collect facts about the notebook."""

from notebook_archive.notebook.comparison import is_same_notebook
from notebook_archive.notebook.facts import NotebookFacts
from notebook_archive.notebook.gate import Gate

__all__ = ["Gate", "NotebookFacts", "is_same_notebook"]
