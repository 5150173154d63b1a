"""What is told of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.plain import plain_data

SCHEMA = 1


@dataclass(frozen=True)
class Message:
    """A title, what happened in a few lines, the outcome in a word, and where the evidence is; `at` in unix seconds."""

    title: str
    text: str
    outcome: str
    run: str
    environment: str
    env_kind: str
    evidence: str
    at: float

    @classmethod
    def of(cls, context: Context, *, title: str, text: str = "", outcome: str = "", evidence: str = "") -> Message:
        """A message about the context's run, without any secret the context knows."""
        said = plain_data([title, text, outcome, evidence], context.world.tokens.values())
        environment = context.environment
        return cls(
            title=" ".join(said[0].split()),
            text=said[1].strip(),
            outcome=said[2],
            run=context.run,
            environment=environment.name if environment is not None else "",
            env_kind=context.world.kind,
            evidence=said[3],
            at=context.clock.now(),
        )

    def title_only(self) -> Message:
        """What may stand in public: no text, no path."""
        return Message(self.title, "", self.outcome, self.run, self.environment, self.env_kind, "", self.at)

    def as_data(self) -> dict[str, Any]:
        """The message as plain data, schema 1."""
        return {"schema": SCHEMA, **vars(self), "at": rfc3339(self.at)}

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.as_data(), ensure_ascii=False)

    def as_webhook(self) -> dict[str, Any]:
        """The body for a webhook: `text` holds all that is said, which chat services show and others ignore."""
        said = "\n".join(part for part in (self.heading(), self.text, self.evidence) if part)
        return {**self.as_data(), "text": said}

    def as_entry(self) -> str:
        """A list item of Markdown."""
        lines = [f"- {rfc3339(self.at)} **{self.heading()}**"]
        lines += [f"  {line}".rstrip() for line in self.text.splitlines()]
        if self.evidence:
            lines.append(f"  Evidence: {self.evidence}")
        return "\n".join(lines)

    def heading(self) -> str:
        """The title with the outcome, and a mark on what happened in a sandbox only."""
        mark = "[sandbox] " if self.env_kind == "sandbox" else ""
        return f"{mark}{self.title}{f' ({self.outcome})' if self.outcome else ''}"
