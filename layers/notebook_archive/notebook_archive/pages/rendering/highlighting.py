"""Highlight code with Pygments. The stylesheet defines the colors of its classes."""

from functools import cache

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

# Maximum number of characters that are highlighted, which takes at most three seconds. Longer code is shown as plain
# text.
MAX_CODE_CHARACTERS = 16_000
# The lexer for each language that a notebook may name, in lower case. Pygments has hundreds of lexers. Some, such as
# those for C and Java, take minutes for a page of line breaks, so only the lexers in this table are used.
_LEXERS = {
    "python": "python", "python2": "python", "python3": "python", "ipython": "python", "ipython2": "python",
    "ipython3": "python", "py": "python", "r": "r", "julia": "julia", "sql": "sql", "json": "json", "yaml": "yaml",
    "yml": "yaml", "html": "html", "xml": "html", "javascript": "javascript", "js": "javascript", "bash": "bash",
    "sh": "bash", "shell": "bash",
}  # fmt: skip


def highlight_code(code: str, language: str) -> Markup:
    """Return the code as HTML, without highlighting if it is long or its language is unknown."""
    lexer = _LEXERS.get(language.strip().lower().partition(" ")[0])
    if lexer is None or len(code) > MAX_CODE_CHARACTERS:
        return escape(code)
    return Markup(highlight(code, _make_lexer(lexer), _make_formatter()).removesuffix("\n"))  # noqa: S704 - Pygments escapes the code


@cache
def _make_lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


@cache
def _make_formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)
