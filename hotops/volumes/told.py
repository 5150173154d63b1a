"""What a restore of a volume tells: the module's documentation."""

from __future__ import annotations

from hotops.core.documented import Documented

DOCS = Documented(
    short="Bring a Fly volume back from a snapshot, onto a new machine",
    description=(
        "Makes a new volume of a snapshot, then a machine that mounts it, configured as the one that had the volume.",
        (
            "The former machine is taken out of rotation and stopped before the new one starts: never two write."
            " It and its volume are kept until somebody destroys them. If the new one is not well, it serves again."
        ),
        "A volume whose host is gone, or that was destroyed less than a day ago, comes back in the same way.",
        "What was written since the snapshot is not on the new volume, which is why O(confirm) names the volume again.",
        "Run again after an interruption, it goes on with what is there.",
    ),
    notes=(
        "The new volume's own name tells which snapshot it is of; its mount keeps the name that fly.toml uses.",
        "Snapshots are copies of blocks as a crash would leave them: a database on a volume needs backups of its own.",
    ),
    returns={
        "app": {"description": "The Fly app.", "returned": "success", "type": "str", "sample": "shop-search"},
        "volume": {
            "description": "Id of the new volume, null where there is none yet.",
            "returned": "success",
            "type": "str",
            "sample": "vol_4xp8k2m9wq1v6r7z",
        },
        "machine": {
            "description": "Id of the new machine, null where there is none yet.",
            "returned": "success",
            "type": "str",
            "sample": "3d8d9021b64d48",
        },
        "snapshot": {
            "description": "Id of the snapshot.",
            "returned": "success",
            "type": "str",
            "sample": "vs_Gk3xMlPq",
        },
        "taken_at": {
            "description": "When the snapshot was taken.",
            "returned": "success",
            "type": "str",
            "sample": "2026-01-31T04:12:00Z",
        },
        "loses_s": {
            "description": "Seconds before now whose writes are not on the new volume.",
            "returned": "success",
            "type": "float",
            "sample": 20880.0,
        },
        "former": {
            "description": "The volume and the machine that it replaces.",
            "returned": "success",
            "type": "dict",
            "sample": {"volume": "vol_vz2kq4x8m1w9p6rn", "machine": "e784079b449483"},
        },
        "warnings": {
            "description": "What somebody still has to see to.",
            "returned": "success",
            "type": "list",
            "elements": "str",
            "sample": [],
        },
        "next": {
            "description": "The command that removes the former machine.",
            "returned": "when something was restored",
            "type": "str",
            "sample": "fly machine destroy e784079b449483 -a shop-search",
        },
    },
    examples="""
- name: The index is as it was at four in the morning
  hotops.core.restore_volume:
    app: shop-search
    volume: data
    confirm: data
  run_once: true

- name: The volume of a lost region comes back in another one
  hotops.core.restore_volume:
    app: shop-search
    volume: vol_vz2kq4x8m1w9p6rn
    region: ams
    confirm: vol_vz2kq4x8m1w9p6rn
  run_once: true
""",
    see_also=("restore_points", "restore", "dr_drill"),
)
