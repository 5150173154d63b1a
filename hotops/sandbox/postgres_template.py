"""A fresh Supabase database cluster on disk, made once per PostgreSQL build and copied for each project."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from hotops.sandbox.postgres_account import Account
from hotops.sandbox.postgres_programs import Programs

SUPERUSER = "supabase_admin"
SCRAM_ITERATIONS = 4096

_SETTINGS = """
# The sandbox's own; durability is given up for speed, every start begins from the seed.
port = 5432
unix_socket_directories = ''
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = 16MB
max_connections = 60
max_wal_senders = 10
max_replication_slots = 10
wal_level = logical
max_wal_size = 256MB
min_wal_size = 16MB
autovacuum_naptime = 5min
password_encryption = scram-sha-256
timezone = UTC
log_timezone = UTC
jit = off
dynamic_shared_memory_type = mmap
logging_collector = off
log_min_error_statement = panic
log_error_verbosity = terse
"""
# log_min_error_statement: a failed statement may hold a password, the log never shows one.

_ACCESS = """
# TYPE  DATABASE     USER  ADDRESS       METHOD
host    all          all   127.0.0.0/8   scram-sha-256
host    replication  all   127.0.0.0/8   scram-sha-256
"""


# Below it lies what initdb makes, and pg_dump takes an extension from there for a part of every database: a project's
# would be in no dump. Without a listening server PostgreSQL goes on where initdb stopped.
_FIRST_OWN_OID = 16384
_ROLE_NAME = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")


class PostgresFailed(RuntimeError):
    """A PostgreSQL program failed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Login:
    """A role that may log in."""

    role: str
    password: str = field(repr=False)


def copy_template(programs: Programs, account: Account, cache_dir: Path, data_dir: Path) -> None:
    """Make ``data_dir`` a stopped cluster with Supabase's roles and schemas and no password set.

    The template lives in ``cache_dir``, named after the build and the SQL it was made with. Raises: PostgresFailed.
    """
    template = cache_dir / f"cluster-{_fingerprint(programs)}"
    if not (template / "PG_VERSION").exists():
        _build(programs, account, cache_dir, template)
    shutil.copytree(template, data_dir, symlinks=True)
    data_dir.chmod(0o700)
    account.own(data_dir)


def set_roles(
    programs: Programs, account: Account, data_dir: Path, logins: Sequence[Login], owners: Sequence[str] = ()
) -> None:
    """Let roles of a stopped cluster log in, with SCRAM verifiers through standard input. Raises: PostgresFailed.

    `owners` are made by the role postgres, as somebody would once: they may not log in, others act as they.
    """
    statements = [f"alter role \"{login.role}\" password '{scram_verifier(login.password)}'" for login in logins]
    if owners:
        statements.append("set role postgres")
    for name in owners:
        statements += _owner_role(name)
    _run_single_user(programs, account, data_dir, statements)


def _owner_role(name: str) -> list[str]:
    """It may do in the schema public what an application does there, with tables that postgres makes later too."""
    if not _ROLE_NAME.match(name):
        raise PostgresFailed(f"{name!r} is no name of a role: small letters, digits, underscores")
    return [
        f"create role {name} nologin",
        f"grant usage, create on schema public to {name}",
        f"alter default privileges in schema public grant all on tables to {name}",
        f"alter default privileges in schema public grant all on sequences to {name}",
    ]


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for a password (RFC 5803), computed here so that the password itself is never sent."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _fingerprint(programs: Programs) -> str:
    made_of = [str(programs.bin_dir), programs.version, str(os.geteuid()), str(_FIRST_OWN_OID), _SETTINGS, _ACCESS]
    recipe = "\0".join([*made_of, *_scripts(programs)])
    return f"{programs.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _scripts(programs: Programs) -> list[str]:
    names = ["supabase.sql", "supabase_contrib.sql"] if programs.contrib else ["supabase.sql"]
    return [files("hotops.sandbox").joinpath(name).read_text(encoding="utf-8") for name in names]


def _build(programs: Programs, account: Account, cache_dir: Path, template: Path) -> None:
    cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Where another user runs the programs, only a folder of that user's own will do, until all is made.
    parent = None if account.owner else cache_dir
    with tempfile.TemporaryDirectory(dir=parent, prefix=".hotops-cluster-") as scratch:
        account.own(Path(scratch))
        data_dir = Path(scratch) / "data"
        _run(
            [
                *account.prefix,
                programs.path("initdb"),
                f"--pgdata={data_dir}",
                f"--username={SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth=reject",  # replaced below, before anything listens
                "--no-sync",
                "--wal-segsize=1",  # each archived file is a whole segment, however little is in it
            ],
            programs,
            "",
        )
        first_oid = f"--next-oid={_FIRST_OWN_OID}"
        _run([*account.prefix, programs.path("pg_resetwal"), first_oid, str(data_dir)], programs, "")
        preload = "shared_preload_libraries = 'pg_stat_statements'\n" if programs.contrib else ""
        with (data_dir / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS + preload)
        (data_dir / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
        _run_single_user(programs, account, data_dir, _scripts(programs))
        finished = Path(tempfile.mkdtemp(dir=cache_dir, prefix=".cluster-"))
        shutil.copytree(data_dir, finished, symlinks=True, dirs_exist_ok=True)
        try:
            finished.rename(template)
        except OSError:
            # Another sandbox finished first with the same content.
            shutil.rmtree(finished, ignore_errors=True)


def _run_single_user(programs: Programs, account: Account, data_dir: Path, scripts: Sequence[str]) -> None:
    """Run SQL without a listening server: with -j a command ends at a semicolon and an empty line."""
    command = [*account.prefix, programs.path("postgres"), "--single", "-j", "-D", str(data_dir)]
    command += ["-c", "exit_on_error=on", "-c", "log_statement=none", "postgres"]
    _run(command, programs, "".join(f"{script.rstrip().rstrip(';')};\n\n" for script in scripts))


def _run(command: list[str], programs: Programs, typed: str) -> None:
    done = subprocess.run(
        command,
        input=typed,
        env=programs.environment(),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        program = next(Path(part) for part in command if part.startswith(str(programs.bin_dir)))
        tail = "\n".join(done.stdout.splitlines()[-6:])
        raise PostgresFailed(f"{program.name} failed with exit code {done.returncode}: {tail}")
