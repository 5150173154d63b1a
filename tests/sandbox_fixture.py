"""A real sandbox process for tests: one for each test worker, back at its seed before each test.

Import both fixtures where pytest looks for them: `from tests.sandbox_fixture import sandbox, sandbox_process`.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox

PROJECT_REF = "abcdefghijklmnopqrst"
DATABASE_HOST = f"db.{PROJECT_REF}.supabase.co"


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is up: its state document, its controls, the seed it was made of, and its state directory."""

    state: Mapping[str, Any] = field(repr=False)
    control: ControlClient = field(repr=False)
    seed: Mapping[str, Any] = field(repr=False)
    state_dir: Path

    @property
    def tokens(self) -> Mapping[str, str]:
        """Tokens by cloud: fly, supabase."""
        return dict(self.state["tokens"])

    @property
    def db_pass(self) -> str:
        """The password of the project's role postgres."""
        return str(self.seed["supabase"]["projects"][0]["db_pass"])

    def place(self, host: str, port: int = 443) -> Mapping[str, Any]:
        """Where a real name is found: address, port, tls."""
        return dict(self.state["hosts"][f"{host}:{port}"])

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """A request to a real URL, sent to where the sandbox serves it, with the token of the cloud it names."""
        real = httpx.URL(url)
        port = real.port or {"https": 443, "http": 80}[real.scheme]
        place = self.place(real.host, port)
        scheme = "https" if place["tls"] else "http"
        headers = {"Host": real.host, **self._authorization(real.host), **options.pop("headers", {})}
        with httpx.Client(verify=self.tls_context(), timeout=30) as client:
            return client.request(
                method,
                real.copy_with(scheme=scheme, host=place["address"], port=place["port"]),
                headers=headers,
                extensions={"sni_hostname": real.host},
                **options,
            )

    def tls_context(self) -> ssl.SSLContext:
        """Trusts the sandbox's authority and nobody else."""
        return ssl.create_default_context(cafile=self.state["ca_file"])

    def conninfo(self, user: str = "postgres", host: str = DATABASE_HOST, port: int = 5432) -> dict[str, Any]:
        """libpq parameters of a verified connection by the real name, without a password."""
        place = self.place(host, port)
        tls = (
            {"sslmode": "verify-full", "sslrootcert": self.state["ca_file"]} if place["tls"] else {"sslmode": "disable"}
        )
        return {
            "host": host, "hostaddr": place["address"], "port": place["port"], "user": user, "dbname": "postgres",
            "connect_timeout": 5, **tls,
        }  # fmt: skip

    def _authorization(self, host: str) -> dict[str, str]:
        cloud = {"api.supabase.com": "supabase"}.get(host, "fly")
        is_api = host in {"api.machines.dev", "api.fly.io", "registry.fly.io", "api.supabase.com"}
        return {"Authorization": f"Bearer {self.state['tokens'][cloud]}"} if is_api else {}


def small_seed() -> dict[str, Any]:
    """Two apps of a shop that need their database, staging one release ahead, and one Supabase project."""
    db_pass = f"{secrets.token_urlsafe(12)}/!"  # holds characters that a URL has to escape
    dsn = f"postgresql://postgres:{quote(db_pass, safe='')}@{DATABASE_HOST}:5432/postgres?sslmode=require"
    return {
        "schema": 1,
        "fly": {
            "orgs": [{"slug": "personal", "name": "Personal"}],
            "apps": [
                _app("shop-staging", dsn, "staging", [("v41", 864_000), ("v42", 172_800), ("v43", 7200)]),
                _app("shop-production", dsn, "production", [("v41", 864_000), ("v42", 172_800)]),
            ],
            "images": [],
        },
        "github": {"repositories": [_repository()]},
        "supabase": {
            "projects": [
                {
                    "ref": PROJECT_REF,
                    "name": "shop",
                    "region": "us-east-1",
                    "organization": "acme",
                    "db_pass": db_pass,
                }
            ]
        },
    }


def _repository() -> dict[str, Any]:
    return {
        "name": "acme/shop",
        "environments": {"staging": {}, "production": {"reviewers": ["ada"]}},
        "issues": [{"title": "Checkout is slow", "labels": ["P0"]}],
        "workflows": {"deploy.yml": _DEPLOY},
    }


_DEPLOY = """\
name: Deploy
on:
  workflow_dispatch:
    inputs:
      reason: {required: true, type: string}
jobs:
  build: {runs-on: ubuntu-latest, steps: []}
  deploy: {needs: build, environment: staging, runs-on: ubuntu-latest, steps: []}
"""


def _app(name: str, dsn: str, world: str, releases: list[tuple[str, float]]) -> dict[str, Any]:
    service = {
        "protocol": "tcp",
        "internal_port": 8080,
        "autostop": False,
        "autostart": True,
        "min_machines_running": 1,
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": True},
            {"port": 443, "handlers": ["tls", "http"]},
        ],
        "concurrency": {"type": "requests", "soft_limit": 20, "hard_limit": 25},
        "checks": [
            {
                "type": "http",
                "interval": "5s",
                "timeout": "2s",
                "grace_period": "1s",
                "method": "get",
                "path": "/health",
            }
        ],
    }
    return {
        "name": name,
        "org": "personal",
        "status": "deployed",
        "hostnames": [f"{name}.fly.dev"],
        "certificates": [{"hostname": f"{name}.example.com", "expires_in_days": 9}],
        "primary_region": "ord",
        "secrets": {"DATABASE_URL": dsn, "SESSION_SECRET": secrets.token_urlsafe(24), "APP_ENV": world},
        "staged_secrets": {},
        "releases": [
            {"version": int(tag[1:]), "tag": tag, "status": "complete", "age_s": age_s} for tag, age_s in releases
        ],
        "env": {"PRIMARY_REGION": "ord"},
        "traffic_rps": 0,
        "groups": {
            "app": {
                "count": 2,
                "regions": ["ord"],
                "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024},
                "services": [service],
                "checks": {},
                "state": "started",
                "restart": {"policy": "on-failure"},
                "needs_database": True,
                "needs_secrets": ["DATABASE_URL"],
            }
        },
    }


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One sandbox for all tests of this worker; it ends with the worker, however that ends."""
    state_dir = tmp_path_factory.mktemp("sandbox-state")
    seed = small_seed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(state_dir))
        started = start_sandbox(seed, speed=20, detached=False)
    yield RunningSandbox(started.state, ControlClient(started.state), seed, state_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(state_dir))
        stop_sandbox()


@pytest.fixture
def sandbox(sandbox_process: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> RunningSandbox:
    """The worker's sandbox, back at its seed; the library finds it through HOTOPS_STATE_DIR."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(sandbox_process.state_dir))
    sandbox_process.control.reset()
    return sandbox_process
