"""Gates, failure codes, marks and verdict words: the documents name those of the code, all of them and no others."""

from __future__ import annotations

import importlib
import re

import pytest

from hotops.core.errors import HotopsError
from hotops.deploy import marks
from hotops.inventory.gates import GATES
from hotops.promote.gates import MAY_BE_UNKNOWN, SHOWN, VALID_S
from hotops.promote.phases import PhaseName
from tests.docs.failure_codes import failure_codes, modules_with_codes
from tests.docs.pages import ARCHITECTURE, GATES_PAGE, OPERATING, PAGES, table_rows


def test_every_gate_is_explained_as_the_code_means_it() -> None:
    rows = [row for row in table_rows(GATES_PAGE.text) if row[0].strip("`") in GATES]
    assert [row[0].strip("`") for row in rows] == list(GATES)
    for name, meaning, remedy in rows:
        rule = GATES[name.strip("`")]
        said, _, remarks = meaning.partition(" *(")
        assert said == rule.meaning
        assert ("never waived" in remarks) == (not rule.waivable), name
        assert ("may be unknown" in remarks) == (name.strip("`") in MAY_BE_UNKNOWN), name
        assert remedy


def test_no_page_names_a_gate_that_does_not_exist() -> None:
    for page in PAGES.values():
        for names in re.findall(r"gates? ((?:`\w+`(?:, | and )?)+)", page.text):
            assert set(re.findall(r"`(\w+)`", names)) <= set(GATES), f"{page.name}: {names}"


def test_the_verdicts_of_the_table_are_the_code_s() -> None:
    rows = {row[0].strip("`") for row in table_rows(GATES_PAGE.text)} - set(GATES)
    assert rows == set(SHOWN.values())


def test_every_failure_code_is_explained_and_no_other() -> None:
    rows = list(table_rows(OPERATING.section("Every failure code")))
    named = [code for row in rows for code in re.findall(r"`([a-z_]+)`", row[0])]
    assert sorted(named) == sorted(set(named)), "a code stands there twice"
    assert set(named) == failure_codes()


def test_the_failure_codes_have_the_exit_codes_that_are_said() -> None:
    said = {
        code: int(row[1])
        for row in table_rows(OPERATING.section("Every failure code"))
        for code in re.findall(r"`([a-z_]+)`", row[0])
    }
    for module in modules_with_codes():
        importlib.import_module(module)
    kinds = list(HotopsError.__subclasses__())
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    known = {kind.code: int(kind.exit_code) for kind in kinds if kind.__module__.startswith("hotops.")}
    assert len(known) > 40
    assert {code: said[code] for code in known} == known


def test_each_section_about_a_code_is_about_one_that_exists() -> None:
    titles = re.findall(r"^### (.+)$", OPERATING.text, re.MULTILINE)
    assert len(titles) > 8
    assert set(titles) <= failure_codes()


def test_every_mark_on_a_machine_is_explained() -> None:
    written = {value for name, value in vars(marks).items() if name.isupper() and isinstance(value, str)}
    explained = set(re.findall(r"`(hotops_\w+)`", ARCHITECTURE.text))
    assert explained == written


def test_the_phases_are_in_the_picture() -> None:
    picture = ARCHITECTURE.section("A promotion")
    for phase in PhaseName.__args__:  # type: ignore[attr-defined]
        assert phase in picture or phase == "compensate"


@pytest.mark.parametrize("page", [ARCHITECTURE, OPERATING], ids=["architecture", "operating"])
def test_the_verdict_counts_as_long_as_is_said(page: object) -> None:
    assert f"{VALID_S / 60:.0f} min" in page.text  # type: ignore[attr-defined]
