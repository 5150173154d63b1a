"""What the path of a file says: which environment it is for, which secret it holds, and whether it is a sibling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal

Sibling = Literal["", "new", "old"]

#: Words that stand for an environment in names of files, folders and keys.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "production": "production",
        "prod": "production",
        "prd": "production",
        "live": "production",
        "staging": "staging",
        "stage": "staging",
        "stg": "staging",
        "development": "development",
        "dev": "development",
        "local": "local",
        "test": "test",
        "testing": "test",
        "preview": "preview",
        "sandbox": "sandbox",
    }
)
#: Words that name an environment at the end of a file's stem. Others mean something else there (`api_key_live`).
_IN_STEMS = frozenset(ALIASES) - {"live", "test", "testing", "local", "preview"}
#: Endings of files that hold secrets; a script or a note in the same folder does not.
SUFFIXES = frozenset({"", ".env", ".txt", ".json", ".pem", ".key", ".p8", ".crt", ".token"})
_SIBLING = re.compile(r"(?:\.(?P<dotted>new|old)|_(?P<stem>new|old)(?P<suffix>\.[a-z0-9]+))$")


@dataclass(frozen=True)
class PathMeaning:
    """`supabase/database_url_prod.env.new`: the slot supabase/database_url for production, its coming value.

    `environment` is None for a file that counts in all of them. `slot` is the path without what says the environment.
    """

    path: str
    slot: str
    environment: str | None
    sibling: Sibling

    @property
    def implied_key(self) -> str:
        """The name of the value in a file without keys: `shopify/api-key.txt` is SHOPIFY_API_KEY."""
        return re.sub(r"[^A-Za-z0-9]+", "_", self.slot).strip("_").upper()

    @property
    def base_path(self) -> str:
        """The path of the file whose sibling this is; its own if it is none."""
        return without_sibling(self.path)[0]


def environment_of(word: str) -> str:
    """The environment that a word stands for; an unknown word is its own name."""
    return ALIASES.get(word.lower(), word.lower())


def without_sibling(path: str) -> tuple[str, Sibling]:
    """The path of the file beside which a `.new`, `.old`, `_new` or `_old` stands, and which of the two it is."""
    found = _SIBLING.search(path)
    if found is None:
        return path, ""
    which: Sibling = "new" if (found["dotted"] or found["stem"]) == "new" else "old"
    return path[: found.start()] + (found["suffix"] or ""), which


def sibling_path(path: str, which: Literal["new", "old"]) -> str:
    """Where the coming or the former value of a file is kept."""
    return f"{path}.{which}"


def meaning_of(path: str, environments: frozenset[str] = frozenset()) -> PathMeaning:
    """What a path says. `environments` are names beyond the usual ones (an inventory's own)."""
    base, sibling = without_sibling(path)
    pure = PurePosixPath(base)
    stem = pure.name[: -len(pure.suffix)] if pure.suffix in SUFFIXES and pure.suffix else pure.name
    folders: list[str] = []
    environment: str | None = None
    for folder in pure.parts[:-1]:
        if (word := _word(folder, environments, whole=True)) is not None:
            environment = word
        else:
            folders.append(folder)
    if (word := _word(stem, environments, whole=True)) is not None:
        return PathMeaning(path, "/".join(folders) or stem, word, sibling)
    shortened = re.match(r"(?P<rest>.+)[_.-](?P<word>[A-Za-z0-9]+)$", stem)
    if shortened and (word := _word(shortened["word"], environments, whole=False)) is not None:
        environment, stem = word, shortened["rest"]
    return PathMeaning(path, "/".join([*folders, stem]), environment, sibling)


def canonical(key: str, environment: str | None, environments: frozenset[str] = frozenset()) -> str:
    """A key without the suffix that repeats the environment: SHOPIFY_API_KEY_STAGING is SHOPIFY_API_KEY in staging."""
    rest, _, word = key.rpartition("_")
    if not rest:
        return key
    meant = _word(word, environments, whole=False)
    return rest if meant is not None and (environment is None or meant == environment) else key


def key_environment(key: str, environments: frozenset[str] = frozenset()) -> str | None:
    """The environment that a key's own suffix names, for a file that counts in all of them."""
    rest, _, word = key.rpartition("_")
    return _word(word, environments, whole=False) if rest else None


def _word(word: str, environments: frozenset[str], *, whole: bool) -> str | None:
    lowered = word.lower()
    if lowered in environments:
        return environment_of(lowered)
    known = ALIASES if whole else _IN_STEMS
    return ALIASES[lowered] if lowered in known else None
