"""Error texts as clients and servers print them, and the cause that each has to be taken for."""

from __future__ import annotations

import pytest

from hotops.core.secret import Secret
from hotops.dsn.catalogue import table
from hotops.dsn.explaining import cause_of, causes, explain

#: One line each as it was printed: by psql and libpq, Prisma, Rails and pg, node-postgres, Supavisor.
SAID = (
    ("FATAL:  Tenant or user not found", "pooler_does_not_know_the_project"),
    ("FATAL: (ENOTFOUND) tenant/user postgres.abc not found", "pooler_does_not_know_the_project"),
    ("FATAL:  (ENOIDENTIFIER) no tenant identifier provided", "pooler_user_without_ref"),
    (
        "FATAL: MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
        "session_pool_full",
    ),
    ("(EMAXCONNSESSION) max clients reached in session mode - limited to pool_size: 15", "session_pool_full"),
    ("Max client connections reached", "pooler_clients_full"),
    ("(ECIRCUITBREAKER) Too many authentication errors", "pooler_blocks_after_failures"),
    ("(ECHECKOUTTIMEOUT) Pool checkout timeout. Request was dropped after 60000ms", "pool_too_slow"),
    ("Address not in tenant allow_list: {10, 1, 2, 3}", "address_not_allowed"),
    ("FATAL: SSL connection is required", "tls_required"),
    ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption', "tls_required"),
    ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL encryption', "no_access_rule"),
    ('ERROR: prepared statement "s0" already exists', "prepared_statements_in_transaction_mode"),
    (
        'PG::InvalidSqlStatementName: ERROR:  prepared statement "a1" does not exist',
        "prepared_statements_in_transaction_mode",
    ),
    (
        "ActiveRecord::ConcurrentMigrationError: another migration process is currently running",
        "advisory_lock_in_transaction_mode",
    ),
    ('psql: error: invalid URI query parameter: "pgbouncer"', "client_option_for_libpq"),
    ("FATAL: unsupported startup parameter: options", "startup_option_refused"),
    ('connection to server at "2600:1f18::1", port 5432 failed: Network is unreachable', "no_ipv6_here"),
    ('could not translate host name "db.x.supabase.co" to address: Name or service not known', "name_does_not_resolve"),
    ("Error: getaddrinfo ENOTFOUND db.abc.supabase.co", "name_does_not_resolve"),
    ('connection to server at "10.0.0.1", port 5433 failed: Connection refused', "nobody_listens"),
    ("Error: P1001: Can't reach database server at `db.abc.supabase.co:5432`", "no_answer"),
    ("server closed the connection unexpectedly", "connection_was_cut"),
    ('server certificate for "db.x" does not match host name "10.0.0.1"', "name_not_in_certificate"),
    ("SSL error: certificate verify failed", "authority_not_trusted"),
    ("server does not support SSL, but SSL was required", "server_has_no_tls"),
    ("received invalid response to GSSAPI negotiation: S", "gssapi_in_the_way"),
    ("fe_sendauth: no password supplied", "no_password_given"),
    ("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", "no_password_given"),
    ('FATAL:  password authentication failed for user "postgres"', "wrong_password"),
    ("Error: P1000: Authentication failed against database server at `db`", "wrong_password"),
    ('FATAL:  role "chatwoot" does not exist', "role_is_not_there"),
    ('FATAL:  role "anon" is not permitted to log in', "role_may_not_log_in"),
    ('FATAL:  database "shop" does not exist', "database_is_not_there"),
    ("FATAL:  sorry, too many clients already", "database_slots_full"),
    ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "database_slots_full"),
    (
        "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds",
        "client_pool_empty",
    ),
    ("Error: P2024: Timed out fetching a new connection from the connection pool", "client_pool_empty"),
    ("FATAL:  the database system is starting up", "database_is_starting"),
    ("ERROR:  cannot execute INSERT in a read-only transaction", "database_is_read_only"),
    ('invalid percent-encoded token: "%zz"', "password_not_encoded"),
    (
        "Error: P1013: The provided database string is invalid. invalid port number in database URL.",
        "password_not_encoded",
    ),
    ("URI::InvalidURIError: bad URI(is not URI?): …", "password_not_encoded"),
    (
        "Error validating datasource `db`: the URL must start with the protocol `postgresql://`",
        "not_a_connection_string",
    ),
    ('missing "=" after "DATABASE_URL" in connection info string', "not_a_connection_string"),
    ('invalid sslmode value: "required"', "sslmode_unknown"),
    ('connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed', "socket_in_place_of_a_host"),
    ('PG::UndefinedTable: ERROR:  relation "installation_configs" does not exist', "tables_are_not_there"),
    ("ERROR:  permission denied for table orders", "grant_is_missing"),
    ('ERROR:  permission denied to set role "postgres"', "may_not_become_the_role"),
    ('ActionController::RoutingError (No route matches [GET] "/hc")', "check_path_has_no_route"),
)
FOREIGN = ("GET /api 200 OK in 12ms", "Listening on http://0.0.0.0:3000", "Migrating to CreateOrders (20250101)", "")


@pytest.mark.parametrize(("line", "cause"), SAID, ids=[str(number) for number in range(len(SAID))])
def test_each_text_is_taken_for_its_cause(line: str, cause: str) -> None:
    assert cause_of(line) == cause


def test_a_line_that_says_nothing_about_it_means_nothing() -> None:
    assert [line for line in FOREIGN if cause_of(line)] == []


def test_every_cause_says_what_to_do_and_where_it_is_known_from() -> None:
    assert len(causes()) == len(set(causes())) >= 40
    for entry in table("error_texts")["texts"]:
        assert entry["says"]
        assert entry["do"]
        assert entry["source"]
    assert table("error_texts")["as_of"]


def test_a_log_is_told_once_per_cause_and_scrubbed() -> None:
    password = Secret("q9-some-secret-here")
    log = "\n".join(
        [f"app[1]: {password.reveal()} FATAL:  sorry, too many clients already"] * 3 + [*FOREIGN, SAID[0][0]]
    )
    found = explain(log, [password])
    assert [(one.cause, one.count) for one in found] == [
        ("database_slots_full", 3),
        ("pooler_does_not_know_the_project", 1),
    ]
    assert password.reveal() not in repr(found)


def test_a_state_counts_where_no_text_is_known() -> None:
    assert cause_of("el rol no existe", "28000") == "role_is_not_there"
