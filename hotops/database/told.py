"""Judgements and proofs as plain data and as lines: user, host, port and database, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.dsn.judging import Judgement
from hotops.dsn.proof import Proof, cure

#: How `returns` of the modules describe a judgement.
JUDGED: Mapping[str, Mapping[str, object]] = {
    "verdict": {
        "description": "V(ok), V(care) (it works and will hurt) or V(wrong).",
        "returned": "success",
        "type": "str",
        "sample": "wrong",
    },
    "kind": {
        "description": "What it leads to, told by host, user and port together; empty where that is not to be known.",
        "returned": "success",
        "type": "str",
        "sample": "session_pooler",
    },
    "shown": {
        "description": "User, host, port and database.",
        "returned": "success",
        "type": "str",
        "sample": "postgres.abcdefghijklmnopqrst@aws-1-us-east-1.pooler.supabase.com:5432/postgres",
    },
    "findings": {
        "description": "What is wrong with it: code, level, what it means and what to do.",
        "returned": "success",
        "type": "list",
        "elements": "dict",
        "sample": [{"code": "pooler_user_without_ref", "level": "wrong"}],
    },
    "corrected": {
        "description": "The right one, as far as it may be shown; empty where it is right or can't be known.",
        "returned": "success",
        "type": "str",
        "sample": "postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=require",
    },
}


def judged_data(judged: Judgement) -> dict[str, Any]:
    """A judgement as plain data."""
    return {
        "verdict": judged.verdict,
        "kind": judged.place.kind if judged.place else "",
        "shown": judged.dsn.shown() if judged.dsn else "",
        "findings": [
            {"code": found.code, "level": found.level, "says": found.says, "do": found.do} for found in judged.findings
        ],
        "corrected": judged.corrected.shown() if judged.corrected else "",
    }


def judged_lines(title: str, judged: Judgement) -> list[str]:
    """A judgement for a terminal."""
    place = f" ({judged.place.in_words})" if judged.place else ""
    lines = [f"{title}: {judged.verdict}", f"  is        {judged.dsn.shown() if judged.dsn else '?'}{place}"]
    lines += [f"  {found.level:<9} {found.says}\n            {found.do}" for found in judged.findings]
    return lines + ([f"  should be {judged.corrected.shown()}"] if judged.corrected else [])


def proof_data(proof: Proof | None) -> list[dict[str, Any]]:
    """The steps of a proof as plain data."""
    if proof is None:
        return []
    return [
        {"step": stage.name, "outcome": stage.outcome, "said": stage.said, "cause": stage.cause or ""}
        for stage in proof.stages
    ]


def proof_lines(title: str, proof: Proof | None) -> list[str]:
    """The steps of a proof for a terminal, and what to do about the one that failed."""
    if proof is None:
        return []
    asked = [stage for stage in proof.stages if stage.outcome != "not_asked"]
    lines = [f"  {title}"] + [f"    {stage.name:<9} {stage.outcome:<6} {stage.said}" for stage in asked]
    return lines + ([f"    {cure(proof)}"] if proof.failure and cure(proof) else [])
