"""Certificates as they are written: the same fields in the same order, always."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_BACKDATE = dt.timedelta(days=366)
"""A certificate began this long before it was made.

An issuer whose clock was ahead, and a member whose clock is behind, have one that is valid all the
same. Its beginning protects nothing, because its key was made for it.
"""


def begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int, days: int
) -> x509.CertificateBuilder:
    """Begin a certificate that ends so many days after `now_ms`."""
    now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """Add the extensions of an authority, which signs leafs only."""
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def name_of(text: str) -> x509.Name:
    """Return a name of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_usage(*, ca: bool) -> x509.KeyUsage:
    """Return the key usage of an authority, or of a leaf."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
