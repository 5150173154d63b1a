"""GraphQL on api.fly.io: a real executor over a small schema, since clients send anonymous and aliased queries."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hotops.sandbox.fly import graphql_views as views
from hotops.sandbox.fly import limited_tokens
from hotops.sandbox.fly.errors import RefusalError, invalid, json_reply
from hotops.sandbox.fly.releases import newest_first
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import App, Org
from hotops.sandbox.wire import Response

if TYPE_CHECKING:
    from graphql import GraphQLSchema

routes = Routes()


@cache
def schema() -> GraphQLSchema:
    """The schema, built once; the library is loaded when the first query comes."""
    from graphql import build_schema

    return build_schema(files("hotops.sandbox.fly").joinpath("schema.graphql").read_text(encoding="utf-8"))


@routes.on("POST", "/graphql", writes=False)
def execute(call: Call) -> Response:
    """Execute one query. Errors come with status 200 beside the data; variables nobody declared are passed over."""
    from graphql import graphql_sync

    query = call.payload.get("query")
    if not isinstance(query, str):
        raise invalid("query is required")
    variables = call.payload.get("variables")
    result = graphql_sync(
        schema(),
        query,
        root_value=Root(call),
        variable_values=variables if isinstance(variables, dict) else None,
        operation_name=call.payload.get("operationName") or None,
    )
    return json_reply(_formatted(result.formatted))


def _formatted(result: Any) -> dict[str, Any]:
    """The reply with the code in each error's extensions, as api.fly.io writes it."""
    formatted: dict[str, Any] = dict(result)
    for error in formatted.get("errors") or []:
        error.setdefault("extensions", {"code": _code_of(str(error.get("message")))})
    return formatted


def _code_of(message: str) -> str:
    return "NOT_FOUND" if message.startswith("Could not find") else "UNPROCESSABLE"


class GraphqlRefusalError(Exception):
    """An error that appears in the reply's `errors`."""


class Root:
    """The fields of Query; each takes the resolver's info and the field's arguments."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def viewer(self, info: Any) -> dict[str, Any]:
        """Who the token belongs to."""
        del info
        return views.user(self._call.grant.tokens[0].user)

    def organizations(self, info: Any, **arguments: Any) -> dict[str, Any]:
        """Organisations the token covers."""
        del info, arguments
        covered = [org for org in self._call.world.orgs.values() if self._covers(org.slug)]
        return views.connection([views.organization(org) for org in covered])

    def organization(self, info: Any, **arguments: Any) -> dict[str, Any] | None:
        """One organisation by slug or id."""
        del info
        for org in self._call.world.orgs.values():
            if arguments.get("slug") == org.slug or arguments.get("id") == org.id:
                return self._org(org)
        raise GraphqlRefusalError("Could not find Organization")

    def apps(self, info: Any, **arguments: Any) -> dict[str, Any]:
        """Apps the token can see; a token of one app sees one."""
        del info
        wanted = arguments.get("organizationId")
        found = [a for a in self._call.grant.apps_of(self._call.world) if wanted in {None, a.org.id, a.org.slug}]
        return views.connection([self._app(app) for app in found])

    def app(self, info: Any, **arguments: Any) -> dict[str, Any]:
        """One app by its name."""
        del info
        return self._app(self._named(str(arguments.get("name") or "")))

    def machine(self, info: Any, **arguments: Any) -> dict[str, Any]:
        """One machine by its id alone."""
        del info
        found = self._call.world.machine(str(arguments["machineId"]))
        if found is None or found[0] not in self._call.grant.apps_of(self._call.world):
            raise GraphqlRefusalError("Could not find Machine")
        app, machine = found
        return views.machine(machine, self._app(app))

    def volume(self, info: Any, **arguments: Any) -> dict[str, Any]:
        """The twin's apps have no volumes."""
        del info, arguments
        raise GraphqlRefusalError("Could not find Volume")

    node = volume

    def latestImageDetails(self, info: Any, **arguments: Any) -> None:  # noqa: N802  # the schema's name
        """Always an error: no image of an app is one of Fly's own, and flyctl expects these words."""
        del info, arguments
        raise GraphqlRefusalError("Unknown repository")

    def canPerformBluegreenDeployment(self, info: Any, **arguments: Any) -> bool:  # noqa: N802  # the schema's name
        """Whether the organisation's limits allow twice the machines: always, here."""
        del info
        self._named(str(arguments["name"]))
        return True

    def createLimitedAccessToken(self, info: Any, **arguments: Any) -> dict[str, Any]:  # noqa: N802  # the schema's name
        """A deploy token of one app or of an organisation. A token that was made so makes no others."""
        del info
        asked = arguments["input"]
        org = next(
            (org for org in self._call.world.orgs.values() if asked["organizationId"] in {org.id, org.slug}), None
        )
        if org is None:
            raise GraphqlRefusalError("Could not find Organization")
        makers = [t for t in self._call.grant.tokens if t.can_write and not t.is_made and t.apps is None]
        if not any(token.org in {None, org.slug} for token in makers):
            raise GraphqlRefusalError("Not authorized to access this createlimitedaccesstoken")
        app = (
            self._named(str((asked.get("profileParams") or {}).get("app_id"))) if asked["profile"] == "deploy" else None
        )
        made = limited_tokens.make(
            self._call.world, org, app, name=str(asked["name"]), expiry=asked.get("expiry"), now=self._call.now
        )
        return {"limitedAccessToken": made}

    def deleteLimitedAccessToken(self, info: Any, **arguments: Any) -> dict[str, Any]:  # noqa: N802  # the schema's name
        """Revoke one by its id: it is refused from then on."""
        del info
        if not limited_tokens.revoke(self._call.world, str(arguments["input"].get("id"))):
            raise GraphqlRefusalError("Could not find LimitedAccessToken")
        return {"token": None}

    def _named(self, name: str) -> App:
        app = self._call.world.apps.get(name)
        if app is None or app not in self._call.grant.apps_of(self._call.world):
            raise GraphqlRefusalError("Could not find App")
        return app

    def _covers(self, slug: str) -> bool:
        try:
            self._call.grant.check_org(slug)
        except RefusalError:
            return False
        return True

    def _org(self, org: Org) -> dict[str, Any]:
        tokens = views.connection(limited_tokens.made_for(self._call.world, org, None))
        return {**views.organization(org), "limitedAccessTokens": tokens}

    def _app(self, app: App) -> dict[str, Any]:
        shown = views.app(self._call.world, app, newest_first(app), self._call.now)
        shown["limitedAccessTokens"] = views.connection(limited_tokens.made_for(self._call.world, app.org, app))
        return shown
