"""Whether a new size lasts: what the next deploy gives a group, and the step that writes it into fly.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotops.core.operation import Step
from hotops.deploy.groups import groups_of
from hotops.fly.models import Machine
from hotops.inventory.schema import App, Environment
from hotops.scale.deploy_size import UnreadableSize, deployed_size
from hotops.scale.sizes import Size
from hotops.scale.steps import FILE
from hotops.scale.toml_file import FlyToml
from hotops.scale.wanted import Wish


def fly_toml_of(environment: object, app: App | None) -> FlyToml | None:
    """The app's fly.toml where the inventory declares one. Raises TomlUnreadable: none there, or another app's."""
    if app is None or app.fly_toml is None or not isinstance(environment, Environment):
        return None
    found = FlyToml.read(Path(environment.path(app.fly_toml)))
    found.refuse_other_app(app.app)
    return found


def wanted_file(wish: Wish, machines: Sequence[Machine], file: FlyToml) -> FlyToml:
    """The file as it has to be so that a deploy gives each group what it is to have now."""
    sizes, rest = wanted_sizes(wish, machines), {}
    for group in groups_of(machines):
        rest[group] = wish.of(group).rest()
    return file.with_sizes(sizes).with_rest(rest)


def wanted_sizes(wish: Wish, machines: Sequence[Machine]) -> dict[str, Size]:
    """The one size that each group is to have; a group that stays mixed is left out."""
    found: dict[str, Size] = {}
    for group, members in groups_of(machines).items():
        sizes = {wish.size(group, Size.of(machine.known_config.guest)) for machine in members}
        if len(sizes) == 1:
            found[group] = sizes.pop()
    return found


def file_step(wish: Wish, machines: Sequence[Machine], file: FlyToml | None) -> list[Step]:
    """The step that makes the sizes last, where the inventory lets us write the file and it says something else."""
    if file is None or wish.declared is None or not wish.declared.fly_toml_write:
        return []
    made = wanted_file(wish, machines, file)
    if made.text == file.text:
        return []
    before, after = {}, {}
    for group, size in wanted_sizes(wish, machines).items():
        before[group], after[group] = said(file, group), str(size)
    return [Step(f"{wish.app}/fly.toml", str(wish.declared.fly_toml), before=before, after=after, phase=FILE)]


def undone_by_deploy(
    wish: Wish, machines: Sequence[Machine], file: FlyToml | None, last_deploy: Mapping[str, Any]
) -> list[str]:
    """Groups whose size the next deploy takes away again, with the place that says so."""
    if wish.declared is not None and wish.declared.fly_toml_write and file is not None:
        return []
    told = []
    for group, size in wanted_sizes(wish, machines).items():
        place = "the configuration of the last deploy" if file is None else str(file.path.name)
        try:
            deployed = deployed_size(last_deploy if file is None else file.data, group)
        except UnreadableSize as error:
            told.append(f"{wish.app}/{group}: {place} can't be read: {error}.")
            continue
        if deployed is not None and deployed != size:
            told.append(
                f"{wish.app}/{group}: the next deploy undoes this: {place} gives {deployed}, not {size}. "
                "Write it there, or declare fly_toml and fly_toml_write."
            )
    return told


def said(file: FlyToml, group: str) -> str:
    """What a file gives a group, in words."""
    try:
        size = file.size(group)
    except UnreadableSize as error:
        return f"unreadable ({error})"
    return "no [[vm]]" if size is None else str(size)
