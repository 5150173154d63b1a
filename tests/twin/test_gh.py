"""The real `gh`, unchanged, over a Unix socket against the sandbox."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Callable

import pytest

from hotops.core.sandbox_clients import client_environment
from tests.peers import find_peer
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

pytestmark = pytest.mark.peer("gh")
REPO = "acme/shop"
Gh = Callable[..., str]


@pytest.fixture
def gh(sandbox: RunningSandbox) -> Gh:
    """Runs gh in the environment that `hotops sandbox env` prints; what it says, or how it failed."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(sandbox.state_dir), "NO_COLOR": "1"}
    for group in client_environment(sandbox.state):
        environ |= group.variables

    def run(*arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(find_peer("gh")), *arguments],
            check=False,
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"gh {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    return run


def test_secrets_are_set_listed_and_arrive_as_they_were(gh: Gh, sandbox: RunningSandbox) -> None:
    value = f"{secrets.token_urlsafe(24)} äöü"
    gh("secret", "set", "API_KEY", "-R", REPO, stdin=value)
    gh("secret", "set", "API_KEY", "-R", REPO, "-e", "production", stdin=value + "!")
    assert gh("secret", "list", "-R", REPO).startswith("API_KEY\t")
    assert gh("secret", "list", "-R", REPO, "-e", "production").startswith("API_KEY\t")
    for environment, wanted in ((None, value), ("production", value + "!")):
        arrived = sandbox.control.call("POST", "github", {"do": "secrets", "environment": environment})
        assert base64.b64decode(arrived["API_KEY"]).decode() == wanted


def test_a_workflow_is_run_and_watched_to_its_end(gh: Gh) -> None:
    gh("workflow", "run", "deploy.yml", "-R", REPO, "-f", "reason=a test")
    (run,) = json.loads(gh("run", "list", "-R", REPO, "-w", "Deploy", "--json", "databaseId,status"))
    watched = gh("run", "watch", str(run["databaseId"]), "-R", REPO, "--exit-status", "-i", "1")
    assert "deploy" in watched
    (ended,) = json.loads(gh("run", "list", "-R", REPO, "-w", "Deploy", "--json", "status,conclusion"))
    assert (ended["status"], ended["conclusion"]) == ("completed", "success")


def test_issues_are_listed(gh: Gh) -> None:
    assert "Checkout is slow" in gh("issue", "list", "-R", REPO)
    assert json.loads(gh("issue", "list", "-R", REPO, "-l", "P2", "--json", "number")) == []
    assert json.loads(gh("issue", "list", "-R", REPO, "-l", "P0", "--json", "number")) == [{"number": 1}]


def test_the_api_is_asked_and_written_to(gh: Gh) -> None:
    assert gh("api", "user", "--jq", ".login").strip() == "operator"
    head = gh("api", f"repos/{REPO}/commits/HEAD", "--jq", ".sha").strip()
    made = gh("api", f"repos/{REPO}/git/refs", "-f", "ref=refs/hotops/test", "-f", f"sha={head}", "--jq", ".object.sha")
    assert made.strip() == head
    names = gh("api", "--paginate", f"repos/{REPO}/environments?per_page=1", "--jq", ".environments[].name")
    assert sorted(names.split()) == ["production", "staging"]


def test_a_foreign_name_is_not_served_over_the_socket(gh: Gh) -> None:
    with pytest.raises(AssertionError, match="421"):
        gh("api", "https://api.example.com/user")
