"""The page of a run: made of its lines alone, whole for every kind of run, and nothing in a line can turn on it."""

from __future__ import annotations

import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hotops.cli import main
from hotops.core.evidence import EvidenceFolder
from hotops.core.report.course import changed, stretches
from hotops.core.report.measured import measured
from hotops.core.report.page import render
from hotops.core.verification import verify
from tests.report_samples import ATTACKS, START, Lines, attacked, brought_back, without
from tests.unit.evidence_samples import opened, sealed


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def test_it_tells_how_it_went_and_what_to_do() -> None:
    text = Elements(render(brought_back())).text
    assert "promote production: rolled back" in text
    assert "It failed, and the old state is proven back." in text
    assert "Why: It was slow. the login fix" in text
    assert "Next: hotops evidence show" in text
    assert "SANDBOX: not proof" in text
    assert "shop:v42 (444444444444)" in text
    assert "shop-staging:v43 (555555555555)" in text
    assert "Median answer 29 → 904 ms" in text
    assert "back: app/1" in text


def test_before_during_and_after_are_what_was_measured() -> None:
    (found,) = measured(brought_back())
    assert [(part.name, len(part.asked), part.failed_requests) for part in found.parts] == [
        ("before", 20, 1),
        ("during", 2, 1),
        ("after", 10, 1),
    ]
    assert [(part.answers, part.failed) for part in found.parts] == [(2900, 3), (0, 0), (200, 5)]
    assert [part.median_ms for part in found.parts] == [29.0, 30.0, 904.5]
    assert sum(one.answers for one in found.series) == 200


def test_what_was_not_measured_is_unknown_and_says_so() -> None:
    series = {"requests": [[START + 40, 12.0, 0], [START + 40.1, 14.0, 0]]}
    lines = without(
        brought_back(), lambda line: line["kind"] == "verdict" or line.get("subject") in ("during", "watch")
    )
    assert "Unknown: nothing measured answers in this run." in render(lines)
    lines.add("observation", 40.5, app="shop-production", subject="after", text="0 of 2", found={"series": series})
    page = render(lines)
    assert "Before and during: unknown, nothing was measured then (a rollback does not wait to measure)." in page
    (found,) = measured(lines)
    assert [(part.name, len(part.asked), part.failed_requests) for part in found.parts] == [("after", 2, 0)]
    assert "nothing measured answers" not in page


def test_the_course_has_every_phase_and_step_at_its_time() -> None:
    found = stretches(brought_back())
    assert [(one.name, one.status) for one in found if one.is_phase] == [
        ("ask_gates", "done"),
        ("deploy", "done"),
        ("watch", "failed"),  # it leaves no end: what comes after it tells
        ("notify", "done"),
    ]
    steps = [one for one in found if not one.is_phase]
    assert [round(one.took_s, 1) for one in steps] == [7.0, 7.0, 2.0, 2.0]
    assert [one.is_back for one in steps] == [False, False, True, True]


def test_a_run_that_died_says_so_and_what_has_no_end() -> None:
    lines = Lines(brought_back()[:9])  # within the first machine
    assert lines[-1]["kind"] == "intent"
    text = Elements(render(lines)).text
    assert "promote production: not finished" in text
    assert "It goes on, or it died: nothing is signed." in text
    assert "deploy no end" in text
    assert [step.status for step in changed(lines)] == ["unknown"]


def test_nothing_from_outside_becomes_an_element_or_a_style() -> None:
    calm, hostile = Elements(render(brought_back())), Elements(render(attacked()))
    assert hostile.tags == calm.tags, "the same elements, whatever the words are"
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(hostile.tags)
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    page = render(attacked())
    assert "{{ 7 * 7 }}" in Elements(page).text, "a template in a log line is words"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", page)
    assert ATTACKS[0] not in page


def test_it_needs_nothing_from_anywhere() -> None:
    page = render(brought_back())
    assert "default-src 'none'" in page
    links = [value for name, value in Elements(page).attributes if name in ("href", "src", "srcset", "data", "action")]
    assert links == ["evidence.jsonl", "summary.md", "manifest.json"]
    assert not re.search(r"(?:https?:)?//|url\(|@import", page)


def test_the_same_lines_give_the_same_page() -> None:
    assert render(brought_back()) == render(brought_back())


@pytest.mark.parametrize("kind", sorted({line["kind"] for line in brought_back()}))
def test_a_run_without_some_lines_has_a_page_too(kind: str) -> None:
    assert "</html>" in render(without(brought_back(), lambda line: line["kind"] == kind))


def test_lines_of_any_shape_have_a_page() -> None:
    """Another version of hotops, or a hand, may have written them: each field of each line is missing or odd once."""
    odd: list[Any] = [None, "", -1, 1e308, [], {}, [[1]], {"a": None}, "2026", True]
    chance = random.Random(7)
    for number, line in enumerate(brought_back()):
        for name in line:
            lines: list[dict[str, Any]] = [dict(each) for each in brought_back()]
            lines[number][name] = chance.choice(odd)
            assert "</html>" in render(lines), (line["kind"], name)
            del lines[number][name]
            assert "</html>" in render(lines), (line["kind"], name)
    assert "</html>" in render([])


def test_many_requests_are_drawn_within_the_plot() -> None:
    lines = brought_back()
    watch = next(line for line in lines if line.get("subject") == "watch")
    watch["found"]["series"]["requests"] = [[START + n, 5.0 * n, 0] for n in range(400)]
    page = render(lines)
    points = [(float(x), float(y)) for x, y in re.findall(r'd="M([\d.]+) ([\d.]+)h0"', page)]
    assert len(points) == 19 + 1 + 400  # those that were answered
    assert all(0 <= x <= 1000 and 0 <= y <= 200 for x, y in points)


# --- in the folder ----------------------------------------------------------------------------------------------------


def test_it_is_signed_with_the_rest(tmp_path: Path) -> None:
    run = sealed(tmp_path)
    assert verify(run.run_dir).state == "sealed"
    page = run.run_dir / "report.html"
    assert "promote production: <span" in page.read_text(encoding="utf-8")
    page.write_text(page.read_text(encoding="utf-8").replace("promoted", "demoted"), encoding="utf-8")
    assert "report.html was changed." in verify(run.run_dir).problems


def test_a_page_that_was_deleted_is_put_back_as_it_was_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sealed(tmp_path)
    page = run.run_dir / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert main(["evidence", "report", str(run.run_dir)]) == 0
    assert page.read_bytes() == before
    assert verify(run.run_dir).state == "sealed"
    capsys.readouterr()
    assert main(["evidence", "report", str(run.run_dir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] is False


def test_a_dead_run_gets_its_page_and_a_folder_sealed_without_one_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = opened(tmp_path / "dead").run_dir
    assert main(["evidence", "report", str(dead)]) == 0
    assert "not finished" in (dead / "report.html").read_text(encoding="utf-8")
    old = _sealed_without_a_page(tmp_path / "old")
    assert main(["evidence", "report", str(old.run_dir)]) == 2
    assert "--out FILE" in capsys.readouterr().err
    assert not (old.run_dir / "report.html").exists()
    assert main(["evidence", "report", str(old.run_dir), "--out", str(tmp_path / "there.html")]) == 0
    assert "promoted" in (tmp_path / "there.html").read_text(encoding="utf-8")
    assert verify(old.run_dir).state == "sealed"


def _sealed_without_a_page(evidence_dir: Path) -> EvidenceFolder:
    """As a hotops did that had no page yet: the manifest was made before the file was there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hotops.core.evidence.REPORT_FILE", ".tmp")
        return sealed(evidence_dir)
