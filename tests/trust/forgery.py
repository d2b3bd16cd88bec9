"""Certificates of every sort, right and wrong, as the product would never make them."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    key: Key
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(
            serialization.Encoding.PEM, form, serialization.NoEncryption()
        ).decode()


def key(kind: str) -> Key:
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa2048":
            return rsa.generate_private_key(65537, 2048)
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(what, text) for what, text in parts])


def authority(
    common: str = "ca", kind: str = "p256", *, by: Holder | None = None, path_length: int = 0
) -> Holder:
    own = key(kind)
    subject = name((NameOID.COMMON_NAME, common))
    builder = _builder(subject, by.certificate.subject if by else subject, own, -HOUR, 3650 * DAY)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    )
    builder = builder.add_extension(_usage(), critical=True)
    return Holder(own, _sign(builder, by.key if by else own))


def leaf(
    by: Holder,
    common: str,
    kind: str = "p256",
    *,
    names: Sequence[str] = (),
    start: dt.timedelta = -HOUR,
    end: dt.timedelta = 30 * DAY,
    purposes: Sequence[x509.ObjectIdentifier] = (CLIENT, SERVER),
    subject: x509.Name | None = None,
) -> Holder:
    own = key(kind)
    builder = _builder(
        subject or name((NameOID.COMMON_NAME, common)), by.certificate.subject, own, start, end
    )
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(text) for text in names]), critical=False
        )
    return Holder(own, _sign(builder, by.key))


def revocation_list(by: Holder, serial: int) -> str:
    now = dt.datetime.now(dt.UTC)
    gone = (
        x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - HOUR).build()
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(now - HOUR)
    )
    signed = (
        builder.next_update(now + DAY).add_revoked_certificate(gone).sign(by.key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, own: Key, start: dt.timedelta, end: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
    )
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )


def _sign(builder: x509.CertificateBuilder, by: Key) -> x509.Certificate:
    return builder.sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
