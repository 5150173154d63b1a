"""Assumptions that a look settles: no call of these writes anything, and no value is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from hotops.conformance.assumption import Found, Tried, tried
from hotops.core.context import Context
from hotops.core.errors import HotopsError, Unauthorized
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_managed, is_started
from hotops.inventory.schema import App, Environment
from hotops.look.live import UNREAD, readings_of
from hotops.look.reading import read_all
from hotops.look.shapes import Recording
from hotops.supabase.client import Supabase


def read_assumptions(context: Context, environment: Environment) -> tuple[list[Tried], dict[str, Any]]:
    """Each assumption about the first app that reads can tell, and the shapes of all replies."""
    recording = Recording(context.make_transport())
    with Context(
        world=context.world, clock=context.clock, transport=recording, limiter_of=context.limiter_of, check=True
    ) as inner:
        looker = _Looker(inner, environment)
        found = [looker.models(), *(tried(number, assumed, ask) for number, assumed, ask in looker.questions())]
        found.append(tried(26, "the newest release comes with or without its envelope", lambda: _envelope(recording)))
        found.append(tried(37, "answers carry Date and fly-request-id", lambda: _headers(inner)))
    return found, {route: recording.shapes[route] for route in sorted(recording.shapes)}


class _Looker:
    def __init__(self, context: Context, environment: Environment) -> None:
        self.context, self.environment = context, environment
        self.fly = context.client(Fly)
        self.app: App = next(iter(environment.apps.values()))

    def models(self) -> Tried:
        """Every kind of reading once, as `hotops doctor --live` makes it."""
        readings = readings_of(self.context, self.environment)
        errors = {
            name: reading.error
            for name, reading in zip(readings, read_all(list(readings.values())), strict=True)
            if reading.error is not None
        }
        unread = [f"{name}: {error.message}" for name, error in errors.items() if error.failure_code in UNREAD]
        refused = [name for name, error in errors.items() if error.failure_code not in UNREAD]
        seen = f"{len(readings) - len(errors)} of {len(readings)} kinds read"
        if refused:
            seen += f"; refused or away: {', '.join(refused)}"
        return Tried(
            0, "every kind of reply is as hotops' models are", "; ".join([seen, *unread]), _models(unread, refused)
        )

    def questions(self) -> list[tuple[int, str, Callable[[], Found]]]:
        asked: list[tuple[int, str, Callable[[], Found]]] = [
            (3, "the digest of a machine is the one by which the registry knows the image", self._digest),
            (12, "a started machine shows a row for every configured check", self._checks),
            (24, "a machine's history holds its configurations, each with its image", self._history),
            (30, "GraphQL answers a bad token with 401", self._bad_token),
            (32, "the token tells its organisation or its apps", self._token),
            (38, "the registry takes the token, directly or through a token service", self._registry),
            (41, "the log can be read on from where it was left", lambda: (True, f"{len(self._log())} lines")),
        ]
        if self.environment.supabase_project and self.context.world.has_credential("supabase"):
            asked.append((43, "the newest backup is told, in the list or as a window of recovery", self._backups))
        return asked

    def _machines(self) -> list[Machine]:
        return [machine for machine in self.fly.machines.list(self.app.app) if is_managed(machine)]

    def _digest(self) -> Found:
        image = next((found for m in self._machines() if (found := marks.image_of(m)) and found.digest), None)
        if image is None or not image.tag:
            return None, "no machine names its image by tag and digest"
        by_tag = self.fly.registry.resolve(image.model_copy(update={"digest": ""}))
        by_digest = self.fly.registry.resolve(image)
        if by_digest.digest != image.digest:
            return False, f"the registry knows it as {by_digest.digest[:19]}"
        same = by_tag.digest == image.digest
        return True, "the same" if same else "the same; its tag was pushed again since"

    def _checks(self) -> Found:
        started = [machine for machine in self._machines() if is_started(machine)]
        wanted = sum(machine.known_config.check_count for machine in started)
        shown = sum(len(machine.checks) for machine in started)
        if not wanted:
            return None, "no started machine has a check"
        return shown >= wanted, f"{shown} rows for {wanted} checks of {len(started)} machines"

    def _history(self) -> Found:
        first = next(iter(self._machines()), None)
        if first is None:
            return None, "there is no machine"
        versions = self.fly.machines.versions(self.app.app, first.id)
        told = [version for version in versions if version.user_config.image]
        return bool(versions) and len(told) == len(versions), f"{len(told)} of {len(versions)} versions name an image"

    def _bad_token(self) -> Found:
        made = Fly(
            secrets.token_hex(16),
            world=self.context.world,
            clock=self.context.clock,
            transport=self.context.make_transport,
            limiter=self.context.limiter,
        )
        try:
            made.releases.definition(self.app.app)
        except Unauthorized:
            return True, "401"
        except HotopsError as error:
            return False, f"{error.failure_code}: {error.message}"
        return False, "it was answered"

    def _token(self) -> Found:
        tokens = self.fly.tokens.current()
        told = [token for token in tokens if token.org_slug or token.apps]
        return bool(told), f"{len(told)} of {len(tokens)} tokens tell where they may"

    def _registry(self) -> Found:
        image = next((found for m in self._machines() if (found := marks.image_of(m))), None)
        if image is None or image.registry != "registry.fly.io":
            return None, "no image of Fly's registry runs"
        return True, f"manifest of {self.fly.registry.resolve(image).digest[:19]}"

    def _log(self) -> list[Any]:
        return list(self.fly.logs.newest(self.app.app))

    def _backups(self) -> Found:
        supabase = self.context.client(Supabase)
        project = supabase.find(str(self.environment.supabase_project))
        if project is None:
            return None, "the token sees no such project"
        newest = supabase.backups(project.ref).newest
        return newest is not None, "told" if newest is not None else "none is told"


def _models(unread: list[str], refused: list[str]) -> Any:
    return "differs" if unread else "unknown" if refused else "holds"


def _envelope(recording: Recording) -> Found:
    route = next((route for route in recording.shapes if route.endswith("/releases/current")), None)
    if route is None:
        return None, "not answered"
    return True, "with an envelope" if "release" in recording.shapes[route] else "without an envelope"


def _headers(context: Context) -> Found:
    answered = [call for call in context.calls if call.status is not None and call.host == "api.machines.dev"]
    if not answered:
        return None, "nothing was answered"
    dated = sum(call.clock_ahead_s is not None for call in answered)
    named = sum(call.request_id is not None for call in answered)
    return dated == named == len(answered), f"{dated} dated and {named} with an id, of {len(answered)}"
