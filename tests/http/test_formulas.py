"""Test that formulas are shown as math, that others are named, and that no formula harms a page or its function."""

import re
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_archive.pages.rendering.formulas import (
    MAX_FORMULA_CHARACTERS,
    FormulaError,
    convert_only_formula,
    convert_tex,
)
from tests.http.documents import Element, code, display, markdown, notebook, parsed, rendered, snapshot_page
from tests.http.hostile import HOSTILE
from tests.http.test_rendering import SLOWEST, notes

ATTRIBUTES = {
    "accent", "accentunder", "class", "display", "displaystyle", "fence", "form", "largeop", "linethickness", "lspace",
    "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rspace", "scriptlevel", "separator", "stretchy",
    "symmetric", "width",
}  # fmt: skip


def math(tex: str) -> Element:
    return parsed(f"<html>{convert_tex(tex, is_block=True)}</html>").one("math")


def assert_only_math(element: Element) -> None:
    """Check that MathML has only elements and attributes that do nothing."""
    for each in (element, *element.below()):
        assert each.tag.startswith("m")
        assert each.tag not in ("maction", "marquee", "meta", "mglyph", "main", "map", "mark", "menu", "meter")
        assert each.attributes.keys() <= ATTRIBUTES
        for name in ("width", "lspace", "rspace"):
            assert re.fullmatch(r"-?\d?(\.\d+)?(r?em)?", each.attributes.get(name, "")), "nothing leaves its place"


def test_inline_and_block_formulas_become_math() -> None:
    shown = rendered(markdown("So $a_1 * b_1 * c$ holds.\n\n$$\n\\sum_i x_i\n$$\n\nAnd $$x$$ here."))
    inline, block, middle = shown.all("math")
    assert (inline.text, "display" in inline.attributes) == ("a1\u2217b1\u2217c", False)
    assert (block.text, block.attributes["display"]) == ("∑ixi", "block")
    assert middle.attributes["display"] == "block"
    assert not shown.all("em")
    assert "$" not in shown.text


@pytest.mark.parametrize("name", ["equation", "align", "align*", "gather", "multline", "eqnarray"])
def test_environments_become_math_without_numbers(name: str) -> None:
    shown = rendered(markdown(f"\\begin{{{name}}}\na_1 = b \\label{{eq:1}} \\\\\nc = d \\nonumber\n\\end{{{name}}}"))
    assert re.sub(r"\s", "", shown.one("math").text) == "a1=bc=d"


def test_columns_of_an_aligned_formula_have_classes() -> None:
    cells = math("\\begin{align} a &= b \\tag{7} \\end{align}").all("mtd")
    assert [each.attributes.get("class") for each in cells] == [None, "right", "left", None]
    assert cells[2].text.endswith("(7)")


@pytest.mark.parametrize("tex", [
    r"\mbox{if } x", r"\pmb{x}", r"\left< x \right>", r"\begin{split}a&=b\end{split}", r"\mathcal{N}(\mu, \sigma^2)",
    r"\operatorname{Var}(X)", r"\hat{x} \vec{y}", r"\begin{cases}1&x\\0\end{cases}", r"\frac{1}{2} \sqrt[3]{x}",
    r"\left(\begin{matrix}1&2\end{matrix}\right)", r"\underbrace{a}_{b}", "\u6c34 + \U0001f4a7",
])  # fmt: skip
def test_what_notebooks_contain_is_shown_as_math(tex: str) -> None:
    assert_only_math(math(tex))


def test_formulas_that_cannot_be_shown_are_named() -> None:
    shown = rendered(
        markdown("Here $\\foo{x}$, $x$, $\\foo y$ and\n\n$$\\def\\a{x}\\a$$\n\n\\begin{align}\\nope\\end{align}")
    )
    assert [each.text for each in shown.all("code", class_="tex")] == [
        "$\\foo{x}$", "$\\foo y$", "$$\\def\\a{x}\\a$$", "\\begin{align}\\nope\\end{align}",
    ]  # fmt: skip
    assert notes(shown) == [
        'Shown as TeX, not as a formula: unknown command "\\foo"; it defines commands; unknown command "\\nope".'
    ]
    assert len(shown.all("math")) == 1


def test_prices_are_not_a_formula() -> None:
    shown = rendered(markdown("It costs $5 and $6."))
    assert shown.one("p").text == "It costs $5 and $6."


def test_formulas_are_shown_in_headings_tables_and_links() -> None:
    shown = rendered(markdown("# Of $x$\n\n| $y$ |\n|---|\n| $z$ |\n\n[$a$](https://example.com)\n\n- [ ] $b$"))
    assert [each.text for each in shown.all("math")] == ["x", "y", "z", "a", "b"]
    assert shown.all("h2")[-1].one("math")
    assert shown.one("td").one("math")


@pytest.mark.parametrize(("text", "shown"), [
    ("$\\displaystyle x^2$", "x2"), ("$$x$$", "x"), ("\\[x\\]", "x"), ("\\(x\\)", "x"),
    ("\\begin{equation*}x\\end{equation*}\n", "x"), ("see $x$", None), ("$x$ and $y$", None), ("$\\foo$", None),
    ("\\begin{tabular}{l}x\\end{tabular}", None), ("", None), ("$" + "x" * MAX_FORMULA_CHARACTERS + "$", None),
])  # fmt: skip
def test_latex_of_one_formula_becomes_math(text: str, shown: str | None) -> None:
    formula = convert_only_formula(text)
    assert (formula and parsed(f"<html>{formula}</html>").text) == shown


def test_math_that_a_notebook_writes_as_html_is_removed() -> None:
    html = "<p>a<math><mtext><mglyph><style><!--</style><img src=x></mtext></math>b <math><mi>x</mi></math></p>"
    for cell in (markdown(html), code("", display(text__html=html))):
        shown = rendered(cell)
        assert not shown.all("math")
        assert not shown.all("mi")


def test_address_of_a_formula_stands_for_it_once() -> None:
    """Otherwise, a short text could repeat a long formula many times."""
    shown = rendered(
        markdown("$x$ " + "![](formula:0) " * 50 + '<a title="<img src=formula:0>" href="formula:0">a</a>')
    )
    assert len(shown.all("math")) == 1
    assert shown.one("a").attributes["title"] == "<img src=formula:0>"
    assert "href" not in shown.one("a").attributes


@pytest.mark.parametrize("tex", [
    r"\href{javascript:alert(1)}{x}", r"\class{a}{x}", r"\style{color:red}{x}", r"\text{<script>alert(1)</script>}",
    r"\color{red}x", r"\hspace{99999cm}x", r"\hskip-99999cm x", r"\raisebox{999em}{x}", r"\tag{<b onclick=x>}",
    r"\unicode{x3c}", r"\url{https://evil.example}", r"\includegraphics{x}", r"\input{/etc/passwd}", '" onclick="x',
    r"\kern 9999em x", r"\text{\href{x}{y}}", r"\begin{array}{c|c}\hline 1&2\end{array}", r"\boxed{\cancel{x}}",
    r"\label{x}", r"\textrm{<i>x</i>}", "\x00\x1b[31m", "&lt;script&gt; <!-- ]]>", r"\texttt{x}\textcolor{#f00}{y}",
])  # fmt: skip
def test_hostile_formulas_become_only_math(tex: str) -> None:
    with suppress(FormulaError):
        assert_only_math(math(tex))


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*HOSTILE, *"{}^_&\\$%#'\" <>", r"\frac", r"\text{", r"\left(", r"\begin{matrix}"])))
def test_mixtures_in_formulas_become_only_math(pieces: list[str]) -> None:
    with suppress(FormulaError):
        assert_only_math(math("".join(pieces)))


NESTED = {
    "braces": "{", "fractions": r"\frac{1}{", "powers": "x^{", "open": r"\left(", "environments": r"\begin{matrix}",
    "accents": r"\hat ", "negations": r"\not", "roots": r"\sqrt ", "brackets": r"\sqrt[", "text": r"\text{",
    "bars": r"\bar ", "underlines": r"\underline ", "sizes": r"\Big", "styles": r"\bf ", "indices": "_{", "primes": "'",
}  # fmt: skip
DEFINITIONS = [
    r"\def\a#1{{{{{{{{{{#1}}}}}}}}}}", r"\newcommand{\a}[1]{{{{{{#1}}}}}}", r"\let\a\frac", r"\gdef\a{x}",
    r"\renewcommand\alpha{x}", r"\providecommand\q{x}", r"\global\def\q{x}", r"\DeclareMathOperator{\q}{x}",
]  # fmt: skip


def test_no_nesting_ends_the_process() -> None:
    """math-core recurses. A formula of the maximum length must not use up a stack of 8 MB, which would kill Lambda's
    process. So this runs in another process, in the main thread and in one with a quarter of this stack."""
    texts = [piece * (MAX_FORMULA_CHARACTERS // len(piece)) for piece in NESTED.values()]
    texts += [f"{first * 90}{rest * ((MAX_FORMULA_CHARACTERS - 200) // len(rest))}"
              for first, rest in product(["{", r"\frac{1}{"], NESTED.values())]  # fmt: skip
    program = (
        "import sys, threading\n"
        "from notebook_archive.pages.rendering.formulas import FormulaError, convert_tex\n"
        f"def run():\n    for text in {texts!r}:\n"
        "        try: convert_tex(text, is_block=True)\n        except FormulaError: pass\n    print('done')\n"
        "run()\nthreading.stack_size(4 << 20)\nthread = threading.Thread(target=run)\nthread.start()\nthread.join()\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-"], input=program.encode(), env=environment, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"done\ndone\n")


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_formula_that_defines_commands_is_not_converted(definition: str) -> None:
    with pytest.raises(FormulaError, match="defines commands"):
        convert_tex(f"{definition} x", is_block=False)


@pytest.mark.parametrize("tex", ["'" * 3_000, "\\begin{matrix}" + "&" * 3_000 + "\\end{matrix}", "x_i^2 + " * 400])
def test_formula_that_grows_does_not_slow_a_page(tex: str) -> None:
    begun = time.monotonic()
    page = snapshot_page(notebook(*[markdown("\n\n".join([f"$${tex}$$"] * (39_000 // len(tex))))] * 10))
    assert time.monotonic() - begun < SLOWEST
    assert page.count("<math") > 5 or "it is too large" in page or "in a row" in page


@pytest.mark.parametrize(
    "operator", [r"\Bigl(", r"\biggl\{", r"\sin(", r"\log(", r"\pmod_\\", r"\pmod^x", r"\hspace{9em}\Bigl("]
)
def test_operators_in_a_row_take_no_exponential_time(operator: str) -> None:
    """With 30 of them, math-core would not end before the function does."""
    with pytest.raises(FormulaError, match="in a row"):
        convert_tex(f"x = {{{operator * 30}}}", is_block=True)


def test_usual_brackets_and_operators_are_shown() -> None:
    tex = r"\sin(\log(x)) + \Bigl( \max(\sin(x)) \Bigr) = \alpha\beta\gamma \, \{ [ ( a_1 ) ] \}"
    assert "<math" in convert_tex(" + ".join([tex] * 20), is_block=True)


@pytest.mark.parametrize(("tex", "reason"), [
    ("x" * (MAX_FORMULA_CHARACTERS + 1), "more than 4,000 characters"), ("{" * 101 + "}" * 101, "nested too deeply"),
    (r"\eqref{eq:1}", "number of another formula"), (r"\foo", r'^unknown command "\\foo"$'), ("}", "."),
])  # fmt: skip
def test_reason_says_why_a_formula_is_not_shown(tex: str, reason: str) -> None:
    with pytest.raises(FormulaError, match=reason):
        convert_tex(tex, is_block=False)
