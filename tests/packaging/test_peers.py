"""A missing peer program skips a test on a developer's machine and fails it under CI."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from .conftest import ROOT

pytest_plugins = ["pytester"]

Run = Callable[..., dict[str, int]]

TESTS = """
    import pytest

    @pytest.mark.peer("gh")
    def test_gh(): pass

    @pytest.mark.peer("age")
    def test_age_that_skips_itself():
        pytest.skip("no keys")

    def test_without_peers(): pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a suite with two peer tests on a machine that has `programs` only."""
    monkeypatch.delenv("CI", raising=False)
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nmarkers = ["peer(name): needs a program"]')
    pytester.makepyfile(TESTS)
    programs = pytester.mkdir("programs")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOTOPS_CACHE_DIR", str(pytester.path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(*present: str, ci: bool = False) -> dict[str, int]:
        for name in present:
            (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        if ci:
            monkeypatch.setenv("CI", "true")
        return pytester.runpytest_subprocess("-p", "tests.peers", "-p", "no:cacheprovider").parseoutcomes()

    return run


def test_without_ci_a_missing_peer_is_a_skip(run: Run) -> None:
    assert run("age") == {"passed": 1, "skipped": 2}


def test_under_ci_a_missing_peer_and_any_other_skip_of_a_peer_test_fail(run: Run) -> None:
    assert run("age", ci=True) == {"passed": 1, "failed": 1, "errors": 1}


def test_under_ci_a_missing_optional_peer_is_a_skip_and_a_present_one_may_not_skip(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_optional="""
            import pytest

            @pytest.mark.peer("flyctl")
            def test_flyctl(): pass

            @pytest.mark.peer("flyctl")
            def test_flyctl_that_skips_itself():
                pytest.skip("no app")
        """
    )
    others = {"passed": 1, "failed": 1, "errors": 1}
    assert run("age", ci=True) == {**others, "skipped": 2}
    assert run("flyctl", ci=True) == {"passed": 2, "failed": 2, "errors": 1}


def test_with_its_peer_a_test_runs(run: Run) -> None:
    assert run("age", "gh") == {"passed": 2, "skipped": 1}


def test_a_misspelt_peer_is_an_error(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_typo="import pytest\n\n@pytest.mark.peer('ghh')\ndef test_it(): pass\n")
    result = run("age", "gh", ci=False)
    assert result["passed"] == 2
    assert result["errors"] == 1
