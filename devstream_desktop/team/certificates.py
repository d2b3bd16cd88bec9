"""The team's certificates: who a device is, for TLS. What it may do is the policy's word alone.

P-256, because nng's Mbed TLS does not load Ed25519 certificates. Each issuer has an authority (CA)
of its own, and the policy names them all: so a second issuer needs no key of the first, an issuer's
authority is believed by nobody from the moment its device is revoked, and a new authority beside
the old one is no event of its own. An authority issues leafs only (path length 0). A leaf is built
by the issuer from nothing but the key of a signing request: its subject is the device id and
nothing else, and a member cannot ask for an odd extension. It names two hosts, the device id
(checked when joining) and one constant, which peers dial, so that the clear text of a handshake
tells nobody apart.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devstream_desktop.keys import DeviceKey, seal_for
from devstream_desktop.stream.entry import public_key
from devstream_desktop.team.policy.policy import Issuer, Policy

PEER_NAME = "peer.devstream.invalid"
"""The server name that every peer dials."""
PIN_BYTES = 32

_CA_DAYS = 3650
_LEAF_DAYS = 30
RENEW_MS = 15 * 86_400_000
"""A certificate with less than this left, half its life, is renewed."""
_BACKDATE = dt.timedelta(days=366)
"""A certificate began this long before it was made.

An issuer whose clock was ahead, and a member whose clock is behind, have one that is valid all the
same. Its beginning protects nothing, because its key was made for it.
"""


_MAX_BYTES = 8192
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
"""The algorithm of a signature, in DER (RFC 5758, 3.2)."""


class CertificateError(ValueError):
    """A malformed or unfit certificate, key or signing request."""


@contextlib.contextmanager
def _read(what: str) -> Iterator[None]:
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
        name = _name(f"ds-{base64.b32encode(os.urandom(5)).decode().lower()}")
        builder = _builder(name, name, key.public_key(), now_ms, _CA_DAYS)
        return cls(_as_authority(builder, key.public_key()).sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, certificate_pem: str, key_pem: bytes) -> Authority:
        """Return the authority of stored PEM texts.

        Raises:
            CertificateError: they are no PEM, or do not belong together.

        """
        with _read("a key"):
            key = serialization.load_pem_private_key(key_pem, password=None)
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
        key = _request_key(request_der)
        # Every peer is dialed under one name, and the device's own name tells which one it is.
        names = x509.SubjectAlternativeName([x509.DNSName(device), x509.DNSName(PEER_NAME)])
        usage = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        )
        authority = self.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
        builder = (
            _builder(_name(device), self.certificate.subject, key, now_ms, _LEAF_DAYS)
            # A leaf can sign no certificate, so a stolen one makes no members.
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(names, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority),
                critical=False,
            )
        )
        return certificate_pem(builder.sign(self.key, hashes.SHA256()))


@dataclass(frozen=True)
class TlsKey:
    """A fresh P-256 key for one certificate."""

    pem: str

    @classmethod
    def generate(cls) -> TlsKey:
        """Return a new key."""
        return cls(key_pem(ec.generate_private_key(ec.SECP256R1())))

    def request(self) -> bytes:
        """Return a bare signing request (DER).

        An empty subject and no extension, since the issuer decides both.
        """
        key = serialization.load_pem_private_key(self.pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError("a TLS key is a P-256 key")
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def fits(self, pem: str) -> bool:
        """Return true when the certificate `pem` is for this key.

        Raises:
            CertificateError: it is none.

        """
        key = serialization.load_pem_private_key(self.pem.encode(), password=None)
        return key.public_key() == load_certificate(pem.encode()).public_key()


def new_issuer(device: str, now_ms: int) -> Issuer:
    """Return a fresh authority for a device, its key sealed to it."""
    authority = Authority.create(now_ms)
    return Issuer(authority.der, seal_for(public_key(device), key_pem(authority.key).encode()))


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


def is_issued_by(certificate: x509.Certificate, authority: bytes) -> bool:
    """Return true when an authority (PEM or DER) has signed a certificate.

    False too where the authority is none.
    """
    with contextlib.suppress(CertificateError), _read("by this authority"):
        # One step only: authorities of this team sign leaves and nothing in between.
        certificate.verify_directly_issued_by(load_certificate(authority))
        return True
    return False


@lru_cache(maxsize=256)
def check_authority(certificate_der: bytes) -> None:
    """Refuse an authority that differs from what `Authority.create` writes, byte by byte.

    TLS of one node may take what that of another does not, and ends at a bundle with one such: one
    policy would end every node.

    Raises:
        CertificateError: it is another.

    """
    certificate = load_certificate(certificate_der)
    with _read("a certificate authority"):
        # Self-signed, as every authority of a team.
        certificate.verify_directly_issued_by(certificate)
        key, (name,) = certificate.public_key(), certificate.subject
        # One curve keeps the parsers of all nodes on one path.
        if not _is_p256(key):
            raise CertificateError("not a certificate authority with a P-256 key")
        subject = _name(str(name.value))
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
        signed = _as_authority(builder, key).sign(_any_key(), hashes.SHA256()).tbs_certificate_bytes
    if certificate_der != _der(
        0x30, signed + _ECDSA_WITH_SHA256 + _der(0x03, b"\0" + certificate.signature)
    ):
        raise CertificateError("not a certificate authority as devstream writes one")


def pin(certificate_der: bytes) -> bytes:
    """SHA-256 of a certificate, 32 bytes."""
    return hashlib.sha256(certificate_der).digest()


def load_certificate(content: bytes) -> x509.Certificate:
    """Return the certificate in PEM or DER.

    Raises:
        CertificateError: it is none.

    """
    # Certificates come from strangers, and parsing costs more than their length.
    if len(content) > _MAX_BYTES:
        raise CertificateError(f"not a certificate: {len(content)} bytes")
    with _read("a certificate"):
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


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the PEM text (PKCS #8, in clear) of a key.

    It is for memory and the vault, never for a file.
    """
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


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


def _request_key(request_der: bytes) -> ec.EllipticCurvePublicKey:
    with _read("a signing request"):
        request = x509.load_der_x509_csr(request_der)
        key = request.public_key()
        signed = request.is_signature_valid
    # Else somebody could have another's public key certified.
    if not signed:
        raise CertificateError("the signing request is not signed by its own key")
    if not _is_p256(key):
        raise CertificateError("a TLS key must be P-256")
    return key


def _is_p256(key: object) -> TypeGuard[ec.EllipticCurvePublicKey]:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int, days: int
) -> x509.CertificateBuilder:
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


def _as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


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


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
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
