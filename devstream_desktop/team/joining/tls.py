"""TLS contexts of who joins; what meets them and every peer is in `door`."""

from __future__ import annotations

import ssl


def unverified_context() -> ssl.SSLContext:
    """Return a client that trusts nobody and therefore sends nothing secret.

    It only fetches what an invite's pin proves.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verified_context(authority_pem: str) -> ssl.SSLContext:
    """Return a client that trusts one authority for one name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authority_pem)
    return context
