"""What the packaging tests share: the artifacts of a release, and an environment that holds the wheel only."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment(bin_dir: Path, home: Path) -> dict[str, str]:
    """An environment in which nothing of the developer's own settings reaches Ansible or Python."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON", "HOTOPS_", "COV_"))
    }
    kept.pop("VIRTUAL_ENV", None)
    return {**kept, "PATH": f"{bin_dir}{os.pathsep}{kept['PATH']}", "HOME": str(home), "NO_COLOR": "1"}


def run_in(bin_dir: Path, home: Path) -> Run:
    """A function that runs a program of an environment and returns what it printed; a failure shows both streams."""

    def run(*argv: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(bin_dir / str(argv[0])), *map(str, argv[1:])]
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment(bin_dir, home),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    return run


def build(kind: Sequence[str], source: Path, into: Path) -> Path:
    """Build one artifact with hatchling, as `python -m build` would, and return its path."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *kind, "--outdir", into, source],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    (artifact,) = into.iterdir()
    return artifact


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built straight from the checkout."""
    return build(["--wheel"], ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    return build(["--sdist"], ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Programs of an environment with the wheel in it, and of hotops nothing else.

    The dependencies are those of the running environment, on the path as a plain folder: its own editable hotops, which
    hangs on a .pth file, is thereby not there. `.ci/run` installs into a truly empty one.
    """
    folder = tmp_path_factory.mktemp("user")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", wheel],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    Path(site.stdout.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for name in ("ansible-playbook", "ansible-doc", "ansible-galaxy"):
        script = folder / "venv/bin" / name
        script.write_text(
            f'#!/bin/sh\nexec {python} -m ansible {name.removeprefix("ansible-")} "$@"\n', encoding="utf-8"
        )
        script.chmod(0o755)
    (folder / "home").mkdir()
    return run_in(folder / "venv/bin", folder / "home")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Programs of the developer's environment, where hotops is installed as editable."""
    return run_in(Path(sys.executable).parent, tmp_path_factory.mktemp("home"))
