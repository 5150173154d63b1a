"""A worker that never outlives the run that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    A forked Ansible worker otherwise outlives its killed parent and finishes its task behind the operator's back.
    Outside Linux there is no such call: the worker then looks before each step (`parent_is_gone`).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_is_gone(parent_pid):
        os._exit(int(signal.SIGKILL) + 128)


def parent_is_gone(parent_pid: int) -> bool:
    """Whether the parent died: an orphan is handed to another process."""
    return os.getppid() != parent_pid
