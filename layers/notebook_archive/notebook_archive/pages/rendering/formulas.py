"""Show formulas as MathML, which browsers draw without a script.

math-core converts TeX to MathML Core. Its parser recurses, and too deep a recursion would end the process. So a formula
has limits, and a formula that defines commands is not converted. The MathML is sanitized like the HTML of a notebook.
"""

import re
from functools import cache

import nh3
from markupsafe import Markup
from math_core import LatexError, LatexToMathML

# Maximum number of characters of a formula, and of braces that are open at once. A stack of 8 MB is enough for 3,000
# nested parts. A command of four characters can begin a nested part.
MAX_FORMULA_CHARACTERS = 4_000
_MAX_BRACES = 100
# Maximum number of commands and signs in a row, without a letter or a digit between them. To find the space after an
# operator or an opening bracket, math-core parses what follows it twice. So with each `\sin(` or `\bigl(` in a row, it
# needs twice the time. Subscripts, superscripts and spaces do not end such a row.
_MAX_ROW = 12
_NO_END = re.compile(r"\\[hm](?:space\*?|kern|skip) *\{[^{}]*\}|[_^] *(?:\{[^{}]*\}|\\[A-Za-z]+|\\.|.)?", re.DOTALL)
_ROW = re.compile(r"(?:(?:\\[A-Za-z]+|\\.|[^A-Za-z0-9\\\s])\s*)" + f"{{{_MAX_ROW + 1}}}", re.DOTALL)
# Maximum number of characters of the MathML of a formula. Some characters become fifty characters of MathML.
_MAX_MATHML_CHARACTERS = 100_000
# Maximum number of reasons in a note, and of characters of each.
_MAX_REASONS = 5
_MAX_REASON_LENGTH = 120
# Some commands of math-core are defined by others, so the number must not be 0.
_MAX_EXPANSIONS = 50
# Commands that define commands. With them, a short formula could be nested without limit.
_DEFINITION = re.compile(r"\\(?:[egx]?def|let|futurelet|global|renewcommand|provide\w*|new\w*|Declare\w*)(?![A-Za-z])")
# Formulas are not numbered, because a number is only right if all formulas of a notebook are counted.
_NUMBERED = re.compile(r"\\(begin|end)\{(equation|align|gather|multline)\}")
_LABEL = re.compile(r"\\(?:label\{[^{}]*\}|(?:nonumber|notag)(?![A-Za-z]))")
_TAG = re.compile(r"\\tag\*?\{([^{}]*)\}")
_REFERENCE = re.compile(r"\\(?:eq)?ref(?![A-Za-z])")
# What MathJax accepts but math-core does not, and what replaces it.
_REPLACEMENTS = (
    (re.compile(r"\\mbox(?![A-Za-z])"), r"\\text"),
    (re.compile(r"\\pmb(?![A-Za-z])"), r"\\boldsymbol"),
    (re.compile(r"\\begin\{eqnarray\*?\}"), r"\\begin{array}{rcl}"),
    (re.compile(r"\\end\{eqnarray\*?\}"), r"\\end{array}"),
    (re.compile(r"\\(begin|end)\{split\}"), r"\\\1{aligned}"),
    (re.compile(r"\\left *<"), r"\\left\\langle "),
    (re.compile(r"\\right *>"), r"\\right\\rangle "),
)
# A whole text that is one formula, as sympy and IPython write it.
_ONLY_FORMULA = re.compile(
    r"\s*(?:\$\$(?P<block>[^$]+)\$\$|\$(?P<inline>[^$]+)\$|\\\[(?P<square>.+)\\\]|\\\((?P<round>.+)\\\)"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]{1,20}\*?)\}.+\\end\{(?P=name)\}))\s*",
    re.DOTALL,
)
_ADDRESS = re.compile(r"formula:([0-9]{1,6})")
_STYLE = re.compile(r' style="([^"]*)"')
_LENGTH = re.compile(r"-?[0-9]?(?:\.[0-9]{1,9})?(?:r?em)?")
# Declarations in the styles that math-core writes, and the class for each, because pages allow no styles.
_CLASSES = {
    "text-align: right": "right",
    "text-align: left": "left",
    "padding-left:1em": "apart",
    "border-left": "line-left",
    "border-right": "line-right",
    "border-top": "line-top",
}
# Attributes whose values are lengths. A long one could cover other parts of the page.
_LENGTHS = frozenset(("lspace", "rspace", "width", "linethickness", "minsize", "maxsize"))
_TAGS = frozenset((
    "math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
    "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd",
    "mtext", "mtr", "munder", "munderover",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "accent", "accentunder", "display", "displaystyle", "fence", "form", "largeop", "mathvariant", "movablelimits",
    "notation", "scriptlevel", "separator", "stretchy", "symmetric", *_LENGTHS,
))  # fmt: skip


class FormulaError(ValueError):
    """A formula can be shown only as TeX. The message says why."""


class Formulas:
    """The formulas of one text.

    The address of an image stands for each of them until the text is sanitized, so that MathML in the text is removed
    but a formula is not. Each address stands for its formula once.
    """

    def __init__(self) -> None:
        self._converted: list[Markup | None] = []
        # The reasons why formulas are shown as TeX, each once.
        self.reasons: list[str] = []

    def add(self, tex: str, *, is_block: bool) -> str | None:
        """Return HTML that stands for the formula, or None if the formula can be shown only as TeX."""
        try:
            formula = convert_tex(tex, is_block=is_block)
        except FormulaError as error:
            if str(error) not in self.reasons and len(self.reasons) < _MAX_REASONS:
                self.reasons.append(str(error))
            return None
        self._converted.append(formula)
        return f'<img src="formula:{len(self._converted) - 1}">'

    def take(self, source: str) -> Markup | None:
        """Return the formula that the address of an image stands for, or None if it stands for none."""
        match = _ADDRESS.fullmatch(source)
        if not match or int(match[1]) >= len(self._converted):
            return None
        formula, self._converted[int(match[1])] = self._converted[int(match[1])], None
        return formula


def convert_tex(tex: str, *, is_block: bool) -> Markup:
    """Return a formula as MathML that is safe in a page, or raise FormulaError."""
    if len(tex) > MAX_FORMULA_CHARACTERS:
        raise FormulaError(f"it has more than {MAX_FORMULA_CHARACTERS:,} characters")
    if _count_open_braces(tex) > _MAX_BRACES:
        raise FormulaError("it is nested too deeply")
    if _ROW.search(_NO_END.sub("", tex)):
        raise FormulaError("it has too many operators or brackets in a row")
    if _DEFINITION.search(tex):
        raise FormulaError("it defines commands")
    if _REFERENCE.search(tex):
        raise FormulaError("it refers to the number of another formula")
    tex = _TAG.sub(r"\\qquad(\\text{\1})", _LABEL.sub("", _NUMBERED.sub(r"\\\1{\2*}", tex)))
    for pattern, replacement in _REPLACEMENTS:
        tex = pattern.sub(replacement, tex)
    try:
        mathml = _make_converter().convert_with_local_state(tex, displaystyle=is_block)
    except LatexError as error:
        # The message begins with the place in the text, such as `12: `.
        reason = str(error).partition(": ")[2].rstrip(".")[:_MAX_REASON_LENGTH]
        raise FormulaError(f"{reason[:1].lower()}{reason[1:]}") from None
    if len(mathml) > _MAX_MATHML_CHARACTERS:
        raise FormulaError("it is too large")
    return Markup(_make_cleaner().clean(_STYLE.sub(_replace_style, mathml)))  # noqa: S704 - nh3 cleaned it


def convert_only_formula(text: str) -> Markup | None:
    """Return a text that is one formula, with its delimiters, as MathML, or None for another text."""
    match = _ONLY_FORMULA.fullmatch(text) if len(text) <= MAX_FORMULA_CHARACTERS else None
    if not match:
        return None
    tex = next(filter(None, match.group("block", "inline", "square", "round", "environment")))
    try:
        return convert_tex(tex, is_block=match["inline"] is None)
    except FormulaError:
        return None


def _count_open_braces(tex: str) -> int:
    """Return the greatest number of braces that are open at once."""
    depth = deepest = 0
    for brace in re.findall(r"[{}]", tex):
        depth += 1 if brace == "{" else -1
        deepest = max(deepest, depth)
    return deepest


def _replace_style(style: re.Match[str]) -> str:
    names = " ".join(name for declaration, name in _CLASSES.items() if declaration in style[1])
    return f' class="{names}"' if names else ""


@cache
def _make_converter() -> LatexToMathML:
    return LatexToMathML(fancy_error=False, max_expansions=_MAX_EXPANSIONS)


@cache
def _make_cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes={"*": set(_ATTRIBUTES)},
        attribute_filter=_filter_attribute,
        allowed_classes={"mtd": set(_CLASSES.values())},
        link_rel=None,
    )


def _filter_attribute(_tag: str, name: str, value: str) -> str | None:
    """Return an attribute's value, or None to remove the attribute. nh3 calls this for each allowed attribute."""
    return None if name in _LENGTHS and not _LENGTH.fullmatch(value) else value
