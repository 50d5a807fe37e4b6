"""Parse pages, and build notebooks for tests of pages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from notebook_archive import pages

ITEM = "9a" * 16
KEY = f"snapshot-{'0d' * 16}.json"
# A PNG image of one pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DETAILS = {"Title": "Flood model", "Owner": "ana", "Created": "2025-01-01T02:00:00.123Z", "Runtime": ""}


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", **attributes: str) -> list["Element"]:
        """Return the elements below this one with that tag. Each attribute must contain one of the given words.

        `class_` stands for the attribute `class`."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            each
            for each in self.below()
            if tag in ("", each.tag)
            and all(value in each.attributes.get(name, "").split() for name, value in wanted.items())
        ]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]

    def below(self) -> Iterator["Element"]:
        waiting = self.children[::-1]
        while waiting:
            child = waiting.pop()
            if isinstance(child, Element):
                yield child
                waiting += child.children[::-1]


class _Builder(HTMLParser):
    """Builds the tree, and checks that elements are closed in order, as they must be in our pages."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in ("meta", "link", "input", "br", "hr", "img", "col"):
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(page: str) -> Element:
    """Return the `html` element of the page."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert len(builder.open) == 1, f"not closed: {[each.tag for each in builder.open]}"
    return builder.open[0].one("html")


def notebook(*cells: Any, **members: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | members).encode()


def markdown(source: Any, **members: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}} | members


def code(source: Any = "", *outputs: Any, count: Any = None) -> dict[str, Any]:
    return {
        "cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": count, "metadata": {},
    }  # fmt: skip


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> dict[str, Any]:
    """Return an output. In the argument names, `__` stands for the slash of a mime type."""
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {name.replace("__", "/").replace("_xml", "+xml"): value for name, value in data.items()},
    }


def snapshot_page(body: bytes | None, **values: Any) -> str:
    return pages.snapshot_page(
        body,
        **({"item_id": ITEM, "resource_key": KEY, "details": DETAILS, "source": "archive", "file_url": None}
           | {"token_field": False} | values),
    )  # fmt: skip


def rendered(*cells: Any, **members: Any) -> Element:
    """Return the element of a page that shows a notebook with these cells."""
    return parsed(snapshot_page(notebook(*cells, **members))).one("section", class_="notebook")
