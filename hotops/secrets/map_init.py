"""The first secret map of an environment: written once from the vault's names and what the places show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_settled
from hotops.core.state import write_atomically
from hotops.fly import Fly
from hotops.fly.models import AppSecret
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets.audit_places import trouble_of
from hotops.secrets.map_draft import Draft, drafted, text_of
from hotops.secrets.map_file import read_map
from hotops.secrets.places import PlaceUnreadable, why_unreadable
from hotops.secrets.wanted import vault_of

REPOSITORY = "repository"


class MapInitWant(Spec):
    """Options of a first secret map."""

    look: bool = Field(
        default=True,
        description="Whether apps and GitHub are asked for the names that they have; else the vault alone.",
    )


class MapThere(UsageError):
    """There is a secret map already; it is never overwritten."""

    code = "secret_map_there"


@dataclass(frozen=True)
class MapInitSeen:
    """The draft, its text, and the places that did not answer."""

    draft: Draft
    text: str
    closed: Mapping[str, str]
    #: Whether the file is this very draft already.
    is_there: bool = False


class InitMap(Operation[MapInitWant, MapInitSeen]):
    """Draft the secret map. Calls: one an app, one for the repository, one for its environment.

    A place that does not answer now ends it, since a map is written once; one that is refused or not there is told.
    Raises: MapThere, PlaceUnreadable, VaultMissing, VaultModes.
    """

    name: ClassVar[str] = "secrets_map_init"
    Want: ClassVar[type[Spec]] = MapInitWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Draft the secret map of an environment from its vault",
        description=(
            "Writes the file C(secret_map) of the inventory: each name that the vault has for this environment.",
            "A name goes to the apps and the scopes of GitHub that have one like it.",
            "Holds names only. A map that is there is never overwritten: then it fails.",
            "What the places have and the vault does not is listed in comments: somebody has to look for it.",
        ),
        returns={
            "path": {
                "description": "The file.", "returned": "success", "type": "str",
                "sample": "inventories/secret_maps/production.yml",
            },
            "secrets": {
                "description": "Names that were drafted.", "returned": "success", "type": "list", "elements": "str",
                "sample": ["DATABASE_URL"],
            },
            "unplaced": {
                "description": "By place, names that nothing in the vault is called like.", "returned": "success",
                "type": "dict", "sample": {"fly:shop-production": ["FLY_FLAG"]},
            },
            "closed": {
                "description": "Places that did not answer, and why.", "returned": "success", "type": "dict",
                "sample": {},
            },
            "text": {"description": "The draft itself.", "returned": "success", "type": "str", "sample": "secrets:"},
        },
        examples="""
- name: See what a first secret map would say
  hotops.core.secrets_map_init:
  check_mode: true
  register: draft
  run_once: true

- name: Write it, from the vault alone
  hotops.core.secrets_map_init:
    look: false
  run_once: true
""",
        see_also=("secrets_mirror", "secrets_audit"),
    )  # fmt: skip

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    @property
    def path(self) -> Path:
        return self.environment.secret_map_path

    def observe(self) -> MapInitSeen:
        vault = vault_of(self.environment, may_write=False)
        at_fly, at_github, closed = self._looked() if self.want.look else ({}, {}, {})
        draft = drafted(vault, at_fly, at_github)
        text = text_of(draft, self.environment.name)
        return MapInitSeen(draft, text, closed, self._is_there(text))

    def plan(self, state: MapInitSeen) -> Plan:
        self._text = state.text
        names = {item.name: item.where for item in state.draft.secrets}
        if state.is_there:
            return Plan(why_empty=f"{self._shown()} is this draft")
        if not names:
            return Plan(why_empty=f"the vault has nothing for {self.environment.name}")
        return Plan((Step("secret_map", self._shown(), "create", after=names),), "Draft the secret map")

    def apply(self, step: Step, done: Done) -> Fact:
        self._is_there(self._text)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, self._text, mode=0o644)
        except OSError as error:
            raise HotopsError(
                f"{self._shown()} can't be written: {error.strerror}.", remedy=f"ls -ld {self.path.parent}"
            ) from error
        return {"written": self._shown()}

    def verify(self, plan: Plan, done: Done) -> None:
        """Read it as every other operation will."""
        found = read_map(self.path, shown=self._shown(), root=self.environment.project_dir)
        if set(found.secrets) != set(plan.steps[0].after):
            raise VerifyFailed(f"{self._shown()} is not what was written.", remedy="Remove it and run it again.")

    def report(self, state: MapInitSeen, plan: Plan, done: Done) -> dict[str, Any]:
        lines = state.text.splitlines()
        said = [f"{self._shown()} is written; look through it." if done else f"{self._shown()} would be:"]
        if state.is_there:
            said, lines = [f"{self._shown()} is this draft already."], []
        said += [f"{place} {why}" for place, why in state.closed.items()]
        return {
            "path": self._shown(),
            "secrets": [item.name for item in state.draft.secrets],
            "unplaced": {place: list(names) for place, names in state.draft.unplaced.items()},
            "closed": dict(state.closed),
            "text": state.text,
            "hotops_screen": [*said, *(lines if not done else [])],
        }

    # --- inside ------------------------------------------------------------------------------------------------------

    def _looked(self) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, str]]:
        """Names by app and by scope, and which places did not answer."""
        environment, context = self.environment, self.context
        apps = list(dict.fromkeys(app.app for app in environment.apps.values()))
        repo, scope = environment.github_repo, environment.github_environment or environment.name
        asks: dict[str, Callable[[], list[Any]]] = {f"fly:{app}": partial(_names_at, context, app) for app in apps}
        if repo is not None:
            asks[f"github:{REPOSITORY}"] = lambda: context.client(GitHub).secrets.list(repo)
            asks[f"github:{scope}"] = lambda: context.client(GitHub).secrets.list(repo, scope)
        answers = map_settled(lambda ask: ask(), asks.values())
        fly: dict[str, list[str]] = {}
        github: dict[str, list[str]] = {}
        closed: dict[str, str] = {}
        for place, answer in zip(asks, answers, strict=True):
            if isinstance(answer, HotopsError):
                if trouble_of(answer) == "unreachable":
                    raise PlaceUnreadable(
                        f"{place} {why_unreadable(answer)}; a map without it would never be written again.",
                        remedy="Run it again, or with look=false (--no-look) from the vault alone.",
                        request_id=getattr(answer, "request_id", None),
                    )
                closed[place] = why_unreadable(answer)
            elif isinstance(answer, Exception):
                raise answer
            else:
                kind, _, name = place.partition(":")
                (fly if kind == "fly" else github)[name] = [secret.name for secret in answer]
        return fly, github, closed

    def _is_there(self, text: str) -> bool:
        """Whether this very draft is there. Raises MapThere for any other map."""
        if not self.path.exists():
            return False
        if self.path.read_text(encoding="utf-8", errors="replace") == text:
            return True
        raise MapThere(
            f"There is a secret map {self._shown()} already.",
            remedy=f"hotops secrets audit {self.environment.name} --check tells what it lacks.",
        )

    def _shown(self) -> str:
        try:
            return str(self.path.relative_to(self.environment.project_dir))
        except ValueError:
            return str(self.path)


def _names_at(context: Context, app: str) -> list[AppSecret]:
    return context.client(Fly).secrets.list(app)
