"""How every page of hotops looks: one style, one way to fill a template in."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

from hotops.core.clock import measured_duration
from hotops.core.table import one_line

#: Digests and ids in full say nothing to a reader; twelve digits find them in the evidence.
_DIGEST = re.compile(r"(?<=sha256:)([0-9a-f]{12})[0-9a-f]{52}")
_LONGEST = 400


@functools.cache
def template(package: str, name: str, *, autoescape: bool = True) -> Any:
    """A template of a package's own `templates`; those that all pages share are at `look/`.

    Autoescape is off for Markdown only, which no browser reads.
    """
    surroundings = Environment(
        loader=PrefixLoader({"look": PackageLoader("hotops.core.report"), "own": PackageLoader(package)}),
        autoescape=autoescape,  # noqa: S701 (see above)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    surroundings.filters |= {"plain": plain, "seconds": _seconds, "ms": _ms, "moment": _moment}
    return surroundings.get_template(f"own/{name}")


def plain(value: object) -> str:
    """Foreign text as one short line without anything that turns, hides or reorders what is read; digests short."""
    text = re.sub(r"\s+", " ", one_line("" if value is None else str(value)))
    text = _DIGEST.sub(r"\1", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _seconds(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "everything" if math.isinf(value) else "< 0.1 s" if 0 < value < 0.05 else measured_duration(value)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _moment(value: object) -> str:
    """`2026-01-31 10:00:00 UTC`, of the time of a line."""
    return plain(value)[:19].replace("T", " ") + " UTC" if value else ""
