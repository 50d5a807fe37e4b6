"""Make the HTML of a notebook safe.

First, Markdown is converted to HTML, and HTML in it is passed through. Then nh3 parses all of it as a browser does, and
keeps only allowed elements and attributes. Last, the tags of the well-formed result are rewritten: images get their
URLs or are replaced by the formulas they stand for, and headings get a lower level than the page's title. nh3 cleans
all HTML from a notebook before a page shows it.
"""

import re
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote, urlsplit

import nh3
from markupsafe import Markup, escape

from notebook_archive.models.graphemes import cut_text

# Maximum number of characters without images. The time to parse hostile HTML grows with the square of its length. This
# length takes at most three seconds.
MAX_HTML_CHARACTERS = 300_000
# Maximum number of elements that may be open at once. Browsers allow 512.
_MAX_DEPTH = 400

_TAGS = frozenset((
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del",
    "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul",
    "var",
))  # fmt: skip
# Elements that are removed together with their content.
_REMOVED_WITH_CONTENT = frozenset((
    "applet", "frameset", "head", "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "style",
    "svg", "template", "textarea", "title", "video", "audio", "canvas", "select", "xmp",
))  # fmt: skip
# Elements that are empty, or that end where the next element of the same kind begins.
_NEVER_OPEN = frozenset((
    "br", "hr", "img", "col", "p", "li", "dd", "dt", "tr", "td", "th", "tbody", "thead", "tfoot", "input", "meta",
    "link", "wbr",
))  # fmt: skip
_TAG_BEFORE = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_TAG_AFTER = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_SAFE_LINK = re.compile(r"(?i:https?://|mailto:)[^\x00-\x20\\]+")
_ANCHOR = re.compile(r"#[^\s\"'<>&\\]{1,200}")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_ACTIVE = re.compile(r"(?i:<(?:script|iframe|object|embed|applet|svg|form|video|audio|canvas|input|button)[\s>/])")
_TEXT = re.compile(r"<[^>]*>|\s+|&nbsp;")

# Takes the address of an image. Returns its `data:` URL, an empty string if the image does not fit, or None if the
# notebook does not contain the image.
type FindImage = Callable[[str], str | None]
# Takes the address of an image. Returns the formula that it stands for, or None.
type TakeFormula = Callable[[str], Markup | None]


def has_active_content(html: str) -> bool:
    """Return whether the HTML contains interactive elements, which are not shown."""
    return bool(_ACTIVE.search(html))


def is_empty(html: str) -> bool:
    """Return whether sanitized HTML shows nothing."""
    return "<img" not in html and "<math" not in html and not _TEXT.sub("", html)


def can_sanitize(html: str) -> bool:
    """Return True if the HTML is short and flat enough to be sanitized quickly."""
    if len(html) > MAX_HTML_CHARACTERS:
        return False
    deepest, depth, unclosed = 0, 0, dict[str, int]()
    for slash, name in _TAG_BEFORE.findall(html):
        name = name.lower()
        if name in _NEVER_OPEN:
            continue
        if not slash:
            unclosed[name] = unclosed.get(name, 0) + 1
            depth += 1
        elif unclosed.get(name):
            unclosed[name] -= 1
            depth -= 1
        deepest = max(deepest, depth)
    return deepest <= _MAX_DEPTH


def sanitize_html(html: str, find_image: FindImage, take_formula: TakeFormula) -> Markup:
    """Return the HTML with only the allowed elements. Call this function only if `can_sanitize` returned True."""

    def rewrite(match: re.Match[str]) -> str:
        return _rewrite_tag(match, find_image, take_formula)

    return Markup(_TAG_AFTER.sub(rewrite, _make_cleaner().clean(html)))  # noqa: S704 - nh3 cleaned it


@cache
def _make_cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_REMOVED_WITH_CONTENT),
        attributes={
            "*": {"title", "lang", "dir", "id"},
            "a": {"href"},
            "img": {"src", "alt", "width", "height"},
            "td": {"colspan", "rowspan", "align", "headers"},
            "th": {"colspan", "rowspan", "align", "headers", "scope"},
            "col": {"span"},
            "colgroup": {"span"},
            "ol": {"start", "reversed", "type"},
            "li": {"value"},
            "details": {"open"},
            "time": {"datetime"},
        },
        allowed_classes={"code": {"tex"}, "pre": {"tex"}, "span": _list_token_classes(), "table": {"dataframe"}},
        attribute_filter=_filter_attribute,
        url_schemes={"http", "https", "mailto", "data", "attachment", "formula"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        id_prefix="notebook-",
    )


def _list_token_classes() -> set[str]:
    """Return the classes that Pygments uses. The stylesheet defines some of them."""
    from pygments.token import STANDARD_TYPES

    return {name for name in STANDARD_TYPES.values() if name}


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    """Return an attribute's value, or None to remove the attribute. nh3 calls this for each allowed attribute."""
    if tag == "a" and name == "href":
        if _ANCHOR.fullmatch(value):
            return f"#notebook-{value[1:]}"
        return value if _SAFE_LINK.fullmatch(value) else None
    if name in ("width", "height", "colspan", "rowspan", "span", "start", "value"):
        return value if _NUMBER.fullmatch(value) else None
    return value


def _rewrite_tag(match: re.Match[str], find_image: FindImage, take_formula: TakeFormula) -> str:
    slash, name, attributes = match.groups()
    if name == "img":
        given = {key: _unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
        return take_formula(given.get("src", "")) or _render_image(given, find_image)
    if len(name) == 2 and name[0] == "h" and name[1] in "12345":
        return f"<{slash}h{int(name[1]) + 1}{attributes}>"  # only the page's title may be an h1
    if name == "a" and ' href="#' in attributes:
        return match[0].replace(' target="_blank"', "")
    return match[0]


def _render_image(attributes: dict[str, str], find_image: FindImage) -> str:
    source, alt = attributes.get("src", ""), attributes.get("alt", "")
    url = find_image(source)
    if not url:
        text = _describe_missing_image(source) if url is None else "Image left out: the page is full"
        return str(Markup('<span class="note">{}{}</span>').format(text, f" ({cut_text(alt, 200)})" if alt else ""))
    size = "".join(f' {name}="{attributes[name]}"' for name in ("width", "height") if name in attributes)
    return f'<img src="{escape(url)}" alt="{escape(alt)}"{size}>'


def _describe_missing_image(source: str) -> str:
    """Return the note for an image that is not in the notebook."""
    scheme, _, rest = source.partition(":")
    if scheme.lower() in ("http", "https") or source.startswith("//"):
        try:
            host = urlsplit(source).hostname or "elsewhere"
        except ValueError:
            host = "elsewhere"
        return f"Image from {host[:100]} not loaded"
    if scheme.lower() == "data":
        return "Image of a kind that is not shown"
    name = unquote(rest if scheme.lower() == "attachment" else source)
    return f"Image {cut_text(name, 100)} is not in this notebook" if name else "Image without an address"


def _unescape(value: str) -> str:
    for entity, character in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", "\u00a0"), ("&amp;", "&")):
        value = value.replace(entity, character)
    return value
