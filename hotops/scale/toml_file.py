"""An app's fly.toml: read with the line of each key, and given new sizes with comments and style kept."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hotops.core.errors import UsageError
from hotops.scale.deploy_size import DEFAULT, deployed_size, entry_of, groups_in, services_of, size_of_entry, vm_entries
from hotops.scale.sizes import Size

#: fly.toml's words for a service's rest, by those of the Machines API.
REST_KEYS = {
    "autostop": "auto_stop_machines",
    "autostart": "auto_start_machines",
    "min_machines_running": "min_machines_running",
}
_HEADER = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*(?P<key>(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*""")
_STRINGS = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*|[\[\]{}]')

Path_ = tuple[str | int, ...]


class TomlUnreadable(UsageError):
    """The fly.toml is not there, is no TOML, or is another app's."""

    code = "fly_toml"


@dataclass(frozen=True)
class FlyToml:
    """The text of a fly.toml and where it came from."""

    text: str
    path: Path

    @classmethod
    def read(cls, path: Path) -> FlyToml:
        """Raises TomlUnreadable where there is no such file."""
        try:
            return cls(path.read_bytes().decode("utf-8"), path)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise TomlUnreadable(
                f"{path} can't be read: {why}.", remedy="Correct fly_toml in the inventory: a path below the project."
            ) from error

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """Its content as plain data. Raises TomlUnreadable with the line."""
        import tomllib

        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise TomlUnreadable(f"{self.path} is no TOML: {error}.", remedy="Correct it.") from error

    @cached_property
    def lines(self) -> Mapping[Path_, int]:
        """The line (from 1) of each table and key, by its path: `("vm", 0, "memory")`."""
        return dict(_places(self.text))

    def line(self, *path: str | int) -> int:
        """The line of a key, or of what it stands in; 1 where nothing of it is there."""
        for length in range(len(path), 0, -1):
            if (found := self.lines.get(path[:length])) is not None:
                return found
        return 1

    def size(self, group: str) -> Size | None:
        """What a deploy gives the group, None where it leaves its machines as they are. Raises UnreadableSize."""
        return deployed_size(self.data, group)

    def refuse_other_app(self, app: str) -> None:
        """Raise TomlUnreadable if it names another app than `app`."""
        named = self.data.get("app")
        if named not in (None, app):
            raise TomlUnreadable(
                f"{self.path}:{self.line('app')} is about the app {named!r}, not {app!r}.",
                remedy="Correct fly_toml in the inventory, or the name in the file: a deploy goes where it says.",
            )

    def with_sizes(self, sizes: Mapping[str, Size]) -> FlyToml:
        """The same file giving these groups these sizes at the next deploy; all else byte for byte as it was."""
        made = self
        for group, size in sizes.items():
            if made.size(group) != size:
                made = made._with_size(group, size, sizes)
        return made

    def with_rest(self, rest: Mapping[str, Mapping[str, object]]) -> FlyToml:
        """The same file with these words on when each group's machines rest."""
        made = self
        for group, words in rest.items():
            for section, index in services_of(made.data, group) if words else ():
                path = (section,) if index is None else (section, index)
                for name, value in words.items():
                    made = made._with_value((*path, REST_KEYS[name]), value)
        return made

    def write(self) -> None:
        """Put it in the place of what is there, whole or not at all, with the same rights."""
        target = self.path.resolve()
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            Path(draft).chmod(stat.S_IMODE(target.stat().st_mode))
            os.replace(draft, target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def _with_size(self, group: str, size: Size, sizes: Mapping[str, Size]) -> FlyToml:
        index = entry_of(self.data, group)
        if index is None:
            return self._with_entry(group, size, sizes)
        named = list(vm_entries(self.data)[index].get("processes") or [])
        others = [other for other in named or groups_in(self.data) if other != group]
        if any(entry_of(self.data, other) == index and sizes.get(other) != size for other in others):
            return self._with_entry(group, size, sizes, apart_from=index if named else None)
        return self._with_keys(index, size)

    def _with_keys(self, index: int, size: Size) -> FlyToml:
        """The size in the words that this [[vm]] already uses; what it leaves out is said where it would be reset."""
        single = not isinstance(self.data.get("vm", self.data.get("compute")), list)
        where: Path_ = (self._vm_key,) if single else (self._vm_key, index)
        made, entry = self, vm_entries(self.data)[index]
        for key in ("memory_mb", "memory"):
            if key in entry:
                made = made._with_value((*where, key), _memory_like(entry[key], size.memory_mb))
        if "cpu_kind" in entry or size_of_entry(entry).cpu_kind != size.cpu_kind:
            made = made._with_value((*where, "cpu_kind"), size.cpu_kind)
        if "cpus" in entry or size_of_entry(entry).cpus != size.cpus:
            made = made._with_value((*where, "cpus"), size.cpus)
        if size_of_entry(vm_entries(made.data)[index]).memory_mb != size.memory_mb:
            made = made._with_value((*where, "memory"), f"{size.memory_mb}mb")
        return made

    def _with_entry(
        self, group: str, size: Size, sizes: Mapping[str, Size], *, apart_from: int | None = None
    ) -> FlyToml:
        """A [[vm]] of the group's own, after the last one there is."""
        made = self._without_process(apart_from, group) if apart_from is not None else self
        made = made._with_a_list_of_vms()
        everyone = len(groups_in(made.data)) == 1 and not vm_entries(made.data)
        lines = ["[[vm]]", f"  memory = '{size.memory_mb}mb'"]
        if size.cpu_kind != DEFAULT.cpu_kind:
            lines.append(f"  cpu_kind = '{size.cpu_kind}'")
        lines.append(f"  cpus = {size.cpus}")
        if not everyone:
            lines.append(f"  processes = ['{group}']")
        newline = "\r\n" if "\r\n" in made.text else "\n"
        block = newline.join([*lines, ""])
        text = made.text.splitlines(keepends=True)
        at = made._end_of_vms()
        before, after = "".join(text[:at]), "".join(text[at:])
        if before and not before.endswith("\n"):
            before += newline
        gap = newline if before.strip() and not before.endswith(newline * 2) else ""
        return FlyToml(
            before + gap + block + (newline if after.strip() and not after.startswith(newline) else "") + after,
            self.path,
        )

    def _without_process(self, index: int, group: str) -> FlyToml:
        where = (self._vm_key, index) if isinstance(self.data[self._vm_key], list) else (self._vm_key,)
        left = [name for name in vm_entries(self.data)[index]["processes"] if name != group]
        return self._with_value((*where, "processes"), left)

    def _with_a_list_of_vms(self) -> FlyToml:
        """A single [vm] becomes the first of several."""
        if not isinstance(self.data.get(self._vm_key), Mapping):
            return self
        lines = self.text.splitlines(keepends=True)
        at = self.lines[(self._vm_key,)] - 1
        lines[at] = re.sub(r"\[\s*(\w+)\s*\]", r"[[\1]]", lines[at], count=1)
        return FlyToml("".join(lines), self.path)

    def _end_of_vms(self) -> int:
        """Index of the line before which a further [[vm]] goes."""
        lines = self.text.splitlines(keepends=True)
        heads = [place - 1 for path, place in self.lines.items() if path[0] == self._vm_key]
        if not heads:
            return len(lines)
        end = next((i for i in range(max(heads) + 1, len(lines)) if _HEADER.match(lines[i])), len(lines))
        while end > max(heads) + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1  # blank lines and comments belong to the section that follows
        return end

    def _with_value(self, path: Path_, value: object) -> FlyToml:
        """One key with another value, in the style of the old one; a new key comes below the others of its table."""
        import tomlkit
        from tomlkit.items import String

        document: Any = tomlkit.parse(self.text)
        table = document
        for part in path[:-1]:
            table = table[part]
        key = str(path[-1])
        if key not in table:
            return self._with_line(path, tomlkit.item(value if not isinstance(value, str) else "").as_string(), value)
        old = table.item(key)
        wanted = _rest_like(old.unwrap(), value)
        if old.unwrap() == wanted and isinstance(old.unwrap(), bool) == isinstance(wanted, bool):
            return self
        literal = isinstance(old, String) and old.as_string().startswith("'")
        table[key] = tomlkit.string(wanted, literal=literal) if isinstance(wanted, str) else wanted
        return FlyToml(tomlkit.dumps(document), self.path)

    def _with_line(self, path: Path_, written: str, value: object) -> FlyToml:
        lines = self.text.splitlines(keepends=True)
        newline = "\r\n" if "\r\n" in self.text else "\n"
        keys = [
            place
            for other, place in self.lines.items()
            if other[:-1] == path[:-1] and not _HEADER.match(lines[place - 1])
        ]
        at = max(keys, default=self.line(*path[:-1]))
        indent = re.match(r"\s*", lines[max(keys) - 1])[0] if keys else "  "  # type: ignore[index]
        while at < len(lines) and _after(lines[at - 1], 0, "") != (0, ""):
            at -= 1  # a value over several lines: above it
        quote = '"' if '"' in self.text and "'" not in self.text else "'"
        text = f"{quote}{value}{quote}" if isinstance(value, str) else written
        if not lines[at - 1].endswith("\n"):
            lines[at - 1] += newline
        lines.insert(at, f"{indent}{path[-1]} = {text}{newline}")
        return FlyToml("".join(lines), self.path)

    @property
    def _vm_key(self) -> str:
        return "compute" if "vm" not in self.data and "compute" in self.data else "vm"


def _memory_like(old: object, memory_mb: int) -> object:
    """The memory as the old value wrote it: a number, `2gb`, `2048MB`, `"2048"`."""
    if isinstance(old, int):
        return memory_mb
    found = re.fullmatch(r"\s*[\d.]+(?P<space>\s*)(?P<unit>[A-Za-z]*)\s*", str(old))
    unit, space = (found["unit"], found["space"]) if found else ("mb", "")
    if unit.lower().startswith("g"):
        if memory_mb % 1024 == 0:
            return f"{memory_mb // 1024}{space}{unit}"
        unit = ("M" if unit[0].isupper() else "m") + unit[1:]
    return f"{memory_mb}{space}{unit}"


def _rest_like(old: object, value: object) -> object:
    """`off` and `stop` as false and true where the file says it so."""
    if isinstance(old, bool) and value in ("off", "stop"):
        return value == "stop"
    return value


def _places(text: str) -> Iterator[tuple[Path_, int]]:
    """Each table and key with its line. Keys inside of inline tables and arrays are where these begin."""
    here: Path_ = ()
    counts: dict[Path_, int] = {}
    depth, inside = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside and not depth:
            if header := _HEADER.match(line):
                here = _header_path(header, counts)
                yield here, number
                if header["open"] == "[[" and here[-1] == 0:
                    yield here[:-1], number
                continue
            if key := _KEY.match(line):
                yield (*here, *_parts(key["key"])), number
        depth, inside = _after(line, depth, inside)


def _header_path(header: re.Match[str], counts: dict[Path_, int]) -> Path_:
    path: Path_ = ()
    parts = _parts(header["name"])
    for place, part in enumerate(parts):
        path = (*path, part)
        if header["open"] == "[[" and place == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(key: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(key)]


def _after(line: str, depth: int, inside: str) -> tuple[int, str]:
    """Nesting of brackets, and the multi-line string that is open, after a line."""
    at = 0
    while at < len(line):
        if inside:
            end = line.find(inside, at)
            if end < 0:
                return depth, inside
            at, inside = end + 3, ""
            continue
        found = _STRINGS.search(line, at)
        if not found:
            break
        sign, at = found[0], found.end()
        if sign in ('"""', "'''"):
            inside = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
    return max(depth, 0), inside
