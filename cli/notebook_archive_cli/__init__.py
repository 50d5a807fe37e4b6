"""The operator's command `notebook-archive`.

`main.py` lists the commands, and `commands/` declares their arguments, one module a command. A command reads a document
(a dictionary with JSON's types) and shows it: as JSON with `--json`, otherwise as text. So both say the same.
"""
