"""Scaling and fly.toml: written where declared, warned of where not, and never another app's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.scale.toml_file import FlyToml
from tests.scale_stage import apps_with, scale, sizes
from tests.stage import Stage
from tests.twin.stages import APP, SECOND, ended, refused

pytestmark = pytest.mark.usefixtures("own_state")

#: Incident I-7: the web was scaled by hand to 2048, the worker was forgotten, and the file said 512 for both.
TOML = f"""\
app = '{APP}'

[processes]
  web = 'bundle exec rails s'
  worker = 'bundle exec sidekiq'

# Rails and Sidekiq
[vm]
  memory = '512mb' # was killed with this
"""


def stage_with(tmp_path: Path, text: str = TOML, **declared: Any) -> tuple[Stage, Path]:
    stage = Stage(tmp_path, apps=apps_with(memory_floor_mb=2048, fly_toml="apps/fly.toml", **declared))
    path = tmp_path / "apps/fly.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return stage, path


def test_a_size_that_the_next_deploy_would_undo_is_warned_of(tmp_path: Path) -> None:
    stage, path = stage_with(tmp_path)
    warnings = scale(stage).result["warnings"]
    for group in ("web", "worker"):
        assert any(
            f"{APP}/{group}: the next deploy undoes this: fly.toml gives shared-1x 512 MB, not shared-1x 2048 MB"
            in said
            for said in warnings
        )
    assert path.read_text(encoding="utf-8") == TOML
    again = scale(stage, SECOND)
    assert not again.changed
    assert any("the next deploy undoes this" in said for said in again.result["warnings"]), "it is still true"


def test_without_a_file_the_last_deploys_configuration_tells_what_the_next_one_does(tmp_path: Path) -> None:
    stage = Stage(tmp_path, apps=apps_with())
    said = scale(stage, app=APP, process_group="web", memory_mb=1024).result["warnings"]
    assert any("the configuration of the last deploy gives shared-1x 512 MB" in text for text in said)


def test_the_file_gets_the_sizes_where_it_is_declared_and_the_second_run_changes_nothing(tmp_path: Path) -> None:
    stage, path = stage_with(tmp_path, fly_toml_write=True)
    planned = scale(stage, check=True)
    assert path.read_text(encoding="utf-8") == TOML
    screen = "\n".join(planned.result["hotops_screen"])
    assert "fly.toml" in screen
    assert "2048" in screen
    outcome = scale(stage)
    assert path.read_text(encoding="utf-8") == TOML.replace("512mb", "2048mb")
    assert not any("undoes" in said for said in outcome.result["warnings"])
    again = scale(stage, SECOND)
    assert (again.changed, again.result["warnings"]) == (False, [])


def test_a_file_alone_that_says_something_else_is_put_right_without_touching_a_machine(tmp_path: Path) -> None:
    stage, path = stage_with(tmp_path, fly_toml_write=True)
    scale(stage)
    path.write_text(TOML, encoding="utf-8")
    stage.control("DELETE", "log")
    assert scale(stage, SECOND).changed
    assert stage.writes() == []
    assert FlyToml.read(path).data["vm"]["memory"] == "2048mb"


def test_a_file_of_another_app_or_none_is_refused_before_any_call(tmp_path: Path) -> None:
    stage, path = stage_with(tmp_path, TOML.replace(APP, "shop-staging"), fly_toml_write=True)
    stage.control("DELETE", "log")
    error = refused(scale, stage)
    assert ended(error) == ("fly_toml", 2)
    assert "is about the app 'shop-staging', not 'shop-production'" in error.message
    path.unlink()
    assert ended(refused(scale, stage)) == ("fly_toml", 2)
    assert stage.control("GET", "log")["entries"] == []


def test_when_a_machine_fails_the_file_stays_as_it_was(tmp_path: Path) -> None:
    stage, path = stage_with(tmp_path, fly_toml_write=True)
    worker = next(m for m in stage.living_machines() if m.process_group == "worker")
    match = {"method": "POST", "path": f"/v1/apps/{APP}/machines/{worker.id}"}
    body = {"error": "aborted: could not reserve resource for machine: insufficient memory available"}
    stage.control("POST", "faults", {"kind": "status", "status": 409, "body": body, "match": match, "times": 1})
    assert ended(refused(scale, stage)) == ("rolled_back", 6)
    assert path.read_text(encoding="utf-8") == TOML
    assert set(sizes(stage)["web"]) == {"shared-1x 512 MB"}
