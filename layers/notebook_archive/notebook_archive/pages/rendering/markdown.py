"""Render the Markdown of a cell as HTML.

markdown-it-py follows CommonMark. Unlike with other parsers, the time grows only in proportion to the text, even if the
text was written to make parsing slow.
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

from notebook_archive.models.graphemes import cut_text
from notebook_archive.pages.rendering.formulas import Formulas
from notebook_archive.pages.rendering.highlighting import highlight_code

# Maximum number of characters in a cell without its images. Parsing them takes at most two seconds.
MAX_MARKDOWN_CHARACTERS = 40_000
# Maximum number of characters in a word that is searched for addresses. The time grows with the square of the length.
_MAX_WORD_LENGTH = 2_000
# The name of the formulas in the environment that the parser passes on.
_FORMULAS = "formulas"
_BOXES = {"[ ] ": "\u2610 ", "[x] ": "\u2611 ", "[X] ": "\u2611 "}


def render_markdown(text: str, formulas: Formulas) -> str:
    """Return HTML that must still be sanitized, because HTML in the text is passed through.

    The text's formulas are added to `formulas`. Images with their addresses stand for them.
    """
    linkify = max(map(len, text.split()), default=0) <= _MAX_WORD_LENGTH
    return str(_make_parser(linkify=linkify).render(text, {_FORMULAS: formulas}))


@cache
def _make_parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": True, "linkify": linkify, "typographer": False, "highlight": _highlight_fence}
    )
    parser.enable(["table", "strikethrough", *(["linkify"] if linkify else [])])
    if parser.linkify is not None:
        parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    # Without `allow_digits`, "$5 and $6" is not a formula.
    parser.use(footnote_plugin).use(dollarmath_plugin, allow_space=True, allow_digits=False, double_inline=True)
    parser.use(amsmath_plugin)
    parser.core.ruler.after("block", "tasks", _replace_task_boxes)
    parser.core.ruler.push("anchors", _add_heading_ids)
    parser.core.ruler.push("alignment", _move_alignment)
    for name in ("math_inline", "math_inline_double", "math_block", "math_block_label", "amsmath"):
        parser.add_render_rule(name, _render_formula)
    return parser


def _highlight_fence(code: str, language: str, _attributes: str) -> str:
    return str(highlight_code(code, language))


def _replace_task_boxes(state: StateCore) -> None:
    """Show the check boxes of a task list as characters, because a page of a notebook has no form fields."""
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type == "list_item_open" and paragraph.type == "paragraph_open" and inline.content[:4] in _BOXES:
            inline.content = _BOXES[inline.content[:4]] + inline.content[4:]


def _add_heading_ids(state: StateCore) -> None:
    """Give headings the ids that Jupyter's links use: the text with hyphens instead of spaces."""
    for heading, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if heading.type == "heading_open":
            heading.attrSet("id", quote(cut_text(inline.content, 100).replace(" ", "-"), safe="-_.~!*'(),:@/?="))


def _move_alignment(state: StateCore) -> None:
    """Align columns with `align`, because style attributes are removed from pages."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", "")):
            token.attrSet("align", str(style).removeprefix("text-align:"))


def _render_formula(
    _renderer: RendererProtocol, tokens: list[Token], index: int, _options: OptionsDict, env: EnvType
) -> str:
    """Return what stands for the formula, or the formula as it was written if it cannot be converted."""
    token = tokens[index]
    is_block = token.type != "math_inline"
    formula = env[_FORMULAS].add(token.content, is_block=is_block)
    if formula is None:
        marks = {"math_inline": "$", "amsmath": ""}.get(token.type, "$$")
        tex = f'<code class="tex">{escape(marks + token.content + marks)}</code>'
        return f'<pre class="tex">{tex}</pre>' if is_block and token.block else tex
    return f"<p>{formula}</p>" if is_block and token.block else formula
