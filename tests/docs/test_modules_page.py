"""docs/modules.md: what `make docs` would write now."""

from __future__ import annotations

from pathlib import Path

from hotops.documentation import modules_page
from hotops.registry import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_make_docs_would_write() -> None:
    assert (ROOT / "docs/modules.md").read_text(encoding="utf-8") == modules_page()


def test_every_module_is_on_it_and_has_its_file() -> None:
    page = modules_page()
    for name in OPERATIONS:
        assert f"| `{name}` |" in page
        assert (ROOT / f"hotops/plugins/modules/{name}.py").is_file()
