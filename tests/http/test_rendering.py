"""Test what a page shows of a notebook, and that no notebook makes rendering fail, hang or exceed its limits."""

import json
import math
import time
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_archive.pages import MAX_PAGE_BYTES
from notebook_archive.pages.rendering.budget import RENDER_SECONDS, Budget
from notebook_archive.pages.rendering.outputs import MAX_TEXT_CHARACTERS
from notebook_archive.pages.rendering.terminal import render_terminal
from tests.http.documents import (
    PNG,
    Element,
    code,
    display,
    markdown,
    notebook,
    parsed,
    rendered,
    snapshot_page,
    stream,
)
from tests.http.hostile import HOSTILE

# Elements of the page's frame. The HTML of a notebook must not contain them.
OWN_TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "header", "main", "nav", "section", "form", "input",
    "button", "label",
}  # fmt: skip
# Maximum seconds for a page on a busy machine: the time limit, plus the time to finish the part that is being rendered
# when the limit is reached.
SLOWEST = 20.0


def notes(element: Element) -> list[str]:
    return [each.text for each in element.all(class_="note")]


def assert_harmless(page: str) -> Element:
    """Check that nothing in the page runs or loads, and return its notebook."""
    document = parsed(page)
    elements = [*document.below()]
    for each in elements:
        assert each.tag not in ("script", "iframe", "object", "embed", "base", "svg", "template", "noscript")
        assert not [name for name in each.attributes if name.startswith("on") or name in ("style", "srcset", "srcdoc")]
        assert "background" not in each.attributes
        if each.tag == "img":
            assert each.attributes["src"].startswith("data:image/")
        if each.tag == "a":
            assert each.attributes.get("href", "#").startswith(
                ("http://", "https://", "mailto:", "#", "../", "download")
            )
        assert "http-equiv" not in each.attributes
    tags = [each.tag for each in elements]
    assert (tags.count("style"), tags.count("link")) == (1, 1)
    shown = document.one("section", class_="notebook")
    assert not {each.tag for each in shown.below()} & OWN_TAGS
    assert len(page.encode()) <= MAX_PAGE_BYTES
    return shown


# --- what a page shows


def test_cells_are_shown_in_order_with_their_counts() -> None:
    shown = rendered(markdown("# Floods"), code("x = 1", count=3), {"cell_type": "raw", "source": "as it is"})
    first, second, third = (cell for cell in shown.all("div", class_="cell"))
    assert first.one("h2").text == "Floods", "only the page's title is an h1"
    assert second.one("div", class_="side").text == "In\u00a0[3]"
    assert second.one("code").text == "x = 1"
    assert third.one("pre", class_="raw").text == "as it is"


@pytest.mark.parametrize("member", ["language_info", "kernelspec"])
def test_long_language_name_is_truncated(member: str) -> None:
    names = {"language_info": {"name": ""}, "kernelspec": {"language": ""}}
    names[member] = dict.fromkeys(names[member], "x" * 5_000_000)
    page = snapshot_page(notebook(code("x = 1"), metadata=names))
    assert len(page) < 100_000
    assert "x" * 50 in page


def test_code_is_highlighted_in_the_notebooks_language() -> None:
    python = rendered(code("import os  # why"))
    assert [each.text for each in python.all("span", class_="kn")] == ["import"]
    assert [each.text for each in python.all("span", class_="c1")] == ["# why"]
    sql = rendered(code("SELECT 1"), metadata={"language_info": {"name": "sql"}})
    assert [each.text for each in sql.all("span", class_="k")] == ["SELECT"]
    unknown = rendered(code("import os"), metadata={"language_info": {"name": "brainfuck"}})
    assert unknown.one("code").text == "import os"
    assert not unknown.all("span")


def test_markdown_is_rendered_with_its_extensions() -> None:
    shown = rendered(
        markdown(
            "| a | b |\n|---|--:|\n| 1 | 2 |\n\n~~gone~~ https://example.com/x.\n\n"
            "- [ ] open\n- [x] done\n\nSee[^1]\n\n[^1]: the note\n\n```python\nimport os\n```\n"
        )
    )
    assert [each.text for each in shown.all("td")] == ["1", "2"]
    assert [each.attributes for each in shown.all("td")] == [{}, {"align": "right"}]
    assert shown.one("s").text == "gone"
    link = next(each for each in shown.all("a") if "example.com" in each.text)
    assert link.attributes == {
        "href": "https://example.com/x", "rel": "noopener noreferrer nofollow", "target": "_blank",
    }  # fmt: skip
    assert [each.text.strip() for each in shown.one("ul").all("li")] == ["\u2610 open", "\u2611 done"]
    assert "the note" in shown.text
    assert [each.text for each in shown.all("span", class_="kn")] == ["import"]


def test_links_within_a_notebook_lead_to_its_headings() -> None:
    shown = rendered(markdown("[go](#Land-use)"), markdown("## Land use"))
    assert shown.one("a").attributes["href"] == "#" + shown.one("h3").attributes["id"]
    assert "target" not in shown.one("a").attributes


def test_link_and_image_are_not_cut_within_an_emoji() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    shown = rendered(
        markdown(f"![{'x' * 198}{family}](https://example.com/a.png)"),
        code(f"print({family}) # {family}", display(image__png=PNG, text__plain="x" * 149 + family)),
    )
    assert notes(shown) == [f"Image from example.com not loaded ({'x' * 198})"]
    assert shown.one("img").attributes["alt"] == "x" * 149
    assert shown.one("code").text == f"print({family}) # {family}"
    assert all(each.text.count("\u200d") in (0, 2) for each in shown.one("code").all("span")), "no element divides it"


@pytest.mark.parametrize(("lines", "cue"), [(30, []), (31, []), (32, ["32 lines of output. Scroll in the box"])])
def test_output_that_scrolls_has_a_cue(lines: int, cue: list[str]) -> None:
    shown = rendered(code("", stream("\n".join("x" * lines))))
    assert [each.text.partition(" to ")[0] for each in shown.all("p", class_="more")] == cue
    box = shown.one("pre", class_="stdout").attributes
    assert (box.get("tabindex"), box.get("role")) == (("0", "region") if cue else (None, None)), "for the keyboard"


def test_one_long_line_of_output_has_a_cue_too() -> None:
    shown = rendered(code("", stream("x" * 5_000)))
    assert shown.one("p", class_="more").text.startswith("5,000 characters of output")


def test_streams_and_errors_have_colors() -> None:
    error = {
        "output_type": "error", "ename": "ValueError", "evalue": "no",
        "traceback": ["\x1b[0;31mValueError\x1b[0m: no", "\x1b[38;5;28mgreen\x1b[39m\x1b]8;;http://example.com\x07link"],
    }  # fmt: skip
    shown = rendered(code("f()", stream(["one\n", "two\n"]), stream("bad", "stderr"), error))
    assert shown.one("pre", class_="stdout").text == "one\ntwo\n"
    assert shown.one("pre", class_="stderr").text == "bad"
    assert shown.one("pre", class_="error").text == "ValueError: no\ngreenlink"
    assert shown.one(class_="ansi-fg-1").text == "ValueError"
    assert shown.one(class_="ansi-fg-2").text == "green"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (" 10%\r 50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("a\x00b\x07c\x1b[2Kd\x1b(Be\x1b", "abcde"),
        ("\x1b[1;4;38;2;255;0;0;48;5;21mx\x1b[22m<y>\x1b[0mz", "x<y>z"),
        ("\x1b[38;5mx\x1b[38;2;1mx\x1b[999;38;5;999999mx\x1b[mx", "xxxx"),
    ],
)
def test_terminal_text_is_shown_as_on_a_terminal(written: str, seen: str) -> None:
    assert parsed(f"<html>{render_terminal(written)}</html>").text == seen


def test_the_richest_safe_form_of_an_output_is_shown() -> None:
    html = '<table border="1" class="dataframe"><thead><tr><th>a</th></tr></thead><tr><td>1</td></tr></table>'
    shown = rendered(
        code(
            "x",
            display(text__plain="plain", text__html=html, image__png=PNG),
            display(text__plain="a plot", image__png=[PNG[:20], "\n", PNG[20:]]),
            display(text__plain="plain", text__latex="$x$", image__png=PNG),
            display(text__plain="plain", text__latex="see $x$"),
            display(text__markdown="**bold**", text__plain="plain"),
            display(application__json={"a": [1]}),
        )
    )
    assert shown.one("table").attributes == {"class": "dataframe"}
    assert shown.one("img").attributes == {"src": f"data:image/png;base64,{PNG}", "alt": "a plot"}
    assert shown.one("math").text == "x", "a formula before its image, as in Jupyter"
    assert shown.one("pre", class_="tex").text == "see $x$"
    assert notes(shown) == ["Shown as TeX, not as a formula."]
    assert shown.one("strong").text == "bold"
    assert json.loads(shown.all("pre", class_="terminal")[-1].text) == {"a": [1]}
    assert "plain" not in shown.text


def test_an_image_has_the_size_in_its_metadata() -> None:
    output = display(image__png=PNG) | {"metadata": {"image/png": {"width": 30, "height": "x", "onload": "alert(1)"}}}
    assert rendered(code("", output)).one("img").attributes.keys() == {"src", "alt", "width"}


def test_svg_is_shown_only_if_its_scripts_cannot_run() -> None:
    svg = "<?xml version='1.0'?><svg onload='parent.x=1'><script>x</script></svg>"
    shown = rendered(code("", display(image__svg_xml=svg)))
    kind, _, data = shown.one("img").attributes["src"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b64decode(data).startswith(b"<?xml version='1.0'?><svg xmlns=\"http://www.w3.org/2000/svg\" onload")


@pytest.mark.parametrize(
    "data",
    [
        {"application/javascript": "alert(1)"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}},
        {"application/vnd.plotly.v1+json": {}},
        {"text/html": "<script>alert(1)</script>"},
        {"text/html": '<iframe src="https://example.com/map"></iframe>'},
        {"text/html": '<div class="map-html-embed"></div><script>require()</script>'},
    ],
)
def test_interactive_output_has_a_note_and_its_text(data: dict[str, Any]) -> None:
    shown = rendered(code("", {"output_type": "display_data", "data": data | {"text/plain": "MapView(layout)"}}))
    assert "Not shown" in notes(shown)[0]
    assert shown.one("pre", class_="terminal").text == "MapView(layout)"


def test_image_of_a_map_is_shown_without_its_iframe() -> None:
    html = f'<div><img src="data:image/png;base64,{PNG}"></div><iframe srcdoc="<script>"></iframe>'
    shown = rendered(code("", display(text__html=html, text__plain="MapView()")))
    assert shown.one("img").attributes["src"].endswith(PNG)
    assert notes(shown) == ["Not shown: interactive content."]


def test_attachments_and_data_urls_become_images() -> None:
    cell = markdown(
        f"![a b](attachment:my%20image.png) ![two](data:image/png;base64,{PNG}) <img src='attachment:no.png'>",
        attachments={"my image.png": {"image/png": PNG}},
    )
    shown = rendered(cell)
    assert [each.attributes["alt"] for each in shown.all("img")] == ["a b", "two"]
    assert {each.attributes["src"] for each in shown.all("img")} == {f"data:image/png;base64,{PNG}"}
    assert notes(shown) == ["Image no.png is not in this notebook"]


def test_a_remote_image_becomes_a_note_with_its_host() -> None:
    shown = rendered(markdown("![the river](https://example.com/a.png?u=1) <img src=//evil.example/b.gif>"))
    assert not shown.all("img")
    assert notes(shown) == [
        "Image from example.com not loaded (the river)",
        "Image from evil.example not loaded",
    ]


def test_nbformat_3_is_rendered() -> None:
    outputs = [
        {"output_type": "pyout", "prompt_number": 2, "text": ["4"], "metadata": {}},
        {"output_type": "stream", "stream": "stderr", "text": ["careful"]},
        {"output_type": "display_data", "png": PNG, "metadata": {}},
        {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["E: v"]},
    ]
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {"cell_type": "code", "input": ["2 + 2"], "language": "python", "prompt_number": 2, "outputs": outputs},
    ]
    body = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}
    shown = assert_harmless(snapshot_page(json.dumps(body).encode()))
    assert shown.one("h3").text == "Old"
    assert shown.one("code").text == "2 + 2"
    assert [each.text for each in shown.all("pre", class_="terminal")] == ["4", "careful", "E: v"]
    assert shown.one("img").attributes["src"].endswith(PNG)


def test_json_that_is_not_strict_is_rendered() -> None:
    body = notebook(markdown("tab\there \ud800 and \u0007bell")).replace(b"\\t", b"\t").replace(b"\\u0007", b"\x07")
    body = body[:-1] + b', "other": [NaN, -Infinity, 1' + b"0" * 5000 + b"]}"
    text = assert_harmless(snapshot_page(b"\xef\xbb\xbf" + body)).text
    assert "tab\there" in text
    assert "\ufffd and bell" in text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"cells":' + b"[" * 5000])
def test_an_unreadable_file_is_offered_as_a_download(body: bytes) -> None:
    document = parsed(snapshot_page(body))
    assert document.one("section", class_="notebook").all(class_="note")
    assert [each.attributes["value"] for each in document.all("button", name="f")] == ["json", "pjson"]


# --- hostile notebooks


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_everywhere(text: str) -> None:
    bundle = dict.fromkeys(("text/html", "text/markdown", "text/latex", "text/plain"), text)
    outputs = [{"output_type": "execute_result", "data": {kind: text}, "execution_count": 1} for kind in bundle]
    outputs += [display(image__svg_xml=text), display(image__png=text), stream(text), {"output_type": text}]
    outputs += [{"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}, display(**{text: text})]
    cells = [
        markdown(text),
        code(text, *outputs),
        {"cell_type": "raw", "source": text},
        {"cell_type": "html", "source": text},
    ]
    metadata = {"language_info": {"name": text}, "kernelspec": {"display_name": text}, "trusted": True}
    shown = assert_harmless(snapshot_page(notebook(*cells, metadata=metadata), details={text: text, "Title": text}))
    addresses = [
        (each.tag, name) for each in shown.below() for name, value in each.attributes.items() if "evil.example" in value
    ]
    assert set(addresses) <= {("a", "href"), ("img", "alt")}, "only a link to click on, and text"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
sources = st.one_of(json_values, st.lists(st.sampled_from(HOSTILE) | st.text(), max_size=4).map("".join))
mimes = st.sampled_from(
    ["text/html", "text/plain", "text/markdown", "text/latex", "image/png", "image/svg+xml", "application/json", "x"]
)
outputs = json_values | st.fixed_dictionaries(
    {"output_type": st.sampled_from(["stream", "error", "display_data", "execute_result", "pyout", "pyerr"])},
    optional={
        "data": st.dictionaries(mimes, sources) | json_values, "text": sources, "name": json_values, "png": json_values,
        "traceback": json_values, "metadata": json_values, "execution_count": json_values, "html": sources,
    },
)  # fmt: skip
cells = json_values | st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw", "heading", "html", "other"])},
    optional={
        "source": sources, "input": sources, "outputs": st.lists(outputs, max_size=4) | json_values,
        "metadata": json_values, "attachments": json_values, "execution_count": json_values, "level": json_values,
    },
)  # fmt: skip
notebooks = st.fixed_dictionaries(
    {"cells": st.lists(cells, max_size=5) | json_values},
    optional={
        "metadata": json_values,
        "nbformat": json_values,
        "nbformat_minor": json_values,
        "worksheets": json_values,
    },
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(notebooks)
def test_any_notebook_is_rendered(body: dict[str, Any]) -> None:
    assert_harmless(snapshot_page(json.dumps(body).encode()))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(HOSTILE + list("<>/\"'=`&;![]()*_#\n ") + ["<b", "<p", "</p>", "<table>", "<td>"])))
def test_mixtures_of_hostile_texts_are_harmless(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert_harmless(snapshot_page(notebook(markdown(text), code("", display(text__html=text)))))


# --- large and slow notebooks

LARGE = {
    "cells": [code("x", stream("a\n"))] * 30_000,
    "empty cells": [code()] * 30_000,
    "markdown": [markdown("# a **b** $c$ | d")] * 20_000,
    "outputs": [code("", *[display(other=1)] * 50_000)],
    "a stream": [code("", stream("0123456789\n" * 5_000_000))],
    "pictures": [code("", display(image__png=PNG[:20] + "A" * 1_000_000), stream("after"))] * 20,
    "one picture": [markdown("x"), code("", display(image__png=PNG[:20] + "A" * 6_000_000, text__plain="plot"))],
    "one picture often": [
        markdown("![][a]" * 3000 + f"\n\n[a]: data:image/png;base64,{PNG[:20] + 'A' * 1_000_000}\n"),
    ],
    "tables": [code("", display(text__html="<table><tr>" + "<td>1</td>" * 20_000 + "</tr></table>"))] * 25,
    "html": [code("", display(text__html="<p>x</p>" * 1_000_000, text__plain="<plain>"))],
    "colours": [code("", stream("\x1b[31ma\x1b[32mb" * 10_000))] * 60,
    "wide characters": [markdown("\u6c34" * 30_000)] * 100,
    "code": [code("x = [1]\n" * 100_000)],
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_large_notebook_fits_with_notes_of_what_is_left_out(name: str) -> None:
    body = notebook(*LARGE[name])
    begun = time.monotonic()
    page = snapshot_page(body)
    took = time.monotonic() - begun
    assert took < SLOWEST
    is_cut = any("left out" in note or "Not shown" in note for note in notes(assert_harmless(page)))
    assert is_cut or took > RENDER_SECONDS, "on a busy machine, the time may be up, and plain text may fit"


def test_text_after_large_images_is_still_shown() -> None:
    shown = rendered(*LARGE["pictures"])
    assert shown.text.count("after") == len(LARGE["pictures"])
    assert "The download has all of it" in notes(shown)[-1]


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = f"first\n{'x' * MAX_TEXT_CHARACTERS}\nlast"
    shown = rendered(code("", stream(text)))
    assert shown.all("pre")[0].text.startswith("first")
    assert shown.all("pre")[-1].text.endswith("last")
    assert len(notes(shown)) == 1


SLOW = {
    "brackets": "[" * 40_000,
    "open links": "[a](" * 10_000,
    "images": "![" * 20_000,
    "emphasis": "*_" * 20_000,
    "quotes": ">" * 40_000,
    "lists": "- " * 20_000 + "a",
    "deep list": "\n".join(" " * 2 * depth + "- a" for depth in range(250)),
    "inline footnotes": "^[" * 20_000,
    "references": f"[a]: {'x' * 20_000}\n\n" + "[a]" * 6_000,
    "addresses": "http://a" * 5_000,
    "heading": "# a" + " " * 39_000 + "b",
    "tag with lines": "<a\n" + " a=b\n" * 6_000,
    "elements": "<div>" * 8_000,
    "mismatched": "<div></x>" * 4_000,
    "fonts": "".join(f"<font size={number}>" for number in range(2_500)) + "<p>x</p>" * 600,
    "ampersands": "<p>" + "&" * 39_000,
    "attributes": "<a " + " ".join(f"x{number}" for number in range(6_000)) + ">",
    "tables": "<table><tr><td>" * 2_600,
    "tex": "$a " * 13_000,
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_hostile_text_does_not_slow_rendering(name: str) -> None:
    text = SLOW[name]
    begun = time.monotonic()
    page = snapshot_page(notebook(markdown(text), code(text[:16_000], display(text__html=text, text__plain="x"))))
    assert time.monotonic() - begun < SLOWEST
    assert_harmless(page)


def test_after_the_time_limit_the_rest_is_plain_text() -> None:
    now = [0.0]
    budget = Budget(10_000, clock=lambda: now[0])
    assert budget.has_time
    now[0] = math.nextafter(RENDER_SECONDS, math.inf)
    assert not budget.has_time
