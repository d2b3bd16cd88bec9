"""TLS from texts.

Python reads keys from files only, so for a moment an encrypted one is in a folder.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization


def server_context(
    certificate_pem: str,
    key_pem: str,
    folder: Path | None = None,
    *,
    callers_ca_pem: str | None = None,
) -> ssl.SSLContext:
    """Return a TLS 1.3 server, no session of which outlives its connection.

    Args:
        certificate_pem: What it shows, with what it was issued by where that is needed.
        key_pem: The key of it.
        folder: Where the encrypted key is for a moment; else the system's for temporary files.
        callers_ca_pem: The authorities of which every caller must show a certificate. None: no
            certificate is asked for.

    Raises:
        OSError: `folder` cannot be written, or the certificates are none (ssl.SSLError).
        ValueError: the key is none.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # A resumed session would skip the look at the caller's certificate.
    context.num_tickets = 0
    if callers_ca_pem is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=callers_ca_pem)
    show(context, certificate_pem, key_pem, folder)
    return context


def show(
    context: ssl.SSLContext, certificate_pem: str, key_pem: str, folder: Path | None = None
) -> None:
    """Have a context show a certificate; the arguments are those of `server_context`.

    Raises:
        OSError: `folder` cannot be written, or the certificate is none (ssl.SSLError).
        ValueError: the key is none.

    """
    # Encrypted for the moment in which it is a file: Python loads keys from files only.
    password = secrets.token_hex(32)
    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    encryption = serialization.BestAvailableEncryption(password.encode())
    sealed = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".tls.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate_pem.encode() + sealed)
        context.load_cert_chain(name, password=password)
    finally:
        Path(name).unlink(missing_ok=True)
