"""What a call of an operation answers: a plain, scrubbed result, or a failure in words."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from pydantic import Field

from hotops.commands.telling import tell
from hotops.core.context import Context
from hotops.core.errors import HotopsError, NoGo
from hotops.core.operation import Done, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.invocation import Answer, as_bug, invoke


class Wanted(Spec):
    app: str = Field(min_length=1)
    memory_mb: int = 256
    regions: tuple[str, ...] | None = None


class Scale(Operation[Wanted, None]):
    name = "scale"
    Want = Wanted

    def observe(self) -> None:
        """Nothing to see."""

    def plan(self, state: None) -> Plan:
        return Plan((Step("app/1", "m1", before={"memory_mb": 256}, after={"memory_mb": self.want.memory_mb}),))

    def apply(self, step: Step, done: Done) -> dict[str, object]:
        return {}

    def report(self, state: None, plan: Plan, done: Done) -> dict[str, Any]:
        token = self.context.world.credential("fly").reveal()
        return {"said": f"sent {token}", "regions": self.want.regions, "hotops_screen": f"one\n{token}"}


def world(token: str = "sandbox-0123456789") -> World:
    return World("sandbox", {}, {}, tokens={"fly": Secret(token)})


def call(
    kind: type[Operation[Any, Any]] = Scale, /, *, check: bool = False, diff: bool = False, **options: Any
) -> Answer:
    return invoke(kind, options, lambda _want: Context(world=world()), check=check, diff=diff)


def test_a_result_is_plain_and_scrubbed() -> None:
    answer = call(app="shop", memory_mb="512", regions="ord, iad")
    assert answer.result["said"] == "sent •••"
    assert answer.screen == ("one", "•••")
    assert answer.result["regions"] == ["ord", "iad"]
    assert answer.result["changed"] is True
    assert "Nothing was written" not in answer.result["plan"]
    assert not answer.failed


def test_check_mode_says_that_nothing_was_written_and_diff_shows_both_sides() -> None:
    answer = call(app="shop", memory_mb=512, check=True, diff=True)
    assert answer.result["plan"].endswith("Nothing was written.")
    assert answer.result["diff"][0]["after"] == "memory_mb: 512\n"


def test_a_plan_is_shown_in_check_mode_where_the_operation_shows_nothing_itself() -> None:
    class Silent(Scale):
        def report(self, state: None, plan: Plan, done: Done) -> dict[str, Any]:
            return {}

    assert call(Silent, app="shop", check=True).screen[-1].endswith("Nothing was written.")
    assert call(Silent, app="shop").screen == ()


def test_null_means_not_given() -> None:
    assert call(app="shop", memory_mb=None, regions=None).result["changed"] is True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"app": "shop", "memory": 512}, "there is no option memory; did you mean memory_mb"),
        ({"app": "shop", "colour": "red"}, "the options are app, memory_mb, regions"),
        ({}, "the option app is required"),
        ({"app": ""}, "app: String should have at least 1 character"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], says: str) -> None:
    answer = call(**options)
    assert says in answer.result["msg"]
    assert answer.result["failure"]["code"] == "usage"
    assert "ansible-doc hotops.core.scale" in answer.result["failure"]["remedy"]


def test_a_wrong_value_is_not_repeated() -> None:
    value = secrets.token_hex(8)
    assert value not in str(call(app="shop", memory_mb=value).result)


def test_a_failure_carries_what_programs_compare_and_shows_its_table() -> None:
    class Gates(Scale):
        def observe(self) -> None:
            raise NoGo(
                "NO-GO: soak.", remedy="Wait.", details={"gates": [{"gate": "soak"}], "hotops_screen": ["soak no"]}
            )

    answer = call(Gates, app="shop")
    assert answer.result["failure"] == {
        "code": "no_go",
        "exit_code": 3,
        "message": "NO-GO: soak.",
        "remedy": "Wait.",
        "request_id": None,
        "details": {"gates": [{"gate": "soak"}]},
    }
    assert answer.result["msg"] == "NO-GO: soak. Wait."
    assert answer.screen == ("soak no",)


def test_a_bug_names_its_place_and_no_value_of_a_secret() -> None:
    class Broken(Scale):
        def observe(self) -> None:
            raise KeyError(self.context.world.credential("fly").reveal())

    answer = call(Broken, app="shop")
    assert answer.result["failure"]["code"] == "bug"
    assert "hotops/core/driver.py" in answer.result["msg"]
    assert "0123456789" not in str(answer)


def test_a_bug_outside_hotops_has_no_place() -> None:
    assert as_bug(ValueError("x")).message == "hotops has a bug: ValueError: x."


def test_what_stops_a_process_is_let_through() -> None:
    class Stopped(Scale):
        def observe(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(Stopped, app="shop")


def test_credentials_of_the_environment_are_scrubbed_even_before_there_is_a_world(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = [secrets.token_hex(12), secrets.token_hex(12)]
    monkeypatch.setenv("FLY_API_TOKEN", ",".join(tokens))

    def no_world(_want: Spec) -> Context:
        raise HotopsError(f"refused {tokens[1]}")

    answer = invoke(Scale, {"app": "shop"}, no_world)
    assert answer.result["msg"] == "refused •••"


def test_what_a_server_answers_drives_no_terminal_and_no_runner(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "no\n::error::pwned\n\x1b]0;pwned\x07"

    class Refused(Scale):
        def observe(self) -> None:
            raise HotopsError(f"It answered 400: {evil}", remedy=evil, details={"hotops_screen": [f"a {evil}", evil]})

    answer = call(Refused, app="shop")
    tell(answer, as_json=False)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, answer.result["msg"]):
        assert "\x1b" not in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
