"""Assumptions that only writes settle, tried on an app that is made for it and destroyed at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

from hotops.conformance.assumption import Found, Tried, refusal, tried
from hotops.core.context import Context
from hotops.core.errors import ApiError, Conflict, HotopsError, LeaseHeld, PreconditionFailed
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.errors import NameTaken, SecretsNotThere, VersionChanged
from hotops.fly.image import FLY_REGISTRY, ImageRef
from hotops.fly.models import Machine
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.scale.prices import monthly_usd
from hotops.scale.sizes import Size

#: Apps of this name are ours to destroy, also those that a dead run left.
PREFIX = "hotops-conformance-"
#: References of this name likewise.
REFERENCES = "refs/hotops/conformance/"
SIZE = Size("shared", 1, 256)
MACHINES = 2
#: Longest that the trials are let run; what the budget is compared with.
LONGEST_S = 1800.0
_HOURS_A_MONTH = 730.0
_WAIT_S = 180.0


def cost_usd() -> float:
    """What the trials cost at most, by the dated price table: two of the smallest machines for half an hour."""
    return MACHINES * monthly_usd(SIZE) / _HOURS_A_MONTH * LONGEST_S / 3600


def try_all(context: Context, environment: Environment, app: str, image: str) -> list[Tried]:
    """Make the app, try each assumption in turn, and destroy it whatever comes. Raises where it can't be made."""
    fly = context.client(Fly)
    org = next(iter(environment.apps.values())).fly_org
    fly.apps.create(app, org)
    try:
        trials = _Trials(fly, app, image, context)
        found = list(trials.run())
    finally:
        fly.apps.destroy(app)
    gone = tried(0, "a destroyed app is gone", lambda: (not fly.apps.exists(app), "asked once more"))
    return [*found, gone, *_git(context, environment)]


class _Trials:
    def __init__(self, fly: Fly, app: str, image: str, context: Context) -> None:
        self.fly, self.app, self.image, self.clock = fly, app, image, context.clock
        guest = {"cpu_kind": SIZE.cpu_kind, "cpus": SIZE.cpus, "memory_mb": SIZE.memory_mb}
        self.config = MachineConfig({"image": image, "guest": guest, "restart": {"policy": "no"}})
        self.first = ""

    def run(self) -> Iterator[Tried]:
        """In order: what changes the machine comes after what only refuses."""
        began = self.clock.now()
        made = self.fly.machines.create(self.app, self.config, key="conformance/1", name="one")
        self.first = made.id
        self.fly.machines.wait(self.app, made.id, timeout_s=_WAIT_S)
        took = self.clock.now() - began
        yield Tried(15, "a machine is made and started within some seconds", f"{took:.1f} s", "holds")
        foreign = ImageRef.parse(self.image).registry == FLY_REGISTRY
        if foreign:
            yield Tried(2, "a machine starts from another app's image of the organisation", "started", "holds")
        questions: list[tuple[int, str, Callable[[], Found]]] = [
            (18, "a machine's name that is in use is refused", self._name_taken),
            (8, "an image that can't be pulled is refused at once", self._no_image),
            (5, "a stale current_version is refused", self._stale_version),
            (6, "a min_secrets_version above the vault's is refused", self._secrets_version),
            (7, "deleting a name that nobody has tells the vault's version, and changes no secret", self._vault),
            (16, "writing metadata needs no lease and makes no new version", self._metadata),
            (19, "a held lease is told with its end", self._lease),
            (22, "running a command in a leased machine is refused", self._exec),
            (17, "destroying a running machine without force is refused", self._destroy),
            (4, "a machine that is updated while cordoned stays cordoned", self._cordon),
            (24, "the machine's history holds what it was, as it was asked for", self._history),
            (10, "skip_launch on an update leaves a stopped machine stopped", self._stopped),
        ]
        for number, assumed, ask in questions:
            yield tried(number, assumed, ask)

    def _now(self) -> Machine:
        return self.fly.machines.get(self.app, self.first)

    def _changed(self, value: str) -> MachineConfig:
        return self._now().known_config.with_env({"HOTOPS_TRIAL": value})

    def _name_taken(self) -> Found:
        return refusal(
            lambda: self.fly.machines.create(self.app, self.config, key="conformance/2", name="one"),
            NameTaken,
            Conflict,
        )

    def _no_image(self) -> Found:
        none = self.config.with_image(f"{FLY_REGISTRY}/{self.app}:no-such-tag")
        holds, seen = refusal(lambda: self.fly.machines.create(self.app, none, key="conformance/3"), ApiError)
        return holds and "manifest unknown" in seen, seen

    def _stale_version(self) -> Found:
        return refusal(
            lambda: self.fly.machines.update(
                self.app, self.first, self._changed("stale"), current_version="01HOTOPS000000000000000000"
            ),
            VersionChanged, PreconditionFailed, Conflict,
        )  # fmt: skip

    def _secrets_version(self) -> Found:
        now = self._now()
        return refusal(
            lambda: self.fly.machines.update(
                self.app,
                self.first,
                self._changed("early"),
                current_version=now.instance_id,
                min_secrets_version=999_999,
            ),
            SecretsNotThere,
        )

    def _vault(self) -> Found:
        before = [secret.name for secret in self.fly.secrets.list(self.app)]
        version = self.fly.secrets.learn_version(self.app)
        after = [secret.name for secret in self.fly.secrets.list(self.app)]
        return before == after and version >= 0, f"version {version}, {len(after)} secrets before and after"

    def _metadata(self) -> Found:
        before = self._now().instance_id
        with self.fly.machines.lease(self.app, self.first, ttl_s=30, description="hotops conformance"):
            self.fly.machines.set_metadata(self.app, self.first, "hotops_conformance", "yes")
        now = self._now()
        kept = now.metadata.get("hotops_conformance") == "yes"
        return kept and now.instance_id == before, "written, same version" if kept else "not written"

    def _lease(self) -> Found:
        with self.fly.machines.lease(self.app, self.first, ttl_s=30, description="hotops conformance"):
            try:
                self.fly.machines.lease(self.app, self.first, ttl_s=5).release()
            except LeaseHeld as error:
                return error.expires_at is not None, error.message
        return False, "it was taken twice"

    def _exec(self) -> Found:
        with self.fly.machines.lease(self.app, self.first, ttl_s=30, description="hotops conformance"):
            return refusal(lambda: self.fly.machines.exec(self.app, self.first, ["true"]), LeaseHeld, Conflict)

    def _destroy(self) -> Found:
        return refusal(lambda: self.fly.machines.destroy(self.app, self.first), PreconditionFailed)

    def _cordon(self) -> Found:
        self.fly.machines.cordon(self.app, self.first)
        before = self._now()
        self.fly.machines.update(self.app, self.first, self._changed("cordoned"), current_version=before.instance_id)
        self.fly.machines.wait(self.app, self.first, timeout_s=_WAIT_S)
        cordoned = self._now().cordoned
        self.fly.machines.uncordon(self.app, self.first)
        return cordoned, "still cordoned" if cordoned else "in rotation again"

    def _history(self) -> Found:
        envs = [
            version.user_config.env.get("HOTOPS_TRIAL") for version in self.fly.machines.versions(self.app, self.first)
        ]
        return "cordoned" in envs and None in envs, f"{len(envs)} versions"

    def _stopped(self) -> Found:
        self.fly.machines.stop(self.app, self.first)
        self.fly.machines.wait(self.app, self.first, "stopped", timeout_s=_WAIT_S)
        now = self._now()
        self.fly.machines.update(
            self.app, self.first, self._changed("asleep"), current_version=now.instance_id, skip_launch=True
        )
        self.clock.sleep(5.0)
        state = self._now().state
        return state in ("stopped", "created"), state


def repository_of(context: Context, environment: Environment) -> str | None:
    """The repository that a reference is tried in; None where none is named or no token is there."""
    return environment.github_repo if context.world.has_credential("github") else None


def _git(context: Context, environment: Environment) -> list[Tried]:
    """Of GitHub: a reference of its own, made twice, read and removed."""
    repo = repository_of(context, environment)
    if repo is None:
        return []
    github = context.client(GitHub)
    name = f"{REFERENCES}{secrets.token_hex(6)}"

    def twice() -> Found:
        head = github.git.head(repo)
        first = github.git.create_ref(repo, name, head)
        second = github.git.create_ref(repo, name, head)
        return first and not second, f"first {'made' if first else 'refused'}, second {'made' if second else 'refused'}"

    def at_once() -> Found:
        there = github.git.ref(repo, name) is not None
        github.git.delete_ref(repo, name)
        gone = github.git.ref(repo, name) is None
        return there and gone, f"{'there' if there else 'not there'}, then {'gone' if gone else 'still there'}"

    try:
        return [
            tried(64, "of two who create one git reference, the second is refused", twice),
            tried(65, "a reference that was made or deleted is read as such at once", at_once),
        ]
    finally:
        _forget(github, repo, name)


def _forget(github: GitHub, repo: str, name: str) -> None:
    try:
        if github.git.ref(repo, name) is not None:
            github.git.delete_ref(repo, name)
    except HotopsError:
        return  # whether it is left is looked at once more when all is over
