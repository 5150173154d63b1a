"""YAML with its lines: what stands where in a file, for findings that name the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


class NotYaml(ValueError):
    """The text is no YAML; `line` is where it ends to be."""

    def __init__(self, said: str, line: int = 1) -> None:
        super().__init__(said)
        self.line = line


#: Of a whole file; GitHub takes far less.
_MOST_VALUES = 200_000


@dataclass(frozen=True)
class Marked:
    """A value and its line. Of what is not there, everything is empty, so that one can ask on."""

    node: yaml.Node | None
    at: int = 1

    @property
    def line(self) -> int:
        return self.at if self.node is None else self.node.start_mark.line + 1

    @property
    def there(self) -> bool:
        return self.node is not None

    @property
    def text(self) -> str:
        return str(self.node.value) if isinstance(self.node, yaml.ScalarNode) else ""

    @property
    def first_line(self) -> int:
        """The line on which the text itself begins: below the bar of a block."""
        block = isinstance(self.node, yaml.ScalarNode) and self.node.style in ("|", ">")
        return self.line + 1 if block else self.line

    @property
    def is_folded(self) -> bool:
        """Whether its lines are not those of the file."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.style != "|"

    def __getitem__(self, key: str) -> Marked:
        for name, value in self.items():
            if name == key:
                return value
        return Marked(None, self.line)

    def items(self) -> Iterator[tuple[str, Marked]]:
        """A mapping's keys as text (`on` stays `on`) with their values; nothing of what is none."""
        if isinstance(self.node, yaml.MappingNode):
            for key, value in self.node.value:
                yield str(key.value), Marked(value)

    @property
    def names(self) -> list[str]:
        """A mapping's keys."""
        return [key for key, _ in self.items()]

    def each(self) -> Iterator[Marked]:
        """A list's items; of a single value that one."""
        if isinstance(self.node, yaml.SequenceNode):
            yield from (Marked(item) for item in self.node.value)
        elif isinstance(self.node, yaml.ScalarNode) and self.node.value:
            yield self

    def scalars(self) -> Iterator[Marked]:
        """Every text in it."""
        if isinstance(self.node, yaml.ScalarNode):
            yield self
        elif isinstance(self.node, yaml.SequenceNode):
            for item in self.each():
                yield from item.scalars()
        for name in self.names:
            yield from self[name].scalars()


def read_marked(text: str) -> Marked:
    """A document. Raises NotYaml."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _unfolded(node, {})
        return Marked(node)
    except RecursionError:
        raise NotYaml("it is nested too deep to be read") from None
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or "it can't be read"
        raise NotYaml(str(said), mark.line + 1 if mark is not None else 1) from None


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node holds once its aliases are unfolded: a kilobyte can be a billion, or hold itself."""
    size = known.get(id(node))
    if size == 0:
        raise NotYaml("an alias stands inside of what it names", node.start_mark.line + 1)
    if size is not None:
        return size
    known[id(node)] = 0
    inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    below = [] if isinstance(node, yaml.ScalarNode) else inner
    known[id(node)] = size = 1 + sum(_unfolded(part, known) for part in below)
    if size > _MOST_VALUES:
        raise NotYaml("its aliases unfold to more than anybody wrote", node.start_mark.line + 1)
    return size
