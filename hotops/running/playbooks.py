"""Which playbook is meant by a word: a file of the user's, one of the project's, or one of hotops' own by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from hotops.core.errors import UsageError
from hotops.core.options import nearest

COLLECTION = "hotops.core"
_ENDINGS = (".yml", ".yaml")
_COLLECTION_NAME = re.compile(r"^[a-z_]\w*\.[a-z_]\w*\.[a-z_]\w*$")


def find_playbook(word: str, project: Path) -> str:
    """A playbook as ansible-playbook takes it: an absolute path, or `namespace.collection.name`.

    Raises UsageError with the nearest name.
    """
    named = Path(word).expanduser()
    for path in (named, project / named, *(project / f"{word}{ending}" for ending in _ENDINGS)):
        if path.is_file():
            return str(path.absolute())
    own = own_playbooks()
    if word in own:
        return f"{COLLECTION}.{word}"
    prefix, _, name = word.rpartition(".")
    if prefix == COLLECTION and name not in own:
        raise _unknown(word, nearest(name, own))
    if _COLLECTION_NAME.match(word) and not word.endswith(_ENDINGS):
        return word
    files = [entry.name for entry in project.iterdir() if entry.suffix in _ENDINGS] if project.is_dir() else []
    raise _unknown(word, nearest(word, [*files, *own]) or nearest(named.stem, own))


def own_playbooks() -> list[str]:
    """Names of the playbooks of this collection, in a checkout or as installed."""
    root = Path(__file__).resolve().parents[2]
    for folder in (root / "playbooks", root / "ansible_collections/hotops/core/playbooks"):
        if folder.is_dir():
            return sorted(entry.stem for entry in folder.glob("*.yml"))
    return []


def is_all_of_hotops(playbook: str) -> bool:
    """Whether every task of it is one of hotops' own playbooks', each of which asks before it writes anything."""
    if playbook.startswith(f"{COLLECTION}."):
        return True
    try:
        plays: Any = yaml.safe_load(Path(playbook).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False  # Ansible says what is wrong with the file
    if not isinstance(plays, list) or not plays:
        return False
    keys = ("import_playbook", "ansible.builtin.import_playbook")
    named = [next((play[key] for key in keys if key in play), None) for play in plays if isinstance(play, dict)]
    return len(named) == len(plays) and all(str(name or "").startswith(f"{COLLECTION}.") for name in named)


def _unknown(word: str, meant: str | None) -> UsageError:
    return UsageError(
        f"There is no playbook {word!r}.",
        remedy=f"Did you mean {meant}?" if meant else f"Name a file, or one of {', '.join(own_playbooks())}.",
        code="unknown_playbook",
    )
