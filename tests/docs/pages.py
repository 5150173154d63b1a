"""The documents and what is in them: headings, links, code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One document; `name` is its path from the root."""

    name: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text(encoding="utf-8")

    def block(self, language: str) -> str:
        """The only fenced block of a language, without its indentation."""
        (found,) = (match for match in _FENCE.finditer(self.text) if match["language"] == language)
        lines = found["body"].splitlines()
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        return "".join(f"{line[indent:]}\n" for line in lines)

    def section(self, title: str) -> str:
        """The text below a heading, up to the next one of its rank or above."""
        match = re.search(rf"^(#+) {re.escape(title)}\n", self.text, re.MULTILINE)
        assert match is not None, f"{self.name} has no section {title!r}"
        rest = self.text[match.end() :]
        end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest

    @cached_property
    def commands(self) -> list[str]:
        """Every line of code: indented blocks and code spans, comments cut off."""
        indented = re.findall(r"^(?: {4}| {7})(\S.*)$", _FENCE.sub("", self.text), re.MULTILINE)
        return [re.split(r"\s{2,}#", line)[0].strip() for line in [*indented, *self.spans]]

    @cached_property
    def spans(self) -> list[str]:
        """What stands in backquotes within a line."""
        return re.findall(r"`([^`\n]+)`", _FENCE.sub("", self.text))

    @cached_property
    def links(self) -> list[str]:
        """Targets of links."""
        return re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", self.text))

    @cached_property
    def anchors(self) -> set[str]:
        """The names under which headings can be linked to, as GitHub makes them."""
        titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def table_rows(text: str) -> Iterator[list[str]]:
    """The cells of a document's table rows, headings and rules left out."""
    lines = text.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        is_head_or_rule = re.fullmatch(r"\|[-| ]+\|", line) or not before.startswith("|")
        if line.startswith("|") and not is_head_or_rule:
            yield [cell.strip() for cell in line.strip("|").split("|")]


PAGES: Mapping[str, Page] = {
    name: Page(name)
    for name in ["README.md", "CHANGELOG.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
}
README, OPERATING, GATES_PAGE, ARCHITECTURE = (
    PAGES[name] for name in ("README.md", "docs/operating.md", "docs/gates.md", "docs/architecture.md")
)
