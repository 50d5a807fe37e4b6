"""Code with its words told apart, by Pygments: as classes, which the stylesheet colours."""

from functools import cache

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

CODE_CHARACTERS = 16_000
"""Most characters that are highlighted, three seconds at worst; longer code is shown plain."""
_LEXERS = {
    "python": "python", "python2": "python", "python3": "python", "ipython": "python", "ipython2": "python",
    "ipython3": "python", "py": "python", "r": "r", "julia": "julia", "sql": "sql", "json": "json", "yaml": "yaml",
    "yml": "yaml", "html": "html", "xml": "html", "javascript": "javascript", "js": "javascript", "bash": "bash",
    "sh": "bash", "shell": "bash",
}  # fmt: skip
"""Languages that a notebook may name, in small letters.  Pygments has hundreds, but those of C and Java, for one, take
minutes over a page of line breaks."""


def highlighted(code: str, language: str) -> Markup:
    """Return the code as HTML, plain where it is long or its language unknown."""
    lexer = _LEXERS.get(language.strip().lower().partition(" ")[0])
    if lexer is None or len(code) > CODE_CHARACTERS:
        return escape(code)
    return Markup(highlight(code, _lexer(lexer), _formatter()).removesuffix("\n"))  # noqa: S704 - Pygments escapes all it is given


@cache
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)
