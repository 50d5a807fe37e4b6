"""Show long results in a pager."""

import os

import click
from rich.pager import Pager


class TextPager(Pager):
    """Shows a text with the program that PAGER names, or with less."""

    def show(self, content: str) -> None:
        """Show a text. less prints it at once if it fits on one page."""
        os.environ.setdefault("LESS", "FRX")
        click.echo_via_pager(content, color=True)
