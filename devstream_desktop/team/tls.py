"""TLS contexts of the join; peers' links use nng's own TLS and are set up in `mesh`."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path

from devstream_desktop.team.certificates import TlsKey


def server_context(certificate_pem: str, key: TlsKey, folder: Path) -> ssl.SSLContext:
    """A TLS 1.3 server. Python reads keys from files only, so for a moment an encrypted one is in `folder`.

    Raises:
        OSError: `folder` cannot be written.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    password = secrets.token_hex(32)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".tls.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate_pem.encode() + key.encrypted(password.encode()))
        context.load_cert_chain(name, password=password)
    finally:
        Path(name).unlink(missing_ok=True)
    return context


def unverified_context() -> ssl.SSLContext:
    """A client that trusts nobody and therefore sends nothing secret: it only fetches what an invite's pin proves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verified_context(authority_pem: str) -> ssl.SSLContext:
    """A client that trusts one authority, and only for the name that it asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authority_pem)
    return context
