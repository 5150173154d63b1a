"""What other programs need to be pointed at the sandbox: files and a token in the forms that they insist on."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from hotops.sandbox.files import write_file

FLYCTL = "flyctl"
PROFILE = "supabase.json"
GH = "gh"
SOCKET = "github.sock"


def prepare(folder: Path, api_url: str) -> dict[str, str]:
    """Write what the Supabase client reads, and say where everything is, for the state file.

    It takes an address from a profile file only, and refuses tokens of another form than `sbp_` and 40 hexadecimal
    digits (Supabase CLI, profiles and access tokens). flyctl keeps secrets versions in its folder, so that it has one
    here which goes with the world that they are true of. gh reaches GitHub over a Unix socket, where its configuration
    names one: no port 80, no hosts file, no root.
    """
    forget(folder)
    profile = {
        "name": "sandbox",
        "api_url": api_url,
        "dashboard_url": f"{api_url}/dashboard",
        "project_host": "supabase.co",
        "pooler_host": "supabase.com",
    }
    write_file(folder / PROFILE, json.dumps(profile).encode())
    (folder / GH).mkdir(mode=0o700, exist_ok=True)
    write_file(folder / GH / "config.yml", f"http_unix_socket: {json.dumps(str(folder / SOCKET))}\n".encode())
    return {
        "gh_folder": str(folder / GH),
        "flyctl_folder": str(folder / FLYCTL),
        "supabase_profile": str(folder / PROFILE),
        "supabase_token": f"sbp_{secrets.token_hex(20)}",
    }


def forget(folder: Path) -> None:
    """Remove what clients keep of a world that is gone or goes back to its seed: flyctl's notes."""
    shutil.rmtree(folder / FLYCTL, ignore_errors=True)
