"""The signed go of a run: what was decided, for which plan, until when. Nothing is deployed without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hotops.core.clock import parse_rfc3339, rfc3339
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.signing import SignatureInvalid, sign, verify_envelope

PAYLOAD_TYPE = "application/vnd.hotops.verdict+json"


class NoVerdict(HotopsError):
    """There is no valid go for this deploy; no gate can be walked round."""

    code = "no_verdict"
    exit_code = ExitCode.NO_GO


@dataclass(frozen=True)
class GoVerdict:
    """A go: `images` and the latency before (95th percentile, ms) by app, the plan's id, and how long it counts.

    `before` is what each app was before, as `hotops.health.release_verdict.Before.as_row` gives it: the watch judges
    the new release by it, so it is signed with the rest.
    """

    run: str
    environment: str
    env_kind: str
    plan_id: str
    images: Mapping[str, str]
    baseline_ms: Mapping[str, float]
    issued_at: str
    expires_at: str
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Who approved the plan, where the inventory asks for it.
    approval: Mapping[str, Any] | None = None

    def signed(self) -> dict[str, Any]:
        """The verdict in a signed envelope: plain data that may travel through a playbook."""
        return sign(PAYLOAD_TYPE, {"verdict": "go", **asdict(self)})


def issue(
    *,
    run: str,
    environment: str,
    env_kind: str,
    plan_id: str,
    images: Mapping[str, str],
    baseline_ms: Mapping[str, float],
    now: float,
    valid_s: float,
    before: Mapping[str, Mapping[str, Any]] | None = None,
    approval: Mapping[str, Any] | None = None,
) -> GoVerdict:
    """A verdict that counts from now for `valid_s` seconds."""
    issued_at, expires_at = rfc3339(now), rfc3339(now + valid_s)
    known = dict(before or {})
    return GoVerdict(
        run, environment, env_kind, plan_id, dict(images), dict(baseline_ms), issued_at, expires_at, known, approval
    )


def accept(envelope: object, *, run: str, env_kind: str, now: float) -> GoVerdict:
    """The go in an envelope. Raises NoVerdict: missing, forged, of another run, of another world, or expired."""
    remedy = "Run the whole playbook: the gates give the verdict, no tag, limit or start-at-task replaces it."
    if not envelope:
        raise NoVerdict("There is no go verdict, so nothing is deployed.", remedy=remedy)
    try:
        signed = verify_envelope(envelope, payload_type=PAYLOAD_TYPE)
    except SignatureInvalid as error:
        raise NoVerdict(f"The go verdict does not hold: {error.message}", remedy=remedy) from error
    if not signed.known:
        raise NoVerdict("The go verdict is signed by a key that this computer does not know.", remedy=remedy)
    body = dict(signed.body)
    if body.pop("verdict", None) != "go":
        raise NoVerdict("The verdict of the gates is not go.", remedy=remedy)
    verdict = GoVerdict(**body)
    if verdict.run != run:
        raise NoVerdict(f"The go verdict belongs to run {verdict.run}, this is run {run}.", remedy=remedy)
    if verdict.env_kind != env_kind:
        raise NoVerdict(f"The go verdict is of a {verdict.env_kind} run, this is a {env_kind} one.", remedy=remedy)
    if now > parse_rfc3339(verdict.expires_at):
        raise NoVerdict(f"The go verdict expired at {verdict.expires_at}: the world may have changed.", remedy=remedy)
    return verdict
