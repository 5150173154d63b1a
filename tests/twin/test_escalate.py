"""A run that failed again: one issue for the same apps, a mail with the summary, and never a secret."""

from __future__ import annotations

import email
import json
import secrets
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.options import validated
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.registry import operation
from tests.stage import Stage

REPO = "acme/shop"
RUN = "20260101T000000Z-promote-stage"
TEXT = "shop-production is on no known release."
ASKED = {"what": "promote", "outcome": "not_restored", "exit_code": 7, "failures": 2, "text": TEXT, "failed_run": RUN}

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, github_repo=REPO)


def escalate(
    stage: Stage, *, environ: dict[str, str] | None = None, selection: tuple[str, ...] | None = None, **options: Any
) -> Outcome:
    kind = operation("escalate")
    fields = {} if selection is None else {"selection": selection}
    with stage.context("run-of-the-call", **fields) as context:
        if environ:
            context.world = World("sandbox", environ, None, None, context.world.tokens)
        return drive(kind(validated(kind.Want, {**ASKED, **options}, of="escalate"), context))


def repository(stage: Stage, *, private: bool = True) -> Any:
    found = stage.twin.github.hub.repository(REPO)
    assert found is not None
    found.private = private
    return found


def issues(stage: Stage) -> list[Any]:
    return [issue for issue in repository(stage).issues.values() if "could not finish" in issue.title]


@contextmanager
def counted(stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """The calls that are made meanwhile."""
    stage.control("DELETE", "log")
    calls: list[dict[str, Any]] = []
    yield calls
    calls.extend(stage.control("GET", "log")["entries"])


def evidence(stage: Stage) -> str:
    folder = stage.environment.project_dir / "artifacts/deployment" / RUN
    folder.mkdir(parents=True)
    (folder / "summary.md").write_text("# promote stage: not restored\n", encoding="utf-8")
    return f"artifacts/deployment/{RUN}"


def test_one_issue_is_opened_and_told_more_and_the_same_run_once(stage: Stage) -> None:
    repository(stage)
    first = escalate(stage, evidence=evidence(stage)).result
    (issue,) = issues(stage)
    assert issue.title == "[sandbox] hotops could not finish in stage: all apps"
    assert first["told"][0]["url"].endswith(f"/issues/{issue.number}")
    for said in ("**promote** ended with **not_restored** (exit code 7), twice in a row.", TEXT, f"Run: `{RUN}`"):
        assert said in issue.body
    assert "# promote stage: not restored" in issue.body, "the summary is in it"
    escalate(stage)
    assert len(issue.comments) == 0, "this run is told already"
    escalate(stage, failed_run="another-run", what="backup")
    assert len(issues(stage)) == 1
    assert [comment.body.count("Run: `another-run`") for comment in issue.comments] == [1]


def test_a_public_repository_is_told_title_and_run_and_no_more(stage: Stage) -> None:
    repository(stage, private=False)
    escalate(stage, evidence=evidence(stage))
    escalate(stage, failed_run="another-run")
    (issue,) = issues(stage)
    assert [issue.body, *(comment.body for comment in issue.comments)] == [f"Run: `{RUN}`", "Run: `another-run`"]


def test_an_issue_whose_answer_was_lost_is_found_and_not_opened_twice(stage: Stage) -> None:
    stage.twin.faults.add({"kind": "reset_after", "times": 1, "match": {"surface": "github", "method": "POST"}})
    assert escalate(stage).result["warnings"] == []
    assert len(issues(stage)) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
def test_a_github_that_refuses_is_a_warning_and_the_others_are_told(tmp_path: Path, status: int) -> None:
    stage = Stage(tmp_path, github_repo=REPO, notifications=[{"kind": "file", "path": "told.jsonl"}])
    stage.twin.faults.add({"kind": "status", "status": status, "match": {"surface": "github"}})
    result = escalate(stage).result
    assert [row["ok"] for row in result["told"]] == [False, True]
    assert result["warnings"][0].startswith(f"issue of {REPO} was not told: ")
    assert (stage.environment.project_dir / "told.jsonl").exists()


def test_no_secret_leaves_by_issue_or_message(tmp_path: Path) -> None:
    stage = Stage(tmp_path, github_repo=REPO, notifications=[{"kind": "file", "path": "told.jsonl"}])
    repository(stage)
    token = stage.twin.tokens["fly"]
    folder = evidence(stage)
    (stage.environment.path(folder) / "summary.md").write_text(f"it said {token}", encoding="utf-8")
    escalate(stage, text=f"the cloud answered: bad token {token}", evidence=folder)
    (issue,) = issues(stage)
    told = (stage.environment.project_dir / "told.jsonl").read_text(encoding="utf-8")
    assert token not in issue.body + issue.title + told
    assert "the cloud answered: bad token" in issue.body
    assert Secret(token).reveal() == token


def test_an_issue_that_was_answered_well_and_is_not_there_is_a_warning(stage: Stage) -> None:
    answer = {"number": 1, "title": "x", "state": "open", "html_url": "https://github.com/acme/shop/issues/1"}
    match = {"surface": "github", "method": "POST"}
    stage.twin.faults.add({"kind": "status", "status": 201, "body": answer, "match": match})
    result = escalate(stage).result
    assert result["warnings"] == [
        f"issue of {REPO} was not told: GitHub took it, and the issue does not tell of this run"
    ]


def test_a_good_run_tells_the_issue_once_and_closes_it(stage: Stage) -> None:
    repository(stage)
    good = {"exit_code": 0, "outcome": "promoted", "failed_run": "20260101T020000Z-promote-stage"}
    with counted(stage) as calls:
        nothing = escalate(stage, **good)
    assert (nothing.changed, nothing.result["told"], len(calls)) == (False, [], 1)
    escalate(stage)
    escalate(stage, failed_run="20260101T010000Z-backup-stage", what="backup")
    (issue,) = issues(stage)
    with stage.context(check=True) as context:
        kind = operation("escalate")
        looked = drive(kind(validated(kind.Want, {**ASKED, **good}, of="escalate"), context), check=True)
    assert "works again" in looked.plan.render()
    assert len(issue.comments) == 1
    for _ in range(2):
        first = escalate(stage, **good).result
    assert (issue.state, len(issue.comments)) == ("open", 2), "the backup still fails"
    assert "Works again: `20260101T020000Z-promote-stage`" in issue.comments[-1].body
    assert first["told"] == [], "it is told already"
    ended = escalate(stage, what="hotops.core.backup", **{**good, "failed_run": "20260101T030000Z-backup-stage"}).result
    assert [(row["ok"], row["closed"]) for row in ended["told"]] == [(True, True)]
    assert (issue.state, len(issue.comments)) == ("closed", 3)
    assert not escalate(stage, **good).changed


def test_a_good_run_mends_what_it_was_about_and_says_no_more_in_public(tmp_path: Path) -> None:
    apps = {name: {"promote_from": "shop-staging"} for name in ("shop-production", "shop-eu", "shop-us")}
    stage = Stage(tmp_path, apps=apps, github_repo=REPO)
    there = repository(stage, private=False).issues
    good = {"exit_code": 0, "outcome": "promoted", "failed_run": "20260101T020000Z-promote-stage"}
    for selection in (("shop-eu",), ("shop-eu", "shop-us"), tuple(apps)):
        escalate(stage, selection=selection)
    escalate(stage, selection=("shop-us", "shop-eu"), **good)
    found = [issue for issue in there.values() if "could not finish" in issue.title]
    states = {issue.title.rpartition(": ")[2]: issue.state for issue in found}
    assert states == {"shop-eu": "closed", "shop-eu, shop-us": "closed", "all apps": "open"}
    escalate(stage, selection=tuple(apps), **good)
    assert {issue.state for issue in found} == {"closed"}
    said = [comment.body for issue in found for comment in issue.comments]
    assert said == ["Works again: `20260101T020000Z-promote-stage`"] * 3


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
def test_a_github_that_refuses_to_hear_of_a_good_run_is_a_warning(stage: Stage, status: int) -> None:
    repository(stage)
    escalate(stage)
    stage.twin.faults.add({"kind": "status", "status": status, "match": {"surface": "github"}})
    result = escalate(stage, exit_code=0, outcome="promoted").result
    assert result["warnings"][0].startswith(f"issue of {REPO} was not told: ")
    assert [issue.state for issue in issues(stage)] == ["open"]


def test_where_nobody_is_declared_nothing_is_planned(tmp_path: Path) -> None:
    outcome = escalate(Stage(tmp_path))
    assert not outcome.changed
    assert "neither github_repo nor notifications" in outcome.plan.render()
    quiet = Stage(tmp_path, github_repo=REPO, escalation={"issue": False})
    assert not escalate(quiet).changed
    assert issues(quiet) == []


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server on a free port that keeps what it gets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.mails: list[bytes] = []
        self.took = threading.Event()


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"QUIT":
                return
            self.wfile.write(b"354 go on\r\n" if verb == b"DATA" else b"250 well\r\n")
            if verb == b"DATA":
                assert isinstance(self.server, Mailbox)
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"250 taken\r\n")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_a_mail_carries_the_summary_and_a_url_of_elsewhere_is_not_called_for_what_is_pretended(
    tmp_path: Path, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("apprise", reason="needs the extra notify")
    stage = Stage(tmp_path, notifications=[{"kind": "apprise", "url_env": "ONCALL"}])
    password = secrets.token_hex(12)
    here = f"mailto://127.0.0.1:{mailbox.server_address[1]}?from=hotops@example.com&to=oncall@example.com&mode=insecure"
    folder = evidence(stage)
    result = escalate(stage, environ={"ONCALL": here}, evidence=folder).result
    assert result["told"] == [{"to": "apprise ONCALL", "ok": True, "why": ""}]
    (raw,) = mailbox.mails
    mail = email.message_from_bytes(raw, policy=policy.default)
    assert mail["Subject"] == (
        "[sandbox] hotops could not finish in stage: all apps: promote, twice in a row (not_restored)"
    )
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("summary.md", "# promote stage: not restored\n")
    assert TEXT in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    for urls, why in (
        ({}, "ONCALL is not set"),
        ({"ONCALL": f"{here} slack://{password}/B/C"}, "leads out of the sandbox"),
        ({"ONCALL": f"nosuch://127.0.0.1/{password}"}, "holds a URL that apprise does not know"),
        ({"ONCALL": f"json://127.0.0.1:1/{password}"}, "not everybody took it"),
    ):
        said = escalate(stage, environ=urls).result
        assert why in said["warnings"][0]
        assert password not in json.dumps(said)
    assert len(mailbox.mails) == 1
    assert password not in "".join(capfd.readouterr())
