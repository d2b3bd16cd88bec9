"""An authority: it issues the leafs of one issuer, and is written in one way only."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from functools import cache, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from devstream_desktop.keys import DeviceKey, seal_for
from devstream_desktop.stream.entry import public_key
from devstream_desktop.team.certificates.reading import (
    CertificateError,
    certificate_pem,
    is_p256,
    load_certificate,
    pin,
    reading,
    request_key,
)
from devstream_desktop.team.certificates.tls_key import key_pem, load_key
from devstream_desktop.team.certificates.writing import as_authority, begin, key_usage, name_of
from devstream_desktop.team.policy.policy import Issuer

PEER_NAME = "peer.devstream.invalid"
"""The server name that every peer dials."""
_CA_DAYS = 3650
_LEAF_DAYS = 30
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
"""The algorithm of a signature, in DER (RFC 5758, 3.2)."""


@dataclass(frozen=True)
class Authority:
    """The team's certificate authority: its certificate, and the key that only an issuer has."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, now_ms: int) -> Authority:
        """Return a new authority for ten years, its name meaningless.

        Anyone may fetch its certificate.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        # Strangers see it in the handshake, so it must not name the team.
        name = name_of(f"ds-{base64.b32encode(os.urandom(5)).decode().lower()}")
        builder = begin(name, name, key.public_key(), now_ms, _CA_DAYS)
        return cls(as_authority(builder, key.public_key()).sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, certificate_pem: str, key_pem: bytes) -> Authority:
        """Return the authority of stored PEM texts.

        Raises:
            CertificateError: they are no PEM, or do not belong together.

        """
        key = load_key(key_pem)
        certificate = load_certificate(certificate_pem.encode())
        if (
            # The two come from different places in the policy, so they may not belong together.
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or key.public_key() != certificate.public_key()
        ):
            raise CertificateError("the CA key is not the key of the CA certificate")
        return cls(certificate, key)

    @classmethod
    def of(cls, issuer: Issuer, device: DeviceKey) -> Authority:
        """Return the authority that the policy gives this device.

        Raises:
            CertificateError: the sealed key does not open with the device's, or belongs to another
                certificate.

        """
        try:
            return cls.load(
                certificate_pem(load_certificate(issuer.certificate)),
                device.unseal(issuer.sealed_key),
            )
        except ValueError as error:
            raise CertificateError(
                f"this device's certificate authority cannot be used: {error}"
            ) from error

    @property
    def pin(self) -> bytes:
        """The fingerprint by which an invite names this authority."""
        return pin(self.der)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(self, device: str, request_der: bytes, now_ms: int) -> str:
        """Issue a leaf in PEM for `device`.

        Of the signing request only the key counts.

        Raises:
            CertificateError: the request is no request, is not signed by its own key, or the key is
                not P-256.

        """
        # Names and extensions of the request are ignored: a joiner must not choose them.
        key = request_key(request_der)
        # Every peer is dialed under one name, and the device's own name tells which one it is.
        names = x509.SubjectAlternativeName([x509.DNSName(device), x509.DNSName(PEER_NAME)])
        usage = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        )
        authority = self.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
        builder = (
            begin(name_of(device), self.certificate.subject, key, now_ms, _LEAF_DAYS)
            # A leaf can sign no certificate, so a stolen one makes no members.
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(ca=False), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(names, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority),
                critical=False,
            )
        )
        return certificate_pem(builder.sign(self.key, hashes.SHA256()))


def new_issuer(device: str, now_ms: int) -> Issuer:
    """Return a fresh authority for a device, its key sealed to it."""
    authority = Authority.create(now_ms)
    return Issuer(authority.der, seal_for(public_key(device), key_pem(authority.key).encode()))


@lru_cache(maxsize=256)
def check_authority(certificate_der: bytes) -> None:
    """Refuse an authority that differs from what `Authority.create` writes, byte by byte.

    TLS of one node may take what that of another does not, and ends at a bundle with one such: one
    policy would end every node.

    Raises:
        CertificateError: it is another.

    """
    certificate = load_certificate(certificate_der)
    with reading("a certificate authority"):
        # Self-signed, as every authority of a team.
        certificate.verify_directly_issued_by(certificate)
        key, (name,) = certificate.public_key(), certificate.subject
        # One curve keeps the parsers of all nodes on one path.
        if not is_p256(key):
            raise CertificateError("not a certificate authority with a P-256 key")
        subject = name_of(str(name.value))
        # It is written once more from its fields, and then compared byte by byte.
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key)
            .serial_number(certificate.serial_number)
            .not_valid_before(certificate.not_valid_before_utc)
            .not_valid_after(certificate.not_valid_after_utc)
        )
        signed = as_authority(builder, key).sign(_any_key(), hashes.SHA256()).tbs_certificate_bytes
    if certificate_der != _der(
        0x30, signed + _ECDSA_WITH_SHA256 + _der(0x03, b"\0" + certificate.signature)
    ):
        raise CertificateError("not a certificate authority as devstream writes one")


@cache
def _any_key() -> ec.EllipticCurvePrivateKey:
    """Return a key that signs nothing that leaves this process.

    It shows how a certificate is written.
    """
    return ec.generate_private_key(ec.SECP256R1())


def _der(tag: int, content: bytes) -> bytes:
    """Return a value in DER (X.690, 8.1)."""
    length = len(content)
    size = (length.bit_length() + 7) // 8
    return (
        bytes([tag, length] if length < 0x80 else [tag, 0x80 | size, *length.to_bytes(size, "big")])
        + content
    )
