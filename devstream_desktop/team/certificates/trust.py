"""Authorities that a policy trusts, and the certificates that they signed."""

from __future__ import annotations

import contextlib

from devstream_desktop.keys import DeviceKey
from devstream_desktop.team.certificates.authority import Authority
from devstream_desktop.team.certificates.reading import (
    CertificateError,
    certificate_pem,
    is_issued_by,
    load_certificate,
)
from devstream_desktop.team.certificates.tls_key import TlsKey
from devstream_desktop.team.policy.policy import Policy

RENEW_MS = 15 * 86_400_000
"""A certificate with less than this left, half its life, is renewed."""


def bundle(policy: Policy) -> str:
    """Return the authorities that a policy trusts, as TLS takes them: PEM, one after the other.

    One that cannot be read is left out.
    """
    readable = []
    for der in policy.authorities:
        # One bad authority must not take TLS away from the whole team.
        with contextlib.suppress(CertificateError):
            readable.append(certificate_pem(load_certificate(der)))
    return "".join(readable)


def is_trusted(pem: str, policy: Policy) -> bool:
    """Return true when one of the policy's authorities has signed this certificate.

    Raises:
        CertificateError: it is none.

    """
    certificate = load_certificate(pem.encode())
    return any(is_issued_by(certificate, der) for der in policy.authorities)


def stopgap(policy: Policy, device: DeviceKey, key: TlsKey, now_ms: int) -> str:
    """Make a certificate (PEM) for a device whose own was damaged.

    An issuer's is by its own authority. Another's is by one that nobody believes: with that a node
    can start, and ask an issuer for a better one at its door.
    """
    try:
        # An issuer's certificate is trusted at once.
        authority = Authority.of(policy.issuers[device.id], device)
    except (KeyError, CertificateError):
        authority = Authority.create(now_ms)
    return authority.issue(device.id, key.request(), now_ms)
