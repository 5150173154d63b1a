"""The memory that a backup's large buffers take goes back to the system, so that many in one process need what one does."""

from __future__ import annotations

import ctypes
import functools

#: mallopt(3). Setting it also ends glibc's own raising of it, up to 32 MB, by which freed buffers stay with the process.
_M_MMAP_THRESHOLD = -3
LARGE_BYTES = 4 << 20


@functools.cache
def return_large_buffers() -> bool:
    """Have glibc give buffers of 4 MB and more back as soon as they are freed; False where there is no glibc.

    Otherwise each thread's arena keeps them: six backups in a row came to twice the memory of the first.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    except (AttributeError, OSError, TypeError):
        return False
