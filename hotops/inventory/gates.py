"""The gates of a promotion by name: what each one proves, and whether it can be waived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class GateRule:
    """`meaning` completes the sentence "Go only if …"; one that is not `waivable` refuses to be set to warn or off."""

    meaning: str
    waivable: bool = True


#: Every gate, in the order in which a go/no-go table shows them.
GATES: Mapping[str, GateRule] = MappingProxyType(
    {
        "token": GateRule("the tokens are known to the clouds and may do what the run needs"),
        "clock_skew": GateRule("this computer's clock agrees with the clouds' clocks"),
        "lock": GateRule("no other run holds the environment", waivable=False),
        "target": GateRule("the target app exists in the declared organisation and has machines", waivable=False),
        "target_identity": GateRule(
            "the configuration that would be deployed names the target app itself", waivable=False
        ),
        "source_one_digest": GateRule("all machines of the source run one image digest", waivable=False),
        "source_release_complete": GateRule("the source's newest release is complete"),
        "source_healthy": GateRule("every started machine of the source passes its checks", waivable=False),
        "source_soaked": GateRule("the source has run this image for the soak time"),
        "source_errors": GateRule("the source's log shows no crash, no out-of-memory kill and no burst of 5xx answers"),
        "restarts": GateRule("no machine of the source restarted or exited with an error during the soak time"),
        "smoke": GateRule("the declared smoke routes of the source answer as declared"),
        "latency": GateRule("the source's 95th percentile is within the budget after warm-up"),
        "autostop_latency": GateRule("no machine may stop by itself where a cold start breaks the latency budget"),
        "urls_resolve": GateRule("every declared URL resolves and shows a valid certificate"),
        "check_path_inside": GateRule("the health path answers inside the machine as well as through the proxy"),
        "required_secrets": GateRule("every required secret exists at the target"),
        "secrets_deployed": GateRule("the target's secrets are deployed, not only staged"),
        "parity_groups": GateRule("source and target run the same process groups"),
        "parity_memory": GateRule("the target's machines have at least the memory of the source's"),
        "parity_checks": GateRule("source and target are checked on the same paths and ports"),
        "parity_secrets": GateRule("source and target know the same secret names"),
        "memory_floor": GateRule("every machine of the target has the declared least memory"),
        "release_command": GateRule("the release command changes no database schema by itself"),
        "image_by_digest": GateRule("the image is named by its digest"),
        "image_readable": GateRule("the target's token can read the image's manifest"),
        "commit": GateRule("the image tells which commit it was built from"),
        "ci_checks": GateRule("the required checks are green on the image's commit"),
        "test_evidence": GateRule("tests of the image's commit left results that are young and good enough"),
        "history": GateRule("no deployment of this commit failed here before"),
        "no_blocker": GateRule("no issue is open that blocks deploys"),
        "window": GateRule("a deployment window is open"),
        "freeze": GateRule("no freeze is on"),
        "backup_fresh": GateRule("the newest backup of the database is recent enough"),
        "restore_proven": GateRule("a restore of the database was proven recently enough, in this world"),
        "way_back": GateRule(
            "an older good release, its image and its configuration are there to go back to", waivable=False
        ),
    }
)
