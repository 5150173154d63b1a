"""fly.toml with new sizes: comments and style stay, and the next deploy gives what was asked for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hotops.scale.deploy_size import UnreadableSize, memory_in_mb
from hotops.scale.sizes import Size, kinds
from hotops.scale.toml_file import FlyToml, TomlUnreadable


def size(memory_mb: int, cpus: int = 1, kind: str = "shared") -> Size:
    return Size(kind, cpus, memory_mb)


def toml(text: str) -> FlyToml:
    return FlyToml(text, Path("fly.toml"))


STYLES = {
    "single table, quoted": (
        "app = 'shop'\n\n# Rails\n[vm]\n  memory = \"512mb\" # killed\n  cpus = 1\n\n# web\n[env]\n  A = 'b'\n",
        "app = 'shop'\n\n# Rails\n[vm]\n  memory = \"2048mb\" # killed\n  cpus = 1\n\n# web\n[env]\n  A = 'b'\n",
    ),
    "list, gigabytes": (
        "[[vm]]\n  memory = '1gb'\n  cpu_kind = 'shared'\n",
        "[[vm]]\n  memory = '2gb'\n  cpu_kind = 'shared'\n",
    ),
    "memory_mb": ("[[vm]]\nmemory_mb   =   512   # MB\n", "[[vm]]\nmemory_mb   =   2048   # MB\n"),
    "a bare number": ("[[vm]]\nmemory = 512\n", "[[vm]]\nmemory = 2048\n"),
    "upper case and a blank": ("[[vm]]\nmemory = '512 MB'\n", "[[vm]]\nmemory = '2048 MB'\n"),
    "a preset alone": ('[[vm]]\n  size = "shared-cpu-1x"\n', '[[vm]]\n  size = "shared-cpu-1x"\n  memory = "2048mb"\n'),
    "both, of which memory_mb counts": (
        "[[vm]]\nmemory = '1gb'\nmemory_mb = 512\n",
        "[[vm]]\nmemory = '2gb'\nmemory_mb = 2048\n",
    ),
    "none": ("app = 'shop'\n", "app = 'shop'\n\n[[vm]]\n  memory = '2048mb'\n  cpus = 1\n"),
    "windows": ("[[vm]]\r\n  memory = '512mb'\r\n", "[[vm]]\r\n  memory = '2048mb'\r\n"),
}


@pytest.mark.parametrize(("before", "after"), STYLES.values(), ids=STYLES)
def test_the_style_of_the_file_is_kept_byte_for_byte(before: str, after: str) -> None:
    made = toml(before).with_sizes({"app": size(2048)})
    assert made.text == after
    assert made.size("app") == size(2048)
    assert made.with_sizes({"app": size(2048)}).text == after


def test_what_a_partial_vm_would_reset_is_said() -> None:
    made = toml("[[vm]]\n  memory = '1gb'\n").with_sizes({"app": size(4096, 2)})
    assert made.text == "[[vm]]\n  memory = '4gb'\n  cpus = 2\n"
    made = toml("[[vm]]\n  cpus = 1\n").with_sizes({"app": size(4096, 2, "performance")})
    assert made.size("app") == size(4096, 2, "performance")


GROUPS = """\
# two groups
[processes]
  web = 'bin/web'
  worker = 'bin/worker'

[vm]
  memory = '512mb' # for both

# the proxy
[http_service]
  internal_port = 3000
  processes = ['web']
  auto_stop_machines = true
"""


def test_one_group_of_two_gets_a_vm_of_its_own_and_the_other_keeps_its_size() -> None:
    made = toml(GROUPS).with_sizes({"worker": size(2048)})
    assert (made.size("web"), made.size("worker")) == (size(512), size(2048))
    assert "[[vm]]\n  memory = '512mb' # for both\n\n[[vm]]\n  memory = '2048mb'\n  cpus = 1\n" in made.text
    assert "  processes = ['worker']\n\n# the proxy\n[http_service]" in made.text


def test_both_groups_stay_in_one_vm_when_they_want_the_same() -> None:
    made = toml(GROUPS).with_sizes({"web": size(2048), "worker": size(2048)})
    assert made.text == GROUPS.replace("512mb", "2048mb")


def test_a_group_leaves_a_vm_that_it_shares() -> None:
    text = "[processes]\na = 'x'\nb = 'y'\n[[vm]]\n  memory = '512mb'\n  processes = ['a', 'b']\n"
    made = toml(text).with_sizes({"b": size(1024)})
    assert (made.size("a"), made.size("b")) == (size(512), size(1024))
    assert made.data["vm"][0]["processes"] == ["a"]


def test_when_machines_rest_is_written_in_the_words_of_the_file() -> None:
    made = toml(GROUPS).with_rest(
        {"web": {"autostop": "off", "min_machines_running": 1}, "worker": {"autostop": "stop"}}
    )
    assert "  auto_stop_machines = false\n  min_machines_running = 1\n" in made.text
    made = made.with_rest({"web": {"autostop": "suspend"}})
    assert "  auto_stop_machines = 'suspend'\n" in made.text or '  auto_stop_machines = "suspend"\n' in made.text


def test_a_key_has_its_line_also_below_long_strings_and_lists() -> None:
    text = 'app = "x"\n[env]\n  A = """\n[vm]\nmemory = 1\n"""\n  B = [\n    "[[vm]]",\n  ]\n'
    text += '[[vm]]\n  memory = "1gb"\n[[vm]]\n  cpus = 2\n'
    found = toml(text)
    assert (found.line("vm", 0, "memory"), found.line("vm", 1, "cpus"), found.line("env", "B")) == (11, 13, 7)
    assert found.line("vm", 1, "memory") == 12
    assert found.line("nothing") == 1


def test_what_can_not_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TomlUnreadable, match="line 2"):
        _ = toml("app = 'x'\n[vm\n").data
    with pytest.raises(TomlUnreadable, match="can't be read"):
        FlyToml.read(tmp_path / "none.toml")
    with pytest.raises(TomlUnreadable, match=r"fly.toml:1 is about the app 'a', not 'b'"):
        toml("app = 'a'").refuse_other_app("b")
    with pytest.raises(UnreadableSize):
        memory_in_mb("lots")


def test_writing_keeps_the_rights_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fly.toml"
    path.write_text("app = 'x'\n", encoding="utf-8")
    path.chmod(0o640)
    FlyToml.read(path).with_sizes({"app": size(1024)}).write()
    assert path.stat().st_mode & 0o777 == 0o640
    assert FlyToml.read(path).size("app") == size(1024)
    assert [file.name for file in tmp_path.iterdir()] == ["fly.toml"]


SIZES = [Size(name, cpus, mb) for name, kind in kinds().items() for cpus in kind.cpus for mb in kind.memory_of(cpus)]
MEMORY = some.sampled_from(["memory = '512mb'", 'memory = "1gb" # c', "memory_mb = 256", "memory = 1024", ""])
CPUS = some.sampled_from(["cpus = 2", "cpu_kind = 'shared'", "size = 'shared-cpu-2x'", 'size = "performance-1x"', ""])
COMMENT = some.sampled_from(["", "# a comment", "   # another, indented"])
NAMES = ("web", "worker", "cron")


@some.composite
def files(draw: Any) -> str:
    """A fly.toml with some groups, some [[vm]] in any of the ways, comments anywhere, and other sections around."""
    lines = [
        "app = 'shop'",
        draw(COMMENT),
        "[processes]",
        *(f"  {name} = 'bin/{name}'" for name in NAMES),
        draw(COMMENT),
    ]
    free = list(NAMES)
    for place in range(draw(some.integers(0, 3))):
        general = draw(some.booleans())
        own = [] if general else [free.pop() for _ in range(draw(some.integers(1, 2))) if free]
        if not general and not own:
            continue
        lines += ["[[vm]]", f"  {draw(MEMORY)}", f"  {draw(CPUS)}", draw(COMMENT)]
        lines += [f"  processes = {own}"] if own else []
        lines += [
            draw(COMMENT),
            *([f"[checks.c{place}]", "  type = 'tcp'", "  port = 80"] if draw(some.booleans()) else []),
        ]
    return "\n".join(lines) + "\n"


@settings(max_examples=150)
@given(files(), some.dictionaries(some.sampled_from(NAMES), some.sampled_from(SIZES), min_size=1))
def test_whatever_the_file_the_next_deploy_gives_what_was_asked_for_and_nothing_else_changes(
    text: str, wanted: dict[str, Size]
) -> None:
    before, made = toml(text), toml(text).with_sizes(wanted)
    for group in NAMES:
        assert made.size(group) == wanted.get(group, before.size(group)), made.text
    assert made.with_sizes(wanted).text == made.text
    rest = [{key: value for key, value in tomllib.loads(each).items() if key != "vm"} for each in (text, made.text)]
    assert rest[0] == rest[1]
    comments = [
        [line.strip() for line in each.splitlines() if line.strip().startswith("#")] for each in (text, made.text)
    ]
    assert sorted(comments[0]) == sorted(comments[1])
