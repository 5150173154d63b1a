"""What a drill tells: the module's documentation and returns."""

from __future__ import annotations

from hotops.core.documented import Documented

DOCS = Documented(
    short="Drill a disaster and measure the way back",
    description=(
        "Carries a scenario out: remembers what is true, breaks something on purpose, brings it back, compares.",
        "Measures the time until users are served rightly, in phases, and what was lost; estimates nothing.",
        "Fails when more than a fifth over what the inventory allows. Every drill is kept in the register.",
        "Faults that destroy are made in the sandbox only, and a sandbox's drill proves nothing about live clouds.",
    ),
    returns={
        "scenario": {
            "description": "The scenario.",
            "returned": "success",
            "type": "str",
            "sample": "database_lost",
        },
        "archived_until": {
            "description": "Until when the project's log is archived, in unix seconds.",
            "returned": "when nothing was carried out",
            "type": "float",
        },
        "env_kind": {
            "description": "In which world it was; V(sandbox) proves nothing about live clouds.",
            "returned": "when it was carried out",
            "type": "str",
            "sample": "sandbox",
        },
        "counts_as_proof": {
            "description": "Whether it proves something: it passed, on live clouds.",
            "returned": "when it was carried out",
            "type": "bool",
        },
        "why": {
            "description": "Why it did not pass; empty if it did.",
            "returned": "when it was carried out",
            "type": "str",
            "sample": "",
        },
        "rto_s": {
            "description": "What the way back may take, in seconds.",
            "returned": "when it was carried out",
            "type": "float",
        },
        "rpo_s": {
            "description": "What may be lost of the time before, in seconds.",
            "returned": "when it was carried out",
            "type": "float",
        },
        "passed": {
            "description": "Whether all came back within what is allowed.",
            "returned": "when it was carried out",
            "type": "bool",
        },
        "recovery_s": {
            "description": "From the fault to the first correct answer, in seconds.",
            "returned": "when it was carried out",
            "type": "float",
        },
        "loss_s": {
            "description": "What was lost of the time before the fault, in seconds; none if no data were at stake.",
            "returned": "when it was carried out",
            "type": "float",
        },
        "phases": {
            "description": "Seconds of each part of the way back, in order.",
            "returned": "when it was carried out",
            "type": "dict",
            "sample": {"detect": 1.2, "decide": 0.1, "load": 2.4, "verify": 0.4, "serve": 1.0},
        },
        "unproven": {
            "description": "What of a restored backup could not be compared, and why.",
            "returned": "when it was carried out",
            "type": "list",
            "elements": "str",
            "sample": [],
        },
        "report": {
            "description": "Path of the report.",
            "returned": "when evidence is kept",
            "type": "str",
        },
    },
    examples="""
- name: Can we come back from a lost database?
  hotops.core.dr_drill:
    scenario: database_lost
    confirm: sandbox
  run_once: true

- name: What would a drill do?
  hotops.core.dr_drill:
    scenario: region_lost
  check_mode: true
  run_once: true
""",
    notes=("Check mode asks the apps and the project's backups, and writes nothing.",),
    see_also=("dr_due", "health_report", "fly_rollback"),
)
