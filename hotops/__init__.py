"""hotops: operations for a production on Fly.io, Supabase and GitHub, as a library and as an Ansible collection.

`import hotops` costs next to nothing: a public name loads the module it lives in when it is first used.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Fly": "hotops.fly.client",
    "HotopsError": "hotops.core.errors",
    "Secret": "hotops.core.secret",
    "environment": "hotops.scripting",
}
"""Public name -> the module that defines it."""

__all__ = ["Fly", "HotopsError", "Secret", "__version__", "environment"]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hotops' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
