"""What of a text is a secret: tokens of vendors (detect-secrets' detectors), DSNs with a password (our rule)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from hotops.core.errors import MissingExtra
from hotops.core.secret import Secret
from hotops.vault.judging import unfit

DSN_RULE = "DSN with a password"
_DSN = re.compile(
    r"\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?|clickhouse|https?)"
    r"://[^\s:/@'\"`<>]*:(?P<password>[^\s/@'\"`]{3,})@(?P<host>[^\s/:'\"`?)]+)"
)
#: Templates, not passwords: `${DB_PASS}`, `{{ pass }}`, `<password>`, `$PASS`, `%s`, masks.
_TEMPLATE = re.compile(r"[${<%\[]|^[*•x.…]+$|^\{", re.IGNORECASE)
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "db", "postgres", "host", "example.com"})
_LOCAL_PASSWORDS = frozenset({"postgres", "password", "pass", "secret", "test", "pw", "root", "admin", "user"})
#: Tokens of the clouds that hotops runs, which the engine has no detector for.
_OURS = {
    "Fly.io token": re.compile(r"\b(?:fm[12][ra]?_|fo1_)[A-Za-z0-9_=+/,.-]{24,}"),
    "Supabase token": re.compile(r"\b(?:sbp_(?:oauth_|v0_)?[a-f0-9]{20,}|sb_secret_[A-Za-z0-9_-]{16,})"),
    "Shopify token": re.compile(r"\bshp(?:at|ss|ca|pa)_[a-fA-F0-9]{24,}"),
    "GitHub fine-grained token": re.compile(r"\bgithub_pat_[A-Za-z0-9_]{30,}"),
    "Anthropic key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    "OpenAI project key": re.compile(r"\bsk-(?:proj|svcacct)-[A-Za-z0-9_-]{24,}"),
}
#: Detectors that know a vendor's form. Those by entropy or by key words call too much a secret to be believed.
_DETECTORS = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "DiscordBotTokenDetector", "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector",
    "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)  # fmt: skip
#: Longer lines are minified or data; they are looked at this far.
_LONGEST = 20_000


def rules_in(line: str) -> Iterator[str]:
    """The rules that a line breaks. What was found is not told."""
    text = line[:_LONGEST]
    found: dict[str, None] = {}
    if "://" in text and any(_is_real(match["password"], match["host"]) for match in _DSN.finditer(text)):
        found[DSN_RULE] = None
    for rule, pattern in _OURS.items():
        if pattern.search(text):
            found[rule] = None
    for rule, analyze in _engine():
        if any(unfit(Secret(value)) is None for value in analyze(text)):
            found[rule] = None
    yield from found


def _is_real(password: str, host: str) -> bool:
    if _TEMPLATE.search(password) or unfit(Secret(password)) is not None:
        return False
    return not (host.lower() in _LOCAL and password.lower() in _LOCAL_PASSWORDS)


@lru_cache
def _engine() -> tuple[tuple[str, Callable[[str], Iterator[str]]], ...]:
    """The engine's detectors. Raises MissingExtra."""
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError:
        raise MissingExtra(
            "A scan needs detect-secrets, which is not installed.", remedy="pip install 'hotops[secrets]'"
        ) from None
    known: dict[str, Any] = get_mapping_from_secret_type_to_class()
    by_name: dict[str, Any] = {kind.__name__: kind for kind in known.values()}
    made = [by_name[name]() for name in _DETECTORS if name in by_name]
    return tuple((str(detector.secret_type), detector.analyze_string) for detector in made)
