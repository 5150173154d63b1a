"""Logs: each line's cause, incidents counted once, the same error as one signature, and no secret in any of it."""

from __future__ import annotations

import json
import re
import string
import time
from importlib.resources import files
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.health import logs
from hotops.health.foreign import safe
from hotops.health.logs import classify, normalise, scan
from tests.unit.health_samples import NOW, line

LISTENING = (
    "[PC01] instance refused connection. is your app listening on 0.0.0.0:3000? make sure it is not only listening on "
    "127.0.0.1 (hint: look at your startup logs, servers often print the address they are listening on)"
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[  258.930660] Out of memory: Killed process 476 (ruby) total-vm:982076kB, anon-rss:187304kB", "oom"),
        (" INFO Process appears to have been OOM killed!", "oom"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "oom"),
        (" INFO Main child exited normally with code: 137", "oom"),
        (" INFO Main child exited normally with code: 1", "crash"),
        (" INFO Main child exited with signal (with signal 'SIGSEGV', core dumped? false)", "crash"),
        ("machine exited with exit code 1, not restarting", "crash"),
        ("machine has reached its max restart count of 10", "restart_limit"),
        (LISTENING, "not_listening"),
        (
            "WARNING The app is not listening on the expected address and will not be reachable: 0.0.0.0:8787",
            "not_listening",
        ),
        ("[PR04] could not find a good candidate within 40 attempts at load balancing", "no_candidate"),
        (
            "Health check 'servicecheck-00-http-3000' on port 3000 has failed. Your app is not responding",
            "failing_check",
        ),
        ("Error: Cannot find module '@shopify/polaris'", "missing_module"),
        ("ModuleNotFoundError: No module named 'fastapi'", "missing_module"),
        ("Error: Missing required environment variable SHOPIFY_APP_URL", "missing_env"),
        ("SCOPES is not set", "missing_env"),
        ('ActionController::RoutingError (No route matches [GET] "/hc"):', "no_route"),
        ("FATAL:  MaxClientsInSessionMode: max clients reached", "database"),
        ('PG::UndefinedTable: ERROR:  relation "installation_configs" does not exist', "database"),
        ("FATAL:  Tenant or user not found", "database"),
        ("Error: P1001: Can't reach database server at `db.example.com:5432`", "database"),
        ("Net::SMTPAuthenticationError (535 5.7.8 Username and Password not accepted", "mail"),
        ("smtplib.SMTPServerDisconnected: Connection unexpectedly closed", "mail"),
        ("Net::SMTPFatalError (550 5.1.0 sender rejected)", "mail"),
        ("Net::IMAP::NoResponseError ([AUTHENTICATIONFAILED] Invalid credentials (Failure))", "mail"),
        ("Error: connect ECONNREFUSED while talking to smtp.example.com:587 ETIMEDOUT", "mail"),
        ("Net::OpenTimeout: execution expired talking to smtp.gmail.com", "mail"),
        ("Traceback (most recent call last):", "exception"),
        ("    at Object.<anonymous> (/app/config/env.js:60:9)", "exception"),
        ("ZodError: [", "exception"),
        ("[    2.983542] reboot: Restarting system", "restart"),
    ],
)
def test_a_line_is_known_by_its_cause(message: str, kind: str) -> None:
    found = classify(message)
    assert found is not None
    assert found[0].kind == kind
    assert found[0].says.format_map(dict(found[1]))


@pytest.mark.parametrize(
    "message",
    [
        " INFO Main child exited normally with code: 0",
        " INFO Main child exited normally with code: 143",
        "machine exited with exit code 0, not restarting",
        " INFO Main child exited with signal (with signal 'SIGTERM', core dumped? false)",
        "Listening on 0.0.0.0:3000",
        "GET /health 200 - - 3.2 ms",
        "Health check 'servicecheck-00-http-3000' on port 3000 is now passing.",
        "machine restart policy set to 'no', not restarting",
        "0 errors, no exception found",
        "Sent mail support@example.com (812.3ms) by smtp",
    ],
)
def test_a_line_that_tells_of_nothing_bad_has_no_cause(message: str) -> None:
    assert classify(message) is None


def test_every_cause_is_documented_and_formats_with_its_own_groups() -> None:
    data = json.loads((files("hotops.health") / "log_causes.json").read_text(encoding="utf-8"))
    for item in data["causes"]:
        assert item["source"], item
        assert item["kind"] in data["kinds"]
        names = re.compile(item["pattern"]).groupindex
        assert item["says"].format_map(dict.fromkeys(names, "x"))
    for item in data["requests"]:
        assert "status" in re.compile(item["pattern"]).groupindex


def test_the_port_nobody_listens_on_is_named() -> None:
    """I-13: the crash loop showed in the log only as "is your app listening on 0.0.0.0:3000"."""
    found = scan([line(LISTENING, NOW + n, provider="proxy", level="error") for n in range(3)])
    assert found.ports == (3000,)
    assert found.not_listening == 1
    told = logs.findings("shop", found)
    assert [finding.kind for finding in told] == ["log_not_listening"]
    assert "0.0.0.0:3000" in told[0].says
    assert "internal_port" in told[0].remedy


def test_the_lines_of_one_death_are_one_incident_and_the_next_death_another() -> None:
    """I-7: exit 137 for lack of memory; kernel, init and runner each write about it."""
    death = [
        ("[  258.9] Out of memory: Killed process 476 (ruby) total-vm:982076kB", 0.0),
        (" INFO Main child exited normally with code: 137", 1.5),
        (" INFO Process appears to have been OOM killed!", 1.6),
        ("[  261.3] reboot: Restarting system", 2.0),
    ]
    lines = [line(message, NOW + life * 60 + after) for life in range(3) for message, after in death]
    found = scan(lines)
    assert (found.ooms, found.restarts, found.crashes) == (3, 3, 0)
    assert scan([line(message, NOW + after, instance=name) for name in "ab" for message, after in death]).ooms == 2


def test_a_check_path_without_a_route_is_read_from_the_log() -> None:
    """I-4: Rails answered the health check with RoutingError No route matches /hc."""
    found = scan([line('ActionController::RoutingError (No route matches [GET] "/hc"):', NOW + n) for n in range(40)])
    assert found.paths == ("/hc",)
    assert len(found.signatures) == 1
    assert found.signatures[0].count == 40
    assert logs.findings("chat", found)[0].severity == "warn"


def test_a_stack_trace_beside_a_crash_is_not_a_second_finding() -> None:
    lines = [
        line("Error: Cannot find module 'x'"),
        line("    at Module._load (node:internal:1:2)"),
        line(_crash(1), NOW),
    ]
    kinds = {finding.kind for finding in logs.findings("shop", scan(lines))}
    assert kinds == {"log_missing_module", "log_crash"}


def _crash(code: int) -> str:
    return f" INFO Main child exited normally with code: {code}"


def test_answers_of_the_proxy_give_a_share_of_failures() -> None:
    served = [line("", NOW + n, provider="proxy", status=200) for n in range(97)]
    failed = [line("", NOW + n, provider="proxy", status=500) for n in range(3)]
    found = scan([*served, *failed])
    assert (found.requests, found.errors_5xx, found.share, found.share_is_known) == (100, 3, 0.03, True)
    assert [finding.kind for finding in logs.findings("shop", found)] == ["log_5xx"]


def test_where_only_failures_are_logged_the_share_is_not_known() -> None:
    """Fly's proxy logs no successes: three logged failures are not a hundred per cent."""
    found = scan([line("", NOW, provider="proxy", status=503, level="error")] * 3)
    assert (found.requests, found.errors_5xx, found.share_is_known) == (3, 3, False)
    assert not logs.findings("shop", found)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ('10.0.0.1 - - [20/Nov/2025:10:00:00 +0000] "GET /health HTTP/1.1" 200 15', 200),
        ("Completed 500 Internal Server Error in 13ms (Views: 2.1ms)", 500),
        ("GET /app?mock=0 410 3.021 ms - 12", 410),
        ("GET the 500 ms budget", None),
    ],
)
def test_an_apps_own_access_log_is_read(message: str, status: int | None) -> None:
    assert logs.answered_status(line(message)) == status


def test_an_answer_that_proxy_and_app_both_log_is_counted_once() -> None:
    both = [line("", provider="proxy", status=200), line("GET / 200 3.0 ms - 12")] * 10
    assert scan(both).requests == 10


def test_findings_do_not_depend_on_the_order_of_lines() -> None:
    lines = [line(_crash(1), NOW), line("boom", NOW + 1, level="error"), line("", NOW + 2, status=500)]
    found = {json.dumps(scan(order).as_row(), sort_keys=True) for order in permutations(lines)}
    rows = [json.loads(text) for text in found]
    assert {(row["crashes"], row["errors_5xx"], row["from_at"], row["to_at"]) for row in rows} == {
        (1, 1, rows[0]["from_at"], rows[0]["to_at"])
    }


def test_a_flood_of_different_errors_stays_within_bounds() -> None:
    words = ["".join(pair) for pair in permutations(string.ascii_lowercase, 3)][:5000]
    found = scan(line(f"error in {word}", NOW + n, level="error") for n, word in enumerate(words))
    assert found.lines == 5000
    assert len(found.signatures) <= logs.MOST_SIGNATURES


def test_nothing_at_all_is_no_finding() -> None:
    found = scan([])
    assert (found.lines, found.share, found.from_at) == (0, 0.0, None)
    assert not logs.findings("shop", found)


@given(st.integers(0, 10**9), st.uuids(), st.datetimes(), st.ip_addresses(v=4))
def test_the_same_error_with_other_numbers_times_and_ids_is_one_signature(
    number: int, ident: object, when: object, address: object
) -> None:
    def said(n: object, i: object, t: str, a: object) -> str:
        return f"{t} [error] request {i} from {a}:443 failed after {n}ms (try {n} of 5)"

    one = normalise(said(number, ident, str(when).replace(" ", "T")[:19] + "Z", address))
    assert one == normalise(said(7, "0b0d9c54-7f0c-4d8e-9a3b-1c2d3e4f5a6b", "2025-11-20T10:00:00Z", "10.0.0.1"))


@given(st.text(max_size=300))
def test_normalising_ends_and_stays_on_one_short_line(message: str) -> None:
    text = normalise(message)
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) <= 160


_ALPHABET = string.ascii_letters + string.digits
_OPAQUE = st.text(_ALPHABET, min_size=24, max_size=60).filter(
    lambda text: any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
)
_PASSWORD = st.text(_ALPHABET + "!%+-_", min_size=8, max_size=30)


@given(
    _OPAQUE,
    st.sampled_from(
        ["Authorization: Bearer {}", "using key {} now", "sbp_{}", "eyJ0.{}.x", "?access_token={}&x=1", '{{"k":"{}"}}']
    ),
    st.integers(0, 400),
)
def test_no_token_survives_in_a_signature(token: str, around: str, padding: int) -> None:
    message = "x" * padding + " error: " + around.format(token)
    found = scan([line(message, level="error")])
    shown = json.dumps(found.as_row())
    assert token not in shown
    assert token[:12] not in shown
    assert token not in safe(message)


@given(
    _PASSWORD,
    st.sampled_from(
        [
            "postgresql://app:{}@db.example.com:5432/app",
            "password={}",
            "DB_PASSWORD: '{}'",
            '"client_secret": "{}"',
            "SESSION_SECRET=>{}",
            "api-key={};",
        ]
    ),
)
def test_no_password_survives_in_a_signature(password: str, around: str) -> None:
    shown = json.dumps(scan([line("fatal: " + around.format(password), level="error")]).as_row(), ensure_ascii=False)
    assert password not in shown


def test_names_with_numbers_are_not_taken_for_secrets() -> None:
    message = "Health check 'servicecheck-00-http-3000' on port 3000 of shop-production-2025 has failed"
    assert safe(message) == message


@pytest.mark.parametrize("unit", ["a", "a1", "password", "secret=", "-", "Aa0_", "at (", "\x1b[", "postgres://a:", " "])
def test_a_hostile_line_costs_no_time(unit: str) -> None:
    began = time.process_time()
    for _ in range(5):
        normalise(unit * 4000)
        classify(unit * 4000)
    assert time.process_time() - began < 1.0
