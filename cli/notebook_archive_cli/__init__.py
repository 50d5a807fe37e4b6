"""The operator's command `notebook-archive`.

`main.py` lists the commands, and `commands/` declares their arguments, one module a command. What does the work is in
the packages `reading`, `running`, `restoring`, `accounts`, `erasing` and `doctor`. A command reads a document (a
dictionary with JSON's types) and shows it with `terminal`: as JSON with `--json`, otherwise as text. So both say the
same.
"""
