"""How long the platform takes for what it does to a machine, in seconds at speed 1.

Chosen, not measured: near what users report of small machines, so that a client that does not wait is caught.
"""

from __future__ import annotations

PULL_S = 0.5
PREPARE_S = 0.5
BOOT_S = 1.0
REPLACE_S = 0.8
STOP_S = 0.5
SUSPEND_S = 0.7
RESUME_S = 0.3
DESTROY_S = 0.3
FIRST_CHECK_S = 1.0
RESTART_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
