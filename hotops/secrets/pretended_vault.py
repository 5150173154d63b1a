"""What a sandbox has because of the secret map: a vault of its own, and what rotations begin with."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotops.core.errors import WorldsMixed
from hotops.core.secret import Secret
from hotops.core.state import private_folder
from hotops.inventory.schema import Environment
from hotops.secrets.issuers import PostgresProvider, SupabaseKey
from hotops.secrets.map_file import load_map
from hotops.secrets.secret_map import MappedSecret
from hotops.vault.names import environment_of
from hotops.vault.opening import open_vault


def make_pretended_vault(environment: Environment, seed: Mapping[str, Any]) -> Path | None:
    """Write the sandbox's own vault anew from the seed and the map; None where there is no map, or a vault is declared.

    Raises WorldsMixed for a live environment: its vault is nobody's to make.
    """
    place = environment.vault_path
    if environment.env_kind != "sandbox":
        raise WorldsMixed(f"{environment.name} is live; its vault is not made here.")
    if environment.vault is not None or place is None or not environment.secret_map_path.is_file():
        return None
    found = load_map(environment)
    given = {app["name"]: app["secrets"] for app in seed["fly"]["apps"]}
    if place.exists():
        shutil.rmtree(place)
    private_folder(place)
    vault = open_vault(place, environment.name)
    word = environment_of(environment.name)
    for name, mapped in found.secrets.items():
        slot, _, key = (mapped.vault or name.lower()).partition("#")
        vault.add(f"{slot}_{word}.env", key or name, Secret(_value(mapped, given)))
    return place


def give_what_rotates(environment: Environment, seed: Mapping[str, Any]) -> None:
    """Let the seed's project have what the map's rotations begin with: owner roles, and the API keys that apps have.

    Both are the environment's own project's, the first one. Elsewhere somebody makes them by hand, once.
    """
    projects = seed["supabase"]["projects"]
    if not projects or not environment.secret_map_path.is_file():
        return
    apps = {app["name"]: app["secrets"] for app in seed["fly"]["apps"]}
    owners, keys = set(), {}
    for mapped in load_map(environment).secrets.values():
        match mapped.provider:
            case PostgresProvider(owner=owner):
                owners.add(owner)
            case SupabaseKey(name=name, type=kind):
                keys[f"{name}_a"] = f"sb_{kind}_{secrets.token_urlsafe(24)}"
                for app, names in mapped.fly.items():
                    given = apps.get(app, {})
                    given |= {
                        here: keys[f"{name}_a"] for here, part in names.items() if part == "value" and here in given
                    }
            case _:
                pass
    projects[0] |= {"owner_roles": sorted(owners), "api_keys": keys}


def _value(mapped: MappedSecret, given: Mapping[str, Mapping[str, str]]) -> str:
    """What the first app that has it was given, else something new in the right form."""
    for app, names in mapped.fly.items():
        for name, part in names.items():
            if part == "value" and name in given.get(app, {}):
                return given[app][name]
    match mapped.format.kind if mapped.format else "":
        case "hex":
            return secrets.token_hex((mapped.format.bytes if mapped.format else None) or 32)
        case "url":
            return f"https://{secrets.token_hex(4)}.example.com"
        case "json":
            return json.dumps({"type": "service_account", "private_key": secrets.token_urlsafe(32)})
        case "base64":
            return base64.b64encode(secrets.token_bytes(32)).decode()
        case _:
            return secrets.token_urlsafe(32)
