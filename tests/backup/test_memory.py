"""A process that made one backup after the other holds no more memory than after the first."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Three threads, as a backup's workers: buffers of all sizes up to 24 MB, each freed before the thread's next.
ROUND = """
import re, threading
from hotops.backup.store import Store

Store.of("memory:///")

kept = []

def held():
    return int(re.search(r"Pss_Anon: +([0-9]+)", open("/proc/self/smaps_rollup").read())[1]) / 1024

def work():
    for megabytes in (5, 8, 13, 24, 6, 9, 20):
        large = bytearray(b"x") * (megabytes << 20)
        kept.append(bytes(5000))  # above the large one: it must not keep it from going back
        del large

def round_of_three():
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

before = held()
for _ in range(5):
    round_of_three()
print(held() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not Path("/proc/self/smaps_rollup").exists(),
    reason="the C library here is not glibc, or its kernel does not tell a process's memory",
)
def test_large_buffers_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", ROUND], capture_output=True, text=True, check=True, timeout=120)
    assert float(done.stdout) < 10
