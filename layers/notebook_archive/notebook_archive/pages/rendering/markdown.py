"""Markdown of a cell as HTML.

markdown-it-py follows CommonMark and, unlike other parsers, takes time that grows with the text and no faster, also for
text that was written to be slow.
"""

from functools import cache
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import escape
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from notebook_archive.pages.rendering.highlighting import highlighted

MARKDOWN_CHARACTERS = 40_000
"""Most characters of a cell that are parsed, images aside: two seconds at worst."""
_MAX_WORD_LENGTH = 2_000
"""Looking for addresses in a word takes time that grows with the square of its length."""
_BOXES = {"[ ] ": "\u2610 ", "[x] ": "\u2611 ", "[X] ": "\u2611 "}


def markdown_html(text: str) -> str:
    """Return HTML, which is not harmless yet: whatever HTML stood in the text is in it."""
    linkify = max(map(len, text.split()), default=0) <= _MAX_WORD_LENGTH
    return str(_parser(linkify=linkify).render(text))


@cache
def _parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "linkify": linkify, "typographer": False, "highlight": _fence})
    parser.enable(["table", "strikethrough", *(["linkify"] if linkify else [])])
    if parser.linkify is not None:
        parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    parser.use(footnote_plugin).use(dollarmath_plugin, allow_space=True, double_inline=True).use(amsmath_plugin)
    parser.core.ruler.after("block", "tasks", _tasks)
    parser.core.ruler.push("anchors", _anchors)
    parser.core.ruler.push("alignment", _alignment)
    for name in ("math_inline", "math_inline_double", "math_block", "math_block_label", "amsmath"):
        parser.add_render_rule(name, _tex)
    return parser


def _fence(code: str, language: str, _attributes: str) -> str:
    return str(highlighted(code, language))


def _tasks(state: StateCore) -> None:
    """Show the boxes of a task list as signs: a form's fields have no place in a notebook's page."""
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type == "list_item_open" and paragraph.type == "paragraph_open" and inline.content[:4] in _BOXES:
            inline.content = _BOXES[inline.content[:4]] + inline.content[4:]


def _anchors(state: StateCore) -> None:
    """Give headings the ids to which Jupyter's links lead: the text with hyphens for spaces."""
    for heading, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if heading.type == "heading_open":
            heading.attrSet("id", quote(inline.content[:100].replace(" ", "-"), safe="-_.~!*'(),:@/?="))


def _alignment(state: StateCore) -> None:
    """Say how a column is aligned without a style attribute, which no page has."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", "")):
            token.attrSet("align", str(style).removeprefix("text-align:"))


def _tex(_renderer: RendererProtocol, tokens: list[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
    """Leave TeX as it was written; nothing renders it without a script."""
    token = tokens[index]
    if token.type == "math_inline":
        return f'<code class="tex">${escape(token.content)}$</code>'
    if token.type == "amsmath":
        return f'<pre class="tex"><code>{escape(token.content)}</code></pre>'
    return f'<pre class="tex"><code>$${escape(token.content)}$$</code></pre>'
