"""The certificates of host names, with the days they have left."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.health.tls import WARN_DAYS, TlsInfo, inspect_all


class TlsWanted(Spec):
    """Which hosts, and when few days are too few."""

    hosts: tuple[str, ...] = Field(min_length=1, description="Host names to shake hands with, on port 443.")
    warn_days: int = Field(WARN_DAYS, ge=0, description="Fewer days left than this are too few.")


class TlsLook(Operation[TlsWanted, list[TlsInfo]]):
    """Shake hands with each host, once. A host that does not answer is a result, never an error."""

    name = "tls_info"
    Want = TlsWanted
    effect = "read"
    docs = Documented(
        short="Look at the certificates of host names",
        description=(
            "Shakes hands with each host under its own name, and tells whether it resolves.",
            "Tells whether its certificate is trusted, covers the name, and how many days it has left.",
            "Does not fail for a host that does not resolve or shows a bad certificate; see RV(ok).",
        ),
        returns={
            "ok": {
                "description": "Whether every host shows a trusted certificate with at least O(warn_days) days left.",
                "returned": "success",
                "type": "bool",
            },
            "hosts": {
                "description": "One item for each host.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "host": {"description": "The name.", "type": "str"},
                    "port": {"description": "The port.", "type": "int"},
                    "resolves": {"description": "Whether the name has an address.", "type": "bool"},
                    "verified": {"description": "Whether the certificate is trusted for the name.", "type": "bool"},
                    "covers_host": {"description": "Whether it is for this name.", "type": "bool"},
                    "days_left": {"description": "Whole days until it expires, computed from its date.", "type": "int"},
                    "not_after": {"description": "When it expires, RFC 3339.", "type": "str"},
                    "issuer": {"description": "Who issued it.", "type": "str"},
                    "subject_names": {"description": "The names it is for.", "type": "list", "elements": "str"},
                    "error_code": {
                        "description": (
                            "`unresolved`, `unreachable`, `timeout`, `expired`, `not_yet_valid`, `wrong_name`,"
                            " `untrusted` or `broken`; none where all is well."
                        ),
                        "type": "str",
                    },
                    "says": {"description": "What came of it, in one sentence.", "type": "str"},
                },
            },
        },
        examples="""
- name: No certificate expires within three weeks
  hotops.core.tls_info:
    hosts:
      - shop.example.com
      - shop-production.fly.dev
  register: tls
  failed_when: not tls.ok

- name: The name resolves before anything is pointed to it
  hotops.core.tls_info:
    hosts: staging.example.com
  register: tls
  failed_when: not tls.hosts[0].resolves
""",
        see_also=("health_report",),
    )

    def observe(self) -> list[TlsInfo]:
        return inspect_all(self.context, self.want.hosts)

    def report(self, state: list[TlsInfo], plan: Plan, done: Done) -> dict[str, Any]:
        return {
            "ok": all(self._is_good(info) for info in state),
            "hosts": [info.as_row() for info in state],
            "hotops_screen": aligned([[info.host, info.says] for info in state], ("host", "certificate")),
        }

    def _is_good(self, info: TlsInfo) -> bool:
        return bool(info.verified) and info.days_left is not None and info.days_left >= self.want.warn_days
