"""Two login roles of one owner role, in turn: while one is in use, the other gets a new password and takes over."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from hotops.core.errors import UsageError, VerifyFailed
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.dsn.connection import Dsn
from hotops.dsn.parsing import parse
from hotops.dsn.proof import Proof
from hotops.rotation.provider import Alone, CanNotOverlap
from hotops.rotation.scram import verifier
from hotops.supabase.client import Supabase

_ROLE = re.compile(r"^[a-z_][a-z0-9_]{0,50}$")
_TWO = ("_a", "_b")


@dataclass(frozen=True)
class PostgresRoles(Alone):
    """The login roles OWNER_a and OWNER_b, which act as OWNER: what they make belongs to it.

    Names of roles in statements are checked: small letters, digits, underscores. Statements go through the Management
    API as the role postgres, with SCRAM verifiers in the place of passwords.
    """

    supabase: Supabase
    ref: str
    owner: str
    connect: Callable[[Dsn], Proof]

    def __post_init__(self) -> None:
        if not _ROLE.match(self.owner):
            raise UsageError(
                f"{self.owner!r} is no name of an owner role.", remedy="Small letters, digits, underscores."
            )
        if self.owner == "postgres":
            raise CanNotOverlap(
                "postgres has one password: a new one ends the old one at once, everywhere.",
                remedy="Give the app an owner role of its own: create role shop_app nologin; grant it what it needs.",
            )

    def successor(self, current: Secret) -> Secret:
        """The same connection as the other of the two roles, with a password of 192 bits."""
        dsn = parse(current)
        other = self.owner + (_TWO[1] if dsn.role == self.owner + _TWO[0] else _TWO[0])
        user = f"{other}.{dsn.ref}" if dsn.ref else other
        return replace(dsn, user=user, password=Secret(secrets.token_urlsafe(24))).text()

    def activate(self, new: Secret) -> Fact:
        dsn = self._ours(new)
        owner, role = self.owner, dsn.role
        password = dsn.password or Secret("")
        known = self.supabase.look(self.ref, f"select 1 as there from pg_roles where rolname = '{owner}'")  # noqa: S608
        if not known:
            raise CanNotOverlap(
                f"There is no owner role {owner}.",
                remedy=f"create role {owner} nologin; and grant it what the app needs.",
            )
        self.supabase.execute(
            self.ref,
            f"do $$ begin if not exists (select from pg_roles where rolname = '{role}') "
            f"then create role {role} login in role {owner}; end if; end $$; "
            f"grant {owner} to {role}; alter role {role} set role = '{owner}'; "
            f"alter role {role} with login password '{verifier(password)}'",
            idempotent=True,
        )
        return {"role": role, "owner": owner}

    def prove(self, value: Secret) -> Fact:
        dsn = parse(value)
        proof = self.connect(dsn)
        if not proof.works:
            failed = proof.failure
            raise VerifyFailed(
                f"{dsn.shown()} does not log in: {f'{failed.name}: {failed.said}' if failed else 'no answer'}.",
                remedy="Both credentials stay as they are. Run it again; see the cause.",
            )
        return {"logged_in": self.told(value)}

    def revoke(self, old: Secret) -> Fact:
        """The old role may not log in any more, and its connections end; a role that is none of the two is left."""
        role = parse(old).role
        if role not in {self.owner + end for end in _TWO}:
            return {"left": role}  # what was before the two roles is a person's to take away
        self.supabase.execute(
            self.ref,
            f"do $$ begin if exists (select from pg_roles where rolname = '{role}') "  # noqa: S608
            f"then alter role {role} with nologin password null; end if; end $$; "
            f"select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '{role}'",
            idempotent=True,
        )
        return {"revoked": role}

    def told(self, value: Secret) -> str:
        return parse(value).role

    def _ours(self, new: Secret) -> Dsn:
        dsn = parse(new)
        if dsn.role not in {self.owner + end for end in _TWO}:
            raise UsageError(
                f"The new credential kept in the vault is of {dsn.role}, not of {self.owner}'s two roles.",
                remedy="Remove the .new sibling from the vault, and run it again.",
            )
        return dsn
