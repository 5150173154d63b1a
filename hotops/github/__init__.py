"""The client of GitHub: typed calls and models, no policy.

`from hotops.github import GitHub` loads the client and, with it, httpx; the models alone load without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotops.github.client import GitHub

__all__ = ["GitHub"]


def __getattr__(name: str) -> object:
    """Load the client on first use (PEP 562), so that reading a model costs no HTTP library."""
    if name == "GitHub":
        return import_module("hotops.github.client").GitHub
    raise AttributeError(f"module 'hotops.github' has no attribute {name!r}")
