"""The client of Fly.io: typed calls and models, no policy.

`from hotops.fly import Fly` loads the client and, with it, httpx; the models alone load without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotops.fly.client import Fly

__all__ = ["Fly"]


def __getattr__(name: str) -> object:
    """Load the client on first use (PEP 562), so that reading a model costs no HTTP library."""
    if name == "Fly":
        return import_module("hotops.fly.client").Fly
    raise AttributeError(f"module 'hotops.fly' has no attribute {name!r}")
