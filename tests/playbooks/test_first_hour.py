"""The first hour, as a team would spend it: an empty folder, `hotops init`, and a promotion with nothing edited."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from hotops.core.report.measured import measured
from hotops.core.verification import verify
from tests.playbooks.playing import lines_of
from tests.playbooks.project import Project, Ran
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]  # fixtures


def hotops(project: Project, *words: str) -> Ran:
    """The command as it is typed, in the project's folder."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hotops")), *words],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_an_empty_folder_is_promoted_from_with_nothing_edited(sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    project = Project(tmp_path / "shop", callbacks="")
    shutil.rmtree(project.folder / "inventories")
    project.environ["HOTOPS_STATE_DIR"] = str(sandbox.state_dir)

    made = hotops(project, "init", "--sandbox", "--fly-org", "personal")
    assert made.code == 0, made.text
    assert "shop-production  is promoted from  shop-staging" in made.stdout
    assert "use one database: DATABASE_URL" in " ".join(made.stdout.split())
    assert not [entry for entry in sandbox.control.entries() if entry["effect"] != "none"], "the clouds are only read"
    assert "Next: hotops promote production" in made.stdout

    seen = hotops(project, "status", "production", "--json")
    assert seen.code == 0, seen.text
    status = json.loads(seen.stdout)
    assert [app["app"] for app in status["apps"]] == ["shop-production"]
    assert status["schema"] == 1

    promoted = hotops(project, "promote", "production", "--reason", "the first one", "--yes")
    assert promoted.code == 0, promoted.text
    (run,) = [run for run in project.runs() if "promote" in run.name]
    (measured_app,) = measured(lines_of(run))
    assert [part.name for part in measured_app.parts] == ["before", "during", "after"]
    assert len(measured_app.parts[1].asked) == 2, "one request after each machine"
    assert not any(part.failed_requests for part in measured_app.parts)
    assert verify(run).state == "sealed"
    assert "promote production: <span" in (run / "report.html").read_text(encoding="utf-8")
    after = json.loads(hotops(project, "status", "production", "--json").stdout)
    assert "v43" in after["apps"][0]["images"][0]
    assert any("hotops promote" in change["what"] for change in after["changes"])

    again = hotops(project, "init", "--sandbox", "--fly-org", "personal", "--json")
    assert again.code == 0, again.text
    assert json.loads(again.stdout)["written"] == []
