"""What is wrong in GitHub workflows: what never starts, never ends red, or does something else than its name says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from hotops.lint.finding import Finding, finding
from hotops.lint.idioms import judge_script
from hotops.lint.marked import Marked, NotYaml, read_marked
from hotops.lint.shell_words import Command, read_script
from hotops.lint.workflow_file import (
    Step,
    Workflow,
    calls_flyctl,
    concurrency_groups,
    deployed_by,
    is_elsewhere,
    rights_needed,
    runner_of,
    uses_the_jobs_token,
)

_SCRIPT = re.compile(r"(?:\./)?((?:[\w.-]+/)+[\w.-]+\.(?:sh|bash|mjs|cjs|js|ts|py|rb))$")
_INTERPRETERS = frozenset({"bash", "sh", "node", "python", "python3", "ruby", "tsx", "ts-node"})
_FOREIGN = re.compile(
    r"\$\{\{\s*(github\.(?:event\.(?:issue|pull_request|comment|review|discussion|head_commit|commits[^}]*)\.(?:title|body|message|head\.ref|"
    r"head\.label)|head_ref))\s*\}\}"
)
_INPUT = re.compile(r"\$\{\{\s*((?:github\.event\.)?inputs\.([\w-]+))\s*\}\}")
_CHECKS = re.compile(r"smoke|health|test|check|verif|gate|audit|parity", re.IGNORECASE)
_PRODUCTION = re.compile(r"prod", re.IGNORECASE)


def lint_workflows(texts: Mapping[str, str], root: Path, others: Mapping[str, str] | None = None) -> list[Finding]:
    """All findings of these files (text by path). `others` are the workflows beside them, which they may name."""
    found: list[Finding] = []
    known: dict[str, Workflow] = {}
    for name, text in {**(others or {}), **texts}.items():
        try:
            known[name] = Workflow(name, read_marked(text))
        except NotYaml as error:
            if name in texts:
                found.append(_found("no_yaml", name, error.line, why=str(error)))
    for name in texts:
        if name in known:
            found += _Linter(known[name], list(known.values()), root).findings()
    return sorted(set(found))


class _Linter:
    def __init__(self, workflow: Workflow, beside: Sequence[Workflow], root: Path) -> None:
        self.workflow, self.beside, self.root = workflow, beside, root
        self.files = {item.file: item for item in beside}

    def findings(self) -> Iterator[Finding]:
        workflow = self.workflow
        for key in ("on", "jobs"):
            if not workflow.root[key].there:
                yield self._at("no_jobs", workflow.root, key=key)
                return
        yield from self._triggers()
        yield from self._name_and_hosts()
        yield from self._side_by_side()
        for job_id, job in workflow.jobs():
            steps = self._steps(job)
            yield from self._conditions(job)
            yield from self._job(job_id, job, steps)
            for step in steps:
                yield from self._step(job, step)

    def _steps(self, job: Marked) -> list[Step]:
        found = []
        for step in job["steps"].each():
            run = step["run"]
            shell = step["shell"].text or job["defaults"]["run"]["shell"].text
            shell = shell or self.workflow.root["defaults"]["run"]["shell"].text or "bash"
            text = run.text if shell.split()[0] in ("bash", "sh") else ""
            script = read_script(text, first_line=run.first_line, stops_on_error="{0}" not in shell or "-e" in shell)
            if run.is_folded:
                script.commands = [
                    Command(c.words, run.first_line, c.after, c.inside, c.redirects) for c in script.commands
                ]
            found.append(Step(step, script))
        return found

    # --- the file -----------------------------------------------------------------------------------------------------

    def _triggers(self) -> Iterator[Finding]:
        titles = {item.title or item.name for item in self.beside}
        for name in self.workflow.triggers["workflow_run"]["workflows"].each():
            if name.text not in titles and not re.search(r"[*?]", name.text):
                yield self._at("no_such_name", name, name=name.text)
        for name_, about in self.workflow.inputs().items():
            is_text = about["type"].text in ("", "string")
            if is_text and re.search(r"approver|approved_by|approval_by", name_, re.IGNORECASE):
                yield self._at("approver_typed", about, name=name_)

    def _name_and_hosts(self) -> Iterator[Finding]:
        """A watch of production by name that asks staging."""
        called = f"{self.workflow.file} {self.workflow.title}"
        if not _PRODUCTION.search(called) or not re.search(r"monitor|health|smoke|load", called, re.IGNORECASE):
            return
        hosts = {
            host
            for item in self.workflow.root["jobs"].scalars()
            for host in re.findall(r"https?://([\w.-]+)", item.text)
        }
        own = {host for host in hosts if not re.search(r"github|slack|googleapis|sentry", host)}
        named = " ".join(item.text for item in self.workflow.root["jobs"].scalars())
        if own and all("staging" in host for host in own) and not re.search(r"(vars|secrets)\.\w*PROD", named):
            yield self._at("watches_another", self.workflow.root, name=self.workflow.file, hosts=", ".join(sorted(own)))

    def _side_by_side(self) -> Iterator[Finding]:
        mine = self._deploys(self.workflow)
        for other in self.beside:
            if other.name >= self.workflow.name or not mine:
                continue
            both = mine & self._deploys(other)
            if both and not concurrency_groups(other) & concurrency_groups(self.workflow):
                what = ", ".join(sorted(both))
                yield self._at("side_by_side", self.workflow.root["jobs"], what=what, other=other.file)

    def _deploys(self, workflow: Workflow) -> set[str]:
        """The environments whose jobs run fly deploy."""
        return {
            name
            for _, job in workflow.jobs()
            if any(deployed_by(command) for step in self._steps(job) for command in step.commands)
            for name in [job["environment"]["name"].text or job["environment"].text]
            if name and "$" not in name
        }

    # --- a job --------------------------------------------------------------------------------------------------------

    def _conditions(self, job: Marked) -> Iterator[Finding]:
        for place in (job, *job["steps"].each()):
            if re.search(r"\bsecrets\s*[.\[]", place["if"].text):
                yield self._at("secret_in_if", place["if"])

    def _job(self, job_id: str, job: Marked, steps: Sequence[Step]) -> Iterator[Finding]:
        called = job["uses"].text
        if called.startswith("./.github/workflows/") and called.rpartition("/")[2] not in self.files:
            yield self._at("no_such_workflow", job["uses"], name=called)
        uses = [step["uses"].text for step in job["steps"].each()]
        script = "\n".join(step.at["run"].text for step in steps)
        installed = any("flyctl" in name or name.startswith("./") for name in uses) or re.search(
            r"fly\.io/install|install.*flyctl|flyctl.*(install|releases/download)|\.fly/bin|setup-flyctl|brew install",
            script,
        )
        if not installed and not job["container"].there and "self-hosted" not in runner_of(job):
            calls = [(c, step) for step in steps if not step.script.broken for c in step.commands if calls_flyctl(c)]
            if calls:
                line = calls[0][0].line
                yield finding(
                    "workflow_rules", "no_flyctl", self.workflow.name, line, program=calls[0][0].called[0].text
                )
        yield from self._outputs(job_id, job, steps)
        yield from self._rights(job, steps)
        yield from self._pull_requests(job, steps)
        outcomes = " ".join(item.text for item in self.workflow.root["jobs"].scalars())
        for step in job["steps"].each():
            what = f"{step['name'].text} {step['run'].text}"
            asked = step["id"].text and re.search(rf"steps\.{re.escape(step['id'].text)}\.(outcome|outputs)", outcomes)
            if step["continue-on-error"].text == "true" and _CHECKS.search(what) and step["run"].there and not asked:
                yield self._at("never_red", step["continue-on-error"])
            action, _, version = step["uses"].text.partition("@")
            if version in ("master", "main", "develop", "trunk") and not action.startswith("./"):
                yield self._at("moving_action", step["uses"], name=step["uses"].text)

    def _outputs(self, job_id: str, job: Marked, steps: Sequence[Step]) -> Iterator[Finding]:
        jobs = dict(self.workflow.jobs())
        ids = {step["id"].text for step in job["steps"].each()}
        for item in job.scalars():
            for needed, output in re.findall(r"\bneeds\.([\w-]+)\.outputs\.([\w-]+)", item.text):
                if needed not in jobs or jobs[needed]["uses"].there:
                    continue
                if output not in jobs[needed]["outputs"].names:
                    why = f"the job {needed} declares {', '.join(jobs[needed]['outputs'].names) or 'no outputs'}"
                    yield self._at("no_such_output", item, what=f"needs.{needed}.outputs.{output}", why=why)
                elif needed not in [name.text for name in job["needs"].each()]:
                    why = f"{job_id} does not need {needed}"
                    yield self._at("no_such_output", item, what=f"needs.{needed}.outputs.{output}", why=why)
            for step_id in re.findall(r"\bsteps\.([\w-]+)\.outputs\.", item.text):
                if step_id not in ids:
                    yield self._at(
                        "no_such_output", item, what=f"steps.{step_id}", why="no step of the job has this id"
                    )

    def _rights(self, job: Marked, steps: Sequence[Step]) -> Iterator[Finding]:
        granted = job["permissions"] if job["permissions"].there else self.workflow.root["permissions"]
        if not granted.there or granted.text == "write-all":
            return
        for step in steps:
            if not uses_the_jobs_token(step.at, job, self.workflow.root):
                continue
            for what, right in rights_needed(step):
                if granted[right].text != "write":
                    yield self._at("no_right", step.at, what=what, right=right, level="write")

    def _pull_requests(self, job: Marked, steps: Sequence[Step]) -> Iterator[Finding]:
        if not any(self.workflow.starts_on(event) for event in ("pull_request", "pull_request_target")):
            return
        guards = " ".join([job["if"].text, *(step.at["if"].text for step in steps)])
        if re.search(r"github\.(event_name|ref|event\.pull_request|event\.action)", guards):
            return
        for step in steps:
            for command in step.commands:
                app = deployed_by(command)
                if app and not re.search(r"\bpr\b|pr-|preview|review|event\.number|\$\{?PR", app, re.IGNORECASE):
                    yield finding("workflow_rules", "deploys_pull_requests", self.workflow.name, command.line, app=app)

    # --- a step -------------------------------------------------------------------------------------------------------

    def _step(self, job: Marked, step: Step) -> Iterator[Finding]:
        run = step.at["run"]
        yield from judge_script(step.script, self.workflow.name)
        for offset, text in enumerate(run.text.splitlines()):
            line = run.first_line if run.is_folded else run.first_line + offset
            for what in _FOREIGN.findall(text):
                yield finding("workflow_rules", "foreign_in_shell", self.workflow.name, line, what=what)
            for what, name in _INPUT.findall(text):
                kind = self.workflow.inputs().get(name)
                if kind is not None and kind["type"].text in ("", "string"):
                    yield finding("workflow_rules", "input_in_shell", self.workflow.name, line, what=what)
        if step.script.broken:
            return
        yield from self._starts(step)
        if not is_elsewhere(self.workflow, job, step):
            yield from self._scripts(step)
        yield from self._config(job, step)

    def _starts(self, step: Step) -> Iterator[Finding]:
        for command in step.commands:
            words = [word.text for word in command.called]
            name = next((word for word in words[3:] if not word.startswith("-")), "")
            own = words[:3] == ["gh", "workflow", "run"] and not {"-R", "--repo"}.intersection(words)
            if not own or not re.fullmatch(r"[\w.-]+\.ya?ml", name):
                continue
            if name not in self.files:
                yield finding("workflow_rules", "no_such_workflow", self.workflow.name, command.line, name=name)
            elif "--json" not in words:
                yield from self._given(name, words, command.line)
        script = step.at["with"]["script"]
        for name in re.findall(r"workflow_id:\s*['\"]([\w.-]+\.ya?ml)['\"]", script.text):
            if name not in self.files:
                yield self._at("no_such_workflow", script, name=name)

    def _given(self, name: str, words: Sequence[str], line: int) -> Iterator[Finding]:
        """The inputs that a workflow is started with, against those that it has."""
        inputs = self.files[name].inputs()
        fields = [after for word, after in pairwise(words) if word in ("-f", "-F", "--field", "--raw-field")]
        given = {field.partition("=")[0] for field in fields}
        for unknown in sorted(given - set(inputs)):
            told = {"name": name, "input": unknown, "known": ", ".join(inputs) or "none"}
            yield finding("workflow_rules", "no_such_input", self.workflow.name, line, **told)
        for wanted, about in inputs.items():
            if about["required"].text == "true" and not about["default"].there and wanted not in given:
                told = {"name": name, "input": wanted}
                yield finding("workflow_rules", "input_missing", self.workflow.name, line, **told)

    def _scripts(self, step: Step) -> Iterator[Finding]:
        if any(command.called[:1] and command.called[0].text in ("cd", "pushd") for command in step.commands):
            return
        text = step.at["run"].text
        for command in step.commands:
            words = [word.text for word in command.called]
            if words[:1] and words[0] in ("npx", "pnpm", "yarn", "npm") and words[1:2] and words[1] in _INTERPRETERS:
                words = words[1:]
            named = words[:1]
            if words[:1] and words[0] in _INTERPRETERS:
                named = [word for word in words[1:] if not word.startswith("-")][:1]
            for word in named:
                if (path := _SCRIPT.match(word)) and not (self.root / path[1]).exists():
                    if len(re.findall(re.escape(path[1]), text)) > 1 or path[1].startswith(
                        ("node_modules/", "dist/", "build/")
                    ):
                        continue  # it is asked for before, or made
                    yield finding("workflow_rules", "no_such_script", self.workflow.name, command.line, name=path[1])

    def _config(self, job: Marked, step: Step) -> Iterator[Finding]:
        """`fly deploy` of production that leaves out the configuration of production."""
        others = sorted(path.name for path in self.root.glob("fly.prod*.toml"))
        if not others or not (self.root / "fly.toml").exists():
            return
        about = " ".join(
            [self.workflow.file, self.workflow.title, job["environment"].text, job["environment"]["name"].text]
        )
        for command in step.commands:
            words = [word.text for word in command.called]
            if not deployed_by(command) or any(re.match(r"(-c|--config|-i|--image)(=|$)", word) for word in words):
                continue
            if _PRODUCTION.search(f"{about} {' '.join(words)}"):
                yield finding("workflow_rules", "staging_config", self.workflow.name, command.line, other=others[0])

    def _at(self, rule: str, place: Marked, **words: object) -> Finding:
        return _found(rule, self.workflow.name, place.line, **words)


def _found(rule: str, file: str, line: int, **words: object) -> Finding:
    return finding("workflow_rules", rule, file, line, **words)
