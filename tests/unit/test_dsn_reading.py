"""Reading and writing connection strings: exactly as libpq does, and never a word of the password."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from hotops.core.secret import Secret
from hotops.dsn.connection import Dsn, Host
from hotops.dsn.parsing import DsnInvalid, parse
from hotops.dsn.split import join, split

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=24)
NAME = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9-]{0,8}[a-z0-9]){0,3}", fullmatch=True)
IPV6 = st.ip_addresses(v=6).map(str)
HOSTS = st.lists(st.builds(Host, NAME | IPV6, st.none() | st.integers(1, 65535)), min_size=1, max_size=3).map(tuple)
OPTIONS = st.dictionaries(st.sampled_from(["sslmode", "application_name", "options", "connect_timeout"]), TEXT).map(
    lambda found: tuple(found.items())
)
DSNS = st.builds(
    Dsn,
    hosts=HOSTS,
    user=TEXT,
    password=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(Secret),
    database=st.none() | TEXT,
    options=OPTIONS,
    form=st.just("uri"),
    scheme=st.sampled_from(["postgresql", "postgres"]),
)


@given(DSNS)
def test_what_is_written_is_read_again(dsn: Dsn) -> None:
    assert parse(dsn.text()) == dsn


@given(DSNS)
def test_what_is_written_as_pairs_is_read_again(dsn: Dsn) -> None:
    pairs = Dsn(dsn.hosts, dsn.user, dsn.password, dsn.database, dsn.options, "keyvalue")
    assert parse(pairs.text()) == pairs


@given(DSNS)
def test_libpq_reads_the_same(dsn: Dsn) -> None:
    """libpq itself is the judge of both forms."""
    for form in ("uri", "keyvalue"):
        written = Dsn(dsn.hosts, dsn.user, dsn.password, dsn.database, dsn.options, form, dsn.scheme)  # type: ignore[arg-type]
        seen = conninfo_to_dict(written.text().reveal())
        assert seen["host"] == ",".join(host.name for host in dsn.hosts)
        assert seen["user"] == dsn.user
        assert seen.get("password", "") == (dsn.password.reveal() if dsn.password else "")
        assert seen.get("dbname") == dsn.database
        assert all(seen[key] == value for key, value in dsn.options)


def libpq(text: str) -> dict[str, Any] | None:
    try:
        return dict(conninfo_to_dict(text))
    except Exception:  # noqa: BLE001 (whatever it is that libpq does not take)
        return None


def read_or_fault(text: str) -> Dsn | str:
    try:
        return parse(Secret(text))
    except DsnInvalid as refused:
        return refused.fault


@given(st.text(st.sampled_from("postgresql://ab:@[]%2F40?&=,'\\5#"), max_size=40).map("postgresql://".__add__))
@example("postgresql://u:p@h:5432/d?sslmode=require")
@example("postgresql://u@[::1]:5/d?host=a,b&port=1,2")
def test_any_text_is_read_as_libpq_reads_it_or_refused(text: str) -> None:
    """Options that libpq does not know are taken: they are other clients'. Ports are checked at once."""
    told = libpq(text)
    mine = read_or_fault(text)
    if isinstance(mine, str):
        assert told is None or mine in ("port_malformed", "ports_do_not_match")
        return
    if told is None:
        assert mine.options, "libpq refuses it, and not for an option"
        return
    assert (told.get("user") or None) == (mine.user or None)
    assert told.get("password", "") == (mine.password.reveal() if mine.password else "")
    assert (told.get("dbname") or None) == (mine.database or None)
    assert told.get("host", "") == ",".join(host.name for host in mine.hosts)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("postgresql://u:p%zz@h/d", "percent_malformed"),
        ("postgresql://u:p%00@h/d", "percent_malformed"),
        ("postgresql://u:%ff@h/d", "percent_malformed"),
        ("postgresql://u:p@h:port/d", "port_malformed"),
        ("postgresql://u:p@h:70000/d", "port_malformed"),
        ("postgresql://u:p@[::1/d", "host_brackets"),
        ("postgresql://u:p@[::1]x/d", "host_brackets"),
        ("postgresql://u:p@h/d?sslmode", "option_without_value"),
        ("postgresql://u:p@h/d?a=b=c", "option_twice_equals"),
        ("host=a user='b", "pair_malformed"),
        ("mysql://u:p@h/d", "unknown_scheme"),
        ("postgresql://u:p@a,b,c/d?port=1,2", "ports_do_not_match"),
    ],
)
def test_what_is_refused_is_named_and_not_repeated(text: str, fault: str) -> None:
    with pytest.raises(DsnInvalid) as refused:
        parse(Secret(text.replace(":p", ":verysecret")))
    assert refused.value.fault == fault
    assert "verysecret" not in json.dumps(refused.value.as_failure())


def test_forms_that_people_use() -> None:
    direct = parse(Secret("postgres://postgres:p%2F@[2600:1f18::5]:5432,b.example:6543/postgres?sslmode=require"))
    assert direct.hosts == (Host("2600:1f18::5", 5432), Host("b.example", 6543))
    assert direct.password == Secret("p/")
    assert parse(Secret("postgresql:///postgres?host=/var/run&user=me")).hosts == (Host("/var/run"),)
    assert parse(Secret("host=h port=6543 user=u password='a b\\'c' dbname=d")).password == Secret("a b'c")
    assert parse(Secret("postgresql://u:p@h/d?password=q")).password == Secret("q")


def test_a_string_shows_everything_but_the_password() -> None:
    dsn = parse(Secret("postgresql://postgres.abcdefghijklmnopqrst:hide@h.example:6543/postgres?sslmode=require&x=y"))
    assert dsn.shown() == "postgres.abcdefghijklmnopqrst@h.example:6543/postgres?sslmode=require"
    assert "hide" not in repr(dsn) + str(dsn) + f"{dsn}"


@given(DSNS)
def test_split_and_joined_it_connects_to_the_same(dsn: Dsn) -> None:
    one = Dsn((Host(dsn.hosts[0].name, dsn.hosts[0].port or 5432),), dsn.user, dsn.password or Secret("x"), "postgres")
    parts = split(one)
    assert join(parts).dsn == one
    assert set(parts) == {f"POSTGRES_{name}" for name in ("HOST", "PORT", "USERNAME", "PASSWORD", "DATABASE")}


def test_a_name_that_the_image_does_not_read_is_taken_and_pointed_out() -> None:
    values = {"POSTGRES_HOST": Secret("h"), "POSTGRES_USER": Secret("u"), "POSTGRES_PASSWORD": Secret("p")}
    joined = join(values)
    assert joined.dsn.user == "u"
    assert joined.accepted == (("POSTGRES_USER", "POSTGRES_USERNAME"),)
