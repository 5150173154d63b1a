"""Switch: an app works with another database of its server, a restored one; the former string is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Plan, Spec
from hotops.database.fix import FixDsn, FixSeen, FixWant
from hotops.database.switch_told import DOCS
from hotops.dsn.connection import Dsn
from hotops.dsn.judging import Judgement
from hotops.vault.vault import Item


class SwitchWant(FixWant):
    """Options of a switch."""

    to_database: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_$-]{0,62}$",
        description="Name of the database on the same server that the app works with then, as a restore told it.",
    )
    confirm: str | None = Field(
        None, description="The same name once more: what the app wrote into the former one stays there."
    )


class SwitchRefused(HotopsError):
    """Not confirmed, or nothing to switch to; nothing was written."""

    code = "switch_refused"
    exit_code = ExitCode.APPROVAL


class SwitchDatabase(FixDsn):
    """Point an app at a restored database: vault, Fly and machines, proven to connect first and to answer afterwards.

    Raises what a fix raises, and SwitchRefused.
    """

    name: ClassVar[str] = "restore_switch"
    Want: ClassVar[type[Spec]] = SwitchWant
    docs = DOCS

    def plan(self, state: FixSeen) -> Plan:
        plan = super().plan(state)
        if plan.steps and not self.context.check:
            self._confirmed()
        return plan

    def _confirmed(self) -> None:
        want = self._wanted
        if not want.undo and want.confirm != want.to_database:
            raise SwitchRefused(
                f"The app would work with {want.to_database}: its name has to be given twice. Nothing was written.",
                remedy=f"confirm={want.to_database} once hotops restore proved it row by row.",
            )

    @property
    def _wanted(self) -> SwitchWant:
        want: Spec = self.want
        if not isinstance(want, SwitchWant):
            raise TypeError("a switch has a switch's options")
        return want

    def _right_one(self, item: Item, judged: Judgement) -> Dsn:
        """The right string, to the other database."""
        name = self._wanted.to_database
        if name is None:
            raise SwitchRefused(
                "It is not said to which database.", remedy="to_database=NAME as hotops restore told it."
            )
        return replace(super()._right_one(item, judged), database=name)
