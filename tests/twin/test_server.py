"""The sandbox's server, over real sockets: names, TLS, tokens, waiting, and connections that break."""

from __future__ import annotations

import http.client
import socket
import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hotops.core.sandbox_control import SandboxRefused
from tests.sandbox_fixture import RunningSandbox, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]

MACHINES = "https://api.machines.dev/v1/apps/shop-staging/machines"
SITE = "https://shop-staging.fly.dev"


def api_port(sandbox: RunningSandbox) -> int:
    return int(sandbox.place("api.machines.dev")["port"])


def raw(sandbox: RunningSandbox, path: str, headers: dict[str, str], method: str = "GET") -> httpx.Response:
    return httpx.request(method, f"http://127.0.0.1:{api_port(sandbox)}{path}", headers=headers)


def eventually(claim: Any, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def test_the_state_file_says_where_everything_is_and_is_private(sandbox: RunningSandbox) -> None:
    path = sandbox.state_dir / "sandbox" / "state.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {"schema", "pid", "started_at", "speed", "control", "hosts", "ca_file", "tokens", "postgres"} <= set(
        sandbox.state
    )
    assert sandbox.state["schema"] == 1
    assert sandbox.place("api.fly.io") == sandbox.place("api.machines.dev") == sandbox.place("api.supabase.com")
    assert sandbox.place("shop-production.example.com")["tls"] is True
    assert sandbox.place("shop-production.example.com", 80)["tls"] is False
    assert all(value.startswith("sandbox-") for value in sandbox.tokens.values())


def test_an_app_answers_on_its_real_name_over_tls(sandbox: RunningSandbox) -> None:
    answer = sandbox.request("GET", f"{SITE}/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "release": "v43"})


def test_plain_http_is_sent_to_https(sandbox: RunningSandbox) -> None:
    answer = sandbox.request("GET", "http://shop-staging.fly.dev/health")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{SITE}/health")


def handshake(sandbox: RunningSandbox, name: str, context: ssl.SSLContext) -> dict[str, Any]:
    port = int(sandbox.place("shop-staging.fly.dev")["port"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return dict(secured.getpeercert() or {})


def test_a_certificate_expires_when_the_seed_says(sandbox: RunningSandbox) -> None:
    found = handshake(sandbox, "shop-staging.example.com", sandbox.tls_context())
    expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
    assert 8.9 < (expires_at - datetime.now(UTC)).total_seconds() / 86_400 <= 9
    assert found["subjectAltName"] == (("DNS", "shop-staging.example.com"),)


def test_nobody_else_trusts_the_sandbox(sandbox: RunningSandbox) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(sandbox, "shop-staging.fly.dev", ssl.create_default_context())


def test_a_name_without_certificate_gets_no_handshake(sandbox: RunningSandbox) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        handshake(sandbox, "elsewhere.example.com", sandbox.tls_context())


@pytest.mark.parametrize("host", ["evil.example.com", "api.machines.dev.evil.example.com", "127.0.0.1:1", ""])
def test_a_foreign_host_is_refused(sandbox: RunningSandbox, host: str) -> None:
    assert raw(sandbox, "/v1/apps?org_slug=personal", {"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://127.0.0.1:1", "null"])
def test_a_foreign_origin_is_refused(sandbox: RunningSandbox, origin: str) -> None:
    assert raw(sandbox, "/v1/apps", {"Host": "api.machines.dev", "Origin": origin}).status_code == 403


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic {}", "{}"])
def test_the_controls_want_their_token(sandbox: RunningSandbox, token: str) -> None:
    headers = {"Authorization": token.format(sandbox.state["control"]["token"])}
    assert raw(sandbox, "/_sandbox/status", headers).status_code == 401
    assert raw(sandbox, "/_sandbox/reset", headers, "POST").status_code == 401


def test_the_controls_are_not_on_the_clouds_names(sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.state['control']['token']}", "Host": "api.machines.dev"}
    assert raw(sandbox, "/_sandbox/status", headers).status_code in {401, 404}


def test_the_clouds_answer_on_the_own_name_of_this_computer_too(sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.tokens['fly']}"}
    assert raw(sandbox, "/v1/apps/shop-staging", headers).json()["name"] == "shop-staging"
    headers = {"Authorization": f"Bearer {sandbox.tokens['supabase']}"}
    assert raw(sandbox, "/v1/projects", headers).json()[0]["name"] == "shop"


def test_one_connection_carries_many_requests(sandbox: RunningSandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api_port(sandbox), timeout=5)
    headers = {"Host": "api.machines.dev", "Authorization": f"Bearer {sandbox.tokens['fly']}"}
    used = set()
    for _ in range(3):
        connection.request("GET", "/v1/apps/shop-staging", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        used.add(id(connection.sock))
    connection.close()
    assert len(used) == 1


def test_a_body_in_chunks_is_read(sandbox: RunningSandbox) -> None:
    machine = sandbox.request("GET", MACHINES).json()[0]["id"]
    answer = sandbox.request("POST", f"{MACHINES}/{machine}/lease", content=iter([b'{"ttl"', b": 5}"]))
    assert answer.status_code in {200, 201}
    assert answer.json()["data"]["nonce"]


@pytest.mark.parametrize(("length", "status"), [("999999999", 413), ("many", 400), ("-1", 400)])
def test_an_unacceptable_body_is_refused(sandbox: RunningSandbox, length: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", api_port(sandbox)), timeout=5) as connection:
        connection.sendall(
            f"POST /v1/apps HTTP/1.1\r\nHost: api.machines.dev\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(f"HTTP/1.1 {status}".encode())


def test_a_hundred_delayed_calls_do_not_wait_for_each_other(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault({"kind": "latency", "seconds": 1.0, "match": {"surface": "proxy"}})
    place = sandbox.place("shop-staging.fly.dev", 80)

    def call(_number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", place["port"], timeout=20)
        try:
            connection.request("GET", "/", headers={"Host": "shop-staging.fly.dev"})
            return connection.getresponse().status
        finally:
            connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(call, range(100)))
    assert set(statuses) == {301}
    assert 1.0 <= time.monotonic() - began < 10  # one after the other would take 100 s


def test_a_wait_ends_when_the_state_comes(sandbox: RunningSandbox) -> None:
    machine = sandbox.request("GET", MACHINES).json()[0]
    sandbox.request("POST", f"{MACHINES}/{machine['id']}/stop").raise_for_status()
    url = f"{MACHINES}/{machine['id']}/wait?state=stopped&timeout=30&instance_id={machine['instance_id']}"
    assert sandbox.request("GET", url).status_code == 200


def test_a_wait_for_what_never_comes_ends_at_its_timeout(sandbox: RunningSandbox) -> None:
    machine = sandbox.request("GET", MACHINES).json()[0]["id"]
    began = time.monotonic()
    answer = sandbox.request("GET", f"{MACHINES}/{machine}/wait?state=stopped&timeout=1")
    assert answer.status_code == 408
    assert time.monotonic() - began >= 0.9


def make_app(sandbox: RunningSandbox) -> httpx.Response:
    return sandbox.request(
        "POST", "https://api.machines.dev/v1/apps", json={"app_name": "shop-trial", "org_slug": "personal"}
    )


def app_is_there(sandbox: RunningSandbox) -> bool:
    return sandbox.request("GET", "https://api.machines.dev/v1/apps/shop-trial").status_code == 200


@pytest.mark.parametrize(("kind", "is_done"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_comes_before_or_after_the_write(sandbox: RunningSandbox, kind: str, is_done: bool) -> None:
    sandbox.control.add_fault({"kind": kind, "match": {"method": "POST", "path": "/v1/apps"}})
    with pytest.raises(httpx.ReadError):
        make_app(sandbox)
    assert app_is_there(sandbox) is is_done
    assert [entry["applied"] for entry in sandbox.control.entries() if entry["method"] == "POST"] == [is_done]


def test_a_reset_also_breaks_a_tls_connection(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault({"kind": "reset_before", "match": {"surface": "proxy"}})
    with pytest.raises(httpx.TransportError):
        sandbox.request("GET", f"{SITE}/health")


def test_a_truncated_answer_promises_more_than_comes(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault({"kind": "truncate", "match": {"path": "/v1/apps/shop-staging"}})
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        sandbox.request("GET", "https://api.machines.dev/v1/apps/shop-staging")


def test_a_wrong_dsn_is_a_real_503_and_fixing_it_a_real_200(sandbox: RunningSandbox) -> None:
    right = sandbox.seed["fly"]["apps"][0]["secrets"]["DATABASE_URL"]
    wrong = right.replace(quote(sandbox.db_pass, safe=""), "wrong")
    sandbox.control.call("POST", "secrets", {"app": "shop-staging", "set": {"DATABASE_URL": wrong}})
    eventually(lambda: sandbox.request("GET", f"{SITE}/health").status_code == 503)
    eventually(lambda: "InvalidPassword" in sandbox.request("GET", MACHINES).text)  # what the failing check says
    sandbox.control.call("POST", "secrets", {"app": "shop-staging", "set": {"DATABASE_URL": right}})
    eventually(lambda: sandbox.request("GET", f"{SITE}/health").status_code == 200)


def test_each_call_is_logged_with_its_effect(sandbox: RunningSandbox) -> None:
    sandbox.request("GET", "https://api.machines.dev/v1/apps/shop-staging")
    make_app(sandbox)
    sandbox.request("GET", "https://api.supabase.com/v1/projects")
    sandbox.request("GET", f"{SITE}/")
    assert [(entry["surface"], entry["effect"]) for entry in sandbox.control.entries()] == [
        ("machines", "none"),
        ("machines", "write"),
        ("supabase", "none"),
        ("proxy", "none"),
    ]


def test_reset_brings_back_the_seed(sandbox: RunningSandbox) -> None:
    sandbox.control.push("shop-production", "v99-crash", age_s=60)
    sandbox.control.add_fault({"kind": "status", "status": 500})
    make_app(sandbox)
    sandbox.control.reset()
    assert not app_is_there(sandbox)
    assert sandbox.control.faults() == []
    tags = {machine["tag"] for item in sandbox.control.status()["apps"] for machine in item["machines"]}
    assert tags == {"v42", "v43"}


def test_a_refused_control_says_why(sandbox: RunningSandbox) -> None:
    with pytest.raises(SandboxRefused, match="unknown app 'shop-stagin'"):
        sandbox.control.push("shop-stagin", "v44")


def test_no_key_is_left_in_a_file(sandbox: RunningSandbox) -> None:
    handshake(sandbox, "shop-staging.fly.dev", sandbox.tls_context())
    kept = [path for path in (sandbox.state_dir / "sandbox").iterdir() if path.is_file()]
    assert "ca.pem" in {path.name for path in kept}
    assert not [path for path in kept if b"PRIVATE KEY" in Path(path).read_bytes()]
