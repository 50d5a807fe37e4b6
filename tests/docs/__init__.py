"""Whether the documents are true of the code."""
