"""Machines REST: an app's certificates (Machines API, certificates)."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.fly.errors import json_reply, not_found
from hotops.sandbox.fly.ids import rfc3339
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import Certificate
from hotops.sandbox.wire import Response

routes = Routes()
CERTIFICATES = "/v1/apps/{app}/certificates"
AUTHORITY = "lets_encrypt"


@routes.on("GET", CERTIFICATES, action="certificates_list")
def list_certificates(call: Call) -> Response:
    """Certificates in one page, without their dates of expiry: those are in the detail only."""
    rows = [_summary(certificate) for certificate in call.app.certificates.values()]
    return json_reply({"certificates": rows, "next_cursor": "", "total_count": len(rows)})


def _summary(certificate: Certificate) -> dict[str, Any]:
    return {
        "hostname": certificate.hostname,
        "status": certificate.status,
        "configured": True,
        "acme_requested": True,
        "acme_alpn_configured": True,
        "acme_dns_configured": True,
        "acme_http_configured": True,
        "ownership_txt_configured": True,
        "has_fly_certificate": True,
        "has_custom_certificate": False,
        "dns_provider": "",
        "created_at": rfc3339(certificate.created_at),
        "updated_at": rfc3339(certificate.created_at),
    }


@routes.on("GET", CERTIFICATES + "/{hostname}", action="certificates_get")
def get_certificate(call: Call) -> Response:
    """One certificate with its expiry."""
    certificate = call.app.certificates.get(call.params["hostname"])
    if certificate is None:
        raise not_found("certificate")
    expires_at = rfc3339(certificate.expires_at)
    issued = [{"type": kind, "expires_at": expires_at, "certificate_authority": AUTHORITY} for kind in ("rsa", "ecdsa")]
    entry = {
        "source": "fly",
        "status": "active",
        "issuer": "Let's Encrypt",
        "created_at": rfc3339(certificate.created_at),
        "expires_at": expires_at,
        "issued": issued,
    }
    checks = ("alpn_configured", "dns_configured", "http_configured", "ownership_txt_configured")
    return json_reply(
        {
            "hostname": certificate.hostname,
            "status": certificate.status,
            "configured": True,
            "acme_requested": True,
            "dns_provider": "",
            "certificates": [entry],
            "validation": dict.fromkeys(checks, True),
            "validation_errors": [],
            "dns_requirements": {
                "a": [ip["ip"] for ip in call.app.ips if ":" not in ip["ip"]],
                "aaaa": [ip["ip"] for ip in call.app.ips if ":" in ip["ip"]],
                "cname": f"{call.app.name}.fly.dev",
                "acme_challenge": {
                    "name": f"_acme-challenge.{certificate.hostname}",
                    "target": f"{certificate.hostname}.flydns.net",
                },
                "ownership": {
                    "name": f"_fly-ownership.{certificate.hostname}",
                    "app_value": f"app-{call.app.numeric_id}",
                    "org_value": f"org-{call.app.org.numeric_id}",
                },
            },
        }
    )
