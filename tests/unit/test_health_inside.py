"""A path asked inside a machine: the commands are real, and an image without any client is an honest unknown."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from hotops.health.inside import CLIENTS, ask_inside, port_of
from tests.unit.fly_worlds import literal
from tests.unit.health_samples import machine, service


class Answers(BaseHTTPRequestHandler):
    """200 on /, 404 elsewhere, a redirect on /login."""

    def do_GET(self) -> None:
        self.send_response({"/": 200, "/login": 302}.get(self.path, 404))
        self.send_header("location", "/") if self.path == "/login" else None
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(5)


def machine_with(*programs: str) -> Any:
    """A client of Fly whose machine really runs the programs it has, and answers 127 for others."""

    def run(request: httpx.Request) -> httpx.Response:
        command = json.loads(request.content)["command"]
        if command[0] not in programs:
            return httpx.Response(200, json={"exit_code": 127, "stderr": "not found"})
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return httpx.Response(200, json={"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr})

    return literal(run)


@pytest.mark.parametrize("program", [command[0] for command in CLIENTS])
def test_each_client_tells_the_status_of_a_real_server(program: str, port: int) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this computer")
    fly = machine_with(program)
    assert ask_inside(fly, "shop", machine(), port, "/").status == 200
    missing = ask_inside(fly, "shop", machine(), port, "/hc")
    assert missing.status == 404
    assert missing.says == f"/hc answers 404 on port {port} inside m1"


def test_a_port_on_which_nobody_listens_is_unknown_and_says_so() -> None:
    answer = ask_inside(machine_with("python3"), "shop", machine(), 1, "/")
    assert answer.status is None
    assert answer.says == "/: python3 got no answer on port 1 (exit code 1)"


def test_an_image_without_any_client_is_unknown() -> None:
    answer = ask_inside(machine_with(), "shop", machine(), 8080, "/")
    assert answer.status is None
    assert "none of curl, wget, node, python3 and ruby" in answer.says


def test_a_refused_exec_is_unknown_with_the_refusal() -> None:
    fly = literal(lambda request: httpx.Response(409, json={"error": "lease currently held by somebody"}))
    answer = ask_inside(fly, "shop", machine(), 8080, "/")
    assert answer.status is None
    assert "exec failed" in answer.says


def test_the_port_is_the_one_that_the_check_asks() -> None:
    web = machine(services=[service(internal_port=3000, checks=[{"type": "http", "path": "/hc", "port": 3030}])])
    assert port_of([web], "/hc") == 3030
    assert port_of([web], "/other") == 3000
    assert port_of([machine(services=[])], "/") == 8080
