"""docs/cli.md: what `make docs` would write now, with every command and every one of its options."""

from __future__ import annotations

from hotops.commands.catalogue import COMMANDS
from hotops.manual import cli_page
from tests.docs.pages import PAGES


def test_the_page_is_what_make_docs_would_write() -> None:
    assert PAGES["docs/cli.md"].text == cli_page()


def test_every_command_has_its_section_with_examples() -> None:
    page = PAGES["docs/cli.md"]
    for command in COMMANDS:
        section = page.section(f"hotops {command.name}")
        for example in command.examples:
            assert f"    {example}\n" in section
