"""The ways a message takes: a webhook, a file, a command, apprise. Each ends in `Sent`, whatever happens."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hotops.core.context import Context
from hotops.core.errors import WireError
from hotops.core.http import Http, Retry
from hotops.core.parallel import map_parallel
from hotops.core.secret import Secret
from hotops.inventory.policy import (
    AppriseNotification,
    CommandNotification,
    FileNotification,
    Notification,
    WebhookNotification,
)
from hotops.notify.by_apprise import by_apprise
from hotops.notify.message import Message

TIMEOUT_S = 15.0
#: All that a command of ours may know of our environment: no credential of any cloud is among it.
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Sent:
    """What became of one notification; `why` says what went wrong, and never holds a URL of a webhook."""

    to: str
    ok: bool
    why: str = ""

    def as_row(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return dict(vars(self))


def name_of(notification: Notification) -> str:
    """How a notification is called: a webhook by the variable that holds its URL, which is a credential."""
    if isinstance(notification, WebhookNotification):
        return f"webhook {notification.url_env}"
    if isinstance(notification, FileNotification):
        return f"file {notification.path}"
    if isinstance(notification, AppriseNotification):
        return f"apprise {notification.url_env}"
    return f"command {Path(notification.argv[0]).name}"


def declared(context: Context) -> list[Notification]:
    """The notifications of the context's environment and of its selected apps, each once."""
    environment = context.environment
    if environment is None:
        return []
    hosts = context.selection or tuple(environment.apps)
    of_apps = [item for host in hosts if host in environment.apps for item in environment.apps[host].notifications]
    return list(dict.fromkeys([*environment.notifications, *of_apps]))


def send_all(context: Context, message: Message, notifications: Iterable[Notification]) -> list[Sent]:
    """Send a message every way at once; outcomes in their order. Never raises."""
    return map_parallel(lambda notification: send(context, message, notification), notifications)


def send(context: Context, message: Message, notification: Notification) -> Sent:
    """Send a message one way. Never raises for what goes wrong on it."""
    to = name_of(notification)
    try:
        if isinstance(notification, WebhookNotification):
            why = _post(context, message, notification)
        elif isinstance(notification, FileNotification):
            why = _append(_path(context, notification.path), message)
        elif isinstance(notification, AppriseNotification):
            why = by_apprise(context, message, notification)
        else:
            why = _run(context, message, notification)
    except OSError as error:
        why = f"{error.strerror or type(error).__name__}"
    return Sent(to, not why, why)


def _post(context: Context, message: Message, notification: WebhookNotification) -> str:
    """POST to the URL. Neither it nor what the other side answers is repeated: both may hold the credential."""
    url = Secret(context.world.environ.get(notification.url_env, "").strip())
    if not url:
        return f"{notification.url_env} is not set; export it where hotops runs"
    try:
        parts = httpx.URL(url.reveal())
    except httpx.InvalidURL:
        return f"{notification.url_env} holds no URL that can be asked"
    if parts.scheme not in ("http", "https") or not parts.host:
        return f"{notification.url_env} holds no http(s) URL"
    # Calls are not noted: the path is the credential.
    http = Http("", transport=context.make_transport(), clock=context.clock, retry=Retry(attempts=2))
    try:
        answer = http.request(
            "POST", url.reveal(), body=message.as_webhook(), accept=frozenset(range(300, 600)), timeout_s=TIMEOUT_S
        )
    except WireError as error:
        return f"nobody took it ({error.failure_code})"
    finally:
        http.close()
    return "" if answer.status < 300 else f"it was answered {answer.status}"


def _append(path: Path, message: Message) -> str:
    """Append one entry: Markdown to a `.md` file, else a line of JSON. One write, so that entries never mix."""
    text = message.as_entry() if path.suffix == ".md" else message.as_json()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{text}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    return ""


def _path(context: Context, declared_path: str) -> Path:
    environment = context.environment
    return Path(environment.path(declared_path)) if environment is not None else Path(declared_path).expanduser()


def _run(context: Context, message: Message, notification: CommandNotification) -> str:
    """Run the command with the message on its standard input, as JSON."""
    environ = {name: value for name in _PASSED_ON if (value := context.world.environ.get(name)) is not None}
    folder = context.environment.project_dir if context.environment is not None else None
    argv: Sequence[str] = notification.argv
    try:
        done = subprocess.run(
            argv,
            input=f"{message.as_json()}\n".encode(),
            env=environ,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {TIMEOUT_S:g} s"
    return "" if done.returncode == 0 else f"it ended with exit code {done.returncode}"
