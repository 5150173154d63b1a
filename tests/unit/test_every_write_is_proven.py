"""Observe, plan, apply, verify: every operation that writes reads back what it wrote, or a reason stands here."""

from __future__ import annotations

from collections.abc import Mapping

from hotops.core.operation import Operation
from hotops.registry import OPERATIONS, operation

#: Why nothing is read back afterwards.
UNPROVEN: Mapping[str, str] = {
    "notify": "a message can't be read back: what became of it is the answer of who took it",
}


def test_every_operation_that_writes_reads_it_back_or_says_why_not() -> None:
    writing = {name for name in OPERATIONS if operation(name).effect != "read"}
    proven = {name for name in writing if operation(name).verify is not Operation.verify}
    assert writing - proven <= set(UNPROVEN), "observe again and prove the result, or say here why that can't be"
    assert not proven & set(UNPROVEN), "it reads back what it wrote: its reason is none any more"
    assert set(UNPROVEN) <= set(OPERATIONS)
