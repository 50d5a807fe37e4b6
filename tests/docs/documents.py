"""Parse the documents into headings, links, code and tables."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_MARKDOWN = MarkdownIt().enable("table")


class Document:
    """One Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self._tokens = _MARKDOWN.parse(self.text)

    def __repr__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def fences(self, language: str) -> list[str]:
        """Return the code blocks in this language."""
        return [token.content for token in self._tokens if token.type == "fence" and token.info == language]

    @cached_property
    def prose(self) -> str:
        """The text in one line, so that a line break does not hide a phrase."""
        return " ".join(self.text.split())

    @cached_property
    def code(self) -> list[str]:
        """The code spans of the text and of its tables."""
        return [token.content for token in self._inline() if token.type == "code_inline"]

    @cached_property
    def links(self) -> list[str]:
        """The targets of the links, and the paths of the pictures."""
        links = [str(token.attrs["href"]) for token in self._inline() if token.type == "link_open"]
        return links + [str(token.attrs["src"]) for token in self._inline() if token.type == "image"]

    @cached_property
    def headings(self) -> list[str]:
        """The headings, without markup."""
        pairs = zip(self._tokens, self._tokens[1:], strict=False)
        return [inline.content for opening, inline in pairs if opening.type == "heading_open"]

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors of the headings, as GitHub forms them."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings}

    def section(self, heading: str) -> "Document":
        """Return the part of the document from a heading to the next heading of the same or a higher level."""
        lines = self.text.splitlines(keepends=True)
        starts = [i for i, line in enumerate(lines) if re.fullmatch(rf"(#+) {re.escape(heading)}\n", line)]
        (start,) = starts
        level = lines[start].index(" ")
        end = next(
            (i for i in range(start + 1, len(lines)) if re.match(rf"#{{1,{level}}} ", lines[i])),
            len(lines),
        )
        return _Part(self.path, "".join(lines[start:end]))

    def table(self, first: str) -> list[list[str]]:
        """Return the rows of the table with this head in its first column. Each cell is Markdown.

        Raises LookupError if there is no such table.
        """
        rows: list[list[str]] = []
        for line in self.text.splitlines():
            if line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
            elif rows and rows[0][0] == first:
                return rows[2:]
            else:
                rows = []
        if rows and rows[0][0] == first:
            return rows[2:]
        raise LookupError(first)

    def _inline(self) -> Iterator[Token]:
        for token in self._tokens:
            yield from token.children or ()


class _Part(Document):
    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._tokens = _MARKDOWN.parse(text)


README = Document(ROOT / "README.md")
CHANGELOG = Document(ROOT / "CHANGELOG.md")
CONTRIBUTING = Document(ROOT / "CONTRIBUTING.md")
BELIEFS = Document(ROOT / "docs/beliefs.md")
CLI = Document(ROOT / "docs/cli.md")
COSTS = Document(ROOT / "docs/costs.md")
DECISIONS = Document(ROOT / "docs/decisions.md")
DEPLOY = Document(ROOT / "docs/deploy.md")
ERRORS = Document(ROOT / "docs/errors.md")
EVENTS = Document(ROOT / "docs/events.md")
FORMAT = Document(ROOT / "docs/archive-format.md")
OPERATIONS = Document(ROOT / "docs/operations.md")
PROXY = Document(ROOT / "docs/proxy.md")
RESTRICTED = Document(ROOT / "docs/restricted-account.md")
SECRETS = Document(ROOT / "docs/secrets.md")
VERIFY = Document(ROOT / "docs/verify.md")
WEBHOOK = Document(ROOT / "docs/webhook.md")
PAGES = [Document(path) for path in sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [README, *PAGES, CHANGELOG, CONTRIBUTING]


def code_in(cell: str) -> list[str]:
    """Return the code spans in a cell of a table."""
    return re.findall(r"`([^`]+)`", cell)
