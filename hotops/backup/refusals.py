"""What pg_restore could not do, statement by statement: what is there already, what is not this role's to do, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from hotops.backup.hosted import Rights

_TOLD = "could not execute query: ERROR:  "
_COMMAND = re.compile(r"^Command was: (.*(?:\n(?!\n|pg_restore: ).*)*)", re.MULTILINE)
#: Said by a program that did what it could; any other error ended it.
_OTHER_ERROR = re.compile(r"error: (?!could not execute query)(.+)")
# Large objects and text search that are there already are told by a catalogue's index alone, which is what a resumed restore meets.
_THERE = re.compile(
    r"already exists|unique constraint \"pg_(largeobject_metadata|ts_dict|ts_config|ts_parser|ts_template)_\w+_index\"|multiple primary keys for table|is already (a )?(member of|partition|associated)"
)  # fmt: skip
_NOT_OURS = re.compile(
    r"must be (member of role|owner of|superuser|able to SET ROLE)|permission denied|no permission to|cannot be owned by"
)
_PLATFORM = re.compile(
    r"supabase_admin|extension \"(pg_graphql|pg_net|pgsodium|supabase_vault|pg_cron|wrappers|pgjwt)\""
)
_NAMES_AN_EXTENSION = re.compile(r'extension "([^"]+)"')
_OWNERSHIP = re.compile(r"ALTER [A-Z ]+ .+ OWNER TO [^;]+;", re.DOTALL)
_GONE_WITH_IT = re.compile(r"^(?!role ).*does not exist$")
#: Statements about what an extension brought along: they fail where that could not be made.
_ABOUT = ("GRANT", "REVOKE", "COMMENT ON")
#: What only a superuser makes, and what is then said where a later statement is about it.
_MAKES = re.compile(r"CREATE (OPERATOR FAMILY|OPERATOR CLASS|FOREIGN DATA WRAPPER|SERVER) (\S+)")
_ABSENT = re.compile(r"(operator family|operator class|foreign-data wrapper|server) \"([^\"]+)\" does not exist")
_OF_IT = re.compile(r"ALTER [A-Z ]+ .+ OWNER TO|GRANT|REVOKE|COMMENT ON|CREATE SERVER|CREATE USER MAPPING", re.DOTALL)


class Refusal(NamedTuple):
    """One statement that the server refused, and why."""

    error: str
    command: str

    def __str__(self) -> str:
        first = " ".join(self.command.split())
        return f"{first[:120]}{'…' if len(first) > 120 else ''}: {self.error}"


class Sorted(NamedTuple):
    """Refusals by what they mean. `owners` may be given later, once grants are there."""

    owners: list[str]
    not_ours: list[str]
    wrong: list[str]


def sorted_refusals(said: str, may: Rights, missing: frozenset[str]) -> Sorted:
    """Sort what pg_restore said; what is there already is no refusal. `missing` extensions could not be made here."""
    owners: list[str] = []
    not_ours: list[str] = []
    gone: set[tuple[str, str]] = set()
    wrong = [found.strip()[:300] for found in _OTHER_ERROR.findall(said) if "could not execute query" not in found]
    for refusal in refusals(said):
        if _THERE.search(refusal.error):
            continue
        if not may.superuser and _is_about(refusal, gone):
            gone |= _made_by(refusal)
            not_ours.append(str(refusal))
        elif _is_not_ours(refusal, may, missing):
            gone |= _made_by(refusal)
            if _OWNERSHIP.fullmatch(refusal.command.strip()):
                owners.append(refusal.command.strip())
            else:
                not_ours.append(str(refusal))
        else:
            wrong.append(str(refusal))
    return Sorted(owners, not_ours, wrong)


def refusals(said: str) -> list[Refusal]:
    """Every refused statement. Workers write at once: one's words may lie within another's prefix, not within a message."""
    found = []
    for piece in said.split(_TOLD)[1:]:
        error = piece.partition("\n")[0].strip()
        command = _COMMAND.search(piece)
        found.append(Refusal(error, command[1].strip() if command else ""))
    return found


def _made_by(refusal: Refusal) -> set[tuple[str, str]]:
    """What a refused statement would have made, as later errors name it."""
    made = _MAKES.match(refusal.command)
    if made is None:
        return set()
    kind = made[1].lower().replace("foreign data", "foreign-data")
    return {(kind, made[2].rstrip(";").replace('"', ""))}


def _is_about(refusal: Refusal, gone: Collection[tuple[str, str]]) -> bool:
    """Whether a statement fails for no other reason than that an earlier one was refused."""
    absent = _ABSENT.search(refusal.error)
    return absent is not None and (absent[1], absent[2]) in gone and _OF_IT.match(refusal.command) is not None


def _is_not_ours(refusal: Refusal, may: Rights, missing: frozenset[str]) -> bool:
    if _PLATFORM.search(refusal.error):
        return True
    extension = _NAMES_AN_EXTENSION.search(refusal.error)
    if may.superuser:
        return False
    if extension and extension[1] in missing:
        return True
    if missing and _GONE_WITH_IT.search(refusal.error) and refusal.command.startswith(_ABOUT):
        return True
    return _NOT_OURS.search(refusal.error) is not None
