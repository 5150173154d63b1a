"""What a reader of a module's documentation needs and its options can't say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Documented:
    """Documentation of an operation, beside the descriptions of its options.

    `short` is one line without a full stop; `description` one sentence or more per item. `returns` describes the
    keys of `Operation.report` in the form of Ansible's RETURN (description, type, returned, elements, contains,
    sample); `contains` may be a pydantic model, whose fields' descriptions are then taken. `examples` is YAML: at
    least two tasks that work, each with a name. `see_also` names other modules of the collection.
    """

    short: str
    description: tuple[str, ...]
    returns: Mapping[str, Mapping[str, object]]
    examples: str
    notes: tuple[str, ...] = ()
    see_also: tuple[str, ...] = field(default=())
