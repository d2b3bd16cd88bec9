"""Certificates and signing requests as they are read: malformed ones are refused."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PIN_BYTES = 32
_MAX_BYTES = 8192


class CertificateError(ValueError):
    """A malformed or unfit certificate, key or signing request."""


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every error that cryptography raises into a `CertificateError`.

    It has a class of its own for each thing wrong.
    """
    try:
        yield
    # It says already what is wrong.
    except CertificateError:
        raise
    except Exception as error:
        raise CertificateError(f"not {what}: {error}") from error


def load_certificate(content: bytes) -> x509.Certificate:
    """Return the certificate in PEM or DER.

    Raises:
        CertificateError: it is none.

    """
    # Certificates come from strangers, and parsing costs more than their length.
    if len(content) > _MAX_BYTES:
        raise CertificateError(f"not a certificate: {len(content)} bytes")
    with reading("a certificate"):
        load = (
            x509.load_pem_x509_certificate
            if content.startswith(b"-----BEGIN")
            else x509.load_der_x509_certificate
        )
        certificate = load(content)
        # They are parsed when they are asked for: whoever does later need not be ready for that.
        _ = (
            certificate.public_key(),
            certificate.subject,
            certificate.extensions,
            certificate.not_valid_after_utc,
        )
    return certificate


def certificate_pem(certificate: x509.Certificate) -> str:
    """Return the PEM text of a certificate."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certificate_der(pem: str) -> bytes:
    """Return the DER bytes of a certificate in PEM.

    Raises:
        CertificateError: it is none.

    """
    return load_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)


def pin(certificate_der: bytes) -> bytes:
    """SHA-256 of a certificate, 32 bytes."""
    return hashlib.sha256(certificate_der).digest()


def expiry_ms(pem: str) -> int:
    """Return the end of a certificate, UTC milliseconds.

    Raises:
        CertificateError: it is none.

    """
    return int(load_certificate(pem.encode()).not_valid_after_utc.timestamp() * 1000)


def common_name(pem: str) -> str:
    """Return the device id that a leaf is for.

    Raises:
        CertificateError: its subject is not one common name.

    """
    subject = load_certificate(pem.encode()).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    # A second name could be shown where only the first was checked.
    if len(list(subject)) != 1 or len(names) != 1:
        raise CertificateError("a device's certificate names the device and nothing else")
    return str(names[0].value)


def is_issued_by(certificate: x509.Certificate, authority: bytes) -> bool:
    """Return true when an authority (PEM or DER) has signed a certificate.

    False too where the authority is none.
    """
    with contextlib.suppress(CertificateError), reading("by this authority"):
        # One step only: authorities of this team sign leaves and nothing in between.
        certificate.verify_directly_issued_by(load_certificate(authority))
        return True
    return False


def is_for(certificate: bytes, request_der: bytes) -> bool:
    """Return true when a certificate has the key of a signing request.

    Raises:
        CertificateError: one of them is none.

    """
    return load_certificate(certificate).public_key() == request_key(request_der)


def request_key(request_der: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of a signing request.

    Raises:
        CertificateError: it is no request, is not signed by its own key, or the key is not P-256.

    """
    with reading("a signing request"):
        request = x509.load_der_x509_csr(request_der)
        key = request.public_key()
        signed = request.is_signature_valid
    # Else somebody could have another's public key certified.
    if not signed:
        raise CertificateError("the signing request is not signed by its own key")
    if not is_p256(key):
        raise CertificateError("a TLS key must be P-256")
    return key


def is_p256(key: object) -> TypeGuard[ec.EllipticCurvePublicKey]:
    """Tell whether a public key is of the team's one curve."""
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
