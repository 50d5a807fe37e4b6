"""Define sample notebooks: a plain one, one with images, and a hostile one."""

from tests.http.documents import PNG, code, display, markdown, notebook, stream
from tests.http.hostile import HOSTILE

_ROWS = "".join(
    f"<tr><th>{n}</th><td>Weir {n}</td><td>{n * 1.25}</td><td>{n * 1000}</td><td>x</td><td>y</td></tr>"
    for n in range(6)
)
_TABLE = (
    '<table class="dataframe"><thead><tr><th></th><th>gauge</th><th>level_m</th><th>a_rather_long_column_name</th>'
    f"<th>another_column</th><th>one_more</th></tr></thead><tbody>{_ROWS}</tbody></table>"
)
_ERROR = {
    "output_type": "error",
    "ename": "KeyError",
    "evalue": "'depth'",
    "traceback": [
        "\x1b[0;31m-----\x1b[0m",
        "\x1b[0;31mKeyError\x1b[0m  Traceback (most recent call last)",
        "\x1b[1;32m      1\x1b[0m rivers[\x1b[33m'depth'\x1b[39m]",
        "\x1b[0;31mKeyError\x1b[0m: 'depth'",
    ],
}
_TEXT = """# Flood model

Levels of **all** gauges, see [the manual](https://example.com/manual).

- [x] read
- [ ] model

| river | gauges |
|---|--:|
| Aa | 3 |
| Bee | 12 |

> Levels are in metres.

With $h = \\frac{q}{b_1 \\cdot v_1}$ and `depth`.
"""
_CODE = """import pandas as pd


def level(gauge: str) -> float:
    \"\"\"Return metres.\"\"\"
    return rivers[gauge] * 1.5  # from feet, in a comment that is longer than a phone is wide
"""
_MAP = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "MapView(layout=Layout(height='400px'))"}
PLAIN = notebook(
    markdown(_TEXT),
    code(_CODE, count=1),
    code("rivers.head(6)", stream("reading: 100%\n"), display(text__html=_TABLE, text__plain="plain"), count=2),
    code("rivers['depth']", stream("careful\n", "stderr"), _ERROR, count=3),
    code("m = gis.map()", display(**_MAP), count=4),
    {"cell_type": "raw", "source": "A raw cell."},
)

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="120">'
    '<rect width="320" height="120" fill="#4a90d9"/></svg>'
)
_PICTURE = display(image__png=PNG) | {"metadata": {"image/png": {"width": 600, "height": 90}}}
IMAGES = notebook(
    markdown("![river](attachment:a.png)", attachments={"a.png": {"image/png": PNG}}),
    code("plot()", display(image__svg_xml=_SVG, text__plain="a wide plot")),
    *[code(f"plot({number})", _PICTURE) for number in range(8)],
)

_FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
_FORMULAS = f"""# Formulas {_FAMILY}

Inline $h = \\frac{{q}}{{b_1 \\cdot v_1}}$ and $\\vec{{x}} \\in \\mathbb{{R}}^n$.

$$\\sum_{{i=1}}^n \\frac{{x_i^2}}{{\\sigma_i}} = \\begin{{cases}} 1 & x > 0 \\\\ 0 & \\text{{else}} \\end{{cases}}$$

\\begin{{align}}
a_1 &= b_1 + c \\\\
d &= e
\\end{{align}}

Unknown: $\\foo{{x}}$.
"""
# Formulas, and outputs that are longer and wider than their boxes.
SCROLLING = notebook(
    markdown(_FORMULAS),
    code("log()", stream("\n".join(f"gauge {number} {_FAMILY}" for number in range(120))), count=1),
    code("rivers", display(text__html=_TABLE.replace("one_more", "w" * 200)), count=2),
    code(f"name = '{'x' * 300}'", display(text__latex="$\\displaystyle \\sqrt{x}$"), count=3),
)

_EVIL_SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="parent.hit=1"
  width="40" height="40"><script>parent.hit=1;fetch('/phoned')</script>
  <image xlink:href='/phoned' href='https://evil.example/x'/>
  <style>@import url(/phoned);rect{fill:url(/phoned)}</style>
  <foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src='/phoned'/></foreignObject>
  <rect width='40' height='40'/></svg>"""
_PHONING = [
    "<script>window.hit=1;fetch('/phoned');alert(1)</script>",
    "<img src='/phoned'><img src=x onerror='window.hit=1'><img srcset='/phoned 1x'>",
    "<link rel=stylesheet href=/phoned><style>@import '/phoned';body{background:url(/phoned);display:none}</style>",
    "<link rel=prefetch href=/phoned><link rel=preconnect href=https://evil.example>",
    "<body onload='window.hit=1' background=/phoned>",
    "<div style='background:url(/phoned);position:fixed;inset:0'>cover</div>",
    "<details open ontoggle='window.hit=1'><summary>x</summary></details><input autofocus onfocus='window.hit=1'>",
    "<meta http-equiv=refresh content='0;url=/phoned'><iframe src=/phoned></iframe><base href='https://evil.example/'>",
    "<video src=/phoned autoplay onerror='window.hit=1'></video>",
    "<svg onload='window.hit=1'><use href='/phoned#a'/></svg>",
    "<form id=main name=body action=/phoned><input name=attributes></form><a id=hit name=hit>clobber</a>",
]
WORDS = "Visible words after everything hostile"
EVIL = notebook(
    *[markdown(text) for text in (*HOSTILE, *_PHONING)],
    *[code(text[:200], display(text__html=text, text__plain="-"), stream(text)) for text in (*HOSTILE, *_PHONING)],
    code("svg", display(image__svg_xml=_EVIL_SVG)),
    code("js", display(application__javascript="window.hit=1", text__plain="-")),
    markdown(WORDS),
    metadata={"trusted": True, "title": "<script>window.hit=1</script>"},
)
