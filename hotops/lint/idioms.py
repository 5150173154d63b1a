"""Shell idioms that lie: each looks right, runs, and tells something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from hotops.lint.finding import Finding, finding
from hotops.lint.flyctl import is_flyctl, judge_call
from hotops.lint.shell_words import Command, Script

_INCREMENT = re.compile(r"\(\(\s*(\w+)(\+\+|--)\s*\)\)$")
_KEEPS_PASSWORD = re.compile(r"\$\{(\w+)%%?@\*\}")
_ADDRESS = re.compile(r"ur[li]|dsn|conn|database|redis|mongo|amqp", re.IGNORECASE)
_SECRET = re.compile(r"SECRET|TOKEN|PASSW|KEY\b|_KEY|DSN|DATABASE_URL|REDIS_URL|CREDENTIAL", re.IGNORECASE)
_FROM_XARGS = re.compile(r"^\$\(.*\|\s*xargs\b", re.DOTALL)
#: Keys of flyctl's JSON that people write as they are elsewhere (flyctl, releases: exported Go names).
_KEYS = {"version": "Version", "image_ref": "ImageRef", "imageRef": "ImageRef", "status": "Status", "stable": "Stable",
         "created_at": "CreatedAt", "createdAt": "CreatedAt", "description": "Description"}  # fmt: skip


def judge_script(script: Script, file: str) -> Iterator[Finding]:
    """What lies in a script, and what flyctl would refuse."""
    if script.broken:
        return
    for command in script.commands:
        yield from _one(command, script, file)
        yield from _secrets(command, file)
        yield from judge_call(command, file)
    for group in script.pipelines():
        yield from _pipeline(group, file)
    for first, second in pairwise(script.commands):
        yield from _or_else(first, second, file)


def _one(command: Command, script: Script, file: str) -> Iterator[Finding]:
    words = [word.text for word in command.called]
    if not words:
        return
    line = command.line
    for name in _KEEPS_PASSWORD.findall(" ".join(word.text for word in command.words)):
        if _ADDRESS.search(name) and re.match(r"(echo|printf|log|warn|info|print|cat)", words[0]):
            yield _found("password_shown", file, line, what=f"${{{name}%%@*}}")
    literal = [word.text for word in command.called if word.quote == "'" and re.search(r"\$\(date\b", word.text)]
    if literal and re.match(r"(mkdir|touch|cp|mv|tar|tee|rsync)$", words[0]):
        yield _found("not_expanded", file, line, what=literal[0][:40])
    if (step := _INCREMENT.match(words[0])) and script.stops_on_error and not command.is_condition:
        yield _found("increment_ends", file, line, what=words[0], name=step[1], sign=step[2][0])
    if words[0] == "export" and any(_FROM_XARGS.search(word.raw) for word in command.called[1:]):
        yield _found("export_xargs", file, line)
    if words[0] == "cut" and _has(words, "-d=", ("-d", "=")) and _has(words, "-f2", ("-f", "2")):
        yield _found("value_cut", file, line)
    if words[:3] == ["supabase", "db", "reset"]:
        for flag in {word.partition("=")[0] for word in words} & {"--linked", "--db-url"}:
            yield _found("wipes_shared", file, line, flag=flag)


def _secrets(command: Command, file: str) -> Iterator[Finding]:
    """Values of secrets among the arguments, and files taken for values."""
    words = [word.text for word in command.called]
    line = command.line
    if words[:3] == ["gh", "secret", "set"]:
        name = next((word for word in words[3:] if not word.startswith("-")), "")
        for operator, source in command.redirects:
            if operator == "<" and re.search(r"\.env\b", source):
                yield _found("file_as_secret", file, line, name=name, source=source)
        if _value_is_variable(words):
            yield _found("secret_shown", file, line, what="gh secret set --body")
    if command.called and is_flyctl(command.called[0]) and words[1:3] in (["secrets", "set"], ["secret", "set"]):
        pairs = [word for word in words[3:] if re.match(r"[A-Z][A-Z0-9_]*=", word)]
        if any(_SECRET.search(pair.partition("=")[0]) and "$" in pair for pair in pairs):
            yield _found("secret_shown", file, line, what="fly secrets set NAME=value")


def _value_is_variable(words: list[str]) -> bool:
    value = next((after for word, after in zip(words, [*words[1:], ""], strict=True) if word in ("--body", "-b")), "")
    value = value or next((word.partition("=")[2] for word in words if word.startswith(("--body=", "-b="))), "")
    return "$" in value


def _pipeline(group: list[Command], file: str) -> Iterator[Finding]:
    programs = [command.called for command in group]
    if len(group) < 2 or not programs[0] or not is_flyctl(programs[0][0]):
        return
    words = [word.text for word in programs[0]]
    line = group[0].line
    last = [word.text for word in programs[1]]
    awks = [command.called[-1].text for command in group if command.called and command.called[0].text == "awk"]
    if words[1:3] == ["secrets", "list"] and any("$2" in awk for awk in awks):
        name = next((c.called[-1].text for c in group[1:] if c.called and c.called[0].text == "grep"), "the value")
        yield _found("digest_as_value", file, line, what=name)
    releases = words[1:2] == ["releases"] or words[1:3] == ["apps", "releases"]
    if releases and ("--json" in words or "-j" in words) and last[:1] == ["jq"]:
        for wrong, right in _KEYS.items():
            if any(re.search(rf"\.{wrong}\b", word) for word in last[1:]):
                yield _found("json_key", file, line, right=right, wrong=wrong)
    if releases and "--json" not in words and any(re.search(r"NR\s*==\s*2\b", awk) for awk in awks):
        yield _found("row_is_now", file, line)


def _or_else(first: Command, second: Command, file: str) -> Iterator[Finding]:
    """`A || echo …`, where A prints its answer also where it fails."""
    if first.after != "||" or [word.text for word in second.called][:1] not in (["echo"], ["printf"]):
        return
    said = [word.text for word in second.called][-1]
    words = [word.text for word in first.called]
    if not words:
        return
    counts = any(re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*|--count", word) for word in words[1:])
    if words[0] in ("grep", "egrep") and counts and said.rstrip("\\n") == "0":
        yield _found("count_or_zero", file, first.line)
    codes = any("http_code" in word or "response_code" in word for word in words)
    if words[0] == "curl" and codes and re.fullmatch(r"0+(\\n)?", said):
        yield _found("code_or_zeros", file, first.line)


def _has(words: list[str], joined: str, apart: tuple[str, str]) -> bool:
    return joined in words or any((one, two) == apart for one, two in pairwise(words))


def _found(rule: str, file: str, line: int, **words: object) -> Finding:
    return finding("shell_rules", rule, file, line, **words)
