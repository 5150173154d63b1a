"""Links between documents resolve, and paths that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Page

TOP = ("hotops/", "tests/", "docs/", "playbooks/", "roles/", "inventories/", ".ci/", "collections/")
BY_NAME = pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))


@BY_NAME
def test_relative_links_resolve(page: Page) -> None:
    for link in page.links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.name).parent / path if path else ROOT / page.name
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            name = str(target.resolve().relative_to(ROOT))
            assert anchor in PAGES[name].anchors, f"{page.name}: {link}"


@BY_NAME
def test_paths_that_are_named_exist(page: Page) -> None:
    for span in page.spans:
        if not span.startswith(TOP) or "<" in span or " " in span:
            continue
        if "*" in span:
            assert list(ROOT.glob(span)), f"{page.name}: {span}"
        elif span.startswith("inventories/"):
            assert (ROOT / span.split("/")[0]).is_dir()
        else:
            assert (ROOT / span.partition("::")[0]).exists(), f"{page.name}: {span}"


def test_every_page_is_linked_from_the_readme_or_from_a_page_that_is() -> None:
    linked = {
        str(((ROOT / page.name).parent / link.partition("#")[0]).resolve().relative_to(ROOT))
        for page in PAGES.values()
        for link in page.links
        if not re.match(r"[a-z]+:", link) and link.partition("#")[0]
    }
    assert {name for name in PAGES if name.startswith("docs/")} <= linked


@BY_NAME
def test_a_page_is_about_any_team(page: Page) -> None:
    # What one team calls its apps stands in inventories/ and nowhere else.
    hosts = {path.stem for path in Path(ROOT, "inventories").glob("*/host_vars/*.yml")}
    assert hosts
    assert [host for host in hosts | {host.partition("-")[0] for host in hosts} if host in page.text] == []


@BY_NAME
def test_lines_can_be_read_in_a_terminal(page: Page) -> None:
    fenced = re.sub(r"```.*?```", "", page.text, flags=re.DOTALL)
    long = [line for line in fenced.splitlines() if len(line) > 160 and not line.lstrip().startswith("|")]
    assert long == []
