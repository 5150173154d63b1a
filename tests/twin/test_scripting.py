"""Scripts: a module is a call, a promotion another, errors are HotopsErrors, and nothing is printed."""

from __future__ import annotations

import asyncio
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import hotops
from hotops.commands.place import Place
from hotops.core.context import Context
from hotops.core.errors import NoGo, RolledBack, UsageError
from hotops.core.runs import RunOpening
from hotops.core.verification import verify
from hotops.scripting import Here
from tests.stage import Stage


@pytest.fixture
def stage(own_state: None, tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def here(stage: Stage, **fields: Any) -> Here:
    place = Place(Path("inventories/stage"), stage.environment, tuple(stage.environment.apps))

    def context_of(_kind: Any, _want: Any, check: bool) -> Context:
        return stage.context(check=check, **fields)

    return Here(place, reason="a script", context_of=context_of)


def test_a_module_is_a_call_whose_answer_is_plain_data_and_nothing_is_printed(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    script = here(stage)
    (told,) = script.call("fly_machine_info", app="shop-production")["machines"][:1]
    assert json.loads(json.dumps(told))
    with ThreadPoolExecutor(4) as pool:  # from threads
        asked = [pool.submit(script.call, "fly_app_info", app="shop-production") for _ in range(4)]
        assert len({str(answer.result()) for answer in asked}) == 1

    async def within_a_loop() -> dict[str, Any]:
        return await asyncio.to_thread(script.call, "fly_app_info", app="shop-production")

    assert asyncio.run(within_a_loop())
    assert capsys.readouterr() == ("", "")


def test_a_promotion_is_a_call_and_check_writes_nothing(stage: Stage) -> None:
    before = [machine.image_ref for machine in stage.machines()]
    assert here(stage).promote(check=True)["deploy"]["changed"]
    assert [machine.image_ref for machine in stage.machines()] == before
    phases = here(stage).promote()
    assert phases["watch"]["apps"]
    assert {machine.image_ref.tag for machine in stage.machines()} == {"v42"}
    json.dumps(phases)


def test_how_it_went_wrong_is_a_typed_error(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Did you mean status"):
        here(stage).call("sttus")
    with pytest.raises(UsageError, match="no option ap"):
        here(stage).call("fly_app_info", ap="shop-production")
    with pytest.raises(NoGo) as stopped:
        here(stage).promote(version="v99")
    assert (stopped.value.failure_code, stopped.value.failure_exit) == ("no_go", 3)
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    with pytest.raises(hotops.HotopsError) as refused:
        here(stage).promote()
    assert refused.value.failure_code == "readonly"


def test_a_bad_release_comes_back_and_says_so(stage: Stage) -> None:
    stage.push("v43-prod-slow")
    with pytest.raises(RolledBack):
        here(stage).promote()
    assert {machine.image_ref.tag for machine in stage.machines()} == {"v41"}


def test_a_token_that_a_server_repeats_is_in_no_error_and_no_result(stage: Stage) -> None:
    token = stage.twin.tokens["fly"]

    class Echo(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(401, json={"error": f"{secrets.token_hex(4)} {token}"})

    with pytest.raises(hotops.HotopsError) as refused:
        here(stage, transport=Echo()).call("fly_app_info", app="shop-production")
    assert token not in str(refused.value)


def test_the_evidence_is_sealed_when_the_script_leaves_and_tells_what_it_caught(stage: Stage, tmp_path: Path) -> None:
    folder = RunOpening(tmp_path / "artifacts", "script", "stage", "sandbox", reason="a script").open()
    with here(stage, journal=folder) as script:
        script._folder = folder
        with pytest.raises(NoGo):
            script.promote(version="v99")
    assert folder.is_sealed
    assert verify(folder.run_dir).state == "sealed"
    assert '"no_go"' in (folder.run_dir / "evidence.jsonl").read_text(encoding="utf-8")
