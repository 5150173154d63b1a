"""API keys of a project, tried once: at the project's own address, for what everybody may read."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.errors import Unauthorized
from hotops.core.http import Http, Retry
from hotops.core.secret import Secret


def try_key(context: Context, ref: str, key: Secret, *, retry: Retry | None = None) -> None:
    """Read the settings of the project's log-in with an API key: any valid key may, and it says nothing secret.

    Raises Unauthorized for a key that the project does not know. (Supabase docs, API keys; GoTrue, GET /settings.)
    """
    if not key.reveal().isascii() or not key.reveal().isprintable():
        raise Unauthorized("It can't stand in a header, so no project knows it.", status=401)
    http = Http(
        f"https://{ref}.supabase.co",
        transport=context.make_transport(),
        clock=context.clock,
        headers={"apikey": key.reveal()},
        retry=retry,
        on_call=context.note_call,
        request_id_header="sb-request-id",
    )
    try:
        http.request("GET", "/auth/v1/settings")
    finally:
        http.close()
