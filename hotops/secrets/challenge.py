"""Does the machine hold this value? Asked with a nonce: back comes HMAC(nonce, value), never the value.

Equality of what *runs*, for stores that never show what they hold. The command reads the machine's own environment; the
value is in no argument, and the nonce is good for one question.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from hotops.core.errors import ApiError, WireError
from hotops.core.secret import Secret
from hotops.fly import Fly
from hotops.fly.models import Machine

_PYTHON = (
    "import hashlib,hmac,os,sys\n"
    "for n in sys.argv[2:]:\n"
    " v=os.environb.get(n.encode())\n"
    " print(n, '-' if v is None else hmac.new(sys.argv[1].encode(),v,hashlib.sha256).hexdigest())"
)
_NODE = (
    "const c=require('crypto');const [k,...ns]=process.argv.slice(1);"
    "for(const n of ns){const v=process.env[n];"
    "console.log(n,v===undefined?'-':c.createHmac('sha256',k).update(v).digest('hex'))}"
)
_RUBY = (
    "require 'openssl';k,*ns=ARGV;"
    "ns.each{|n|v=ENV[n];puts n+' '+(v.nil? ? '-' : OpenSSL::HMAC.hexdigest('SHA256',k,v))}"
)
#: What an image may have; the first that is there answers. Each is run without a shell.
_PROGRAMS: tuple[tuple[str, ...], ...] = (("python3", "-c", _PYTHON), ("node", "-e", _NODE), ("ruby", "-e", _RUBY))
_NOT_INSTALLED = frozenset({126, 127})
_TIMEOUT_S = 20


def holds(fly: Fly, app: str, machine: Machine, values: Mapping[str, Secret]) -> dict[str, bool | None]:
    """Whether the machine's environment holds each value under its name; None where it could not be asked.

    One command for all names, one more for each program that the image lacks.
    """
    nonce = secrets.token_hex(32)
    answers = _asked(fly, app, machine, nonce, list(values))
    if answers is None:
        return dict.fromkeys(values)
    found: dict[str, bool | None] = {}
    for name, value in values.items():
        wanted = hmac.new(nonce.encode(), value.reveal().encode(), hashlib.sha256).hexdigest()
        found[name] = hmac.compare_digest(wanted, answers[name]) if name in answers else None
    return found


def _asked(fly: Fly, app: str, machine: Machine, nonce: str, names: Sequence[str]) -> dict[str, str] | None:
    for program in _PROGRAMS:
        try:
            ran = fly.machines.exec(app, machine.id, [*program, nonce, *names], timeout_s=_TIMEOUT_S)
        except (ApiError, WireError):
            return None
        if ran.exit_code in _NOT_INSTALLED or "not found" in ran.stderr:
            continue
        if ran.exit_code != 0:
            return None
        lines = (line.split(" ") for line in ran.stdout.splitlines())
        return {line[0]: line[1].strip() for line in lines if len(line) == 2}
    return None
