"""Connection strings for tests: good ones by the thousand, and every fault made of a good one."""

from __future__ import annotations

import base64
import random
import re
import secrets
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from hotops.core.secret import Secret
from hotops.dsn.budget import Budget
from hotops.dsn.judging import Circumstances, Mode, ProjectFacts, Use

REF = "abcdefghijklmnopqrst"
OTHER_REF = "tsrqponmlkjihgfedcba"
POOLER = "aws-1-us-east-1.pooler.supabase.com"
PROJECT = ProjectFacts(REF, "shop", POOLER, pool_size=15, max_clients=200, max_connections=60)
MODES: dict[Mode, tuple[str, str, int]] = {
    "direct": ("{role}", f"db.{REF}.supabase.co", 5432),
    "session": (f"{{role}}.{REF}", POOLER, 5432),
    "transaction": (f"{{role}}.{REF}", POOLER, 6543),
}
#: Which mode is right for which use, and with which client.
GOOD_FOR: dict[Mode, tuple[Use, ...]] = {
    "direct": ("migrations", "server", "backup", "replication"),
    "session": ("migrations", "server", "backup"),
    "transaction": ("serverless",),
}


def dsn_of(mode: Mode, password: str, role: str = "postgres", options: str = "sslmode=require") -> str:
    """The one right string of a mode."""
    user, host, port = MODES[mode]
    return f"postgresql://{user.format(role=role)}:{quote(password, safe='')}@{host}:{port}/postgres?{options}"


def good_ones(count: int, seed: int) -> Iterator[tuple[Secret, Circumstances]]:
    """Good strings of all forms, with what they are good for."""
    dice = random.Random(seed)
    letters = string.ascii_letters + string.digits + string.punctuation + " äß日"
    for _ in range(count):
        mode: Mode = dice.choice(list(MODES))
        password = "".join(dice.choices(letters, k=dice.randint(8, 40)))
        role = dice.choice(["postgres", "prisma", "chatwoot_app", "ai_readonly"])
        options = [f"sslmode={dice.choice(['require', 'verify-full', 'verify-ca'])}"]
        options += dice.sample(
            ["application_name=shop", "connect_timeout=10", "options=-c%20statement_timeout%3D5s"], k=1
        )
        use = dice.choice(GOOD_FOR[mode])
        prisma = mode == "transaction" and dice.random() < 0.5
        if prisma:
            options.append("pgbouncer=true")
        dice.shuffle(options)
        text = dsn_of(mode, password, role, "&".join(options))
        if dice.random() < 0.3:
            text = text.replace("postgresql://", "postgres://", 1)
        elif dice.random() < 0.3 and not prisma:
            text = key_values(mode, password, role)
        circumstances = Circumstances(
            use=use,
            client="prisma" if prisma else "other",
            prepared_statements=mode != "transaction" or prisma,
            budget=dice.choice([None, Budget(2, 5)]),
        )
        yield Secret(text), circumstances


def key_values(mode: Mode, password: str, role: str = "postgres") -> str:
    """The same as key=value pairs, as libpq quotes them."""
    user, host, port = MODES[mode]
    secret = password.replace("\\", "\\\\").replace("'", "\\'")
    return f"host={host} port={port} dbname=postgres user={user.format(role=role)} password='{secret}' sslmode=require"


@dataclass(frozen=True)
class Fault:
    """A class of faults: how a good string is broken, and what of it is known.

    `shows` is how it shows on a real server: refused, or how it works and does harm; `not_here`: the sandbox can't show
    it. `fixable` says whether the right string can be known from the wrong one; `mode` is the good one that is broken.
    """

    code: str
    broken: Callable[[str, str], str]
    mode: Mode = "direct"
    circumstances: Circumstances = field(default_factory=Circumstances)
    shows: str = "refused"
    fixable: bool = True
    password: str = "word"


def _replaced(old: str, new: str) -> Callable[[str, str], str]:
    def change(text: str, _password: str) -> str:
        assert old in text, f"{old} is not in the string that is to be broken"
        return text.replace(old, new)

    return change


def _raw_password(text: str, password: str) -> str:
    return text.replace(f":{quote(password, safe='')}@", f":{password}@")


def _with_password(other: str) -> Callable[[str, str], str]:
    return lambda text, password: text.replace(f":{quote(password, safe='')}@", f":{other}@")


def _user(other: str) -> Callable[[str, str], str]:
    return lambda text, _password: re.sub(r"//([^:]+):", f"//{other}:", text, count=1)


def _whole(other: str) -> Callable[[str, str], str]:
    return lambda _text, _password: other


USES: tuple[Use, ...] = ("migrations", "server", "serverless", "backup", "replication")
USE = {use: Circumstances(use=use) for use in USES}
IPV4 = {use: Circumstances(use=use, ipv6=False) for use in USES}
HOST, SUPA = f"db.{REF}.supabase.co", f"{REF}.supabase.co"

FAULTS: tuple[Fault, ...] = (
    # the text is no connection string
    Fault("empty", _whole("  \n"), fixable=False),
    Fault("web_address_given", _whole(f"https://{SUPA}"), fixable=False),
    Fault("api_key_given", _whole("sb_secret_" + secrets.token_urlsafe(16)), fixable=False),
    Fault("digest_given", _whole(secrets.token_hex(8)), fixable=False),
    Fault("masked_value", _whole("********"), fixable=False),
    Fault("masked_value", _with_password("***"), fixable=False),
    Fault("unresolved_reference", _whole("${DATABASE_URL}"), fixable=False),
    Fault("unresolved_reference", _with_password("$DB_PASSWORD"), fixable=False),
    Fault("base64_given", lambda text, _: base64.b64encode(text.encode()).decode()),
    Fault("accelerate_address_given", _replaced("postgresql://", "prisma://"), fixable=False),
    Fault("other_database", _replaced("postgresql://", "mysql://"), fixable=False),
    Fault("not_a_connection_string", _whole("the password is in the vault"), fixable=False),
    # something was copied along, or is in the way
    Fault("quotes_around", lambda text, _: f'"{text}"'),
    Fault("blanks_around", lambda text, _: f"{text}\n"),
    Fault("name_before_value", lambda text, _: f"DATABASE_URL={text}"),
    Fault("unseen_characters", lambda text, _: f"\ufeff{text}"),
    Fault("jdbc_scheme", lambda text, _: f"jdbc:{text}"),
    Fault("driver_in_scheme", _replaced("postgresql://", "postgresql+asyncpg://")),
    Fault("scheme_in_capitals", _replaced("postgresql://", "PostgreSQL://")),
    Fault("scheme_misspelt", _replaced("postgresql://", "postgress://")),
    Fault("slashes_after_scheme", _replaced("postgresql://", "postgresql:/")),
    Fault("no_scheme", _replaced("postgresql://", "")),
    Fault("text_after_hash", lambda text, _: f"{text.partition('?')[0]}#main"),
    Fault("option_cut_off", lambda text, _: text.removesuffix("=require")),
    Fault("option_empty", _replaced("?", "?&")),
    Fault("option_twice_equals", lambda text, _: f"{text}&options=-c search_path=app", fixable=False),
    Fault("option_unknown", lambda text, _: f"{text}&sllmode=require"),
    Fault("pair_malformed", lambda text, password: "host=x password='open user", fixable=False),
    Fault("percent_malformed", lambda text, password: text.replace("/postgres?", "/post%gres?"), fixable=False),
    Fault("host_brackets", _replaced(f"@{HOST}", "@[fd00::1"), fixable=False),
    Fault("ports_do_not_match", lambda text, _: f"{text}&host=a,b,c&port=1,2", fixable=False),
    # the parts
    Fault("password_with_at", _raw_password, password="pa@ss@word"),
    Fault("password_with_slash", _raw_password, password="pa/ss/word"),
    Fault("password_with_question_mark", _raw_password, password="pass?word", shows="other_parsers"),
    Fault("password_with_hash", _raw_password, password="pass#word", shows="other_parsers"),
    Fault("password_with_percent", _raw_password, password="100%pass"),
    Fault("password_with_blank", _raw_password, password="pass word", shows="other_parsers"),
    Fault("password_with_bracket", _raw_password, password="pa[ss]word", shows="other_parsers"),
    Fault("password_with_line_end", lambda text, password: text.replace("@db.", "%0A@db."), fixable=False),
    Fault("password_placeholder", _with_password("[YOUR-PASSWORD]"), fixable=False),
    Fault("placeholder_left", _replaced(HOST, "db.[YOUR-PROJECT-REF].supabase.co"), fixable=False),
    Fault("no_password", lambda text, password: text.replace(f":{quote(password, safe='')}@", "@"), fixable=False),
    Fault("api_key_as_password", _with_password(f"eyJ{'a' * 20}.eyJ{'b' * 20}.sig"), fixable=False),
    Fault("no_user", _user(""), fixable=False),
    Fault("no_host", _replaced(f"@{HOST}:5432", "@"), fixable=False),
    Fault("no_database", _replaced("/postgres?", "?"), mode="session"),
    Fault("host_malformed", _replaced(HOST, "db..supabase.co"), fixable=False),
    Fault("host_with_dot", _replaced(HOST, f"{HOST}.")),
    Fault("ipv6_without_brackets", _replaced(HOST, "2600:1f18:2e13:9d00:1111:2222:3333:4444")),
    Fault("port_malformed", _replaced(":5432", ":54b2"), fixable=False),
    Fault("port_malformed", _replaced(":5432", ":543210"), fixable=False),
    Fault("sslmode_unknown", _replaced("sslmode=require", "sslmode=required")),
    Fault("sslmode_missing", _replaced("?sslmode=require", ""), shows="in_clear"),
    Fault("sslmode_disabled", _replaced("sslmode=require", "sslmode=disable"), shows="in_clear"),
    # where it leads to
    Fault("pooler_user_without_ref", _replaced(f".{REF}:", ":"), mode="session"),
    Fault("direct_user_with_ref", _user(rf"\1.{REF}")),
    Fault("direct_host_wrong_domain", _replaced(HOST, f"db.{REF}.supabase.com")),
    Fault("pooler_host_wrong_domain", _replaced("pooler.supabase.com", "pooler.supabase.co"), mode="session"),
    Fault("api_host_as_database", _replaced(HOST, SUPA)),
    Fault("pooler_host_made_of_ref", _replaced(POOLER, f"{REF}.pooler.supabase.com"), mode="session"),
    Fault("pooler_host_misspelt", _replaced(POOLER, "us-east-1.pooler.supabase.com"), mode="session"),
    Fault("pooler_host_of_another_cluster", _replaced("aws-1-us-east-1", "aws-0-us-east-1"), mode="session"),
    Fault("pooler_host_of_another_cluster", _replaced("aws-1-us-east-1", "aws-0-ca-central-1"), mode="session"),
    Fault("pooler_address_fixed", _replaced(POOLER, "203.0.113.9"), mode="session"),
    Fault("direct_address_fixed", _replaced(HOST, "203.0.113.9")),
    Fault("port_nobody_listens_on", _replaced(":5432", ":5433")),
    Fault("refs_contradict", _user(rf"\1.{OTHER_REF}")),
    Fault("other_project", lambda text, _: text.replace(REF, OTHER_REF), mode="session", fixable=False),
    Fault("not_supabase", _replaced(HOST, "shop-db.flycast"), fixable=False),
    Fault("local_in_production", _replaced(f"{HOST}:5432", "localhost:54322"), fixable=False),
    Fault("database_not_postgres", _replaced("/postgres?", "/shop?")),
    Fault("several_hosts", _replaced(f"{HOST}:5432", f"{HOST}:5432,nowhere.invalid:5432"), shows="not_here"),
    Fault(
        "reference_option",
        lambda text, _: text.replace(f".{REF}:", ":") + f"&options=reference%3D{REF}",
        mode="session",
        shows="care",
    ),
    # what it is used for
    Fault(
        "transaction_for_migrations",
        lambda text, _: text,
        mode="transaction",
        circumstances=USE["migrations"],
        shows="set_leaks",
    ),
    Fault(
        "transaction_for_server",
        lambda text, _: text,
        mode="transaction",
        circumstances=USE["server"],
        shows="prepared_breaks",
    ),
    Fault(
        "transaction_for_backup",
        lambda text, _: text,
        mode="transaction",
        circumstances=USE["backup"],
        shows="set_leaks",
    ),
    Fault(
        "pooler_for_replication",
        lambda text, _: text,
        mode="session",
        circumstances=USE["replication"],
        shows="not_here",
    ),
    Fault("direct_for_serverless", lambda text, _: text, circumstances=USE["serverless"], shows="slots_used_up"),
    Fault(
        "session_for_serverless",
        lambda text, _: text,
        mode="session",
        circumstances=USE["serverless"],
        shows="pool_used_up",
    ),
    Fault("direct_without_ipv6", lambda text, _: text, circumstances=IPV4["migrations"], shows="not_here"),
    Fault(
        "replication_without_ipv6",
        lambda text, _: text,
        circumstances=IPV4["replication"],
        shows="not_here",
        fixable=False,
    ),
    Fault("dedicated_for_sessions", _replaced(":5432", ":6543"), circumstances=USE["migrations"]),
    Fault("dedicated_without_ipv6", _replaced(":5432", ":6543"), circumstances=IPV4["server"]),
    Fault(
        "prepared_statements_on",
        lambda text, _: text,
        mode="transaction",
        circumstances=USE["serverless"],
        shows="prepared_breaks",
    ),
    Fault(
        "prisma_without_pgbouncer",
        lambda text, _: text,
        mode="transaction",
        circumstances=Circumstances(use="serverless", client="prisma"),
        shows="prepared_breaks",
    ),
    Fault("pgbouncer_option_on_session", lambda text, _: f"{text}&pgbouncer=true", mode="session"),
    Fault(
        "client_option_for_libpq",
        lambda text, _: f"{text}&pgbouncer=true",
        mode="session",
        circumstances=Circumstances(use="backup", client="libpq"),
    ),
    Fault(
        "not_the_declared_mode",
        lambda text, _: text,
        mode="session",
        circumstances=Circumstances(mode="direct"),
        shows="care",
    ),
    Fault(
        "budget_above_pool",
        lambda text, _: text,
        mode="session",
        circumstances=Circumstances(budget=Budget(4, 5)),
        shows="pool_used_up",
    ),
    Fault(
        "budget_above_clients",
        lambda text, _: text,
        mode="transaction",
        circumstances=Circumstances(use="serverless", prepared_statements=False, budget=Budget(50, 5)),
        shows="care",
    ),
    Fault(
        "budget_above_connections",
        lambda text, _: text,
        circumstances=Circumstances(budget=Budget(12, 5)),
        shows="slots_used_up",
    ),
)
