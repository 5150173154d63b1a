"""PING to a Redis, with the login of its connection string: the one question that reads nothing and writes nothing."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import unquote, urlsplit

from hotops.core.errors import ApiError, Forbidden, Unauthorized, WireError
from hotops.core.secret import Secret
from hotops.core.world import World

TIMEOUT_S = 8.0
_PORT = 6379
_LONGEST_REPLY = 512


def ping(value: Secret, world: World, *, timeout_s: float = TIMEOUT_S) -> str:
    """Log in and send PING; returns the user it logged in as (`default` where the string names none).

    Raises Unauthorized for a wrong login, Forbidden for a user who may not even PING, WireError where nobody answers,
    ApiError for anything else that Redis says (https://redis.io/docs/latest/develop/reference/protocol-spec).
    """
    parts = urlsplit(value.reveal().strip())
    host, user = parts.hostname or "", unquote(parts.username or "")
    password = unquote(parts.password or "")
    try:
        port = parts.port or _PORT
    except ValueError:
        raise WireError("Its port is no number.", applied=False) from None
    commands = [["PING"]]
    if password:
        commands.insert(0, ["AUTH", user, password] if user else ["AUTH", password])
    try:
        with _connected(host, port, world, tls=parts.scheme == "rediss", timeout_s=timeout_s) as connection:
            connection.sendall(b"".join(_encoded(command) for command in commands))
            with connection.makefile("rb") as answers:
                for command in commands:
                    _refuse(answers.readline(_LONGEST_REPLY).decode("utf-8", "replace").strip(), command[0], host)
    except (OSError, UnicodeError) as error:
        raise WireError(f"{host}:{port} can't be reached: {error}.", applied=False, code="unreachable") from None
    return user or "default"


def _connected(host: str, port: int, world: World, *, tls: bool, timeout_s: float) -> socket.socket:
    place = world.locate(host, port)
    if world.hosts is not None and place is None:
        raise OSError("the name does not resolve in this sandbox")
    address = (place.address, place.port) if place is not None else (host, port)
    plain = socket.create_connection(address, timeout_s)
    if not (place.tls if place is not None else tls):
        return plain
    context = ssl.create_default_context(cafile=str(world.ca_file) if world.ca_file else None)
    return context.wrap_socket(plain, server_hostname=host)


def _encoded(command: list[str]) -> bytes:
    parts = [part.encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _refuse(answer: str, command: str, host: str) -> None:
    """Raise for an answer that is an error. What Redis says names no value."""
    if not answer:
        raise WireError(f"{host} closed the connection.", applied=False)
    if not answer.startswith("-"):
        return
    kind = answer[1:].partition(" ")[0]
    if kind in ("WRONGPASS", "NOAUTH") or (command == "AUTH" and kind == "ERR"):
        raise Unauthorized(f"{host} refuses the login ({kind}).", status=401)
    if kind == "NOPERM":
        raise Forbidden(f"{host} takes the login, which may not PING.", status=403)
    raise ApiError(f"{host} answered {kind}.", status=500)
