"""Loaded by Python at its start where PYTHONPATH names this folder: notes when hotops waits, and for what.

Appends `pid start end module` to the file in BENCH_WAITS; the module is the one that asked the clock to sleep.
"""

from __future__ import annotations

import os
import sys
import time

_FILE = os.environ.get("BENCH_WAITS")
_CLOCK = "hotops.core.clock"
_sleep = time.sleep


def _noted_sleep(seconds: float) -> None:
    caller = sys._getframe(1)
    if caller.f_globals.get("__name__") != _CLOCK:
        _sleep(seconds)
        return
    asker = caller.f_back
    module = str(asker.f_globals.get("__name__")) if asker is not None else "?"
    began = time.time()
    _sleep(seconds)
    line = f"{os.getpid()} {began} {time.time()} {module}\n"
    file = os.open(str(_FILE), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)


if _FILE:
    time.sleep = _noted_sleep
