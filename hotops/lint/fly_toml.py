"""What is wrong with a fly.toml: keys that do nothing, sizes that reset, open ports, missing checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hotops.core.options import nearest
from hotops.fly.config import autostop_word
from hotops.fly.image import ImageRef
from hotops.inventory.schema import App
from hotops.lint.finding import Finding, finding, table
from hotops.scale.deploy_size import UnreadableSize, entry_of, groups_in, services_of, size_of_entry, vm_entries
from hotops.scale.sizes import InvalidSize, check
from hotops.scale.toml_file import REST_KEYS, FlyToml, TomlUnreadable

Where = tuple[str | int, ...]


def lint_fly_toml(file: FlyToml, name: str, app: App | None = None) -> list[Finding]:
    """All findings of one file, by line. `app` is what the inventory declares of the app that it is to be about."""
    try:
        config = file.data
    except TomlUnreadable as error:
        line = re.search(r"line (\d+)", error.message)
        return [finding("fly_toml_rules", "unreadable", name, int(line[1]) if line else 1, why=error.message)]
    return sorted(set(_Linter(file, name, config, app).findings()))


class _Linter:
    def __init__(self, file: FlyToml, name: str, config: Mapping[str, Any], app: App | None) -> None:
        self.file, self.name, self.config, self.app = file, name, config, app
        self.groups = groups_in(config)

    def findings(self) -> Iterator[Finding]:
        yield from self._keys(self.config, "", ())
        yield from self._names()
        yield from self._sizes()
        yield from self._services()
        yield from self._deploy()
        if self.app is not None:
            yield from self._declared(self.app)

    def _found(self, rule: str, where: Where, **words: object) -> Finding:
        return finding("fly_toml_rules", rule, self.name, self.file.line(*where), **words)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _keys(self, section: Mapping[str, Any], place: str, where: Where) -> Iterator[Finding]:
        known: list[str] = table("fly_toml_keys")["keys"].get(place, ["*"])
        for key, value in section.items():
            spoken = f"{place}.{key}" if place else key
            if known != ["*"] and key not in known:
                meant = nearest(key, known)
                told = f"; did you mean {meant}?" if meant else ""
                yield self._found("unknown_key", (*where, key), key=spoken, meant=told.rstrip("?"))
                continue
            if spoken in table("fly_toml_keys")["inert"]:
                yield self._found("inert_key", (*where, key), key=spoken)
            inner = f"{place}.*" if place == "checks" else spoken
            for below, item in _tables(value):
                yield from self._keys(item, inner, (*where, key, *below))

    def _names(self) -> Iterator[Finding]:
        named = self.config.get("app")
        if self.app is not None and named is not None and named != self.app.app:
            yield self._found("other_app", ("app",), named=named, app=self.app.app)
        for group, command in dict(self.config.get("processes") or {}).items():
            if not isinstance(command, str):
                yield self._found("process_table", ("processes", group), group=group)
        for section in ("http_service", "services", "vm", "mounts", "restart", "metrics", "files"):
            for below, item in _tables(self.config.get(section)):
                for group in item.get("processes") or []:
                    if group not in self.groups:
                        meant = nearest(str(group), self.groups)
                        told = f"; did you mean {meant}" if meant else ""
                        where = (section, *below, "processes")
                        yield self._found("unknown_process", where, key=section, group=group, meant=told)

    # --- sizes --------------------------------------------------------------------------------------------------------

    def _sizes(self) -> Iterator[Finding]:
        for group in self.groups:
            place = entry_of(self.config, group)
            if place is None:
                yield self._found("no_vm", ("processes", group), group=group)
                continue
            key = "vm" if "vm" in self.config else "compute"
            where: Where = (key, place) if isinstance(self.config[key], list) else (key,)
            entry = vm_entries(self.config)[place]
            try:
                size = size_of_entry(entry)
                check(f"group {group}", size)
            except UnreadableSize as error:
                yield self._found("bad_size", where, why=f"group {group}: {error}.", remedy="Write it as '2048mb'.")
                continue
            except InvalidSize as error:
                yield self._found("bad_size", where, why=error.message, remedy=error.remedy)
                continue
            if not any(name in entry for name in ("memory", "memory_mb", "size")):
                yield self._found("partial_vm", where, group=group, size=size)

    # --- services -----------------------------------------------------------------------------------------------------

    def _services(self) -> Iterator[Finding]:
        published: dict[int, Where] = {}
        checked = {check.get("port") for _, check in self._top_checks()}
        for where, service in self._all_services():
            for port in _ports(where, service):
                if what := self._data_port(port, service):
                    yield self._found("public_data_port", where, port=port, what=what)
                if port in published:
                    yield self._found("one_port_twice", where, port=port, other=self.file.line(*published[port]))
                published.setdefault(port, where)
            inside = service.get("internal_port")
            own = [name for name in ("checks", "http_checks", "tcp_checks") if service.get(name)]
            if not own and inside not in checked and not (where[0] == "http_service" and None in checked):
                yield self._found("no_checks", where, port=inside)
            if where[0] == "services" and "processes" not in service and len(self.groups) > 1:
                yield self._found("no_processes", where, groups=", ".join(self.groups))
            yield from self._rest(where, service)

    def _all_services(self) -> Iterator[tuple[Where, Mapping[str, Any]]]:
        for section in ("http_service", "services"):
            for below, service in _tables(self.config.get(section)):
                yield (section, *below), service

    def _top_checks(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, item in dict(self.config.get("checks") or {}).items():
            if isinstance(item, Mapping):
                yield name, item

    def _data_port(self, port: int, service: Mapping[str, Any]) -> str | None:
        ports = table("fly_toml_keys")["data_ports"]
        found: str | None = ports.get(str(port)) or ports.get(str(service.get("internal_port")))
        return found

    def _rest(self, where: Where, service: Mapping[str, Any]) -> Iterator[Finding]:
        stops = autostop_word(service.get("auto_stop_machines", False)) != "off"
        least = service.get("min_machines_running")
        if stops and service.get("auto_start_machines") is False:
            yield self._found("stops_for_ever", (*where, "auto_start_machines"))
        elif stops and not least:
            yield self._found("sleeps", (*where, "auto_stop_machines"))
        if not stops and least:
            yield self._found("min_without_stop", (*where, "min_machines_running"), number=least)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _deploy(self) -> Iterator[Finding]:
        command = str(dict(self.config.get("deploy") or {}).get("release_command") or "")
        if re.search(table("fly_toml_keys")["migrates"], command):
            yield self._found("release_migrates", ("deploy", "release_command"), command=command)
        image = str(dict(self.config.get("build") or {}).get("image") or "")
        parsed = ImageRef.parse(image) if image else None
        if parsed and not parsed.digest and parsed.tag in (None, "", "latest"):
            yield self._found("unpinned_image", ("build", "image"), image=image)

    def _declared(self, app: App) -> Iterator[Finding]:
        """What the inventory says otherwise."""
        for group, declared in app.process_groups.items():
            for section, index in services_of(self.config, group):
                where: Where = (section,) if index is None else (section, index)
                service = self.config[section] if index is None else self.config[section][index]
                least = service.get("min_machines_running")
                if declared.count is not None and isinstance(least, int) and least > declared.count:
                    at = (*where, "min_machines_running")
                    yield self._found("min_above_count", at, number=least, count=declared.count, group=group)
                for name, key in REST_KEYS.items():
                    wanted, value = getattr(declared, name), service.get(key)
                    said = autostop_word(value) if name == "autostop" and value is not None else value
                    if wanted is not None and said is not None and said != wanted:
                        words = {"key": key, "value": value, "declared": wanted, "group": group}
                        yield self._found("rest_differs", (*where, key), **words)


def _tables(value: Any) -> Iterator[tuple[Where, Mapping[str, Any]]]:
    """A table, or each of a list of tables with its place."""
    if isinstance(value, Mapping):
        yield (), value
    elif isinstance(value, list):
        yield from (((index,), item) for index, item in enumerate(value) if isinstance(item, Mapping))


def _ports(where: Where, service: Mapping[str, Any]) -> Iterator[int]:
    if where[0] == "http_service":
        yield from (80, 443)
    for item in service.get("ports") or []:
        if isinstance(item, Mapping) and isinstance(item.get("port"), int):
            yield item["port"]
