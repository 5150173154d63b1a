"""Real names mapped to this computer's addresses: what state.json tells clients instead of DNS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

API_HOSTS = (
    "api.machines.dev",
    "api.fly.io",
    "registry.fly.io",
    "api.supabase.com",
    "api.github.com",
    "productionresultssa0.blob.core.windows.net",
)
"""Hosts of the clouds' own interfaces."""

LOOPBACK = "127.0.0.1"


def app_hosts(seed: Mapping[str, Any]) -> dict[str, float | None]:
    """Each host name that an app answers for, with the declared days until its certificate expires (None: usual)."""
    hosts: dict[str, float | None] = {}
    for app in seed.get("fly", {}).get("apps", []):
        for name in app.get("hostnames") or [f"{app['name']}.fly.dev"]:
            hosts.setdefault(name.lower(), None)
        for certificate in app.get("certificates", []):
            hosts[certificate["hostname"].lower()] = float(certificate["expires_in_days"])
    return hosts


def pooler_host(project: Mapping[str, Any]) -> str:
    """Name of a project's shared pooler (Supabase docs, "Connect to your database"); a seed may name another one."""
    return str(project.get("pooler_host") or f"aws-1-{project['region']}.pooler.supabase.com")


def map_hosts(seed: Mapping[str, Any], *, api_port: int, app_port: int, app_tls_port: int) -> dict[str, Any]:
    """The map's entries for everything that speaks HTTP: ``name:port`` to address, port and whether TLS is spoken."""
    entries: dict[str, Any] = {f"{host}:443": _place(LOOPBACK, api_port, tls=False) for host in API_HOSTS}
    for host in app_hosts(seed):
        entries[f"{host}:443"] = _place(LOOPBACK, app_tls_port, tls=True)
        entries[f"{host}:80"] = _place(LOOPBACK, app_port, tls=False)
    return entries


def other_pooler_hosts(seed: Mapping[str, Any]) -> set[str]:
    """Poolers that are there and serve none of these projects: the one that people guess for a region."""
    projects = seed.get("supabase", {}).get("projects", [])
    guessed = {f"aws-0-{project['region']}.pooler.supabase.com" for project in projects}
    return guessed - {pooler_host(project) for project in projects}


def map_database(project: Mapping[str, Any], address: str, port: int, *, tls: bool) -> Iterator[tuple[str, Any]]:
    """The entry of one project's database at its direct host."""
    yield f"db.{project['ref']}.supabase.co:5432", _place(address, port, tls=tls)


def map_project(project: Mapping[str, Any], api_port: int) -> Iterator[tuple[str, Any]]:
    """The entry of one project's own address."""
    yield f"{project['ref']}.supabase.co:443", _place(LOOPBACK, api_port, tls=False)


def map_pooler(host: str, address: str, ports: Iterable[int]) -> Iterator[tuple[str, Any]]:
    """The entries of a shared pooler: session mode on 5432, transaction mode on 6543 where PgBouncer is there."""
    for port in ports:
        yield f"{host}:{port}", _place(address, port, tls=True)


def _place(address: str, port: int, *, tls: bool) -> dict[str, Any]:
    return {"address": address, "port": port, "tls": tls}
