"""The declarations of the commands: one module a command, or a group of commands that belong together.

These modules import only click and this package's light modules at their top, so that `--help` is fast. A command
imports what does its work when it runs.
"""
