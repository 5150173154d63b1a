"""A file's hand-written parts stay byte for byte, whatever they are; its marked part is what was written last."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.errors import HotopsError
from hotops.secrets import env_matrix
from hotops.secrets.env_matrix import Marks, part_of, table, with_part

PART = table([("A", "present", "fly:shop/A", "equal", "deployed", "-", "the shop | others")])
#: Any text of people's, with the line ends of one system, and without our marks.
HAND = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=80).filter(
    lambda text: "hotops secrets audit" not in text
)


@given(before=HAND, after=HAND, crlf=st.booleans())
def test_what_people_wrote_stays_byte_for_byte(before: str, after: str, crlf: bool) -> None:
    end = "\r\n" if crlf else "\n"
    before, after = (f"{text}\n".replace("\n", end) for text in (before, after))
    first = with_part(before, "production", PART, shown="m.md")
    assert first.startswith(before)
    both = with_part(first + after, "staging", PART, shown="m.md")
    changed = with_part(both, "production", PART.replace("equal", "absent"), shown="m.md")
    assert changed == both.replace("| equal |", "| absent |", 1)
    assert with_part(changed, "production", PART, shown="m.md") == both
    assert (crlf and "\n" in first.replace("\r\n", "")) is False
    assert part_of(both, "staging", shown="m.md") == PART.splitlines()


def test_a_new_file_has_a_title_and_the_part_and_a_cell_breaks_no_table() -> None:
    made = with_part(None, "production", PART, shown="m.md")
    assert made.startswith("# ")
    assert "the shop \\| others" in made
    assert with_part(made, "production", PART, shown="m.md") == made


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n{begin}\nrows\n", 2),
        ("{end}\n", 1),
        ("{end}\n{begin}\n", 2),
        ("{begin}\n{end}\n{begin}\n{end}\n", 3),
    ],
)
def test_marks_that_contradict_each_other_are_refused_with_their_line(text: str, line: int) -> None:
    marks = Marks("production")
    with pytest.raises(HotopsError, match=rf"^m\.md:{line}: ") as refused:
        with_part(text.format(begin=marks.begin, end=marks.end), "production", PART, shown="m.md")
    assert (refused.value.failure_code, int(refused.value.failure_exit)) == ("env_matrix", 2)


def test_the_file_keeps_its_mode_and_its_link_and_stays_in_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "docs").mkdir(parents=True)
    real = project / "docs/real.md"
    real.write_text("by hand\n", encoding="utf-8")
    real.chmod(0o640)
    (project / "matrix.md").symlink_to(real)
    env_matrix.write(project / "matrix.md", "production", PART, project=project, shown="matrix.md")
    assert (project / "matrix.md").is_symlink()
    assert real.read_text(encoding="utf-8").startswith("by hand\n")
    assert real.stat().st_mode & 0o777 == 0o640
    (project / "out.md").symlink_to(tmp_path / "outside.md")
    for path in ("out.md", "../outside.md"):
        with pytest.raises(HotopsError, match="outside of the project"):
            env_matrix.write(project / path, "production", PART, project=project, shown=path)
    assert not (tmp_path / "outside.md").exists()
    (project / "binary.md").write_bytes(b"\xff\xfe")
    with pytest.raises(HotopsError, match="not UTF-8"):
        env_matrix.read(project / "binary.md", project=project, shown="binary.md")
