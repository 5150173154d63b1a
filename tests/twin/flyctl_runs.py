"""What flyctl asked and decoded, recorded from real runs of it, and asking the same of a twin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hotops.sandbox.twin import Twin
from tests.twin.asking import SERVICE, START, Asker, app_seed, fly_seed

FOLDER = Path(__file__).resolve().parents[1] / "fixtures/flyctl"
SHAPES: Mapping[str, Mapping[str, str]] = json.loads((FOLDER / "decoded.json").read_text(encoding="utf-8"))["shapes"]
#: One file for each command; `after_s` is when a call was made, `keeps` what later calls repeat of its answer.
#: Polls between the first and the last of a machine are left out, and so are flyctl's version and the logs of builds.
RUNS: Mapping[str, Mapping[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
    if path.stem != "decoded"
}
TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "list": (list,),
    "object": (dict,),
    "string": (str,),
    "text": (str,),
    "time": (str,),
}
#: Not at a full second, so that times cut to seconds are seen to be out of order.
BEGIN = START + 0.4
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def flyctl_seed() -> dict[str, Any]:
    """The seed of the recordings: one app of two machines with two checks, running v42 after v41."""
    check = {**SERVICE["checks"][0], "interval": "2s", "grace_period": "1s"}
    group = {
        "count": 2,
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024},
        "services": [{**SERVICE, "checks": [check]}],
        "checks": {"alive": {"type": "http", "port": 8080, "path": "/health", "interval": "5s"}},
    }
    kept = {"SESSION_SECRET": "seed", "APP_ENV": "staging"}
    return fly_seed(app_seed("shop", secrets=kept, groups={"app": group}, traffic_rps=1))


class Replay:
    """One recorded run, asked again of a fresh twin with its rate limits on; calls that ran at once come in turn."""

    def __init__(self, command: str) -> None:
        self.calls: list[Mapping[str, Any]] = RUNS[command]["calls"]
        self.sky = Asker(Twin(flyctl_seed(), connect=lambda dsn: None, now=START))
        self._kept: dict[str, Any] = {}

    def run(self) -> None:
        """Ask every call at its time. Fails at the first whose status or decoded fields are not as recorded."""
        for number, call in enumerate(self.calls, 1):
            where = f"call {number}: {call['method']} {call['path']}"
            self.sky.time = max(self.sky.time, BEGIN + call["after_s"])
            query = f"?{call['query']}" if "query" in call else ""
            answer = self.sky.ask(
                call["method"],
                self._filled(call["path"]) + query,
                self._filled(call.get("body")),
                host="127.0.0.1",
                nonce=self._filled(call.get("nonce")),
            )
            assert answer.status == call["status"], f"{where}: {answer.status} {answer.body[:300]!r}"
            shape = call.get("decodes", {})
            reply = answer.json() if shape else None
            for path, kind in (SHAPES[shape] if isinstance(shape, str) else shape).items():
                for value in found(reply, path):
                    assert fits(value, kind), f"{where}: {path} is {value!r}, not {kind}"
            for name, path in call.get("keeps", {}).items():
                (self._kept[name],) = found(reply, path)

    def _filled(self, value: Any) -> Any:
        """A recorded value with what this run's answers gave in place of what the recorded ones had."""
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"\{(\w+)\}", value)
        if whole and whole[1] in self._kept:
            return self._kept[whole[1]]
        return re.sub(r"\{(\w+_\d+)\}", lambda match: str(self._kept[match[1]]), value)


def found(reply: Any, path: str) -> Iterator[Any]:
    """The values at a path such as `data.nodes[].id`, each element of a list in turn; None where a key is missing."""
    head, _, rest = path.partition(".")
    if not head:
        yield reply
        return
    key, is_list = head.removesuffix("[]"), head.endswith("[]")
    value = reply
    if key:
        value = reply[int(key)] if isinstance(reply, list) else (reply or {}).get(key)
    if is_list:
        for each in value or ():
            yield from found(each, rest)
    else:
        yield from found(value, rest)


def fits(value: Any, kind: str) -> bool:
    """Whether a decoded value is of its kind."""
    if kind == "absent":
        return value is None
    if kind.startswith("="):
        return bool(value == kind[1:])
    if kind.endswith("?") and value is None:
        return True
    name = kind.removesuffix("?")
    if not isinstance(value, TYPES[name]) or (isinstance(value, bool) and name != "boolean"):
        return False
    return not (name == "text" and not value) and not (name == "time" and not RFC3339.match(str(value)))
