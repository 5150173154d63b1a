"""Every operation by the name of its module; an operation's code is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from hotops.core.errors import UsageError
from hotops.core.operation import Operation
from hotops.core.options import nearest

#: To add a module: one line here, then `make docs` writes its files.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "backup": "hotops.backup.create:MakeBackup",
        "backup_info": "hotops.backup.info:BackupInfo",
        "backup_prune": "hotops.backup.prune:PruneBackups",
        "backup_verify": "hotops.backup.verify:VerifyBackup",
        "approve_plan": "hotops.promote.asked:ApprovePlan",
        "conformance": "hotops.conformance.conformance:Conformance",
        "doctor": "hotops.look.doctor:Doctor",
        "dr_drill": "hotops.drill.drill:DrDrill",
        "dr_documents": "hotops.drill.documents:DrDocuments",
        "dr_due": "hotops.drill.due:DrDue",
        "dr_follow_ups": "hotops.drill.follow_ups:DrFollowUps",
        "dr_timer": "hotops.drill.timer:DrTimer",
        "dsn_fix": "hotops.database.fix:FixDsn",
        "escalate": "hotops.escalation.escalate:Escalate",
        "explain": "hotops.look.explain:Explain",
        "fly_app_info": "hotops.info.apps:AppInfo",
        "fly_deploy": "hotops.deploy.deploy:Deploy",
        "fly_log_scan": "hotops.health.fly_log_scan:LogScan",
        "fly_machine_info": "hotops.info.machines:MachineInfo",
        "fly_release_info": "hotops.info.releases:ReleaseInfo",
        "fly_rollback": "hotops.deploy.rollback:Rollback",
        "fly_scale": "hotops.scale.scale:Scale",
        "fly_secret_info": "hotops.info.secrets:SecretInfo",
        "freeze": "hotops.promote.freezing:Freeze",
        "gate": "hotops.promote.gate:AskSomeGates",
        "github_approval": "hotops.repository.ask_approval:AskApproval",
        "github_check_info": "hotops.repository.check_info:CheckInfo",
        "github_deployment": "hotops.repository.record_deployment:RecordDeployment",
        "github_issue": "hotops.repository.tell_issue:TellIssue",
        "github_workflow": "hotops.repository.run_workflow:RunWorkflow",
        "health_probe": "hotops.health.health_probe:HealthProbe",
        "health_report": "hotops.health.health_report:HealthReport",
        "lint": "hotops.lint.lint:Lint",
        "lock": "hotops.promote.lock:Lock",
        "notify": "hotops.notify.notify:Notify",
        "promote_plan": "hotops.promote.planning:PromotePlan",
        "promote_phase": "hotops.promote.phase:PromotePhase",
        "restore": "hotops.backup.restore:Restore",
        "restore_compare": "hotops.backup.since:CompareLiving",
        "restore_switch": "hotops.database.switch:SwitchDatabase",
        "restore_moment": "hotops.backup.moment:RestoreMoment",
        "restore_points": "hotops.backup.info:RestorePoints",
        "restore_volume": "hotops.volumes.restore:RestoreVolume",
        "secrets_map_init": "hotops.secrets.map_init:InitMap",
        "secrets_trace": "hotops.secrets.trace:TraceSecret",
        "vault_check": "hotops.secrets.vault_check:CheckVault",
        "vault_fix_modes": "hotops.secrets.vault_modes:FixModes",
        "vault_templates": "hotops.secrets.vault_templates:MakeTemplates",
        "secrets_audit": "hotops.secrets.audit:AuditSecrets",
        "secrets_scan": "hotops.secrets.scan:ScanSecrets",
        "readiness": "hotops.look.readiness:Readiness",
        "secrets_due": "hotops.rotation.due:SecretsDue",
        "secrets_fill": "hotops.rotation.fill:FillSecrets",
        "secrets_mirror": "hotops.secrets.mirror:MirrorSecrets",
        "secrets_rotate": "hotops.rotation.rotate:RotateSecret",
        "scale_report": "hotops.scale.report:ScaleReport",
        "smoke": "hotops.health.smoke:Smoke",
        "status": "hotops.look.status:Status",
        "supabase_dsn": "hotops.database.look:SupabaseDsn",
        "tls_info": "hotops.health.tls_info:TlsLook",
        "why": "hotops.look.why:Why",
    }
)

#: Names of action_groups (for `module_defaults`) and what the names of their modules begin with; `all` holds all.
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all": ("",),
        "backup": ("backup", "restore"),
        "dr": ("dr_",),
        "database": ("dsn_", "supabase_dsn"),
        "fly": ("fly_", "scale_"),
        "github": ("github_",),
        "health": ("health_", "smoke", "tls_"),
        "secrets": ("secrets_", "vault_"),
        "promote": ("approve_", "escalate", "freeze", "gate", "lock", "notify", "promote_"),
        "look": ("conformance", "doctor", "explain", "lint", "readiness", "status", "why"),
    }
)


def operation(name: str) -> type[Operation[Any, Any]]:
    """The operation behind a module's name, with or without `hotops.core.`. Raises UsageError for an unknown one."""
    short = name.removeprefix("hotops.core.")
    if short not in OPERATIONS:
        meant = nearest(short, OPERATIONS)
        hint = f"Did you mean {meant}?" if meant else f"Known are {', '.join(OPERATIONS)}."
        raise UsageError(f"There is no operation {short!r}.", remedy=hint)
    module, _, member = OPERATIONS[short].partition(":")
    kind: type[Operation[Any, Any]] = getattr(import_module(module), member)
    return kind


def in_group(group: str) -> list[str]:
    """Names of the modules of an action group, sorted."""
    return sorted(name for name in OPERATIONS if name.startswith(GROUPS[group]))
