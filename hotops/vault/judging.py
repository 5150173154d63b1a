"""Values that are no secrets: empty ones, and what somebody left to be filled in."""

from __future__ import annotations

import re

from hotops.core.secret import Secret

#: Seen in real vaults; one such token was mirrored to a cloud and taken for done.
_PLACEHOLDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^<[^<>]*>$",
        r"^\[[a-z _-]+\]$",
        r"^\{\{.*\}\}$",
        r"(?:^|[^a-z0-9])place-?_?holder(?:$|[^a-z0-9])",
        r"(?:^|[^a-z0-9])change-?_?me(?:$|[^a-z0-9])",
        r"(?:^|[^a-z0-9])replace[-_ ]?(?:me|this|with)(?:$|[^a-z0-9])",
        r"(?:^|[^a-z0-9])(?:your|my)[-_ ](?:[a-z0-9]+[-_ ])*(?:key|token|secret|password|value|here)(?:$|[^a-z0-9])",
        r"(?:^|[.\-_ ])(?:new|old)[-_](?:key|token|secret|password)[-_]here$",
        r"(?:key|token|secret|password|value)[-_]here$",
        r"^(?:todo|tbd|fixme|none|null|nil|undefined|dummy|secret|password|example|sample|test|foo|bar)$",
        r"^[x*.…•\-_?]{3,}$",
        r"^[^:/@]*//[^:/@]*:(?:\[?your[-_ ]?password\]?|<[^<>]*>|password)@",
    )
)


def unfit(value: Secret) -> str | None:
    """Why a value is no secret: "empty" or "placeholder"; None where it may be one."""
    text = value.reveal().strip()
    if not text:
        return "empty"
    return "placeholder" if any(pattern.search(text) for pattern in _PLACEHOLDERS) else None
