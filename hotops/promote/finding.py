"""Phase find_source: what would be promoted, from what staging really runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.operation import Done, Plan
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.promote.phases import Phase
from hotops.promote.source import Source, find_source


class FindSource(Phase[Mapping[str, Source]]):
    """One digest on all machines of each source, its release, and since when it runs."""

    effect = "read"

    def observe(self) -> Mapping[str, Source]:
        pairs = self.pairs()
        found = map_parallel(lambda pair: find_source(self.fly, pair), pairs)
        return {pair.host: source for pair, source in zip(pairs, found, strict=True)}

    def report(self, state: Mapping[str, Source], plan: Plan, done: Done) -> dict[str, Any]:
        now = self.context.clock.now()
        rows, apps = [], {}
        for host, source in state.items():
            release = f"v{source.release.version}" if source.release else ""
            since = spoken_duration(now - source.since) if source.since is not None else "unknown"
            digest = source.image.digest.removeprefix("sha256:")[:12]
            rows.append([host, source.app or "named image", release, source.image.tag, digest, since])
            apps[host] = {
                "source": source.app,
                "image": str(source.image),
                "digest": source.image.digest,
                "commit": source.image.commit,
                "release": source.release.version if source.release else None,
                "since": rfc3339(source.since) if source.since is not None else None,
            }
            self.context.journal.event(
                "observation",
                app=host,
                subject="source",
                text=f"{source.app or 'named'}: {source.image}",
                found=apps[host],
            )
        screen = aligned(rows, ["app", "from", "release", "tag", "digest", "runs since"])
        return {"apps": apps, "hotops_screen": screen}
