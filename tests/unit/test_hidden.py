"""A server that repeats what it was sent: nothing of it reaches an error, wherever a script prints that."""

from __future__ import annotations

import http.server
import logging
import secrets
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from hotops.core.errors import HotopsError
from hotops.core.hidden import hidden_in
from hotops.core.http import Http
from hotops.core.secret import Secret
from hotops.core.world import TokenMissing
from hotops.fly.auth import Credentials
from tests.unit.fly_worlds import FakeClock, literal

#: How a server may repeat what it was sent.
ECHOES: dict[str, Callable[[str], httpx.Response]] = {
    "refused": lambda word: httpx.Response(401, json={"error": f"unknown token {word}"}),
    "not JSON": lambda word: httpx.Response(200, text=f"<html>{word}"),
    "as words": lambda word: httpx.Response(400, text=f"bad value: {word}"),
    "as a code": lambda word: httpx.Response(422, json={"error": "no", "status": word}),
    "as the request's id": lambda word: httpx.Response(500, headers={"fly-request-id": word}, json={"error": "no"}),
    "as a place": lambda word: httpx.Response(302, headers={"location": f"https://login.test/{word}"}),
    "in hex": lambda word: httpx.Response(401, json={"error": word.encode().hex()}),
}


def everything_of(error: HotopsError) -> str:
    return "".join([*traceback.format_exception(error), repr(error), str(error.as_failure()), repr(vars(error))])


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_token_that_is_sent_back_is_in_no_error(echo: Callable[[str], httpx.Response]) -> None:
    token = secrets.token_hex(16)
    with pytest.raises(HotopsError) as raised:
        literal(lambda request: echo(token), token=token).machines.list("shop")
    assert token not in everything_of(raised.value)
    assert token.encode().hex() not in everything_of(raised.value)


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_secret_in_a_body_that_is_sent_back_is_in_no_error(echo: Callable[[str], httpx.Response]) -> None:
    value = secrets.token_hex(16)
    fly = literal(lambda request: echo(value))
    with pytest.raises(HotopsError) as raised:
        fly.secrets.bulk("shop", {"SESSION_SECRET": Secret(value)})
    assert value not in everything_of(raised.value)


def test_graphql_s_errors_repeat_no_token() -> None:
    token = secrets.token_hex(16)
    told = {"errors": [{"message": f"who is {token}?"}]}
    with pytest.raises(HotopsError) as raised:
        literal(lambda request: httpx.Response(200, json=told), token=token).releases.definition("shop")
    assert token not in everything_of(raised.value)


@pytest.mark.parametrize("odd", ["…", "\n", "\0", "é"], ids=["an example's", "two lines", "NUL", "a letter"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(odd: str) -> None:
    token = f"{secrets.token_hex(8)}{odd}{secrets.token_hex(8)}"
    with pytest.raises(TokenMissing, match=r"api\.machines\.dev") as raised:
        literal(lambda request: httpx.Response(200, json=[]), token=token).machines.list("shop")
    assert token[:16] not in everything_of(raised.value)
    assert token[-16:] not in everything_of(raised.value)


def test_every_part_of_a_header_that_is_a_credential_is_known() -> None:
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    credentials = Credentials.parse(f"{first},{second}")
    known = [secret.reveal() for secret in hidden_in({"Authorization": credentials.registry(), "accept": "a,b"})]
    assert {first, second} <= set(known)
    assert "x" not in known
    assert "a" not in known


def test_whoever_turns_logging_on_reads_no_credential(caplog: pytest.LogCaptureFixture) -> None:
    word = secrets.token_hex(16)
    with caplog.at_level(logging.DEBUG), answering(location=f"https://hooks.test/{word}") as address:
        # A webhook's path is its credential, and so may be a header that a server answers.
        Http("", transport=httpx.HTTPTransport(), clock=FakeClock()).request(
            "POST", f"{address}/services/{word}", body={}, accept=frozenset({302})
        )
        assert word not in caplog.text
        httpx.get(f"{address}/theirs")
    assert "/theirs" in caplog.text  # calls that others make with the same library are still in their log


@contextmanager
def answering(**headers: str) -> Iterator[str]:
    """The address of a server that redirects everybody."""

    class Redirects(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(302)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_words: object) -> None:
            """Nothing: pytest shows what a test prints."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
