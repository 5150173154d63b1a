"""Gates about the source: is what staging runs worth promoting?"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from hotops.core.clock import spoken_duration
from hotops.core.parallel import map_parallel
from hotops.fly.models import Machine
from hotops.fly.states import is_started
from hotops.health.finding import Finding
from hotops.health.inside import ask_inside, port_of
from hotops.health.logs import scan
from hotops.health.machines import examine
from hotops.health.probe import Prober
from hotops.health.routes import check_paths, observed_checks
from hotops.health.tls import inspect
from hotops.promote.facts import Facts
from hotops.promote.gates import Found, go, no, unknown, warn

NAMED = "the image was named, no source"
#: Kinds of findings on machines that say that the source does not work.
SICK = frozenset(
    {"no_machines", "suspended", "failing_check", "crash_loop", "host_down", "stuck", "failed", "stopped", "two_images"}
)


def source_one_digest(facts: Facts) -> Found:
    image = facts.source.image
    if facts.source.app is None:
        return go(f"{image.tag or 'no tag'} {image.digest[:19]}", NAMED)
    return go(f"{image.tag or 'no tag'} {image.digest[:19]} on {len(facts.source.machines)} machines", facts.source.app)


def source_release_complete(facts: Facts) -> Found:
    if facts.source.app is None:
        return go("not asked", NAMED)
    release = facts.source.release
    if release is None:
        return no("no release is recorded", f"{facts.source.app} releases")
    said = f"v{release.version} is {release.status or 'of unknown status'}"
    return (go if release.is_complete else no)(said, f"{facts.source.app} releases")


def source_healthy(facts: Facts) -> Found:
    app = facts.source.app
    if app is None:
        return go("not asked", NAMED)
    sick = [finding for finding in _findings(facts, facts.source.machines) if finding.kind in SICK]
    started = sum(is_started(machine) for machine in facts.source.machines)
    if not started and not sick:
        return no("no machine is started", f"{app} machines")
    if sick:
        return no(_told(sick), f"{app} machines")
    return go(f"{started} started, checks pass", f"{app} machines")


def source_soaked(facts: Facts) -> Found:
    app, since = facts.source.app, facts.source.since
    if app is None:
        return go("not asked", NAMED)
    if since is None:
        return unknown("since when it runs is not told", f"{app} machines")
    soaked_s = facts.now - since
    wanted = f"at least {spoken_duration(facts.pair.app.soak_s)}"
    found = f"runs since {spoken_duration(max(0.0, soaked_s))}, wanted {wanted}"
    return (go if soaked_s >= facts.pair.app.soak_s else no)(found, f"{app} machines, releases", wanted)


def source_errors(facts: Facts) -> Found:
    app = facts.source.app
    if app is None:
        return go("not asked", NAMED)
    seen = scan(facts.source_logs())
    limit = facts.pair.app.watch.error_share
    answers = f"{seen.errors_5xx} of {seen.requests} answers were 5xx"
    if seen.errors_5xx and not seen.share_is_known:
        answers = f"{seen.errors_5xx} answers were 5xx, of good ones the log tells nothing"
    said = f"{answers}, {seen.crashes} crashes, {seen.ooms} out of memory"
    too_many = seen.errors_5xx >= 3 and seen.share_is_known and seen.share > limit
    if seen.crashes or seen.ooms or seen.not_listening or too_many:
        first = next((signature.example for signature in seen.signatures), "")
        return no(f"{said}{': ' + first if first else ''}", f"{app} log", f"at most {limit:.1%} 5xx, no crash")
    if not seen.lines:
        return warn("the log has no line of that time, so it tells neither good nor bad", f"{app} log")
    return go(said, f"{app} log")


def restarts(facts: Facts) -> Found:
    app = facts.source.app
    if app is None:
        return go("not asked", NAMED)
    since = max(facts.now - facts.pair.app.soak_s, facts.source.since or 0.0)
    health = examine(app, facts.source.machines, now=facts.now, since=since)
    if health.exits:
        last = health.exits[-1]
        said = f"{len(health.exits)} bad exits, last code {last.code}{' (out of memory)' if last.oom else ''}"
        return no(said, f"{app} machine events")
    if health.restarts:
        return no(f"{health.restarts} restarts while it should soak", f"{app} machine events")
    return go("no restart, no bad exit", f"{app} machine events")


def smoke(facts: Facts) -> Found:
    app = facts.source.app
    if app is None:
        return go("not asked", NAMED)
    results = facts.smoke()
    if not results:
        return go("no route is declared, none is served", str(facts.pair.app.source_url))
    bad = [result for result in results if not result.ok]
    if bad:
        return no("; ".join(result.says for result in bad[:3]), str(facts.pair.app.source_url))
    return go(f"{len(results)} of {len(results)} routes answer", str(facts.pair.app.source_url))


def latency(facts: Facts) -> Found:
    app = facts.pair.app
    if facts.source.app is None:
        return go("not asked", NAMED)
    seen = facts.latency()
    if seen is None:
        return go("serves no HTTP", str(app.source_url))
    wanted = f"p95 within {app.budget_ms} ms, no error"
    cold = f", first {seen.cold_ms:.0f} ms" if seen.cold_ms is not None else ""
    if seen.p95_ms is None:
        return no(f"no request was answered: {seen.first_error}", str(app.source_url), wanted)
    said = f"p50 {seen.p50_ms:.0f}, p95 {seen.p95_ms:.0f} ms of {seen.n}{cold}, budget {app.budget_ms} ms"
    if seen.errors:
        return no(f"{seen.errors} of {seen.n} failed ({seen.first_error}); {said}", str(app.source_url), wanted)
    return (go if seen.within_budget else no)(said, str(app.source_url), wanted)


def autostop_latency(facts: Facts) -> Found:
    found = [
        finding
        for finding in _findings(facts, facts.machines())
        if finding.kind in ("autostop_latency", "below_minimum", "never_starts")
    ]
    source = f"{facts.pair.target} machines"
    return Found("warn", _told(found), "", source) if found else go("no machine stops by itself", source)


def urls_resolve(facts: Facts) -> Found:
    app = facts.pair.app
    urls = [app.url, *(route.address(app.url) for route in app.smoke)]
    if app.source_url:
        urls.append(app.source_url)
    hosts = list(dict.fromkeys(urlsplit(url).hostname or "" for url in urls if url.startswith("https://")))
    results = map_parallel(lambda host: inspect(facts.context, host), hosts)
    bad = [result for result in results if result.error_code not in (None, "not_asked")]
    if bad:
        return no("; ".join(result.says for result in bad[:3]), "DNS and TLS")
    if any(result.error_code == "not_asked" for result in results):
        return unknown("not asked: no connection can be made from here", "DNS and TLS")
    soonest = min((result.days_left for result in results if result.days_left is not None), default=None)
    left = f", certificates for {soonest} days at least" if soonest is not None else ""
    return go(f"{len(results)} names{left}", "DNS and TLS")


def check_path_inside(facts: Facts) -> Found:
    """The target's check paths, asked of the new image: a path without a route there takes the whole app down."""
    source = facts.source.app
    paths = check_paths(facts.machines())
    if source is None:
        return unknown("the image runs nowhere yet", NAMED)
    if not paths:
        return unknown("the target has no HTTP check", f"{facts.pair.target} machines")
    if facts.context.check:
        return unknown("not run in check mode", "exec")
    if not facts.pair.app.exec_checks:
        prober = facts.context.client(Prober)
        base = str(facts.pair.app.source_url).rstrip("/")
        results = prober.probe_all(observed_checks(base, facts.machines()))
        missing = [result for result in results if result.status == 404]
        if missing:
            return no(f"{missing[0].says}: the target is checked there", base)
        return unknown("exec is not opted in; through the proxy " + ", ".join(f"{r.status}" for r in results), base)
    machine = next((machine for machine in facts.source.machines if is_started(machine)), None)
    if machine is None:
        return unknown("no machine of the source is started", f"{source} exec")
    answers = [ask_inside(facts.fly, source, machine, port_of(facts.machines(), path), path) for path in paths]
    bad = [answer for answer in answers if answer.status is not None and not 200 <= answer.status < 300]
    if bad:
        return no("; ".join(answer.says for answer in bad), f"{source} exec")
    if any(answer.status is None for answer in answers):
        return unknown("; ".join(answer.says for answer in answers if answer.status is None), f"{source} exec")
    return go(f"{', '.join(paths)} answer inside", f"{source} exec")


def commit(facts: Facts) -> Found:
    """The commit that the image's labels claim, and whether it is the wanted one (-e version=…)."""
    image = facts.source.image
    wanted = facts.wanted_version
    release = facts.source.release
    names = [image.commit, image.tag, image.digest, f"v{release.version}" if release else ""]
    if wanted and not any(
        name and (name == wanted or (name == image.commit and name.startswith(wanted))) for name in names
    ):
        return no(
            f"runs {image.commit[:12] or image.tag or image.digest[:19]}, wanted is {wanted}", "image labels", wanted
        )
    if not image.commit:
        return unknown(f"the image claims no commit (tag {image.tag or 'none'})", "image labels")
    return go(f"{image.commit[:12]} (claimed by the image)", "image labels")


def _findings(facts: Facts, machines: Sequence[Machine]) -> list[Finding]:
    app = facts.pair.app
    name = facts.source.app or facts.pair.target
    health = examine(name, machines, now=facts.now, since=facts.now - app.soak_s, budget_ms=app.budget_ms)
    return list(health.findings)


def _told(findings: Sequence[Finding]) -> str:
    more = f" (and {len(findings) - 2} more)" if len(findings) > 2 else ""
    return "; ".join(f"{finding.subject}: {finding.says}" for finding in findings[:2]) + more
