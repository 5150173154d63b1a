"""How a machine behaves: read from the tag of its image and from the secrets it was given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

CRASH_AFTER_S = 0.6
MISSING_SECRET_AFTER_S = 0.4
OOM_AFTER_S = 2.0
COMMAND_AFTER_S = 1.0
SLOW_BY_S = 1.5
ERROR_STRIDE = 33
WRONG_DATABASE_HOST = "db.wrong-host.invalid"
FAULTS = {"slow", "crash", "wrongpath", "nodb", "error3pct", "oom"}
#: What an image's release command does, where it does not end well: the words of its tag. Its machines are good.
COMMANDS = {"commandfails": "fails", "commandhangs": "hangs"}
#: Words of a tag that say which language an image has instead of Python; a shell it has unless it is distroless.
LANGUAGES = {"node": {"node", "sh"}, "ruby": {"ruby", "sh"}, "shellonly": {"sh"}}
COMMON_HEALTH_PATHS = frozenset({"/health", "/healthz", "/up", "/api/health", "/_health"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an image does: `fault` is "good" or one of FAULTS; `only_production` limits it to machines of production.

    `command` is what becomes of its release command: "good", "fails" or "hangs". `languages` are those that a program
    inside of it may be written in.
    """

    fault: str = "good"
    only_production: bool = False
    distroless: bool = False
    command: str = "good"
    languages: frozenset[str] = frozenset({"python3", "sh"})

    def where(self, given: Mapping[str, str]) -> str:
        """The fault that shows on a machine that was given these secrets."""
        if self.only_production and given.get("APP_ENV") != "production":
            return "good"
        return self.fault


@cache
def of_tag(tag: str) -> Behaviour:
    """Read the words of a tag, split at `-`, `.` and `_`: the first fault counts, `prod` before it limits it.

    `wrong-path`, `no-db` and `command-fails` may be written as one word or two. The word `distroless` makes an image
    without any shell or client, in which exec finds no command; `node`, `ruby` and `shell-only` say what it has.
    """
    text = tag.lower().replace("wrong-path", "wrongpath").replace("no-db", "nodb").replace("command-", "command")
    text = text.replace("shell-only", "shellonly")
    words = re.split(r"[-._]", text)
    fault = next((word for word in words if word in FAULTS), "good")
    only_production = fault != "good" and "prod" in words[: words.index(fault)]
    command = next((COMMANDS[word] for word in words if word in COMMANDS), "good")
    languages = next((LANGUAGES[word] for word in words if word in LANGUAGES), {"python3", "sh"})
    return Behaviour(fault, only_production, "distroless" in words, command, frozenset(languages))


def latency_s(number: int) -> float:
    """How long a good machine takes for its n-th request: 5 to 15 ms, the same for the same n."""
    return 0.005 + (number * 7919 % 100) / 10_000
