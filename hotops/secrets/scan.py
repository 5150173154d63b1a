"""Scan: does a repository hold secrets, today or in its history? Places are told, never what stands there."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import Field, ValidationError

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.secrets.baselines import RULE, grown
from hotops.secrets.repository_texts import Line, being_committed, files_today, history
from hotops.secrets.scanning import rules_in


class ScanWant(Spec):
    """Options of a scan."""

    path: str = Field(".", min_length=1, description="Folder of the git repository.")
    history: bool = Field(
        default=True, description="Whether all commits of all branches, and their messages, are read."
    )
    message: str | None = Field(
        None,
        min_length=1,
        description="File with the message of a commit that is being made: only it and what is staged are read.",
    )
    allow: str = Field(
        ".hotops-allow.yml",
        description="File with what is allowed to stay, below `path`: each with a reason and an end.",
    )


class Allowed(Spec):
    """One thing that may stay until a day, and why."""

    path: str = Field(min_length=1, description="Files by a pattern such as tests/*; `message` is commit messages.")
    rule: str = Field("*", description="Only this rule; a pattern.")
    commit: str = Field("*", description="Only this commit; a pattern.")
    reason: str = Field(min_length=8, description="Why it may stay.")
    until: date = Field(description="Last day (UTC).")


class SecretsFound(HotopsError):
    """The repository holds what looks like secrets."""

    code = "secrets_found"
    exit_code = ExitCode.FINDINGS


class ScanSecrets(Operation[ScanWant, list[dict[str, Any]]]):
    """Read files, untracked files, the history and commit messages. Raises SecretsFound, UsageError, MissingExtra."""

    name: ClassVar[str] = "secrets_scan"
    Want: ClassVar[type[Spec]] = ScanWant
    effect = "read"
    takes_run_vars = True
    docs = Documented(
        short="Look for secrets in a repository, its history and its commit messages",
        description=(
            "Finds DSNs with a password, and tokens in the forms of many vendors (detect-secrets is the engine).",
            "Reads files of today, untracked ones too, every line that any commit added, and every commit message.",
            "Where another scanner's baseline grew since it was smallest, that is found too: it would hide new ones.",
            "Tells rule and place, never what stands there; ends red for what O(allow) does not name.",
            "An entry of the allow-list needs a reason and a last day; after that day it allows nothing.",
        ),
        returns={
            "findings": {
                "description": "What is found and not allowed, each once by rule and place.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "rule": {"description": "What it looks like.", "type": "str"},
                    "place": {"description": "File and line, with the commit where it is history.", "type": "str"},
                    "path": {"description": "The file, V(message) for a commit's message.", "type": "str"},
                    "commit": {"description": "The commit, empty for files of today.", "type": "str"},
                    "allowed": {"description": "The reason, where the allow-list names it.", "type": "str"},
                },
            },
            "allowed": {"description": "How many are allowed.", "returned": "success", "type": "int", "sample": 0},
            "expired": {
                "description": "Entries of the allow-list whose last day is over.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
        },
        examples="""
- name: The repository holds no secret, and never did
  hotops.core.secrets_scan:
  run_once: true

- name: Nothing is about to be committed
  hotops.core.secrets_scan:
    path: "{{ playbook_dir }}"
    history: false
  run_once: true
""",
        see_also=("secrets_mirror",),
    )

    def observe(self) -> list[dict[str, Any]]:
        folder = Path(self.want.path).expanduser()
        today = datetime.fromtimestamp(self.context.clock.now(), UTC).date()
        allowed = [entry for entry in self._allowed() if entry.until >= today]
        lines: Iterable[Line] = itertools.chain(files_today(folder), history(folder) if self.want.history else ())
        if self.want.message is not None:
            lines = being_committed(folder, Path(self.want.message))
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for line in lines:
            for rule in rules_in(line.text):
                row = _row(rule, line, allowed)
                found.setdefault((rule, line.place), row)
        if self.want.history and self.want.message is None:
            for list_of_old in grown(folder):
                line = Line("", list_of_old.path, 0)
                row = {**_row(RULE, line, allowed), "place": list_of_old.place}
                found.setdefault((RULE, list_of_old.place), row)
        return list(found.values())

    def report(self, state: list[dict[str, Any]], plan: Plan, done: Done) -> dict[str, Any]:
        bad = [row for row in state if not row["allowed"]]
        today = datetime.fromtimestamp(self.context.clock.now(), UTC).date()
        expired = [
            f"{entry.path}: {entry.reason} (until {entry.until})" for entry in self._allowed() if entry.until < today
        ]
        counts = ", ".join(f"{count} {rule}" for rule, count in Counter(row["rule"] for row in bad).most_common())
        screen = aligned([[row["rule"], row["place"]] for row in bad[:100]], ("rule", "place")) if bad else []
        screen += [f"… and {len(bad) - 100} more"] if len(bad) > 100 else []
        screen += [f"{len(bad)} findings, {len(state) - len(bad)} allowed."]
        screen += [f"expired: {text}" for text in expired]
        result = {
            "findings": bad, "allowed": len(state) - len(bad), "expired": expired, "hotops_screen": screen,
        }  # fmt: skip
        if bad:
            raise SecretsFound(
                f"The repository holds what looks like secrets: {counts}.",
                remedy="Revoke and replace each first, history was read by others; then remove it, or allow it.",
                details=result,
            )
        return result

    def _allowed(self) -> list[Allowed]:
        file = Path(self.want.path).expanduser() / self.want.allow
        if not file.is_file():
            return []
        try:
            raw = yaml.safe_load(file.read_text(encoding="utf-8")) or []
            return [Allowed.model_validate(item) for item in raw]
        except (yaml.YAMLError, ValidationError, TypeError) as error:
            first = error.errors(include_input=False)[0] if isinstance(error, ValidationError) else None
            said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "it is no list of entries"
            raise UsageError(
                f"{self.want.allow}: {said}.",
                remedy="Each entry: path, reason, until (a date), perhaps rule and commit.",
            ) from None


def _row(rule: str, line: Line, allowed: list[Allowed]) -> dict[str, Any]:
    path = line.path or "message"
    why = next(
        (
            entry.reason
            for entry in allowed
            if fnmatch(path, entry.path) and fnmatch(rule, entry.rule) and fnmatch(line.commit, entry.commit)
        ),
        "",
    )
    return {"rule": rule, "place": line.place, "path": path, "commit": line.commit, "allowed": why}
