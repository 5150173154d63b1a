"""An answer of a cloud, and what may be read out of it: an answer without a list is no answer of "none"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotops.core.errors import WireError
from hotops.core.secret import Secret, scrub

_BETWEEN = "Something stands between hotops and the cloud, or the answer was cut. Try again."


@dataclass(frozen=True)
class Answer:
    """A usable answer. `data` is the JSON body, None where it is empty (many clouds answer writes with nothing)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str | None
    duration_s: float
    #: What the request carried and no text may: some servers repeat it in what they answer.
    hidden: tuple[Secret, ...] = field(repr=False, default=())

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def shown(self, text: str) -> str:
        """A part of the answer for people: without what the request carried, and anything that looks like a secret."""
        return scrub(text, self.hidden)

    @property
    def data(self) -> Any:
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise WireError(
                f"The answer is not the JSON it should be: {self.shown(self.text)[:80]!r}.",
                remedy=_BETWEEN,
                code="not_json",
            ) from error

    @property
    def object(self) -> dict[str, Any]:
        """The object that a read answers. Raises WireError for anything else, an empty body too."""
        data = self.data
        if not isinstance(data, dict):
            raise self._unreadable(_kind(data), "an object")
        return data

    def items(self, key: str | None = None) -> list[Any]:
        """The list that a read answers, or the one under `key` of the object that it answers.

        What says nothing of a list (an empty body, an object with an error in it) is not taken for an empty one. Go
        leaves out, or writes as null, a list that has nothing in it: `null` and `{}` are that.

        Raises WireError.
        """
        data = self.data
        if data is None and self.body.strip():
            return []
        if key is not None and isinstance(data, dict):
            if data and key not in data:
                raise self._unreadable("an object", f"one with {key}")
            data = data.get(key) or []
        elif key is not None:
            raise self._unreadable(_kind(data), "an object")
        if not isinstance(data, list):
            raise self._unreadable(_kind(data), "a list")
        return data

    def _unreadable(self, found: str, wanted: str) -> WireError:
        said = f"The answer ({self.status}) holds {found} where {wanted} should be."
        return WireError(said, remedy=_BETWEEN, code="unknown_reply")


def _kind(data: object) -> str:
    return {type(None): "nothing", dict: "an object", list: "a list", str: "a text"}.get(type(data), "a value")
