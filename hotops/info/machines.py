"""Which machines an app has, what they run and how they are."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.fly.client import Fly
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import is_alive, is_managed, started_at
from hotops.info.reported import Reported, time_text


class MachinesWanted(Spec):
    """Which machines of which app."""

    app: str = Field(min_length=1, description="Name of the app.")
    process_group: str | None = Field(None, description="Only machines of this process group.")
    region: str | None = Field(None, description="Only machines in this region.")


class ImageFound(Reported):
    """The image that a machine runs."""

    reference: str = Field(description="The whole reference, `registry/repository:tag@digest`.")
    tag: str = Field(description="The tag; what it points to may have changed since.")
    digest: str = Field(description="The digest, which says which bytes run.")
    commit: str = Field(description="The commit that the image's labels claim; empty where they claim none.")


class CheckFound(Reported):
    """A health check now."""

    name: str = Field(description="Name of the check.")
    status: str = Field(description="`passing`, `warning` or `critical`.")
    output: str = Field(description="What the check saw last.")


class MachineFound(Reported):
    """A machine as Fly's API tells of it."""

    id: str = Field(description="Id of the machine; stays over updates.")
    name: str = Field(description="Name of the machine.")
    instance_id: str = Field(description="Its version; changes with each update.")
    state: str = Field(description="State, such as `started`, `stopped` or `suspended`.")
    region: str = Field(description="Region it is in.")
    process_group: str = Field(description="Its process group, `app` where nothing says another.")
    managed: bool = Field(description="Whether deploys own it.")
    image: ImageFound | None = Field(description="The image it runs.")
    release_version: int | None = Field(description="The release that updated it last, where its metadata says it.")
    cpu_kind: str = Field(description="`shared` or `performance`.")
    cpus: int = Field(description="Number of CPUs.")
    memory_mb: int = Field(description="Memory in MiB.")
    checks: list[CheckFound] = Field(description="Its health checks as they are now.")
    reachable: bool = Field(description="Whether its host answers; if not, nothing said here is current.")
    cordoned: bool = Field(description="Whether it is out of rotation.")
    created_at: str | None = Field(description="When it was made, RFC 3339.")
    updated_at: str | None = Field(description="When it was changed last, RFC 3339.")
    started_at: str | None = Field(description="When its process started, RFC 3339; not set while none runs.")


class MachineInfo(Operation[MachinesWanted, list[Machine]]):
    """List an app's machines. Raises NotFound, Forbidden, Unauthorized."""

    name = "fly_machine_info"
    Want = MachinesWanted
    effect = "read"
    docs = Documented(
        short="List the machines of an app of Fly.io",
        description=(
            "Returns the machines of an app that exist now, with what they run and how they are.",
            "Environment variables of a machine are not returned, since a value may have been put there.",
        ),
        returns={
            "machines": {
                "description": "The machines, by process group and name.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": MachineFound,
            }
        },
        examples="""
- name: See what runs
  hotops.core.fly_machine_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: Every web machine runs the same bytes
  hotops.core.fly_machine_info:
    app: shop-production
    process_group: web
  register: found
  failed_when: found is failed or found.machines | map(attribute="image.digest") | unique | length != 1
""",
        see_also=("fly_app_info", "fly_release_info"),
    )

    def observe(self) -> list[Machine]:
        wanted = self.want
        found = self.context.client(Fly).machines.list(wanted.app, region=wanted.region)
        return [m for m in found if is_alive(m) and wanted.process_group in (None, m.process_group)]

    def report(self, state: list[Machine], plan: Plan, done: Done) -> dict[str, Any]:
        ordered = sorted(state, key=lambda machine: (machine.process_group, machine.name, machine.id))
        return {"machines": [machine_found(machine).model_dump() for machine in ordered]}


def machine_found(machine: Machine) -> MachineFound:
    """The report of one machine."""
    guest = machine.known_config.guest
    image = machine.image_ref
    return MachineFound(
        id=machine.id,
        name=machine.name,
        instance_id=machine.instance_id,
        state=machine.state,
        region=machine.region,
        process_group=machine.process_group,
        managed=is_managed(machine),
        image=_image_found(image) if image else None,
        release_version=machine.release_version,
        cpu_kind=guest.cpu_kind,
        cpus=guest.cpus,
        memory_mb=guest.memory_mb,
        checks=[CheckFound(name=check.name, status=check.status, output=check.output) for check in machine.checks],
        reachable=machine.host_status == "ok",
        cordoned=machine.cordoned,
        created_at=time_text(machine.created_at),
        updated_at=time_text(machine.updated_at),
        started_at=time_text(started_at(machine)),
    )


def _image_found(image: ImageRef) -> ImageFound:
    return ImageFound(reference=str(image), tag=image.tag, digest=image.digest, commit=image.commit)
