"""One of several computers that want an environment's lock: a process of its own, told what to do line by line.

Reads JSON lines `{"do": "take", "run": …, "later_s": …}` or `{"do": "release"}`, answers each with a line.
`die` takes it as a process that is gone then, of the computer `on`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from hotops.core import lock
from hotops.core.context import Context
from hotops.core.errors import LockHeld
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.promote.holding import hold, let_go


class Ahead:
    """The system's clock, so many seconds ahead: a lock's time is over sooner."""

    def __init__(self) -> None:
        self.later_s = 0.0

    def now(self) -> float:
        return time.time() + self.later_s

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def main(computer: str, repo: str) -> None:
    # What tells computers apart: a process number of one means nothing on another.
    socket.gethostname = lambda: computer
    lock.this_place = lambda: f"place of {computer}"
    common = {"env_kind": "sandbox", "fly_org": "personal", **({"github_repo": repo} if repo else {})}
    hosts = {"shop-production": {**common, "promote_from": "shop-staging"}}
    names = {"all": list(hosts), "apps": list(hosts)}
    environment = environment_from_vars(hosts, names, inventory=Path("inventories/sandbox").absolute())
    clock, run = Ahead(), ""
    print("ready", flush=True)
    here = computer
    for line in sys.stdin:
        told = json.loads(line)
        dies = os.fork() if told["do"] == "die" else None
        if dies:
            os.waitpid(dies, 0)
            continue
        computer = told.get("on", here)
        run, clock.later_s = told.get("run", run), float(told.get("later_s", 0.0))
        context = Context(
            world=World.of("sandbox", {}), clock=clock, run=run, reason="a change", holder_pid=os.getpid(),
            environment=environment,
        )  # fmt: skip
        with context:
            if told["do"] == "release":
                let_go(context, environment)
                answer = {"released": run}
            else:
                try:
                    taken = hold(context, environment)
                    answer = {"took": run, "from": taken.inherited.run if taken.inherited else ""}
                except LockHeld as error:
                    answer = {"refused": error.message}
        print(json.dumps(answer), flush=True)
        if dies == 0:
            os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
