"""Using a credential once, for reading: is it taken, and what is it good for? One call each, counted; never a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import (
    ApiError,
    Forbidden,
    HotopsError,
    MissingExtra,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    WireError,
)
from hotops.core.http import Http, Retry
from hotops.core.secret import Secret, scrub
from hotops.core.world import looks_live
from hotops.dsn.parsing import parse
from hotops.dsn.proof import Prover
from hotops.fly import Fly
from hotops.github.client import GitHub
from hotops.inventory.schema import Environment
from hotops.secrets.authenticate_spec import Authenticate
from hotops.secrets.credential_forms import Form, form_of
from hotops.secrets.issuers import Checklist
from hotops.secrets.logins import Login, LoginState
from hotops.secrets.redis_ping import ping
from hotops.secrets.secret_map import MappedSecret
from hotops.supabase.client import Supabase
from hotops.supabase.project_keys import try_key

#: One repetition of a call that found nobody: a credential is not worth more patience.
_RETRY = Retry(attempts=2)
_REF = re.compile(r"[a-z]{20}")
#: Vendors whose keys are asked by one address (their API references: list models).
_VENDORS: Mapping[str, Authenticate] = {
    "openai": Authenticate(kind="http", url="https://api.openai.com/v1/models"),
    "anthropic": Authenticate(
        kind="http", url="https://api.anthropic.com/v1/models", header="x-api-key", scheme="",
        headers={"anthropic-version": "2023-06-01"},
    ),
}  # fmt: skip
_REFUSED = frozenset({"wrong_password", "role_is_not_there", "role_may_not_log_in", "password_expired"})
_GONE = frozenset({"database_is_not_there", "pooler_does_not_know_the_project", "name_does_not_resolve"})


@dataclass(frozen=True)
class Authenticator:
    """Asks about credentials in one world. Raises nothing but bugs: what goes wrong is the answer."""

    context: Context
    environment: Environment | None = None

    def login(self, value: Secret, declared: Authenticate | None = None) -> Login:
        """Use it as the map declares, else as its form says."""
        form = form_of(value)
        kind = declared.kind if declared is not None else form.ask if form is not None else None
        if kind is None or kind == "none":
            why = "the map says that it is not asked" if kind == "none" else "nobody knows whom to ask"
            return Login("-", "unknown", f"{why}; `authenticate` in the secret map says how")
        if self.context.world.kind == "sandbox" and looks_live(value.reveal()):
            return Login("-", "unknown", "a live credential is not used in a sandbox")
        try:
            may = self._ask(kind, value, declared, form)
        except HotopsError as error:
            return Login(kind, state_of(error), scrub(_words(kind, error), [value]))
        return Login(kind, "valid", "it is taken", scrub(may, [value]))

    def _ask(self, kind: str, value: Secret, declared: Authenticate | None, form: Form | None) -> str:
        """What it may do. Raises what says that it is not taken."""
        asks: Mapping[str, Callable[[], str]] = {
            "fly": lambda: self._fly(value),
            "github": lambda: self._github(value),
            "supabase": lambda: self._supabase(value),
            "supabase_key": lambda: self._supabase_key(value, form),
            "postgres": lambda: self._postgres(value),
            "redis": lambda: f"logs in as {ping(value, self.context.world)}",
        }
        if kind in asks:
            return asks[kind]()
        return self._http(value, declared if declared is not None and declared.url else _VENDORS[kind])

    def _fly(self, value: Secret) -> str:
        context = self.context
        with Fly(
            value,
            world=context.world,
            clock=context.clock,
            transport=context.make_transport,
            limiter=context.limiter,
            on_call=context.note_call,
            retry=_RETRY,
        ) as fly:
            tokens = fly.tokens.current()
        told = [
            f"the apps {', '.join(token.apps)}"
            if token.apps
            else f"all that the user {token.user} may"
            if token.user
            else f"all apps of the organisation {token.org_slug or token.organization or '?'}"
            for token in tokens
        ]
        return "; ".join(told)

    def _github(self, value: Secret) -> str:
        context = self.context
        with GitHub(
            value,
            world=context.world,
            clock=context.clock,
            transport=context.make_transport(),
            limiter=context.limiter,
            on_call=context.note_call,
            retry=_RETRY,
        ) as github:
            try:
                identity = github.repos.identity()
            except Forbidden as error:
                if "integration" not in error.message:
                    raise
                return "what an app's installation may, for no user"  # a workflow's token (GitHub docs, GITHUB_TOKEN)
        scopes = f"; scopes {', '.join(identity.scopes)}" if identity.scopes else ""
        ends = f"; ends on {identity.expires}" if identity.expires else ""
        return f"speaks for {identity.login}{scopes}{ends}"

    def _supabase(self, value: Secret) -> str:
        with Supabase(self.context, token=value) as supabase:
            projects = supabase.projects()
        return f"sees {', '.join(project.name or project.ref for project in projects) or 'no project'}"

    def _supabase_key(self, value: Secret, form: Form | None) -> str:
        try_key(self.context, (form.ref if form else None) or self._ref(), value, retry=_RETRY)
        return form.may if form else ""

    def _ref(self) -> str:
        """The project's ref, declared or asked for once."""
        environment = self.environment
        declared = environment.supabase_project if environment else None
        refs = [database.supabase_ref for database in environment.databases.values()] if environment else []
        named = next((ref for ref in [*refs, declared] if ref and _REF.fullmatch(ref)), None)
        if named is not None:
            return named
        project = self.context.client(Supabase).find(declared) if declared else None
        if project is None:
            raise MissingExtra("The inventory names no Supabase project that could be asked.")
        return project.ref

    def _postgres(self, value: Secret) -> str:
        dsn = parse(value)
        proof = Prover(self.context.world).log_in(dsn)
        failed = proof.failure
        if failed is None:
            return f"logs in as {dsn.role}"
        says = f"{failed.name}: {failed.said}"
        if failed.cause in _REFUSED:
            raise Unauthorized(says, status=401)
        if failed.cause in _GONE and "Temporary failure" not in failed.said:
            raise NotFound(says, status=404)
        raise WireError(says)

    def _http(self, value: Secret, declared: Authenticate) -> str:
        given = f"{declared.scheme} {value.reveal()}".strip()
        if not given.isascii() or not given.isprintable():
            raise MissingExtra("It can't stand in a header: it has several lines, or letters that are not ASCII.")
        base, path = declared.split_url()
        http = Http(
            base,
            transport=self.context.make_transport(),
            clock=self.context.clock,
            headers={**declared.headers, declared.header: given},
            retry=_RETRY,
            on_call=self.context.note_call,
            request_id_header="x-request-id",
        )
        try:
            answer = http.request("GET", path, accept=frozenset(range(300, 400)))
        finally:
            http.close()
        if answer.status >= 300:
            raise ApiError(f"{base} answered {answer.status}, which tells nothing.", status=answer.status)
        return f"reads {base}{path.partition('?')[0]}"


def declared_of(mapped: MappedSecret) -> Authenticate | None:
    """How the map says that a secret is tried: `authenticate`, else the check of a provider that a person serves."""
    if mapped.authenticate is not None:
        return mapped.authenticate
    check = mapped.provider.check if isinstance(mapped.provider, Checklist) else None
    if check is None:
        return None
    return Authenticate(kind="http", url=check.url, header=check.header, scheme=check.scheme)


def state_of(error: HotopsError) -> LoginState:
    """What an error says about a credential."""
    match error:
        case Unauthorized():
            return "refused"
        case Forbidden():
            return "forbidden"
        case NotFound():
            return "not_found"
        case WireError() | ServerError() | RateLimited():
            return "unreachable"
        case _:  # nobody was asked, or the answer tells nothing
            return "unknown"


def _words(kind: str, error: HotopsError) -> str:
    """What is said of it. A vendor's own words are left out: some repeat the end of a key that they refuse."""
    if isinstance(error, ApiError) and kind not in ("postgres", "redis"):
        return f"the answer is {error.status}"
    return error.message.rstrip(".")
