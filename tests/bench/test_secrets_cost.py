"""Two hundred secrets: GitHub's part against a loop of the real gh, and all of it within the clouds' own limits."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.limiter import NoLimiter
from hotops.core.sandbox_clients import client_environment
from hotops.core.world import World
from hotops.github.api import CONTENT_EACH_MINUTE
from hotops.inventory.load import environment_from_vars
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from tests.bench.figures import Figures, Table
from tests.faults.test_scale_sixty import floor_s, sixty_scaled_in_s
from tests.peers import find_peer
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process
from tests.secrets.test_mirror_github import two_hundred

__all__ = ["sandbox", "sandbox_process"]

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
REPO = "acme/shop"
SCOPES = ("production", "staging")
EACH = 40
TIMES = 10.0
ABOVE = 1.05


def values(round_of: str) -> dict[str, str]:
    return {f"KEY_{n:02}": f"{round_of}-{secrets.token_urlsafe(24)}" for n in range(EACH)}


def by_gh(sandbox: RunningSandbox, wanted: dict[str, str]) -> float:
    """`gh secret set NAME -e ENV` for each, the value on stdin: seconds."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(sandbox.state_dir), "NO_COLOR": "1"}
    for group in client_environment(sandbox.state):
        environ |= group.variables
    began = time.perf_counter()
    for scope in SCOPES:
        for name, value in wanted.items():
            subprocess.run(
                [str(find_peer("gh")), "secret", "set", name, "-R", REPO, "-e", scope],
                check=True, env=environ, input=value, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
    return time.perf_counter() - began


def by_hotops(folder: Path, wanted: dict[str, str]) -> float:
    """The same by a mirror to GitHub, over the same loopback server: seconds, the reads and the proof included."""
    file = folder / "vault/shop/keys.env"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "vault").chmod(0o700)
    file.write_text("".join(f"{name}='{value}'\n" for name, value in wanted.items()), encoding="utf-8")
    file.chmod(0o600)
    vars_: dict[str, Any] = {"env_kind": "sandbox", "env_name": "shop", "fly_org": "personal", "github_repo": REPO}
    environment = environment_from_vars(
        {"shop-production": {**vars_, "vault": "vault"}}, {"all": ["shop-production"], "apps": ["shop-production"]},
        inventory=folder / "inventories" / "shop",
    )  # fmt: skip
    lines = [
        f"  {name}: {{github: {{environments: {{{', '.join(f'{s}: {name}' for s in SCOPES)}}}}}}}" for name in wanted
    ]
    mapped = folder / "inventories/secret_maps/shop.yml"
    mapped.parent.mkdir(parents=True, exist_ok=True)
    mapped.write_text("secrets:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    began = time.perf_counter()
    with Context(
        World.of("sandbox"), environment=environment, selection=("shop-production",), run="bench-mirror",
        limiter_of=lambda _cloud, _identity: NoLimiter(),
    ) as context:  # fmt: skip
        outcome: Outcome = drive(MirrorSecrets(MirrorWant(adopt="write"), context))
    assert len(outcome.result["written"]) == EACH * len(SCOPES)
    return time.perf_counter() - began


@pytest.mark.peer("gh")
def test_githubs_part_is_ten_times_as_fast_as_a_loop_of_gh(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(sandbox.state_dir))
    sandbox.control.call("POST", "settings", {"limits": False})
    loops, mirrors = [], []
    for turn in range(3):
        loops.append(by_gh(sandbox, values(f"gh{turn}")))
        mirrors.append(by_hotops(tmp_path, values(f"hotops{turn}")))
    times = [loop / mirror for loop, mirror in zip(loops, mirrors, strict=True)]
    figures.show(
        Table(
            "80 secrets to two environments of GitHub",
            "The real `gh secret set` in a loop, against `secrets_mirror`, which also reads what is there, takes the"
            " lock and proves\nwhat it wrote; one loopback server, no limits, seconds by the clock, in turns.",
            ("round", "gh (s)", "hotops (s)", "times as fast"),
            [
                [n, loop, mirror, ratio]
                for n, (loop, mirror, ratio) in enumerate(zip(loops, mirrors, times, strict=True), 1)
            ],
            target=f"{TIMES:.0f} times as fast in the middle round",
            met=sorted(times)[1] >= TIMES,
        ),
        capsys,
    )
    assert sorted(times)[1] >= TIMES, times


def test_within_the_limits_it_takes_hardly_longer_than_they_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    for name in ("mirror", "scale"):
        (tmp_path / name).mkdir()
    shop = two_hundred(tmp_path / "mirror")
    shop.stage.twin.limits = True
    began = shop.stage.clock.now()
    shop.mirror(deploy=False)
    took_s, calls = shop.stage.clock.now() - began, len(shop.calls())
    least_s = (EACH * len(SCOPES) - CONTENT_EACH_MINUTE.burst) / CONTENT_EACH_MINUTE.per_s
    shop.empty_log()
    shop.mirror(deploy=False)
    again = len(shop.calls())
    scaled_s = sixty_scaled_in_s(tmp_path / "scale")
    figures.show(
        Table(
            "200 secrets and 60 machines, within Fly's and GitHub's limits",
            "40 secrets each to three apps and two environments; another memory for ten machines in each of six apps,"
            " with visitors.\nOn pretended clocks, so only what has to be waited for counts.",
            ("what", "least (s)", "took (s)", "calls", "calls of a second run"),
            [
                ["200 writes of secrets", least_s, took_s, calls, again],
                ["memory of 60 machines", floor_s(), scaled_s, "-", "-"],
            ],
            target="secrets within 5 % of the least, machines within 10 %",
            met=took_s <= least_s * ABOVE and scaled_s <= 1.1 * floor_s(),
        ),
        capsys,
    )
    assert took_s <= least_s * ABOVE
    assert scaled_s <= 1.1 * floor_s()
    assert again <= 12
