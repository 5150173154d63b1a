"""A credential is used once, for reading: taken, refused, forbidden, gone and unreachable are five things."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.context import Context
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.sandbox.inprocess import Transport
from hotops.secrets.authenticate_spec import Authenticate
from hotops.secrets.authenticating import Authenticator, declared_of
from hotops.secrets.credential_forms import form_of
from hotops.secrets.logins import Login
from hotops.secrets.secret_map import MappedSecret
from tests.stage import FakeClock, Stage

REF = "abcdefghijklmnopqrst"


@dataclass
class Vendors(httpx.BaseTransport):
    """Answers of other people's interfaces, by host; everything else is the twin's."""

    inner: httpx.BaseTransport
    answers: dict[str, int | Exception] = field(default_factory=dict)
    seen: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in self.answers:
            return self.inner.handle_request(request)
        self.seen.append(request)
        answer = self.answers[request.url.host]
        if isinstance(answer, Exception):
            raise answer
        # Some vendors repeat the end of what they refuse.
        said = next((value for name, value in request.headers.items() if name in ("authorization", "x-api-key")), "")
        return httpx.Response(answer, json={"error": {"message": f"no such key: {said[-6:]}"}}, request=request)


class Desk:
    """An authenticator on a stage."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder, supabase_project=REF)
        self.vendors = Vendors(Transport(self.stage.twin, self.stage.clock))
        self.context = self.stage.context(transport=self.vendors)

    def login(self, value: str, authenticate: Any = None) -> Login:
        mapped = MappedSecret.model_validate({"authenticate": authenticate})
        login = Authenticator(self.context, self.stage.environment).login(Secret(value), mapped.authenticate)
        assert value not in json.dumps(login.as_row())
        return login


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def jwt(**claims: Any) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims)
    ]
    return ".".join([*parts, secrets.token_urlsafe(16)])


def test_fly_and_github_are_asked_who_a_token_is(desk: Desk) -> None:
    before = len(desk.stage.control("GET", "log")["entries"])
    fly = desk.login(desk.stage.twin.tokens["fly"], "fly")
    assert (fly.state, fly.may) == ("valid", "all that the user operator@example.com may")
    github = desk.login(desk.stage.twin.tokens["github"], "github")
    assert github.state == "valid"
    assert github.may.startswith("speaks for ")
    calls = desk.stage.control("GET", "log")["entries"][before:]
    assert [(call["method"], call["path"], call["effect"]) for call in calls] == [
        ("GET", "/v1/tokens/current", "none"), ("GET", "/user", "none")
    ]  # fmt: skip
    assert desk.login("sandbox-of-nobody", "fly").state == "refused"
    assert desk.login("sandbox-of-nobody", "github").state == "refused"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (200, "valid"),
        (401, "refused"),
        (403, "forbidden"),
        (404, "not_found"),
        (429, "unreachable"),
        (503, "unreachable"),
        (302, "unknown"),
        (418, "unknown"),
        (httpx.ConnectError("no route"), "unreachable"),
        (httpx.ReadTimeout("slow"), "unreachable"),
    ],
)
def test_what_an_address_answers_is_told_apart(desk: Desk, answer: int | Exception, state: str) -> None:
    desk.vendors.answers["api.vendor.example"] = answer
    desk.vendors.seen.clear()
    value = secrets.token_urlsafe(18)
    asked = {"kind": "http", "url": "https://api.vendor.example/v1/me?fields=id", "header": "X-Key", "scheme": ""}
    login = desk.login(value, asked)
    assert login.state == state
    assert value[-6:] not in json.dumps(login.as_row())
    first = desk.vendors.seen[0]
    assert (first.method, first.headers["x-key"], str(first.url)) == ("GET", value, asked["url"])
    assert len(desk.vendors.seen) <= 2
    if state in ("valid", "refused", "forbidden", "not_found"):
        assert len(desk.vendors.seen) == 1


def test_the_check_of_a_checklist_is_how_it_is_tried() -> None:
    check = {"url": "https://api.vendor.example/v1/me", "header": "X-Key", "scheme": ""}
    by_hand = {"kind": "checklist", "check": check}
    found = declared_of(MappedSecret.model_validate({"provider": by_hand}))
    assert found == Authenticate(kind="http", **check)
    assert declared_of(MappedSecret.model_validate({"provider": by_hand, "authenticate": "none"})).kind == "none"  # type: ignore[union-attr]
    assert declared_of(MappedSecret.model_validate({"provider": {"kind": "checklist"}})) is None
    assert declared_of(MappedSecret.model_validate({})) is None


def test_vendors_are_known_by_the_form_and_what_they_repeat_is_not_told(desk: Desk) -> None:
    for host, prefix in (("api.openai.com", "sk-proj-"), ("api.anthropic.com", "sk-ant-")):
        value = prefix + secrets.token_urlsafe(24)
        for answer, state in ((200, "valid"), (401, "refused")):
            desk.vendors.answers[host] = answer
            login = desk.login(value)
            assert login.state == state
            assert value[-6:] not in json.dumps(login.as_row())


def test_keys_of_supabase_are_tried_at_their_project(desk: Desk) -> None:
    desk.vendors.answers[f"{REF}.supabase.co"] = 200
    desk.vendors.seen.clear()
    service = desk.login(jwt(iss="supabase", ref=REF, role="service_role", exp=4_000_000_000))
    assert (service.state, service.may) == ("valid", "read and write all data of the project, past row level security")
    key = "sb_" + "secret_" + secrets.token_urlsafe(20)
    with_form = Authenticator(
        Context(world=World("live", {}), transport=desk.vendors, clock=FakeClock(0)), desk.stage.environment
    )
    assert with_form.login(Secret(key)).state == "valid"
    assert [str(request.url) for request in desk.vendors.seen] == [f"https://{REF}.supabase.co/auth/v1/settings"] * 2
    assert desk.vendors.seen[1].headers["apikey"] == key
    desk.vendors.answers[f"{REF}.supabase.co"] = 401
    assert with_form.login(Secret(key)).state == "refused"


def test_a_live_credential_is_never_used_in_a_sandbox(desk: Desk) -> None:
    desk.vendors.answers |= {"api.machines.dev": 200, "api.github.com": 200}
    desk.vendors.seen.clear()
    try:
        for value in (
            "fm2_" + secrets.token_urlsafe(40),
            "ghp_" + secrets.token_hex(18),
            "sbp_" + secrets.token_hex(20),
        ):
            login = desk.login(value)
            assert (login.state, login.says) == ("unknown", "a live credential is not used in a sandbox")
    finally:
        del desk.vendors.answers["api.machines.dev"], desk.vendors.answers["api.github.com"]
    assert desk.vendors.seen == []


def test_what_nobody_can_ask_about_is_unknown_and_says_how(desk: Desk) -> None:
    assert desk.login(secrets.token_hex(32)).state == "unknown"
    assert "`authenticate`" in desk.login(secrets.token_hex(32)).says
    assert desk.login("sb_publishable_" + secrets.token_hex(12), "none").says.startswith("the map says")
    several = desk.login("a key\nof lines", {"kind": "http", "url": "https://api.vendor.example/v1/me"})
    assert (several.state, "header" in several.says) == ("unknown", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "http"},
        {"kind": "fly", "url": "https://a.example"},
        {"kind": "http", "url": "http://a.example"},
        {"kind": "http", "url": "https://u:p@a.example"},
        "ftp",
    ],
)
def test_a_wrong_declaration_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="authenticate"):
        MappedSecret.model_validate({"authenticate": wrong})


class Redis:
    """Speaks as much of Redis as a PING needs."""

    def __init__(self, password: str, *, may_ping: bool = True) -> None:
        self._password, self._may_ping = password, may_ping
        self.commands: list[list[str]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                is_in = not self._password
                while line := stream.readline():
                    words = []
                    for _ in range(int(line[1:])):
                        size = int(stream.readline()[1:])
                        words.append(stream.read(size + 2)[:-2].decode())
                    self.commands.append(words)
                    if words[0] == "AUTH":
                        is_in = words[-1] == self._password
                        stream.write(b"+OK\r\n" if is_in else b"-WRONGPASS invalid username-password pair\r\n")
                    elif not is_in:
                        stream.write(b"-NOAUTH Authentication required.\r\n")
                    else:
                        stream.write(b"+PONG\r\n" if self._may_ping else b"-NOPERM no permissions to run ping\r\n")
                    stream.flush()


@pytest.fixture
def live() -> Iterator[Authenticator]:
    with Context(world=World("live", {}), clock=FakeClock(0)) as context:
        yield Authenticator(context)


def test_redis_is_pinged_with_the_login_of_its_string(live: Authenticator) -> None:
    password = secrets.token_urlsafe(9) + "/:"
    encoded = password.replace("/", "%2F").replace(":", "%3A")
    redis, mute = Redis(password), Redis(password, may_ping=False)
    try:
        good = live.login(Secret(f"redis://default:{encoded}@127.0.0.1:{redis.port}/0"))
        assert (good.state, good.may) == ("valid", "logs in as default")
        assert redis.commands == [["AUTH", "default", password], ["PING"]]
        assert live.login(Secret(f"redis://:{encoded}@127.0.0.1:{redis.port}")).state == "valid"
        wrong = live.login(Secret(f"redis://default:{secrets.token_hex(6)}@127.0.0.1:{redis.port}"))
        assert (wrong.state, wrong.says) == ("refused", "127.0.0.1 refuses the login (WRONGPASS)")
        assert live.login(Secret(f"redis://127.0.0.1:{redis.port}")).state == "refused"
        assert live.login(Secret(f"redis://default:{encoded}@127.0.0.1:{mute.port}")).state == "forbidden"
    finally:
        redis.close()
        mute.close()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert live.login(Secret(f"redis://127.0.0.1:{port}")).state == "unreachable"


def test_a_database_that_nobody_serves_is_not_a_refused_login(live: Authenticator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    login = live.login(Secret(f"postgresql://u:{secrets.token_hex(6)}@127.0.0.1:{port}/d"))
    assert (login.kind, login.state) == ("postgres", "unreachable")
    assert live.login(Secret("postgresql://u:p%zz@h/d")).state == "unknown"


def test_a_form_is_told_without_asking_anybody() -> None:
    for value, form in (
        (f"FlyV1 fm2_{secrets.token_hex(9)}", "fly_token"),
        (f"github_pat_{secrets.token_hex(9)}", "github_fine_grained_token"),
        (f"sk-ant-{secrets.token_hex(16)}", "anthropic_key"),
        (f"sk-proj-{secrets.token_hex(16)}", "openai_key"),
        (f"shpat_{secrets.token_hex(16)}", "shopify_token"),
        (f"AKIA{secrets.token_hex(8).upper()}", "aws_access_key"),
        (f"-----BEGIN {'PRIVATE'} KEY-----\nabc", "private_key"),
        ('{"type": "service_account", "private_key": "k"}', "google_service_account"),
        (jwt(iss="supabase", ref=REF, role="anon"), "supabase_anon_key"),
        (jwt(iss="https://issuer.example", sub="1"), "jwt"),
        ("rediss://default:x@h:6379", "redis_dsn"),
        ("mysql://u:p@h/d", "url_with_password"),
        (secrets.token_hex(32), None),
        ("eyJhbGciOiJIUzI1NiJ9.eyJub3QganNvbg.x", "jwt"),
    ):
        found = form_of(Secret(value))
        assert (found.form if found else None) == form
        assert found is None or (found.what and found.end)


def test_every_kind_that_a_form_names_can_be_asked() -> None:
    kinds = set(Authenticate.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]
    from hotops.secrets.credential_forms import _known

    assert {form.ask for _, form in _known()} - {None} <= kinds
