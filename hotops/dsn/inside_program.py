"""Run inside a machine, by its own Python: does this connection string log in from here?

The string comes on stdin, never in an argument. Nothing but Python's own library is used, since an image may have no
driver: PostgreSQL's protocol 3 as far as a login and one question need it. Prints a line for each step, no value.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import sys


def told(step: str, said: str, good: bool = True) -> None:
    print(json.dumps([step, good, said]), flush=True)


def exactly(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        more = connection.recv(count - len(content))
        if not more:
            raise OSError("the server closed the connection")
        content += more
    return content


def message(connection: socket.socket) -> "tuple[bytes, bytes]":
    kind, length = struct.unpack("!cI", exactly(connection, 5))
    content = exactly(connection, length - 4)
    if kind == b"E":
        parts = {part[:1]: part[1:].decode(errors="replace") for part in content.split(b"\0") if part}
        raise OSError(f"{parts.get(b'S', 'FATAL')}:  {parts.get(b'M', '')}")
    return kind, content


def send(connection: socket.socket, kind: bytes, content: bytes) -> None:
    connection.sendall(kind + struct.pack("!I", len(content) + 4) + content)


def encrypted(connection: socket.socket, host: str) -> "tuple[socket.socket, str]":
    connection.sendall(struct.pack("!II", 8, 80877103))
    if exactly(connection, 1) != b"S":
        return connection, "not encrypted"
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    wrapped = context.wrap_socket(connection, server_hostname=host)
    return wrapped, "encrypted, not verified: the image need not have the authority"


def scram(connection: socket.socket, password: str) -> None:
    """SCRAM-SHA-256 (RFC 5802, 7677), without channel binding."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare = "n=,r=" + nonce
    first = ("n,," + bare).encode()
    send(connection, b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
    _, content = message(connection)
    server = content[4:].decode()
    asked = dict(part.split("=", 1) for part in server.split(","))
    if not asked["r"].startswith(nonce):
        raise OSError("the server's nonce is not ours")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(asked["s"]), int(asked["i"]))
    key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    last = "c=biws,r=" + asked["r"]
    signed = hmac.new(hashlib.sha256(key).digest(), ",".join((bare, server, last)).encode(), hashlib.sha256).digest()
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signed))).decode()  # noqa: B905 (older Pythons)
    send(connection, b"p", (last + ",p=" + proof).encode())


def log_in(connection: socket.socket, wanted: "dict[str, str]") -> None:
    fields = "\0".join(("user", wanted["user"], "database", wanted["database"], "application_name", "hotops", "", ""))
    start = struct.pack("!I", 196608) + fields.encode()
    connection.sendall(struct.pack("!I", len(start) + 4) + start)
    while True:
        kind, content = message(connection)
        if kind == b"Z":
            return
        if kind != b"R":
            continue
        asked = struct.unpack("!I", content[:4])[0]
        if asked == 3:
            send(connection, b"p", wanted["password"].encode() + b"\0")
        elif asked == 5:
            inner = hashlib.md5((wanted["password"] + wanted["user"]).encode()).hexdigest()  # noqa: S324 (theirs)
            outer = hashlib.md5(inner.encode() + content[4:8]).hexdigest()  # noqa: S324
            send(connection, b"p", b"md5" + outer.encode() + b"\0")
        elif asked == 10:
            scram(connection, wanted["password"])


def version(connection: socket.socket) -> str:
    send(connection, b"Q", b"select current_setting('server_version')\0")
    found = ""
    while True:
        kind, content = message(connection)
        if kind == b"D":
            found = content[6:].decode(errors="replace").split()[0]
        if kind == b"Z":
            return found


def main() -> None:
    wanted = json.load(sys.stdin)
    step = "resolve"
    try:
        infos = socket.getaddrinfo(wanted["host"], int(wanted["port"]), type=socket.SOCK_STREAM)
        kinds = sorted({"AAAA" if info[0] == socket.AF_INET6 else "A" for info in infos})
        told(step, " and ".join(kinds))
        step = "tcp"
        connection = socket.create_connection((wanted["host"], int(wanted["port"])), 8)
        told(step, "port " + wanted["port"])
        step = "tls"
        secured, said = encrypted(connection, wanted["host"])
        told(step, said)
        step = "login"
        log_in(secured, wanted)
        told(step, "as " + wanted["user"])
        step = "select"
        told(step, "PostgreSQL " + version(secured))
        secured.close()
    except (OSError, ssl.SSLError) as error:
        told(step, str(error), good=False)


if __name__ == "__main__":
    main()
