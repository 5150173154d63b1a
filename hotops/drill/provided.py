"""Which functions experiments may name: what a drill can do and ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hotops.drill.activities import (
    apps_are_well,
    break_release,
    damage_data,
    data_are_right,
    detect,
    lose_database,
    lose_machine,
    lose_region,
    lose_volume,
    put_machines_back,
    recover_database,
    remember,
    restore_volume,
    roll_release_back,
    start_heartbeat,
    stop_heartbeat,
    tidy_up,
    wait_until_served,
)
from hotops.drill.backups import drop_restored, prove_quiet, restore_newest_backup
from hotops.drill.credentials import (
    detect_stranger,
    finish_rotation,
    leak_credential,
    prepare_credential,
    prove_refused,
    rotate_leaked,
)
from hotops.drill.rebuild import (
    delete_project,
    finish_rebuild,
    make_project,
    repoint,
    restore_into_project,
    take_backup,
)

Activity = Callable[..., Any]

ACTIVITIES: Mapping[str, Activity] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            apps_are_well,
            data_are_right,
            remember,
            start_heartbeat,
            lose_database,
            damage_data,
            lose_machine,
            lose_region,
            lose_volume,
            break_release,
            detect,
            recover_database,
            put_machines_back,
            restore_volume,
            restore_newest_backup,
            prove_quiet,
            prepare_credential,
            leak_credential,
            detect_stranger,
            rotate_leaked,
            prove_refused,
            finish_rotation,
            take_backup,
            delete_project,
            make_project,
            restore_into_project,
            repoint,
            finish_rebuild,
            roll_release_back,
            wait_until_served,
            stop_heartbeat,
            drop_restored,
            tidy_up,
        )
    }
)
#: What may be done on live clouds, by whatever scenario: the toolkit goes on after an action that failed, so that a
#: refused fault would be followed by its way back, such as a rollback of a release that is well.
ON_LIVE = frozenset({"apps_are_well", "data_are_right", "restore_newest_backup", "prove_quiet", "drop_restored"})
