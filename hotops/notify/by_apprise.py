"""A message by apprise: one library for e-mail, Slack, pagers and a hundred others, each named by a URL.

The URLs are credentials. apprise writes them into its log, so its log is shut; what it answers is a word.
"""

from __future__ import annotations

import ipaddress
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hotops.core.context import Context
from hotops.core.evidence import SUMMARY_FILE
from hotops.core.secret import Secret
from hotops.inventory.policy import AppriseNotification
from hotops.notify.message import Message


def by_apprise(context: Context, message: Message, notification: AppriseNotification) -> str:
    """Send it to every URL; what went wrong, without any of them. A sandbox tells nobody outside this computer."""
    name = notification.url_env
    urls = [Secret(part) for part in context.world.environ.get(name, "").split()]
    if not urls:
        return f"{name} is not set; export it where hotops runs"
    if context.world.kind == "sandbox" and not all(_stays_here(url) for url in urls):
        return f"{name} leads out of the sandbox, and nobody is called for what is pretended"
    body = "\n".join(part for part in (message.text, message.evidence and f"Evidence: {message.evidence}") if part)
    _shut_log()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what apprise's plugins import
        try:
            import apprise
        except ImportError:
            return "apprise is not installed; pip install 'hotops[notify]'"
        box = apprise.Apprise(asset=apprise.AppriseAsset(app_id="hotops", app_desc="hotops", async_mode=False))
        if not all(box.add(url.reveal()) for url in urls):
            return f"{name} holds a URL that apprise does not know"
        heading, attached = message.heading(), _attached(context, message, notification)
        taken = box.notify(title=heading, body=body or heading, attach=attached)
    return "" if taken else "not everybody took it"


def _attached(context: Context, message: Message, notification: AppriseNotification) -> Sequence[str] | None:
    environment = context.environment
    if not notification.attach or not message.evidence or environment is None:
        return None
    summary = Path(environment.path(message.evidence), SUMMARY_FILE)
    return [str(summary)] if summary.is_file() else None


def _stays_here(url: Secret) -> bool:
    try:
        host = urlsplit(url.reveal()).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shut_log() -> None:
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
