"""Does the machine hold this value? Asked with a nonce: back comes HMAC(nonce, value), never the value.

Equality of what *runs*, for stores that never show what they hold. The command reads the machine's own environment; the
value is in no argument, and the nonce is good for one question.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence

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
#: HMAC by hand (RFC 2104): the nonce with each of the two pads is given, so that any program for SHA-256 will do. None
#: is handed a value but on its standard input; were printf no builtin, it would stand in the list of processes.
_SHELL = r"""
case $(type printf 2>&1) in *builtin*) ;; *) exit 127 ;; esac
if command -v sha256sum >/dev/null; then _sum=sha256sum
elif command -v openssl >/dev/null; then _sum='openssl dgst -sha256 -r'
else exit 127
fi
_in=$1 _out=$2
shift 3
for _name do
  case $_name in ''|[0-9]*|*[!A-Za-z0-9_]*) continue ;; esac
  if eval "[ -z \"\${$_name+set}\" ]"; then printf '%s -\n' "$_name"; continue; fi
  _hex=$({ printf %s "$_in"; eval "printf %s \"\$$_name\""; } | $_sum)
  _hex=${_hex%% *}
  _hex=$({ printf %s "$_out"
    while [ -n "$_hex" ]; do
      _rest=${_hex#??}; printf "\\$(printf %03o "0x${_hex%"$_rest"}")"; _hex=$_rest
    done
  } | $_sum)
  printf '%s %s\n' "$_name" "${_hex%% *}"
done
"""


#: A block of SHA-256: HMAC's key is then the nonce itself.
_NONCE_LETTERS = 64
_NOT_INSTALLED = frozenset({126, 127})
_TIMEOUT_S = 20


def holds(fly: Fly, app: str, machine: Machine, values: Mapping[str, Secret]) -> dict[str, bool | None]:
    """Whether the machine's environment holds each value under its name; None where it could not be asked.

    One command for all names, one more for each program that the image lacks.
    """
    nonce = new_nonce()
    answers = _asked(fly, app, machine, nonce, list(values))
    if answers is None:
        return dict.fromkeys(values)
    return {
        name: hmac.compare_digest(answer_to(nonce, value), answers[name]) if name in answers else None
        for name, value in values.items()
    }


def new_nonce() -> str:
    """A question that was never asked before: small letters, which no shell takes for something else."""
    return "".join(secrets.choice(string.ascii_lowercase) for _letter in range(_NONCE_LETTERS))


def answer_to(nonce: str, value: Secret) -> str:
    """What a machine says that has this value."""
    return hmac.new(nonce.encode(), value.reveal().encode(), hashlib.sha256).hexdigest()


def programs(nonce: str) -> Iterator[list[str]]:
    """What an image may have, as a command that takes names; the first that is there answers."""
    yield ["python3", "-c", _PYTHON, nonce]
    yield ["node", "-e", _NODE, nonce]
    yield ["ruby", "-e", _RUBY, nonce]
    pads = ["".join(chr(ord(letter) ^ pad) for letter in nonce) for pad in (0x36, 0x5C)]
    yield ["sh", "-c", _SHELL, "sh", *pads, nonce]


def _asked(fly: Fly, app: str, machine: Machine, nonce: str, names: Sequence[str]) -> dict[str, str] | None:
    for program in programs(nonce):
        try:
            ran = fly.machines.exec(app, machine.id, [*program, *names], timeout_s=_TIMEOUT_S)
        except (ApiError, WireError):
            return None
        if ran.exit_code in _NOT_INSTALLED or "not found" in ran.stderr:
            continue
        if ran.exit_code != 0:
            return None
        lines = (line.split(" ") for line in ran.stdout.splitlines())
        return {line[0]: line[1].strip() for line in lines if len(line) == 2}
    return None
